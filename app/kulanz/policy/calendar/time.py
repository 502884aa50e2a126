"""Spans of policy time: whole days by the calendar of a zone, the rest by the clock (DOMAIN section 5)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from operator import add
from zoneinfo import ZoneInfo

_TEXT = re.compile(
    r"(?:(?P<days>\d{1,5})d)?(?:(?P<hours>\d{1,5})h)?(?:(?P<minutes>\d{1,5})m)?(?:(?P<seconds>\d{1,6})s)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A length of time as a policy writes it (`7d`, `48h`, `1d12h`): `days` follow the calendar, `rest` the clock."""

    days: int = 0
    rest: timedelta = timedelta()
    _flat: timedelta = field(init=False, repr=False, compare=False)
    """Its whole length where no clock is ever changed, as in UTC."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_flat", timedelta(days=self.days) + self.rest)

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read `7d`, `48h`, `30m`, `10s` or a combination in this order; raise ValueError for anything else."""
        match = _TEXT.fullmatch(text)
        if not text or match is None:
            raise ValueError(f"not a span of time: {text!r}")
        matches = {unit: int(number) for unit, number in match.groupdict(default="0").items()}
        days = matches.pop("days")
        return cls(days=days, rest=timedelta(**matches))

    def __str__(self) -> str:
        hours, left = divmod(int(self.rest.total_seconds()), 3600)
        minutes, seconds = divmod(left, 60)
        parts = ((self.days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
        return "".join(f"{number}{unit}" for number, unit in parts if number) or "0d"

    def __bool__(self) -> bool:
        return bool(self.days or self.rest)

    def after(self, instant: datetime, zone: str) -> datetime:
        """Return the instant this much later: the same wall time after `days` days in `zone`, then `rest`."""
        return instant + self._flat if zone == "UTC" else _shifted(instant, self.days, zone) + self.rest

    def later(self, zone: str) -> Callable[[datetime], datetime]:
        """Return the function of `after` for one zone, to be used many times."""
        return partial(add, self._flat) if zone == "UTC" else lambda instant: self.after(instant, zone)

    def last_moment(self, instant: datetime, zone: str) -> datetime:
        """Return the last moment of a period of this length: whole days end with the last day in `zone`."""
        last = self.after(instant, zone)
        if self.rest or not self.days:
            return last
        local = last.astimezone(_zone(zone))
        return local.replace(hour=23, minute=59, second=59, microsecond=999999, fold=1).astimezone(UTC)

    def before(self, instant: datetime, zone: str) -> datetime:
        """Return the instant this much earlier, by the same arithmetic as `after`."""
        return instant - self._flat if zone == "UTC" else _shifted(instant, -self.days, zone) - self.rest


def months_after(instant: datetime, months: int, zone: str) -> datetime:
    """Return the same wall time so many months later, or earlier; where the day does not exist, the month's last."""
    local = instant.astimezone(_zone(zone))
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(UTC)


def days_between(start: datetime, end: datetime, zone: str) -> int:
    """Return the calendar days from one instant to a later one in `zone`; a day that has begun counts, none before."""
    days = max((end.astimezone(_zone(zone)).date() - start.astimezone(_zone(zone)).date()).days, 0)
    return days + (_shifted(start, days, zone) < end)


def aware(instant: datetime) -> datetime:
    """Return the instant in UTC; a naive datetime is refused with ValueError."""
    if instant.tzinfo is None:
        raise ValueError("a naive datetime names no instant")
    return instant.astimezone(UTC)


def rfc3339(instant: datetime) -> str:
    """Write an instant as every outside sees it: RFC 3339, UTC, `Z`."""
    return f"{instant.replace(tzinfo=None).isoformat()}Z"


def _shifted(instant: datetime, days: int, zone: str) -> datetime:
    if not days:
        return instant
    local = instant.astimezone(_zone(zone))
    return (local + timedelta(days=days)).astimezone(UTC)


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
