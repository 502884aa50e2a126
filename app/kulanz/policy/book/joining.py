"""Joins of records: commutative, associative and idempotent (DOMAIN section 2, I1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import compress
from typing import Protocol, Self, TypeVar

from kulanz.policy.facts import Stamp


class Mergeable(Protocol):
    """A join-semilattice: `join` is commutative, associative and idempotent."""

    def join(self, other: Self) -> Self:
        """Return the least record that holds the content of both: the least upper bound."""
        ...


R = TypeVar("R", bound=Mergeable)
Later = TypeVar("Later", datetime, Stamp)
V = TypeVar("V")


class Dated(Protocol):
    """A record with a time."""

    @property
    def at(self) -> datetime:
        """Its time."""
        ...


D = TypeVar("D", bound=Dated)


def join_maps(ours: Mapping[str, R], theirs: Mapping[str, R]) -> dict[str, R]:
    """Return the records of both, joined where both have one."""
    joined = dict(ours)
    for key, record in theirs.items():
        existing = joined.get(key)
        joined[key] = record if existing is None else existing.join(record)
    return joined


def keys_where(records: Mapping[str, R], told: Callable[[R], object]) -> Iterator[str]:
    """Return the keys of the records of which something is true, in their order."""
    return compress(records, map(told, records.values()))


def newest(ours: Later | None, theirs: Later | None) -> Later | None:
    """Return the later of two, where nothing is earlier than anything."""
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return max(ours, theirs)


def oldest(ours: Later | None, theirs: Later | None) -> Later | None:
    """Return the earlier of two, where nothing is later than anything."""
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return min(ours, theirs)


def first(ours: D | None, theirs: D | None) -> D | None:
    """Return the earlier of two acts that happen once; at a tie the one that sorts first."""
    if ours is None or theirs is None or ours == theirs:
        return theirs if ours is None else ours
    return min(ours, theirs, key=lambda item: (item.at, repr(item)))


def union(ours: tuple[V, ...], theirs: tuple[V, ...]) -> tuple[V, ...]:
    """Return the elements of both in rising order."""
    if not theirs or ours == theirs:
        return ours
    if not ours:
        return theirs
    return tuple(sorted({*ours, *theirs}))  # type: ignore[type-var]  # every element here is ordered
