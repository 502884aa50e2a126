"""I13: no timer overtakes a delivery that was acknowledged before it came due; I16 on the way from the door.

Accounts live side by side in one product, whose worker takes small steps, late and in any order with what arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kulanz import pipeline
from kulanz.processing import facts_first
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.services import Services
from kulanz.store import ledger, timers
from tests.days import DAY, deliver, product, settings_of
from tests.lemonsqueezy import (
    MONDAY,
    Payload,
    Purchase,
    a_buyer,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_payment_success,
    subscription_updated,
)

FEW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
TAKEN = frozenset({"dunning.hold_placed", "dunning.exhausted", "notice.grace_warning", "notice.grace_reminder"})
BUYERS = 3
Process = Callable[[Services, int], object]
NUMBERS = count(1)


def unnamed(payload: Payload) -> Payload:
    """The same payment, which names only who paid."""
    payload["data"]["attributes"]["subscription_id"] = None
    del payload["meta"]["custom_data"]
    return payload


PAYS: dict[str, Callable[..., Payload]] = {
    "pays": subscription_payment_success,
    "recovers": subscription_payment_recovered,
    "pays, by name alone": lambda **told: unnamed(subscription_payment_success(**told)),
    "is active, in a word nobody knows": lambda **told: subscription_updated(**told, status="revived"),
}


@dataclass
class Street:
    """Some buyers in one product; each story has buyers of its own, later than those before."""

    services: Services
    process: Process
    buyers: list[Purchase] = field(default_factory=list)
    paid: dict[str, int] = field(default_factory=dict)
    """How many decisions there were about an account when its payment was acknowledged."""

    def opens(self) -> None:
        now = self.services.clock.now().replace(microsecond=0) + DAY
        self.services.clock.set(now)
        self.began = now
        self.buyers = [a_buyer(next(NUMBERS), began=now - 30 * DAY) for _ in range(BUYERS)]
        for buyer in self.buyers:
            self.tell(subscription_created(at=now - 30 * DAY, purchase=buyer))
            self.tell(subscription_payment_failed(at=now, purchase=buyer))
        while pipeline.process(self.services).moved | pipeline.deliver(self.services).moved:
            pass

    def tell(self, payload: Payload) -> None:
        deliver(self.services, payload)

    def pays(self, number: int, how: str) -> None:
        buyer = self.buyers[number]
        if buyer.account is not None and buyer.account not in self.paid:
            self.paid[buyer.account] = len(self.rules(buyer.account))
            self.tell(PAYS[how](at=self.services.clock.now().replace(microsecond=0), purchase=buyer))

    def chatters(self, number: int) -> None:
        """Others have much to say."""
        for _ in range(number):
            other = a_buyer(next(NUMBERS), began=self.began - 30 * DAY)
            self.tell(subscription_created(at=self.began - 30 * DAY, purchase=other))

    def time_passes(self, hours: int) -> None:
        self.services.clock.set(self.services.clock.now() + timedelta(hours=hours))

    def works(self, limit: int) -> None:
        self.process(self.services, limit)
        pipeline.deliver(self.services)

    def rules(self, account: str) -> list[str]:
        with self.services.database.read() as conn:
            rows = ledger.of_account(conn, account, 0, 1000)
            return [change["rule"] for row in rows for change in row.detail["changes"]]

    def overtaken(self) -> list[str]:
        """Return whoever was warned, or lost the plan, after the payment had been acknowledged."""
        return [account for account, before in self.paid.items() if TAKEN & set(self.rules(account)[before:])]


Act = tuple[str, Callable[[Street], None]]


def acts() -> st.SearchStrategy[list[Act]]:
    numbers, ways = st.integers(0, BUYERS - 1), st.sampled_from([*PAYS])
    step = st.one_of(
        st.tuples(numbers, ways).map(lambda drawn: (f"{drawn[0]} {drawn[1]}", lambda street: street.pays(*drawn))),
        st.sampled_from([1, 24, 48, 72, 72]).map(
            lambda hours: (f"{hours} h", lambda street: street.time_passes(hours))
        ),
        st.integers(1, 3).map(lambda limit: (f"work {limit}", lambda street: street.works(limit))),
        st.integers(1, 4).map(lambda number: (f"chatter {number}", lambda street: street.chatters(number))),
    )
    return st.lists(step, min_size=4, max_size=24)


def told(street: Street, steps: list[Act]) -> list[str]:
    street.paid.clear()
    street.opens()
    for _, act in steps:
        act(street)
    for _ in range(8):
        street.time_passes(24)
        for _ in range(12):
            street.works(5)
    return street.overtaken()


@pytest.fixture
def services(sqlite_url: str, tmp_path: Path) -> Iterator[Services]:
    with product(settings_of(tmp_path, sqlite_url, test_clock=True), at=MONDAY) as services:
        yield services


def test_no_timer_overtakes_a_delivery_that_was_acknowledged_i13(services: Services) -> None:
    street = Street(services, pipeline.process)

    @FEW
    @given(acts())
    def lives(steps: list[Act]) -> None:
        assert told(street, steps) == [], "\n".join(text for text, _ in steps)

    lives()


def fires_timers_by_the_clock_alone(services: Services, limit: int) -> None:
    """Apply events, and fire what is due whatever lies in the inbox."""
    with services.database.write() as tx:
        now = services.clock.now(tx)
        unit_of_work = UnitOfWork(services, tx, now, is_behind=lambda _: False)
        due = {timer.account: timer.kind for timer in timers.due(tx, now, limit)}
        unit_of_work.lock(due)
        for account, kind in due.items():
            unit_of_work.decide(account, (), Cause(kind="timer", name=kind))
        unit_of_work.save()
    pipeline.process(services, limit)


def forgets_what_is_parked(services: Services, limit: int) -> None:
    """Hold nobody back for an event that could not be applied."""
    pipeline.process(services, limit)
    with services.database.write() as tx:
        tx.exec_driver_sql("UPDATE inbox SET concerns = NULL, account = NULL WHERE state IN ('parked', 'waiting')")
        facts_first.look_again(tx, services.clock.now(tx))


@pytest.mark.parametrize("broken", [fires_timers_by_the_clock_alone, forgets_what_is_parked])
def test_a_worker_that_reads_the_clock_before_the_inbox_is_noticed_i13(services: Services, broken: Process) -> None:
    street = Street(services, broken)

    @settings(FEW, max_examples=60, phases=[Phase.generate], derandomize=True, database=None)
    @given(acts())
    def lives(steps: list[Act]) -> None:
        assert told(street, steps) == []

    with pytest.raises(AssertionError):
        lives()
