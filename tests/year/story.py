"""What the customers of a store do in a year: by chance, but by a seed, and in shares that shops report."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from kulanz.errors import KulanzError
from kulanz.providers.lemonsqueezy.samples import Purchase
from kulanz_simulator import Simulator

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
FAILS = 0.08
"""Share of renewals whose first charge fails."""
ATTEMPTS_TO_SUCCESS = ((1, 0.45), (2, 0.15), (3, 0.1))
"""Of the failed ones: how many succeed at which retry; the rest never do."""
PAYS_BY_HAND = 0.3
"""Of those that no retry would save: who enters another card within ten days."""
CANCELS, RESUMES = 0.02, 0.3
PAUSES = 0.005
CHANGES_PLAN, CHANGES_UNPAID = 0.01, 0.04
REFUNDED_IN_PART, REFUNDED = 0.01, 0.005
"""Shares of the months of all customers."""
FRAUDULENT, CLEARED = 0.03, 0.5
"""Share of customers whose first order turns fraudulent, and of those who are cleared."""
BEGINS_ON_TRIAL = 0.15


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does at a time."""

    at: datetime
    do: Callable[[], None]


class Story:
    """Decides what happens, and remembers who bought."""

    def __init__(self, simulator: Simulator, customers: int, days: int, seed: int) -> None:
        self.purchases: list[Purchase] = []
        self.left: set[int] = set()
        """Subscriptions that their customers cancelled and did not take back."""
        self.frauds: set[int] = set()
        """Orders that the bank ever called fraudulent."""
        self._simulator = simulator
        self._days = days
        self._random = random.Random(f"story {seed}")
        self._began = simulator.now
        self._customers = customers

    def acts(self) -> list[Act]:
        """Everything that people do, in order of time; renewals and retries come by themselves."""
        acts = [act for _ in range(self._customers) for act in self._life()]
        return sorted(acts, key=lambda act: act.at)

    def _life(self) -> Iterator[Act]:
        rnd = self._random
        bought = self._began + rnd.randrange(min(30, self._days // 3) * 24) * HOUR
        customer = _Customer(self, self._simulator, rnd, trial=14 * DAY if rnd.random() < BEGINS_ON_TRIAL else None)

        def buy() -> None:
            self.purchases.append(customer.buy())

        yield Act(bought, buy)
        for month in range(1, self._days // 30 + 1):
            at = bought + (month * 30 - rnd.randrange(2, 28)) * DAY + rnd.randrange(24) * HOUR
            if at < self._began + self._days * DAY:
                yield from self._month(at, customer)
        if rnd.random() < FRAUDULENT:
            yield from self._fraud(bought + rnd.randrange(5, max(self._days - 40, 10)) * DAY, customer)

    def _month(self, at: datetime, customer: _Customer) -> Iterator[Act]:
        chance = self._random.random()
        shares: tuple[tuple[float, Callable[[datetime, _Customer], Iterator[Act]]], ...] = (
            (CANCELS, self._cancellation),
            (PAUSES, self._pause),
            (CHANGES_PLAN, lambda at, customer: iter([Act(at, customer.change_plan)])),
            (CHANGES_UNPAID, self._unpaid_change),
            (REFUNDED_IN_PART, lambda at, customer: iter([Act(at, customer.refund_some)])),
            (REFUNDED, lambda at, customer: iter([Act(at, customer.refund_all)])),
        )
        for share, make in shares:
            if 0 <= chance < share:
                yield from make(at, customer)
            chance -= share
        if self._random.random() < FAILS * (1 - sum(share for _, share in ATTEMPTS_TO_SUCCESS)) * PAYS_BY_HAND * 4:
            yield Act(at + self._random.randrange(10) * DAY, customer.pay_by_hand)

    def _cancellation(self, at: datetime, customer: _Customer) -> Iterator[Act]:
        yield Act(at, customer.cancel)
        if self._random.random() < RESUMES:
            yield Act(at + self._random.randrange(1, 10) * DAY, customer.resume)

    def _pause(self, at: datetime, customer: _Customer) -> Iterator[Act]:
        yield Act(at, customer.pause)
        yield Act(at + self._random.randrange(5, 40) * DAY, customer.unpause)

    def _unpaid_change(self, at: datetime, customer: _Customer) -> Iterator[Act]:
        """A change of plan that is charged at once in vain: it is taken back, or paid after all."""
        yield Act(at, customer.change_plan_unpaid)
        after = at + self._random.randrange(1, 72) * HOUR
        yield Act(after, self._random.choice([customer.take_change_back, customer.pay_change]))

    def _fraud(self, at: datetime, customer: _Customer) -> Iterator[Act]:
        yield Act(at, customer.call_fraudulent)
        if self._random.random() < CLEARED:
            yield Act(at + self._random.randrange(1, 20) * DAY, customer.clear)


class _Customer:
    """Acts at the provider; what is not possible any more is not done."""

    def __init__(self, story: Story, simulator: Simulator, rnd: random.Random, trial: timedelta | None) -> None:
        self._story = story
        self._simulator = simulator
        self._service = simulator.desk
        self._charges = [outcome for _ in range(14) for outcome in _charges(rnd)]
        self._variant = rnd.choice([47001, 47001, 47001, 47002])
        self._told_by = rnd.choice(["order_refunded", "nothing"])
        self._trial = trial
        self._sub = self._order = ""

    def buy(self) -> Purchase:
        purchase = self._simulator.sell(trial=self._trial, variant=self._variant, licence=self._variant == 47002)
        self._sub, self._order = str(purchase.subscription), str(purchase.order)
        self._simulator.store.contract(self._sub).charges = list(self._charges)
        return purchase

    def cancel(self) -> None:
        if self._try(lambda: self._service.cancel(self._sub)):
            self._story.left.add(int(self._sub))

    def resume(self) -> None:
        if self._try(lambda: self._service.resume(self._sub)):
            self._story.left.discard(int(self._sub))

    def pause(self) -> None:
        if self._simulator.subscription(self._sub)["status"] == "active":
            self._try(lambda: self._service.pause(self._sub))

    def unpause(self) -> None:
        self._try(lambda: self._service.unpause(self._sub))

    def change_plan(self) -> None:
        self._variant = 47001 if self._variant == 47002 else 47002
        if self._simulator.subscription(self._sub)["status"] == "active":
            self._try(lambda: self._service.change_plan(self._sub, self._variant))

    def change_plan_unpaid(self) -> None:
        other = 47001 if self._variant == 47002 else 47002
        if self._simulator.subscription(self._sub)["status"] == "active":
            self._try(lambda: self._service.change_plan_unpaid(self._sub, other))

    def take_change_back(self) -> None:
        if self._simulator.store.contract(self._sub).unpaid_change is not None:
            self._try(lambda: self._service.change_plan(self._sub, self._variant))

    def pay_change(self) -> None:
        if self._try(lambda: self._service.pay_change(self._sub)):
            self._variant = int(self._simulator.subscription(self._sub)["variant_id"])

    def pay_by_hand(self) -> None:
        contract = self._simulator.store.contract(self._sub)
        contract.charges = [True, *contract.charges]
        self._try(lambda: self._simulator.billing.retry(self._sub))

    def refund_some(self) -> None:
        self._try(lambda: self._service.refund_invoice(self._simulator.last_invoice(self._sub), 500))

    def refund_all(self) -> None:
        self._try(lambda: self._service.refund_invoice(self._simulator.last_invoice(self._sub)))

    def call_fraudulent(self) -> None:
        if self._try(lambda: self._service.call_fraudulent(self._order, told_by=self._told_by)):
            self._story.frauds.add(int(self._order))

    def clear(self) -> None:
        self._try(lambda: self._service.clear(self._order, told_by=self._told_by))

    def _try(self, act: Callable[[], None]) -> bool:
        with self._simulator.lock, suppress(KulanzError):
            act()
            return True
        return False


def _charges(rnd: random.Random) -> list[bool]:
    """Return how the charges for one renewal end."""
    if rnd.random() >= FAILS:
        return [True]
    chance = rnd.random()
    for attempt, share in ATTEMPTS_TO_SUCCESS:
        if chance < share:
            return [False] * attempt + [True]
        chance -= share
    return [False] * 5
