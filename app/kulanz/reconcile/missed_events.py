"""Missed events: compares Stripe's own list of events with the inbox and records the missing ones as deliveries.

An event has the same id in both, so a delivery that arrives later is a duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kulanz.errors import FarEndError, MalformedPayloadError
from kulanz.ingest.event_rows import ProviderEndpoint, UnstampedEvent, endpoints, event_row
from kulanz.providers.reading import shown
from kulanz.providers.stripe.client import StripeClient
from kulanz.providers.stripe.vocabulary import OBJECTS, PROVIDER
from kulanz.reconcile.drift import Drift, DriftKind
from kulanz.services import Services
from kulanz.store import inbox

EVENTS_KEPT = timedelta(days=30)
"""Time for which Stripe keeps events."""
_FORBIDDEN = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class _Missed:
    drift: Drift
    key: bytes
    row: UnstampedEvent


@dataclass(slots=True)
class MissedEvents:
    """One pass through the list, for a period."""

    services: Services
    client: StripeClient
    apply: bool
    drifts: list[Drift] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    compared: int = 0

    def look(self, since: datetime | None, until: datetime, now: datetime) -> None:
        """Find missing events and record them on request; a key without permission to read events only gives a note."""
        place = endpoints(self.services.settings, self.services.providers).get(PROVIDER)
        if place is None:
            return
        began = max(since or now - EVENTS_KEPT, now - EVENTS_KEPT)
        try:
            for page in self.client.events(tuple(OBJECTS), began, until):
                self._compare(page, place)
        except FarEndError as error:
            if error.answer not in _FORBIDDEN:
                raise
            self.unreadable.append(f"events: the key may not read them ({error.detail})")

    def _compare(self, page: Sequence[dict[str, Any]], place: ProviderEndpoint) -> None:
        listed = [missed for document in page if (missed := self._read(document, place)) is not None]
        self.compared += len(listed)
        with self.services.database.read() as conn:
            here = inbox.delivered(conn, PROVIDER, [each.key for each in listed])
        lost = [each for each in listed if each.key not in here]
        if self.apply and lost:
            with self.services.database.write() as tx:
                now = self.services.clock.now(tx)
                inbox.record(tx, [each.row(received_at=now) for each in reversed(lost)], now)
        self.drifts.extend(replace(each.drift, applied=self.apply) for each in lost)

    def _read(self, document: dict[str, Any], place: ProviderEndpoint) -> _Missed | None:
        """Return an event of a kind that Kulanz handles."""
        body = msgspec.json.encode(document)
        try:
            header = place.provider.peek(body)
        except MalformedPayloadError as error:
            self.unreadable.append(f"event {shown(document.get('id'))}: {error.detail}")
            return None
        if place.objection(header) is not None:
            return None
        created = document.get("created")
        drift = Drift(
            kind=DriftKind.UNDELIVERED_EVENT,
            object=f"{PROVIDER}:event:{shown(document.get('id'))}",
            account=None,
            changed_at=datetime.fromtimestamp(created if isinstance(created, int) else 0, UTC),
            ours=None,
            theirs=header.name,
        )
        self.services.vault.prepare()
        return _Missed(drift, header.delivery_key, event_row(self.services.vault, PROVIDER, place, header, body))
