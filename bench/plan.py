"""Parameters of every measurement: its length and repetitions, its environment, and its progress output."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.instances import Instances
from bench.load import LoadPlan, Summary

WARM_UP = 0.4
AT_ONCE = 50_000
"""Events that one run of the load generator sends where they are counted."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Length and repetitions."""

    minutes: float = 30.0
    """For all areas together: one that is out of time does no further round, and says so."""
    rounds: int = 5
    seconds: float = 1.5
    """Seconds of load in each cell of each round."""
    events: int = 4000
    """To be applied in each round."""
    jobs: int = 400
    """Number of jobs without work in each round."""
    open_accounts: int = 1_000_000
    few_accounts: int = 10_000
    inbox_rows: int = 1_000_000
    few_inbox_rows: int = 100_000
    more_events: int = 20_000
    """Through one web and one worker process, after which neither may have grown; a month of a small shop."""
    databases: tuple[str, ...] = ("SQLite", "PostgreSQL")


@dataclass
class AccountNumbers:
    """Hands out accounts that no other request has named, so that no event is a duplicate."""

    next: int = 1

    def take(self, count: int) -> int:
        first, self.next = self.next, self.next + count
        return first


@dataclass(kw_only=True)
class Bench:
    """A session."""

    instances: Instances
    plan: Plan
    say: Callable[[str], None]
    ends_at: float = float("inf")
    """End of the present area's time, by the monotonic clock."""
    accounts: AccountNumbers = field(default_factory=AccountNumbers)

    def load(self, port: int, connections: int, seconds: float, *, repeat: bool) -> Summary:
        """Put load on a port; raise an error if an answer was not 200."""
        order = LoadPlan(
            port=port,
            connections=connections,
            first_account=self.accounts.take(40_000),
            seconds=seconds,
            warm_up=WARM_UP,
            repeat=repeat,
        )
        return self.send(order)

    def fill(self, port: int, count: int) -> None:
        """Have so many new events accepted, some at a time: the load generator has all that it sends in memory."""
        for left in range(count, 0, -AT_ONCE):
            some = min(left, AT_ONCE)
            seen = self.send(LoadPlan(port=port, connections=16, first_account=self.accounts.take(some), count=some))
            if seen.answered != some:
                raise RuntimeError(f"{seen.answered} of {some} events were accepted")

    def send(self, order: LoadPlan) -> Summary:
        seen = self.instances.load(order)
        if seen.refused:
            raise RuntimeError(f"answers that were not 200: {seen.refused}")
        return seen

    def rounds(self, what: str) -> Iterator[int]:
        """Count the rounds of a measurement, and say so: one in any case, no further one when time is up."""
        for turn in range(self.plan.rounds):
            if turn and time.monotonic() > self.ends_at:
                self.say(f"{what}: out of time after {turn} of {self.plan.rounds} rounds")
                return
            self.say(f"{what}: round {turn + 1} of {self.plan.rounds}")
            yield turn


def in_turn(turn: int, what: Sequence[str]) -> list[str]:
    """Return the measured programs in the order of this round: the first one is the last in the next round."""
    start = turn % len(what)
    return [*what[start:], *what[:start]]
