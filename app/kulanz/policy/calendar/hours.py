"""Hours for writing to customers: a window of the day by the wall clock of a zone, with or without weekends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_TEXT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_SATURDAY = 5
_DAYS_TO_LOOK_AT = 8
"""A week and one day more: one of them is allowed."""
_LAST = timedelta(minutes=1)
"""How long before its end a window is used at the latest: what ends at 24:00 ends on its own day."""
SHORTEST = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window of a day as a policy writes it, `09:00-17:30`; `24:00` is the end of the day."""

    begins: timedelta = timedelta()
    ends: timedelta = timedelta(days=1)

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `09:00-17:30`; raise ValueError for anything else, and where it is shorter than an hour."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"not a window of a day: {text!r}")
        hour, minute, end_hour, end_minute = map(int, match.groups())
        window = cls(begins=timedelta(hours=hour, minutes=minute), ends=timedelta(hours=end_hour, minutes=end_minute))
        if window.ends - window.begins < SHORTEST or window.ends > timedelta(days=1):
            raise ValueError(f"not a window of a day: {text!r}")
        return window

    def __str__(self) -> str:
        minutes = (divmod(int(at.total_seconds()) // 60, 60) for at in (self.begins, self.ends))
        return "-".join(f"{hour:02}:{minute:02}" for hour, minute in minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendHours:
    """The window of the days on which customers are written to."""

    window: Window = Window()
    weekends: bool = True

    def at_or_after(self, instant: datetime, zone: str) -> datetime:
        """Return the first moment from an instant on that lies within the hours."""
        for begins, ends in self._windows(instant, zone, 1):
            if instant <= ends:
                return max(instant, begins)
        raise ValueError("a week without hours")

    def at_or_before(self, instant: datetime, zone: str) -> datetime:
        """Return the last moment up to an instant that lies within the hours."""
        for begins, ends in self._windows(instant, zone, -1):
            if begins <= instant:
                return min(instant, ends)
        raise ValueError("a week without hours")

    def _windows(self, instant: datetime, zone: str, step: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield the windows of the days from an instant's own day, in one direction."""
        first = local_day(instant, zone)
        for number in range(_DAYS_TO_LOOK_AT):
            day = first + timedelta(days=number * step)
            if self.weekends or day.weekday() < _SATURDAY:
                yield _moment(day, self.window.begins, zone), _moment(day, self.window.ends - _LAST, zone)


def local_day(instant: datetime, zone: str) -> date:
    """Return the day on which an instant lies in a zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def day_of(instant: datetime, zone: str) -> datetime:
    """Return when the day of an instant began in a zone."""
    return _moment(local_day(instant, zone), timedelta(), zone)


def day_after(instant: datetime, zone: str) -> datetime:
    """Return when the next day begins in a zone."""
    return _moment(local_day(instant, zone), timedelta(days=1), zone)


def _moment(day: date, at: timedelta, zone: str) -> datetime:
    """Return a wall time of a day; a time that a change of the clock skips is read by the clock before it."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return (midnight + at).astimezone(UTC)
