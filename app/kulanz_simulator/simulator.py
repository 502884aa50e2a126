"""A simulated provider: its objects, its sender and its API on one clock, safe to be used by several threads."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from kulanz.errors import InvalidInputError
from kulanz_simulator.api import ApiRequest, ApiResponse
from kulanz_simulator.form import FormFields
from kulanz_simulator.network_conditions import NetworkConditions
from kulanz_simulator.sender import Faults, Sender, WebhookTarget, Wire
from kulanz_simulator.timeline import Timeline

API_KEY = "a-key-of-the-simulator"
TICK_SECONDS = 0.1
FOLLOWED_TICK_SECONDS = 1.0
"""Each tick writes the time into the database of the instance."""
ROWS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ShopAct:
    """An act of the console: its title, the objects it is about, the other fields of its form, and its function."""

    title: str
    on: Sequence[str]
    """The fields that name an object. Each row of a listing of such objects has a button for the act."""
    fields: Sequence[str]
    do: Callable[[FormFields], Any]
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The values that some of the fields may have."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of the console's page. The first column holds the ids of its objects."""

    title: str
    subject: str
    """The field of an act that a row's id fills."""
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Pace of a provider: how it sends and how much it answers."""

    latency: timedelta
    attempts_at: tuple[timedelta, ...]
    timeout: float
    requests_a_minute: int


class FollowingClock(Protocol):
    """A clock that moves together with the simulator's: the leased test clock of an instance of Kulanz."""

    def now(self) -> datetime:
        """Return its time."""

    def next_due(self) -> datetime | None:
        """Return when the instance has something to do next."""

    def set(self, at: datetime) -> None:
        """Move it to an instant."""

    def settle(self) -> None:
        """Wait until the instance has done everything that is due now."""


class Simulator(ABC):
    """One simulated provider. `advance` moves its time; `run` moves it at `speed` times real time."""

    provider: str
    """The name of its endpoint in Kulanz."""
    timeline: Timeline

    def __init__(self, wire: Wire, pace: Pace, chance: random.Random, api_key: str) -> None:
        self.lock = threading.RLock()
        self._advancing = threading.RLock()
        self.random = chance
        self.api_key = api_key
        self.sender = Sender(
            wire=wire, random=chance, latency=pace.latency, attempts_at=pace.attempts_at, timeout=pace.timeout
        )
        self.conditions = NetworkConditions(limit=pace.requests_a_minute)
        self.speed = 0.0
        self.follower: Callable[[], AbstractContextManager[FollowingClock]] | None = None
        """Leases the clock that moves together with this one, for one advance."""
        self.url = ""
        """Address of its API, once it is running."""

    @property
    def now(self) -> datetime:
        """The simulator's time."""
        return self.timeline.now

    @property
    def faults(self) -> Faults:
        """Fault rates on the way."""
        return self.sender.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.sender.faults = faults

    def deliver_to(self, url: str, secret: str, *, events: Iterable[str] = (), thin: bool = False) -> None:
        """Deliver every event, or these, only to this address from now on."""
        with self.lock:
            self.sender.endpoints.clear()
            self.sender.endpoints["1"] = WebhookTarget(url=url, secret=secret, events=frozenset(events), thin=thin)

    def next_due(self) -> datetime | None:
        """Return the time of the next scheduled act: a charge, an end, a delivery."""
        with self.lock:
            moments = (self.timeline.next_due(), self.sender.next_due())
            return min((at for at in moments if at is not None), default=None)

    def advance_to(self, at: datetime) -> None:
        """Advance to a timestamp; everything due on the way happens at its time, deliveries and their retries too."""
        while True:
            with self.lock:
                due = self.next_due()
                self.timeline.act_until(max(self.now, min(at, due) if due is not None else at))
                delivery = self.sender.pop_due(self.now)
            if delivery is not None:
                status = self.sender.attempt(delivery)
                with self.lock:
                    self.sender.record(self.now, delivery, status)
            elif due is None or due > at:
                return

    def advance(self, by: timedelta) -> None:
        """Advance by a time span, with the clock that follows; one call after the other."""
        if by < timedelta():
            raise InvalidInputError("time does not go back")
        with self._advancing:
            if self.follower is None:
                self.advance_to(self.now + by)
            else:
                with self.follower() as follower:
                    self._advance_together(follower, by)

    def _advance_together(self, follower: FollowingClock, by: timedelta) -> None:
        """Stop both clocks at every instant at which something is due at the provider or at the instance.

        A follower that was moved by a command meanwhile is caught up with first; deliveries of that time come late.
        """
        target = max(self.now, follower.now()) + by
        for at in self._stops(follower, target):
            follower.set(at)
            self.advance_to(at)
            follower.settle()

    def _stops(self, follower: FollowingClock, target: datetime) -> Iterator[datetime]:
        """Return the instants to stop at, the target last."""
        while (due := min(filter(None, (self.next_due(), follower.next_due())), default=target)) < target:
            yield max(due, self.now, follower.now())
        yield target

    def run(self, stopping: threading.Event) -> None:
        """Advance at `speed` times real time until stopped; at speed 0 time stands still."""
        last = time.monotonic()
        while not stopping.wait(TICK_SECONDS if self.follower is None else FOLLOWED_TICK_SECONDS):
            passed, last = time.monotonic() - last, time.monotonic()
            self.advance(timedelta(seconds=passed) * self.speed)

    def totals(self) -> dict[str, int]:
        """Return the number of objects, and the outcomes of the deliveries."""
        with self.lock:
            states = [webhook_delivery.state for webhook_delivery in self.sender.deliveries]
            counts = {state: states.count(state) for state in ("waiting", "delivered", "failed", "lost")}
            return {**self.held(), **counts}

    @abstractmethod
    def sell(self, **told: Any) -> Any:
        """Sell a subscription now, to a new customer unless one is given, and return the purchase."""

    @abstractmethod
    def held(self) -> Mapping[str, int]:
        """Return how many objects there are of each kind that counts."""

    @abstractmethod
    def answer(self, request: ApiRequest) -> ApiResponse:
        """Answer a request to the API."""

    @abstractmethod
    def refusal(self, status: int, words: str) -> ApiResponse:
        """Return an error as the provider writes it."""

    @abstractmethod
    def headers(self, remaining: int) -> Mapping[str, str]:
        """Return the headers of every answer of the API."""

    @abstractmethod
    def acts(self) -> Mapping[str, ShopAct]:
        """Return the acts of people, by the names of the console."""

    @abstractmethod
    def listings(self) -> Iterable[Listing]:
        """Return the newest objects, for the console's page."""
