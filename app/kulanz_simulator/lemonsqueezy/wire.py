"""Lemon Squeezy's deliveries: bytes as PHP encodes them, signed, each under a `webhook_id` of its own."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from kulanz.providers.lemonsqueezy.samples import Payload, headers, wire
from kulanz_simulator.sender import WebhookTarget

HTTP_OK = 200


@dataclass(frozen=True, slots=True)
class LemonSqueezyWire:
    """Writes deliveries; only 200 ends one."""

    random: random.Random
    test_mode: bool

    def payload(self, name: str, data: Payload, custom: object) -> Payload:
        """Return an event with its metadata around the object."""
        meta: Payload = {"test_mode": self.test_mode, "event_name": name}
        if custom is not None:
            meta["custom_data"] = custom
        return {"meta": {**meta, "webhook_id": self._webhook_id()}, "data": data}

    def body(self, payload: Payload, _: WebhookTarget, /) -> bytes:
        """Return the bytes of an event."""
        return wire(payload)

    def headers(self, body: bytes, secret: str, name: str, /) -> Mapping[str, str]:
        """Return the signature and the other headers."""
        return headers(body, secret, name)

    def resent(self, payload: Payload, /) -> Payload:
        """Return the same data under a new `webhook_id`."""
        renamed = copy.copy(payload)
        renamed["meta"] = {**payload["meta"], "webhook_id": self._webhook_id()}
        return renamed

    def is_success(self, status: int, /) -> bool:
        """Whether an answer ends the delivery."""
        return status == HTTP_OK

    def _webhook_id(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))
