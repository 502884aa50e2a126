"""A customer of a store, whoever collects the money: what he can do, and what the provider knows of him."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from kulanz.errors import KulanzError
from kulanz.policy.book import Book
from kulanz.policy.facts import Fact
from tests.shop import Shop

DAY = timedelta(days=1)
FAILS = 0.08
"""Share of renewals whose first charge fails."""
ATTEMPTS_TO_SUCCESS = ((1, 0.45), (2, 0.15), (3, 0.1))
"""Of the failed ones: how many succeed at which retry; the rest never do."""
BEGINS_ON_TRIAL = 0.15


class Customer(ABC):
    """One who bought one subscription. What is not possible any more is not done."""

    def __init__(self, shop: Shop, rnd: random.Random) -> None:
        self.shop = shop
        self.rnd = rnd
        self.charges = [outcome for _ in range(14) for outcome in _charges(rnd)]
        self.trial = 14 * DAY if rnd.random() < BEGINS_ON_TRIAL else None
        self.account = ""
        """Whose the subscription is by the provider's or the operator's word."""
        self.former: list[str] = []
        """Whose it was before it was moved."""
        self.email = ""
        self.subscription = ""
        self.left = False
        """Whether the customer cancelled and did not take it back."""
        self.changed_at: datetime | None = None
        """When the plan was changed last: a lower one counts from the next period."""
        self.accused = False
        """Whether a bank ever called a payment wrong."""
        self.bounced = False
        """Whether a bank took a direct debit back: an unpaid period, though the provider calls it paid."""

    @abstractmethod
    def buy(self) -> None:
        """Buy the subscription."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop the renewal."""

    @abstractmethod
    def resume(self) -> None:
        """Take a cancellation back."""

    @abstractmethod
    def pause(self) -> None:
        """Have nothing collected."""

    @abstractmethod
    def unpause(self) -> None:
        """Have it collected again."""

    @abstractmethod
    def change_plan(self) -> None:
        """Switch to the other plan; the difference comes with the next renewal, if ever."""

    @abstractmethod
    def upgrade(self, *, fails: bool) -> None:
        """Take the dearer plan; its difference is charged at once."""

    @abstractmethod
    def take_change_back(self) -> None:
        """Have the plan of before again, after a change whose charge failed."""

    @abstractmethod
    def pay_change(self) -> None:
        """Pay what was charged for a change of plan in vain."""

    @abstractmethod
    def change_seats(self) -> None:
        """Have another number of seats."""

    @abstractmethod
    def move(self) -> None:
        """Become another account."""

    @abstractmethod
    def pay_by_hand(self) -> None:
        """Pay what is owed with another card."""

    @abstractmethod
    def get_back(self, amount: int | None) -> None:
        """Have money of the last payment refunded; None: all of it."""

    @abstractmethod
    def accuse(self) -> None:
        """Have a bank call a payment wrong."""

    @abstractmethod
    def clear(self) -> None:
        """Have the bank take that back, or decide otherwise."""

    @abstractmethod
    def told(self) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        """Yield every event of his as it should have arrived: when, its name, and its payload."""

    @abstractmethod
    def facts(self) -> Iterator[Fact]:
        """Yield what the provider tells, and what it holds in the end: not all that changes is told."""

    @abstractmethod
    def mismatches(self, held: Book) -> Iterator[str]:
        """Say how a book differs from the provider's objects themselves."""

    @abstractmethod
    def entitled(self) -> str | None:
        """Return the plan that the provider's objects alone say is paid for; None where they do not say."""

    @abstractmethod
    def status_at(self, at: datetime) -> str:
        """Return what the provider called the subscription then."""

    def attempt(self, act: Callable[[], object]) -> bool:
        """Act at the provider, if that is possible."""
        with self.shop.simulator.lock, suppress(KulanzError):
            act()
            return True
        return False

    def become(self, account: str) -> None:
        """Note that the subscription is another account's."""
        self.former.append(self.account)
        self.account = account


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
