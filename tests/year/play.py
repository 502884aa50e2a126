"""Plays a year: the provider, the product and the merchant's receivers together, with everything that goes wrong."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kulanz.reconcile import reconcile
from kulanz_simulator import Faults
from tests.shop import Shop
from tests.year.customer import DAY
from tests.year.story import Story

OUTAGE = timedelta(minutes=10)
BACKLOG = timedelta(hours=30)
FAULTS = Faults(lost=0.02, twice=0.2, late=0.2, late_by=timedelta(hours=2))
STEP = timedelta(hours=6)


@dataclass(slots=True)
class Played:
    """What was played and what was seen on the way."""

    story: Story
    rounds: int = 0
    repaired: Counter[str] = field(default_factory=Counter)
    outages: list[datetime] = field(default_factory=list)
    """When the product was away while something was being sent."""
    backlogs: list[datetime] = field(default_factory=list)
    """When the worker, and then the database, was away for a day while deliveries were acknowledged."""


def play(
    shop: Shop,
    *,
    customers: int,
    days: int,
    seed: int,
    every: timedelta = 10 * DAY,
    intensity: float = 1.0,
    watch: Callable[[str], object] = lambda _: None,
) -> Played:
    """Play so many days of a store, reconciling now and then and after each outage, and once more at the end."""
    began = shop.now
    shop.simulator.faults, shop.step = FAULTS, STEP
    story = Story(shop, customers, days, seed, intensity)
    played = Played(story)
    acts = story.acts()
    rounds = [began + every * number for number in range(1, days * DAY // every)]
    chance = random.Random(f"outages {seed}")
    played.outages = sorted(_busy_moment(chance, began, days) for _ in range(2))
    played.backlogs = [_busy_moment(chance, began, days) for _ in range(2)]
    stops = sorted({*rounds, *played.outages, *played.backlogs, *(act.at for act in acts), began + days * DAY})
    pending = iter(acts)
    act = next(pending, None)
    for stop in stops:
        shop.advance_to(max(stop, shop.now))
        while act is not None and act.at <= stop:
            act.do()
            act = next(pending, None)
        if stop in played.outages:
            _outage(shop, story)
        if stop in played.backlogs:
            through = shop.lag_through if stop == played.backlogs[0] else shop.spool_through
            through(shop.now + BACKLOG)
        if stop in rounds or stop in played.outages:
            compare(shop, played)
            watch(f"day {(shop.now - began).days}")
    shop.simulator.faults = Faults()
    shop.advance(DAY)
    for _ in range(2):  # What the first round takes in may move the provider, which is then compared again.
        compare(shop, played)
        shop.advance(timedelta(minutes=10))
    return played


def compare(shop: Shop, played: Played) -> None:
    """Let a round repair what it can, as the nightly one does."""
    report = reconcile(shop.services, apply=True)
    played.rounds += 1
    played.repaired.update(str(drift.kind) for drift in report.drifts if drift.applied)
    shop.settle()


def _outage(shop: Shop, story: Story) -> None:
    """Be away for ten minutes that begin as something is being sent: what Lemon Squeezy sends then is given up."""
    for customer in story.customers[:10]:
        customer.change_plan()
    shop.sleep_through(shop.now + OUTAGE)


def _busy_moment(chance: random.Random, began: datetime, days: int) -> datetime:
    return began + timedelta(days=chance.randrange(days // 4, days - 2), hours=chance.randrange(24))
