"""Operators' exceptions to the policy, and their automatic return to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kulanz.policy import facts as f
from kulanz.policy.book import Book
from kulanz.policy.facts import OverrideKind, OverrideSet, OwnFact
from kulanz.policy.state import Access, Case, CaseState, Hold, Owner, State, Timer

ENDING_KINDS = frozenset({OverrideKind.REINSTATE, OverrideKind.SUSPEND, OverrideKind.EXEMPT, OverrideKind.LEGAL_HOLD})


def fresh(old: Book, new: Book) -> list[OverrideSet]:
    """Return the exceptions that were just made."""
    if new.overrides is old.overrides:
        return []
    return [record.set for key, record in new.overrides.items() if key not in old.overrides]


def due(made: OverrideSet, state: State, book: Book, now: datetime) -> Iterator[OwnFact]:
    """Return the immediate steps of an exception: it is given to cases and holds by name.

    An exception has our clock's time and a case the provider's, so the two cannot be compared. The exception is for
    the cases and holds that existed when it was made, and records their names.
    """
    match made.kind:
        case OverrideKind.EXTEND_GRACE if made.until is not None:
            for case in state.cases:
                if case.state is CaseState.GRACE and case.deadline < made.until:
                    yield f.DeadlinePromised(case=case.key, deadline=made.until)
        case OverrideKind.WAIVE:
            for case in state.cases:
                if case.open or case.given_up:
                    yield f.CaseWaived(case=case.key, opened_at=case.opened_at, at=now)
        case OverrideKind.REINSTATE if made.until is not None and made.until > now:
            for hold in state.holds:
                existing = lifted_until(book, hold.key)
                if existing is None or existing < made.until:
                    yield f.HoldLifted(hold=hold.key, source=hold.source, until=made.until)
        case _:
            pass


def active(book: Book, now: datetime, kind: OverrideKind) -> Iterator[OverrideSet]:
    """Yield the exceptions of a kind that are in force."""
    for record in book.overrides.values():
        made = record.set
        if made.kind is kind and (made.until is None or made.until > now):
            yield made


def exempt_until(book: Book, opened_at: datetime) -> datetime | None:
    """Return the end of an account's exemption from dunning, for a case that began then."""
    until = (
        override_record.set.until
        for override_record in book.overrides.values()
        if override_record.set.kind is OverrideKind.EXEMPT
    )
    return max((at for at in until if at is not None and at > opened_at), default=None)


def extended_at(book: Book) -> datetime | None:
    """Return the time of an operator's latest extension of a grace period."""
    return max(
        (
            override_record.set.at
            for override_record in book.overrides.values()
            if override_record.set.kind is OverrideKind.EXTEND_GRACE
        ),
        default=None,
    )


def lifted_until(book: Book, hold: str) -> datetime | None:
    """Return the time to which a hold is, or was, lifted by an operator."""
    record = book.lifted.get(hold)
    return record.until if record else None


def case_lifted_until(book: Book, case: Case) -> datetime | None:
    """Return the time to which the hold of a case is lifted, under each of its names."""
    if not book.lifted:
        return None
    until = (lifted_until(book, dunning_hold(name)) for name in case.names)
    return max((at for at in until if at is not None), default=None)


def lifted(book: Book, cases: Iterable[Case], now: datetime) -> set[str]:
    """Return the holds that reinstatements lift now; a case's under each of its names."""
    matches = {key for key, record in book.lifted.items() if record.until > now}
    matches.update(
        dunning_hold(case.key) for case in cases if any(dunning_hold(name) in matches for name in case.names)
    )
    return matches


def dunning_hold(case: str) -> str:
    """Return the key of the hold that a dunning case places."""
    return f"dunning:{case}"


def suspensions(book: Book, now: datetime) -> Iterator[Hold]:
    """Yield the operators' own holds."""
    for made in active(book, now, OverrideKind.SUSPEND):
        yield Hold(
            key=f"operator:{made.id}",
            owner=Owner.OPERATOR,
            source=made.id,
            since=made.at,
            scope="account",
            access=Access.NONE,
        )


def timers(book: Book, now: datetime) -> Iterator[Timer]:
    """Yield when each exception ends."""
    for _, record in sorted(book.overrides.items()):
        made = record.set
        if made.kind in ENDING_KINDS and made.until is not None and made.until > now:
            yield Timer("override_end", made.id, made.until)
