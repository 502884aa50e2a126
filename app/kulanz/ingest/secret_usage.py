"""Evidence for rotating webhook secrets: which of them verify deliveries, and until when one did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kulanz.config import Settings
from kulanz.crypto.vault import Vault
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import secret_use
from kulanz.store.database import Connection

RECORD_INTERVAL = timedelta(minutes=1)
IN_USE_FOR = timedelta(days=1)
"""A secret that verified a delivery within this time is still in use: its provider repeats for minutes only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse:
    """Usage of a webhook secret, without its value."""

    endpoint: str
    place: int | None
    """1 is the newest; None: it is configured no longer."""
    fingerprint: str
    last_used: datetime | None

    def in_use(self, now: datetime) -> bool:
        """Whether deliveries are still signed with it."""
        return self.last_used is not None and now - self.last_used < IN_USE_FOR


class SecretUsage:
    """The secrets that verified deliveries in this process since the last write to the database; cheap to update."""

    def __init__(self, vault: Vault, secrets: dict[str, Sequence[bytes]]) -> None:
        self._vault, self._secrets = vault, secrets
        self._seen: dict[tuple[str, int], datetime] = {}
        self._noted: dict[tuple[str, int], datetime] = {}

    def note(self, endpoint: str, place: int) -> None:
        """Remember that a delivery was verified now."""
        self._seen[endpoint, place] = real_now()

    def due(self) -> dict[str, datetime]:
        """Return the usage to be recorded now, by fingerprint; usually none. Call it outside a transaction.

        The first use of a secret is noted at once: a quiet shop may never deliver another time.
        """
        due = {secret: at for secret, at in self._seen.copy().items() if self._is_news(secret, at)}
        self._noted.update(due)
        return {
            fingerprint(self._vault, endpoint, self._secrets[endpoint][place]): at
            for (endpoint, place), at in due.items()
        }

    def _is_news(self, secret: tuple[str, int], at: datetime) -> bool:
        noted = self._noted.get(secret)
        return noted is None or not timedelta() <= at - noted < RECORD_INTERVAL


def status(services: Services, conn: Connection) -> list[SecretUse]:
    """Return every webhook secret that is configured, newest first, and those that were used and no longer are."""
    last = secret_use.last(conn)
    secret_uses = [
        SecretUse(endpoint=endpoint, place=place, fingerprint=name, last_used=last.pop(name, None))
        for endpoint, place, name in _configured(services.settings, services.vault)
    ]
    gone = (
        SecretUse(endpoint=name.partition(":")[0], place=None, fingerprint=name, last_used=at)
        for name, at in last.items()
    )
    return [*secret_uses, *gone]


def objection(use: SecretUse, uses: Sequence[SecretUse], now: datetime) -> str | None:
    """Return why a secret must not be taken away yet; None: the provider has gone over to a newer one."""
    if use.place is None:
        return None
    newer = [other for other in uses if other.endpoint == use.endpoint and other.place and other.place < use.place]
    if not newer:
        return "it is the newest"
    if use.in_use(now):
        return f"it verified a delivery at {use.last_used:%Y-%m-%dT%H:%M:%SZ}: it is still in use"
    since = max((other.last_used for other in newer if other.last_used), default=None)
    if since is None or (use.last_used is not None and since < use.last_used):
        return "no newer one has verified a delivery since: the provider may still use it"
    return None


def missed(uses: Sequence[SecretUse], now: datetime) -> list[SecretUse]:
    """Return the secrets that are configured no longer although deliveries are still signed with them."""
    return [use for use in uses if use.place is None and use.in_use(now)]


def fingerprint(vault: Vault, endpoint: str, secret: bytes) -> str:
    """Return a secret's fingerprint, keyed, so that no guess can be checked against it without the keyring."""
    return f"{endpoint}:{vault.fingerprint(f'webhook secret {endpoint} {secret.hex()}').hex()[:12]}"


def configured(settings: Settings) -> Mapping[str, Sequence[str]]:
    """Return the webhook secrets of each endpoint, the newest first."""
    return {
        "lemonsqueezy": settings.lemonsqueezy_webhook_secrets,
        "stripe": settings.stripe_webhook_secrets,
        "paddle": settings.paddle_webhook_secrets,
        "standard": settings.standard_webhook_secrets,
    }


def _configured(settings: Settings, vault: Vault) -> Iterator[tuple[str, int, str]]:
    for endpoint, secrets in configured(settings).items():
        for place, secret in enumerate(secrets, 1):
            yield endpoint, place, fingerprint(vault, endpoint, secret.encode())
