"""Events that a provider does not deliver to us: asked of its API by `kulanz doctor`, and by the clock every day."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from kulanz.errors import KulanzError
from kulanz.processing import outbox
from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient, WebhookResource
from kulanz.providers.paddle.client import PaddleClient
from kulanz.providers.paddle.vocabulary import NEEDED
from kulanz.providers.stripe.client import StripeClient
from kulanz.reconcile.setup import WEBHOOK_EVENTS
from kulanz.reconcile.stripe_setup import EVENTS
from kulanz.services import Services
from kulanz.store import shared_values
from kulanz.telemetry.logs import log

FIRST_LOOK = timedelta(hours=1)
"""Time for a new installation to be set up."""
INTERVAL = timedelta(days=1)
DUE_KEY = "event_subscriptions_due"
_ALL = "*"


class EventSubscription(NamedTuple):
    """Events that a provider delivers to endpoints of ours."""

    found: str
    """The endpoints of ours, or how many there are of others."""
    missing: tuple[str, ...]
    """Events that are acted on and not delivered."""
    is_registered: bool


class EventSubscriptionsLoop:
    """Checks event subscriptions in a thread of its own, so that the clock keeps ticking."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._due: datetime | None = None
        self._thread: threading.Thread | None = None

    def tick(self, now_real: datetime) -> bool:
        """Begin a look if one is due and no other clock was quicker; return whether it was begun."""
        if self._due is not None and now_real < self._due:
            return False
        with self._services.database.write() as tx:
            stored = shared_values.get(tx, DUE_KEY)
            due = datetime.fromisoformat(stored) if stored else now_real + FIRST_LOOK
            is_due = now_real >= due and self._services.clock.test_time(tx) is None
            self._due = now_real + INTERVAL if now_real >= due else due
            shared_values.put(tx, DUE_KEY, self._due.isoformat())
        if is_due:
            self._thread = threading.Thread(target=self._attempt, name="event-subscriptions", daemon=True)
            self._thread.start()
        return is_due

    def wait(self) -> None:
        """Return when the look that was begun has ended."""
        if self._thread is not None:
            self._thread.join()

    def _attempt(self) -> None:
        for provider in _LOOKS:
            try:
                self._alert(provider)
            except KulanzError as error:
                log.info("event_subscriptions.not_known", provider=provider, detail=error.detail)
            except Exception as error:  # noqa: BLE001 - the clock keeps ticking; the next check is tomorrow
                log.warning("event_subscriptions.failed", provider=provider, error=type(error).__name__)

    def _alert(self, provider: str) -> None:
        """Alert operators of missing events, once for the same events."""
        found = look(self._services, provider)
        if found is None or not found.missing:
            return
        missing = ", ".join(found.missing) if found.is_registered else found.found
        with self._services.database.write() as tx:
            outbox.alert(self._services, tx, topic="events_not_delivered", subject=f"{provider}: {missing}")


def look(services: Services, provider: str) -> EventSubscription | None:
    """Ask a provider for the event types that it delivers to us; None without a key. Raises `KulanzError`."""
    return _LOOKS[provider](services)


def _lemonsqueezy(services: Services) -> EventSubscription | None:
    client = services.clients.get("lemonsqueezy")
    if not isinstance(client, LemonSqueezyClient):
        return None
    mode = "test" if client.test_mode() else "live"
    stores = services.settings.lemonsqueezy_store_ids or {None}
    registered = [
        webhook
        for store in sorted(stores, key=str)
        for webhook in client.webhooks(**({"store_id": store} if store else {}))
    ]
    ours = [each for each in registered if _is_ours(each.url, "lemonsqueezy") and each.test_mode is (mode == "test")]
    if not ours:
        found = f"none of {len(registered)} leads to /webhooks/lemonsqueezy in {mode} mode"
        return EventSubscription(found, WEBHOOK_EVENTS, is_registered=False)
    missing = _missing(WEBHOOK_EVENTS, (webhook.events for webhook in ours))
    return EventSubscription(f"{ours[0].url}, last delivery {_last(ours)}", missing, is_registered=True)


def _stripe(services: Services) -> EventSubscription | None:
    client = services.clients.get("stripe")
    if not isinstance(client, StripeClient):
        return None
    active = [(endpoint.url, endpoint.events) for endpoint in client.webhook_endpoints() if endpoint.enabled]
    return _of("stripe", "endpoints", active, EVENTS)


def _paddle(services: Services) -> EventSubscription | None:
    client = services.clients.get("paddle")
    if not isinstance(client, PaddleClient):
        return None
    active = [(destination.url, destination.events) for destination in client.destinations() if destination.active]
    return _of("paddle", "destinations", active, NEEDED)


_LOOKS: Mapping[str, Callable[[Services], EventSubscription | None]] = {
    "lemonsqueezy": _lemonsqueezy,
    "stripe": _stripe,
    "paddle": _paddle,
}


def _of(
    provider: str, called: str, active: Sequence[tuple[str, Sequence[str]]], needed: Sequence[str]
) -> EventSubscription:
    ours = [(url, events) for url, events in active if _is_ours(url, provider)]
    found = ", ".join(url for url, _ in ours) or f"none of {len(active)} {called} leads to /webhooks/{provider}"
    return EventSubscription(found, _missing(needed, (events for _, events in ours)), is_registered=bool(ours))


def _missing(needed: Sequence[str], delivered: Iterable[Sequence[str]]) -> tuple[str, ...]:
    sent = {event for events in delivered for event in events}
    return () if _ALL in sent else tuple(event for event in needed if event not in sent)


def _is_ours(url: str, provider: str) -> bool:
    return urlsplit(url).path.endswith(f"/webhooks/{provider}")


def _last(webhooks: Sequence[WebhookResource]) -> str:
    sent = max((webhook.last_sent_at for webhook in webhooks if webhook.last_sent_at is not None), default=None)
    return sent.isoformat().replace("+00:00", "Z") if sent is not None else "never"
