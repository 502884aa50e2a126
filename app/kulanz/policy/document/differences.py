"""Compares two policies key by key, and finds the more lenient value of each (DOMAIN section 6)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kulanz.policy.calendar.hours import Window
from kulanz.policy.calendar.time import Span
from kulanz.policy.document import Policy
from kulanz.policy.document.reading import LESS, MORE, NEUTRAL

_A_DAY = 86400


class Leniency(StrEnum):
    """Meaning of a new value to the customer, beside the old one."""

    MORE = "more_lenient"
    LESS = "stricter"
    NEUTRAL = "neutral"
    """Neutral: a text, a clause, the time of reminders."""
    UNCLEAR = "unclear"
    """Unclear: neither is the kinder one in every case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A key of which two policies hold different values."""

    key: str
    channels: str
    old: str
    """As a document writes it; `none` where there is no value."""
    new: str
    leniency: Leniency


def differences(old: Policy, new: Policy) -> tuple[Difference, ...]:
    """Return every key in which two policies differ, in the order of the manual."""
    return tuple(_between(old, new, ""))


def more_lenient(old: Policy, new: Policy, table: str, *, spent: Collection[str] = ()) -> bool:
    """Whether one table of a policy is nowhere stricter than another policy's, and somewhere more lenient.

    A key without a direction that differs makes it unclear, and what is unclear is not applied to what is open. Of the
    keys that are `spent` nothing is left to give: that they are kinder is no reason.
    """
    stored_differences = list(_between(getattr(old, table), getattr(new, table), ""))
    gives = any(
        difference.leniency is Leniency.MORE and difference.key not in spent for difference in stored_differences
    )
    return gives and not any(
        difference.leniency in {Leniency.LESS, Leniency.UNCLEAR} for difference in stored_differences
    )


def shown(value: Any) -> str:
    """Return a value as a document writes it."""
    match value:
        case str() | Span() | Window():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(shown(other_item) for other_item in value)}]"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _ if is_dataclass(value):
            inner = ((item.name, getattr(value, item.name)) for item in fields(value) if item.metadata)
            return "{ " + ", ".join(f"{name} = {shown(other_item)}" for name, other_item in inner) + " }"
        case _:
            return str(value).lower()


def _between(old: Any, new: Any, path: str) -> Iterator[Difference]:
    for item in fields(old):
        ours, theirs = getattr(old, item.name), getattr(new, item.name)
        if not item.metadata or ours == theirs:
            continue
        if "table" in item.metadata and is_dataclass(ours) and is_dataclass(theirs):
            yield from _between(ours, theirs, f"{path}{item.name}.")
        else:
            yield Difference(
                key=path + item.name,
                channels=item.metadata["means"],
                old=shown(ours),
                new=shown(theirs),
                leniency=_leniency(ours, theirs, item.metadata.get("kinder")),
            )


def _leniency(old: Any, new: Any, kinder: str | Sequence[str] | None) -> Leniency:
    if kinder == NEUTRAL:
        return Leniency.NEUTRAL
    if isinstance(kinder, tuple):
        return _of(kinder.index(new) - kinder.index(old))
    if isinstance(old, Span) and isinstance(new, Span):
        return _of(_length(new) - _length(old), fewer_is_kinder=kinder == LESS)
    if kinder not in {MORE, LESS}:
        return Leniency.UNCLEAR
    if isinstance(old, tuple):
        return _of_sets(set(old), set(new), fewer_is_kinder=kinder == LESS)
    # No value is no limit.
    ours, theirs = (float("inf") if item is None else float(item) for item in (old, new))
    return _of(theirs - ours, fewer_is_kinder=kinder == LESS)


def _of(growth: float, *, fewer_is_kinder: bool = False) -> Leniency:
    if not growth:
        return Leniency.NEUTRAL
    return Leniency.MORE if (growth > 0) is not fewer_is_kinder else Leniency.LESS


def _of_sets(old: set[Any], new: set[Any], *, fewer_is_kinder: bool) -> Leniency:
    if old < new or new < old:
        return Leniency.MORE if (old < new) is not fewer_is_kinder else Leniency.LESS
    return Leniency.NEUTRAL if old == new else Leniency.UNCLEAR


def _length(span: Span) -> float:
    return span.days * _A_DAY + span.rest.total_seconds()
