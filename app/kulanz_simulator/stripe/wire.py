"""Stripe's deliveries: an event has one id, however often it is sent, and is signed at the time of sending."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from kulanz.providers.timed_signing import stripe_signature
from kulanz_simulator.sender import Payload, WebhookTarget

_SUCCESSES = range(200, 300)


@dataclass(frozen=True, slots=True)
class StripeWire:
    """Writes deliveries, whole or thin; any 2xx ends one."""

    def body(self, payload: Payload, target: WebhookTarget, /) -> bytes:
        """Return the indented bytes of an event."""
        return json.dumps(thin(payload) if target.thin else payload, indent=2).encode()

    def headers(self, body: bytes, secret: str, _: str, /) -> Mapping[str, str]:
        """Return the signature of this moment in real time, the clock of receivers."""
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": stripe_signature(body, secret.encode(), int(time.time())),
        }

    def resent(self, payload: Payload, /) -> Payload:
        """Return the same event under the same id."""
        return payload

    def is_success(self, status: int, /) -> bool:
        """Whether an answer ends the delivery."""
        return status in _SUCCESSES


def thin(payload: Payload) -> Payload:
    """Return an event as the second API sends it: it names the object and does not carry it."""
    told = payload["data"]["object"]
    kind = str(told["object"])
    related = {"id": told["id"], "type": kind, "url": f"/v1/{kind.replace('.', '/')}s/{told['id']}"}
    return {
        "id": payload["id"],
        "object": "v2.core.event",
        "context": None,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(payload["created"])),
        "livemode": payload["livemode"],
        "reason": None,
        "related_object": related,
        "type": f"v1.{payload['type']}",
    }
