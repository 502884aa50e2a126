"""Restrictions of a case on hold, and what a case leaves to the one that takes its place (DOMAIN section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from kulanz.policy import facts as f
from kulanz.policy.areas.dunning import cases
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.areas.versions.applying import handed_on
from kulanz.policy.book import Book
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Access, Case, CaseState, Hold, Owner, State


def hold(case: Case) -> Hold:
    """Return the hold of a case."""
    rules = case.policy.dunning
    return Hold(
        key=exceptions.dunning_hold(case.key),
        owner=Owner.DUNNING,
        source=case.key,
        since=case.held_at or case.deadline,
        scope="account" if rules.hold_access == "none" and case.whole else "subscription",
        subscriptions=(case.subscription,),
        access=Access(rules.hold_access),
        counts=not case.claim,
    )


def carried_over(before: State, state: State, book: Book, now: datetime) -> Iterator[OwnFact]:
    """Keep promises when a case merges into another, and the remaining time when a dispute has ended."""
    for old in before.cases:
        new = state.case(old.key)
        if new is None:
            yield from _joined(old, book, state)
        elif old.frozen_since is not None and (new.frozen_since is None or new.frozen_since > old.frozen_since):
            # Of a pause and a dispute, one may be over while the other continues.
            until = new.frozen_since or now
            yield from _thawed(old, old.frozen_since, new, until)
            yield from _resumed(old.frozen_since, new, book, until)


def _joined(old: Case, book: Book, state: State) -> Iterator[OwnFact]:
    """Move promises and steps to the case of the invoice that a snapshot had stood in for.

    They move back when late news shows that the invoice's failure was settled and the snapshot is about another one.
    """
    log = book.case(old.key)
    heir = next((case for case in state.cases if _inherits(case, old, book)), None)
    if heir is None:
        return
    for name in old.names:
        yield f.CaseJoined(case=name, into=heir.key)
    if log.promised is not None:
        yield f.DeadlinePromised(case=heir.key, deadline=log.promised)
    if log.held_at is not None:
        yield f.HoldPlaced(case=heir.key, opened_at=heir.opened_at, at=log.held_at, verified=log.verified)
    if log.hold_until is not None:
        yield f.HoldProlonged(case=heir.key, until=log.hold_until)
    yield from handed_on(old, heir, book)
    if old.given_up:
        yield f.CaseExhausted(case=heir.key, opened_at=heir.opened_at, at=state.as_of)
    if old.state is CaseState.VOID:
        yield f.CaseWaived(case=heir.key, opened_at=heir.opened_at, at=state.as_of)


def _inherits(case: Case, old: Case, book: Book) -> bool:
    if case.subscription != old.subscription:
        return False
    if old.invoice is None:
        return cases.same_renewal(case, book, old.opened_at)
    return case.invoice is None and case.key in old.names


def _thawed(old: Case, frozen_since: datetime, new: Case, now: datetime) -> Iterator[OwnFact]:
    if new.state is CaseState.GRACE:
        deadline = now + max(old.deadline - frozen_since, timedelta())
        if deadline > new.deadline:
            yield f.DeadlinePromised(case=new.key, deadline=deadline)
    elif old.hold_ends_at is not None and old.held_at is not None and new.hold_ends_at is not None:
        until = now + max(old.hold_ends_at - max(frozen_since, old.held_at), timedelta())
        if until > new.hold_ends_at:
            yield f.HoldProlonged(case=new.key, until=until)


def _resumed(frozen_since: datetime, case: Case, book: Book, now: datetime) -> Iterator[OwnFact]:
    """Let the dunning letters of a case wait as long as the dispute lasted."""
    is_known = (frozen_since, now) in book.case(case.key).paused
    if case.policy.dunning.levels and not is_known:
        yield f.DunningPaused(case=case.key, since=frozen_since, until=now)
