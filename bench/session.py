"""A session: area after area, each within its share of the time; a failed area does not end the others."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.figures import Figure, table
from bench.plan import Bench

OVERTIME = 180.0
"""Seconds after an area's share of the time at which it is given up in the middle of a round."""


class OvertimeError(Exception):
    """An area did not come to its end."""


@dataclass(frozen=True)
class BenchArea:
    """Figures that are measured together."""

    measure: Callable[[Bench], Iterator[Figure]]
    """Yields its figures before it measures, where it can: their rounds are there even if a later one fails."""
    minutes: float
    """Length of five rounds on two idle cores; an area's share of the time is in proportion to it."""


@dataclass
class BenchSession:
    """Figures measured so far, and failures, by area."""

    bench: Bench
    overtime: float = OVERTIME
    figures: list[Figure] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every area came to its end and every goal was met."""
        return not self.failed and all(figure.met for figure in self.figures)

    def run(self, areas: Mapping[str, BenchArea], keep: Callable[[], None]) -> None:
        """Measure the areas in order; `keep` is called after each, so that a session that is stopped loses one area."""
        ends_at = time.monotonic() + self.bench.plan.minutes * 60
        to_come = sum(area.minutes for area in areas.values())
        for name, area in areas.items():
            share = max(0.0, ends_at - time.monotonic()) * area.minutes / to_come
            to_come -= area.minutes
            self._measure(name, area, share)
            keep()

    def _measure(self, name: str, area: BenchArea, share: float) -> None:
        began, first = time.monotonic(), len(self.figures)
        self.bench.ends_at = began + share
        try:
            with _given_up_after(share + self.overtime):
                self.figures.extend(area.measure(self.bench))
        except Exception as error:  # noqa: BLE001 - after any error the other areas can be measured
            self.failed[name] = f"{type(error).__name__}: {error}"
            self.bench.say(f"{name} FAILED: {self.failed[name]}")
        self.bench.say(f"{name}: {time.monotonic() - began:.0f} seconds")
        self.bench.say(table(self.figures[first:]))


@contextmanager
def _given_up_after(seconds: float) -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise OvertimeError(f"not done after {seconds:.0f} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
