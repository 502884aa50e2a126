"""The webhook sender: every event to every subscribed endpoint, with retries, and with faults on request."""

from __future__ import annotations

import http.client
import random
import select
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol
from urllib.parse import urlsplit

from kulanz.errors import NotFoundError

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Fault rates on the way, as shares of all events."""

    lost: float = 0.0
    """Never sent, not even tried."""
    twice: float = 0.0
    """Sent again under the same id, or, half of the time, resent as by hand."""
    late: float = 0.0
    """Sent so much later that others overtake it."""
    late_by: timedelta = timedelta(minutes=10)
    """At most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """A webhook endpoint: the address of deliveries."""

    url: str
    secret: str = field(repr=False)
    events: frozenset[str] = frozenset()
    """Empty: all."""
    thin: bool = False
    """Only the name of the object is sent."""


@dataclass(slots=True, kw_only=True)
class WebhookDelivery:
    """An event on its way to one endpoint."""

    number: int
    name: str
    payload: Payload
    endpoint: str
    made_at: datetime
    answers: list[int] = field(default_factory=list)
    """The status of each attempt; 0: no answer."""
    state: str = "waiting"
    """`waiting`, `delivered`, `failed`, or `lost` (never sent)."""


class Wire(Protocol):
    """A provider's way to write, sign and repeat a delivery."""

    def body(self, payload: Payload, target: WebhookTarget, /) -> bytes:
        """Return the bytes of an event for an endpoint."""

    def headers(self, body: bytes, secret: str, name: str, /) -> Mapping[str, str]:
        """Return the headers of a delivery."""

    def resent(self, payload: Payload, /) -> Payload:
        """Return the same event as the dashboard resends it."""

    def is_success(self, status: int, /) -> bool:
        """Whether an answer ends the delivery."""


@dataclass(slots=True, kw_only=True)
class Sender:
    """Delivers announced events when their time has come."""

    wire: Wire
    random: random.Random
    latency: timedelta
    """From the change to its first delivery."""
    attempts_at: tuple[timedelta, ...]
    """How long after a failed delivery it is tried again."""
    timeout: float
    """Seconds that a receiver may take, in real time."""
    faults: Faults = field(default_factory=Faults)
    endpoints: dict[str, WebhookTarget] = field(default_factory=dict)
    deliveries: list[WebhookDelivery] = field(default_factory=list)
    """All deliveries so far, oldest first."""
    told: list[tuple[str, Payload]] = field(default_factory=list)
    """Every event as it should have arrived: the provider's own truth."""
    _due: list[tuple[datetime, int, WebhookDelivery]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _connections: dict[tuple[str, str], http.client.HTTPConnection] = field(default_factory=dict)

    def announce(self, now: datetime, name: str, payload: Payload) -> None:
        """Schedule an event for every endpoint that wants it."""
        self.told.append((name, payload))
        for key, endpoint in self.endpoints.items():
            if not endpoint.events or name in endpoint.events:
                self._set_off(now, key, name, payload)

    def resend(self, now: datetime, number: int) -> WebhookDelivery:
        """Deliver the same event again, as by hand from the dashboard."""
        old = next(
            (webhook_delivery for webhook_delivery in self.deliveries if webhook_delivery.number == number), None
        )
        if old is None:
            raise NotFoundError(f"no delivery {number}")
        return self._queue(now, now, old.endpoint, old.name, self.wire.resent(old.payload))

    def next_due(self) -> datetime | None:
        """Return the time of the next attempt."""
        return self._due[0][0] if self._due else None

    def pop_due(self, now: datetime) -> WebhookDelivery | None:
        """Return the next delivery to be attempted by then."""
        return heappop(self._due)[2] if self._due and self._due[0][0] <= now else None

    def attempt(self, delivery: WebhookDelivery) -> int:
        """Post once and return the status; 0 where there was no answer. Takes real time."""
        endpoint = self.endpoints.get(delivery.endpoint)
        if endpoint is None:
            return 0
        body = self.wire.body(delivery.payload, endpoint)
        stated = self.wire.headers(body, endpoint.secret, delivery.name)
        try:
            return self._post(endpoint.url, body, stated)
        except (OSError, http.client.HTTPException):
            self._forget(endpoint.url)
            return 0

    def record(self, now: datetime, delivery: WebhookDelivery, status: int) -> None:
        """Record an answer; a failed delivery is tried again, until the attempts are used up."""
        delivery.answers.append(status)
        if self.wire.is_success(status):
            delivery.state = "delivered"
        elif len(delivery.answers) > len(self.attempts_at):
            delivery.state = "failed"
        else:
            self._push(now + self.attempts_at[len(delivery.answers) - 1], delivery)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _set_off(self, now: datetime, endpoint: str, name: str, payload: Payload) -> None:
        faults, at = self.faults, now + self.latency
        if self.random.random() < faults.lost:
            self._queue(now, None, endpoint, name, payload)
            return
        if self.random.random() < faults.late:
            at += faults.late_by * self.random.random()
        self._queue(now, at, endpoint, name, payload)
        if self.random.random() < faults.twice:
            again = self.wire.resent(payload) if self.random.random() < 0.5 else payload  # noqa: PLR2004 - a coin
            self._queue(now, at + faults.late_by * self.random.random(), endpoint, name, again)

    def _queue(self, now: datetime, at: datetime | None, endpoint: str, name: str, payload: Payload) -> WebhookDelivery:
        delivery = WebhookDelivery(
            number=next(self._numbers),
            name=name,
            payload=payload,
            endpoint=endpoint,
            made_at=now,
            state="lost" if at is None else "waiting",
        )
        self.deliveries.append(delivery)
        if at is not None:
            self._push(at, delivery)
        return delivery

    def _push(self, at: datetime, delivery: WebhookDelivery) -> None:
        heappush(self._due, (at, next(self._numbers), delivery))

    def _post(self, url: str, body: bytes, stated: Mapping[str, str]) -> int:
        if _is_closed(self._connections.get(_place(url))):
            self._forget(url)
        connection = self._connection(*_place(url))
        connection.request("POST", urlsplit(url).path or "/", body=body, headers=dict(stated))
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def _connection(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        if (scheme, netloc) not in self._connections:
            kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
            self._connections[scheme, netloc] = kind(netloc, timeout=self.timeout)
        return self._connections[scheme, netloc]

    def _forget(self, url: str) -> None:
        connection = self._connections.pop(_place(url), None)
        if connection is not None:
            connection.close()


def spoiled(faults: Faults, shares: Mapping[str, float]) -> Faults:
    """Return the faults with other shares."""
    existing = {"lost": faults.lost, "twice": faults.twice, "late": faults.late, **shares}
    within = {name: min(max(share, 0.0), 1.0) for name, share in existing.items()}
    return replace(faults, lost=within["lost"], twice=within["twice"], late=within["late"])


def _is_closed(connection: http.client.HTTPConnection | None) -> bool:
    """Whether the remote end has closed an idle connection: only that makes it readable."""
    kept = connection.sock if connection is not None else None
    return kept is not None and bool(select.select([kept], [], [], 0)[0])


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
