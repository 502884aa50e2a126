"""Operators' exceptions to the policy, and their automatic return to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.policy.book import Book
from app.policy.facts import OverrideKind, OverrideSet
from app.policy.model import Access, Hold, Owner, Timer

_ENDING = frozenset({OverrideKind.REINSTATE, OverrideKind.SUSPEND, OverrideKind.EXEMPT, OverrideKind.LEGAL_HOLD})


def active(book: Book, now: datetime, *kinds: OverrideKind) -> Iterator[OverrideSet]:
    """Yield the exceptions of these kinds that are in force."""
    for record in book.overrides.values():
        override = record.set
        if override.kind in kinds and (override.until is None or override.until > now):
            yield override


def extension(book: Book, opened_at: datetime, held_at: datetime | None) -> datetime | None:
    """Return the latest end of grace that an operator granted to a case while it was open."""
    granted = (
        record.set.until
        for record in book.overrides.values()
        if record.set.kind is OverrideKind.EXTEND_GRACE
        and record.set.until is not None
        and record.set.at >= opened_at
        and (held_at is None or record.set.at <= held_at)
    )
    return max(granted, default=None)


def lifted(book: Book, hold: Hold, now: datetime) -> bool:
    """Whether an operator reinstated the account after the hold was placed, and that is still in force."""
    return any(override.at >= hold.since for override in active(book, now, OverrideKind.REINSTATE))


def suspensions(book: Book, now: datetime) -> Iterator[Hold]:
    """Yield the operators' own holds."""
    for override in active(book, now, OverrideKind.SUSPEND):
        yield Hold(
            key=f"operator:{override.id}",
            owner=Owner.OPERATOR,
            source=override.id,
            since=override.at,
            scope="account",
            access=Access.NONE,
        )


def timers(book: Book, now: datetime) -> Iterator[Timer]:
    """Yield when each exception ends."""
    for override in active(book, now, *_ENDING):
        if override.until is not None:
            yield Timer(kind="override_end", subject=override.id, due_at=override.until)
