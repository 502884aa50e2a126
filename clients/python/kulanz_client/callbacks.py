"""Callbacks of Kulanz, verified as Standard Webhooks asks."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from kulanz_client import entitlement
from kulanz_client.entitlement import Entitlement
from kulanz_client.errors import CallbackError, ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A verified callback."""

    id: str
    """The same on every attempt: a handler that must act once only remembers it."""
    type: str
    """Type, such as `account.suspended`."""
    timestamp: datetime | None
    """Time of the decision. Order callbacks by `entitlement.version`, not by this."""
    account_id: str | None
    entitlement: Entitlement | None
    """None if the callback is about no account (`ops.alert`)."""
    rule: str
    clause: str | None
    data: Mapping[str, Any]
    """The complete document, as received."""
    stale: bool = False
    """True where this client already knows a later version of the account's entitlement."""


class Verifier:
    """Signature check with the secrets that are accepted: one, or the new and the old during a change."""

    def __init__(self, secrets: Sequence[str]) -> None:
        try:
            self._webhooks = tuple(Webhook(secret.strip()) for secret in secrets)
        except (binascii.Error, ValueError, EmptyWebhookSecretError) as error:
            raise ConfigurationError("the callback secret is no whsec_… secret in base64") from error

    def read(self, body: bytes, headers: Mapping[str, str]) -> Callback:
        """Verify and read a callback; raise CallbackError."""
        if not self._webhooks:
            raise ConfigurationError("callbacks cannot be verified without callback_secret")
        named = {name.lower(): value for name, value in headers.items()}
        document = self._verified(body, named)
        return _callback(named["webhook-id"], document)

    def _verified(self, body: bytes, headers: dict[str, str]) -> object:
        reason = ""
        for webhook in self._webhooks:
            try:
                return webhook.verify(body, headers)
            # The library raises ValueError for a malformed header, base64, UTF-8 or JSON.
            except (WebhookVerificationError, ValueError, RecursionError) as error:
                reason = str(error)
        raise CallbackError(f"the callback is not accepted: {reason}")


def _callback(ident: str, document: object) -> Callback:
    match document:
        case {"type": str(kind), "data": dict(data), **more}:
            account = data.get("account_id")
            reason = data.get("reason")
            return Callback(
                id=ident,
                type=kind,
                timestamp=entitlement.instant(more.get("timestamp")),
                account_id=account if isinstance(account, str) else None,
                entitlement=_entitlement(data, account),
                rule=str(reason.get("rule") or "") if isinstance(reason, dict) else "",
                clause=reason.get("clause") if isinstance(reason, dict) else None,
                data=data,
            )
    raise CallbackError("the callback has no type or no data")


def _entitlement(data: dict[str, Any], account: object) -> Entitlement | None:
    if not isinstance(account, str) or "entitlement" not in data:
        return None
    try:
        return entitlement.read(data["entitlement"], account)
    except ValueError as error:
        raise CallbackError(f"the callback's entitlement cannot be read: {error}") from error
