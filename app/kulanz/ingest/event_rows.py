"""The row of the inbox that an event becomes, however it came: by a delivery, or from the provider's list of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from kulanz.config import Settings
from kulanz.crypto import places
from kulanz.crypto.vault import Vault
from kulanz.ingest import secret_usage
from kulanz.providers import DeliveryHeader, Provider
from kulanz.store.inbox import NewEvent

MAX_EVENT_NAME = 100
UnstampedEvent = Callable[..., NewEvent]
"""A new event that lacks only the time of its arrival, which is read in the transaction that records it."""


OTHER_MODE = {mode: f"sent in {mode} mode" for mode in ("test", "live")}
"""The reason why an event is ignored that was sent in a mode that `LEMONSQUEEZY_MODE` does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEndpoint:
    """A configured webhook endpoint: its provider, and whether its events take effect."""

    provider: Provider
    secrets: Sequence[bytes]
    mode: str
    store_ids: frozenset[str]

    def objection(self, header: DeliveryHeader) -> str | None:
        """Return the reason why this event has no effect; None if it has."""
        if not header.recognised:
            return "this kind of event is not acted on"
        if self.mode not in {"any", _mode(header)}:
            return OTHER_MODE[_mode(header)]
        if self.store_ids and header.store not in self.store_ids:
            return "sent by a store that is not ours"
        return None


def endpoints(settings: Settings, providers: Mapping[str, Provider]) -> Mapping[str, ProviderEndpoint]:
    """Return the endpoints that have a secret; the others do not exist.

    Stripe says of each event which mode it is of, as Lemon Squeezy does: `LEMONSQUEEZY_MODE` is about both. Events of
    the others say nothing and always act; there the sandbox has secrets of its own.
    """
    modes = dict.fromkeys(("lemonsqueezy", "stripe"), settings.lemonsqueezy_mode)
    stores = {"lemonsqueezy": settings.lemonsqueezy_store_ids}
    return {
        name: ProviderEndpoint(
            provider=providers[name],
            secrets=tuple(secret.encode() for secret in secrets),
            mode=modes.get(name, "any"),
            store_ids=stores.get(name, frozenset()),
        )
        for name, secrets in secret_usage.configured(settings).items()
        if secrets
    }


def event_row(
    vault: Vault, endpoint: str, place: ProviderEndpoint, header: DeliveryHeader, body: bytes
) -> UnstampedEvent:
    """Return the row of an event that is known to be the provider's."""
    objection = place.objection(header)
    return partial(
        sealed_row(vault, endpoint, header.delivery_key, body),
        name=_printable(header.name),
        content_key=header.content_key,
        lane=header.lane,
        state="ignored" if objection else "received",
        reason=objection,
        mode=_mode(header),
    )


def sealed_row(vault: Vault, endpoint: str, key: bytes, body: bytes) -> UnstampedEvent:
    """Return a row with the encrypted body and its digest, of which nothing else is known."""
    sealed = vault.seal(body, places.event(endpoint, key))
    return partial(NewEvent, provider=endpoint, sha256=sha256(body).digest(), delivery_key=key, body=sealed)


def _mode(header: DeliveryHeader) -> str:
    return "test" if header.test_mode else "live"


def _printable(name: str) -> str:
    """Return a name from outside as every database and terminal can take it."""
    short = name[:MAX_EVENT_NAME]
    return short if short.isprintable() else "".join(char if char.isprintable() else "?" for char in short)
