"""What the customers of a store do in a year: by chance, but by a seed, and in shares that shops report."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.shop import Shop
from tests.year.customer import ATTEMPTS_TO_SUCCESS, DAY, FAILS, Customer
from tests.year.on_lemonsqueezy import LemonSqueezyCustomer
from tests.year.on_stripe import StripeCustomer

HOUR = timedelta(hours=1)
PAYS_BY_HAND = 0.3
"""Of those that no retry would save: who enters another card within ten days."""
CANCELS, RESUMES = 0.02, 0.3
PAUSES = 0.01
CHANGES_PLAN = 0.01
UPGRADES, FAILING = 0.015, 0.4
"""Share of months in which a dearer plan is charged at once, and of those whose charge fails."""
CHANGES_SEATS = 0.015
MOVES = 0.005
REFUNDED_IN_PART, REFUNDED = 0.01, 0.005
"""Shares of the months of all customers."""
ACCUSED, CLEARED = 0.04, 0.5
"""Share of customers of whom a bank calls a payment wrong, and of those who are cleared."""
CUSTOMERS: dict[str, type[Customer]] = {"lemonsqueezy": LemonSqueezyCustomer, "stripe": StripeCustomer}


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does at a time."""

    at: datetime
    do: Callable[[], None]


class Story:
    """Decides what happens, and remembers who bought."""

    def __init__(self, shop: Shop, customers: int, days: int, seed: int, intensity: float = 1.0) -> None:
        self.customers: list[Customer] = []
        """Who has bought."""
        self._shop = shop
        self._days = days
        self._random = random.Random(f"story {seed}")
        self._began = shop.now
        self._number = customers
        self._intensity = intensity
        """How many times as much as in shops happens beside renewals."""

    def acts(self) -> list[Act]:
        """Everything that people do, in order of time; renewals and retries come by themselves."""
        acts = [act for _ in range(self._number) for act in self._life()]
        return sorted(acts, key=lambda act: act.at)

    def _life(self) -> Iterator[Act]:
        rnd = self._random
        bought = self._began + rnd.randrange(min(30, self._days // 3) * 24) * HOUR
        customer = CUSTOMERS[self._shop.simulator.provider](self._shop, rnd)

        def buy() -> None:
            customer.buy()
            self.customers.append(customer)

        yield Act(bought, buy)
        for month in range(1, self._days // 30 + 1):
            at = bought + (month * 30 - rnd.randrange(2, 28)) * DAY + rnd.randrange(24) * HOUR
            if at < self._began + self._days * DAY:
                yield from self._month(at, customer)
        if rnd.random() < ACCUSED * self._intensity:
            yield from self._accusation(bought + rnd.randrange(5, max(self._days - 40, 10)) * DAY, customer)

    def _month(self, at: datetime, customer: Customer) -> Iterator[Act]:
        rnd = self._random
        if isinstance(customer, StripeCustomer):
            yield Act(at, customer.monthly)
        chance, fails = rnd.random() / self._intensity, rnd.random() < FAILING
        shares: tuple[tuple[float, Callable[[], Iterator[Act]]], ...] = (
            (CANCELS, lambda: self._cancellation(at, customer)),
            (PAUSES, lambda: self._pause(at, customer)),
            (CHANGES_PLAN, lambda: iter([Act(at, customer.change_plan)])),
            (UPGRADES, lambda: self._upgrade(at, customer, fails=fails)),
            (CHANGES_SEATS, lambda: iter([Act(at, customer.change_seats)])),
            (MOVES, lambda: iter([Act(at, customer.move)])),
            (REFUNDED_IN_PART, lambda: iter([Act(at, lambda: customer.get_back(500))])),
            (REFUNDED, lambda: iter([Act(at, lambda: customer.get_back(None))])),
        )
        for share, make in shares:
            if 0 <= chance < share:
                yield from make()
            chance -= share
        if rnd.random() < FAILS * (1 - sum(share for _, share in ATTEMPTS_TO_SUCCESS)) * PAYS_BY_HAND * 4:
            yield Act(at + rnd.randrange(10) * DAY, customer.pay_by_hand)

    def _cancellation(self, at: datetime, customer: Customer) -> Iterator[Act]:
        yield Act(at, customer.cancel)
        if self._random.random() < RESUMES:
            yield Act(at + self._random.randrange(1, 10) * DAY, customer.resume)

    def _pause(self, at: datetime, customer: Customer) -> Iterator[Act]:
        yield Act(at, customer.pause)
        yield Act(at + self._random.randrange(5, 40) * DAY, customer.unpause)

    def _upgrade(self, at: datetime, customer: Customer, *, fails: bool) -> Iterator[Act]:
        """Take a dearer plan that is charged at once; in vain, it is taken back or paid some hours later."""
        yield Act(at, lambda: customer.upgrade(fails=fails))
        if fails:
            after = at + self._random.randrange(1, 72) * HOUR
            yield Act(after, self._random.choice([customer.take_change_back, customer.pay_change]))

    def _accusation(self, at: datetime, customer: Customer) -> Iterator[Act]:
        yield Act(at, customer.accuse)
        if self._random.random() < CLEARED:
            yield Act(at + self._random.randrange(1, 20) * DAY, customer.clear)
