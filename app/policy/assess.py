"""All that follows from a book at one moment: cases, holds, entitlement, standing, timers. Pure and repeatable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from app.policy import disputes, dunning, overrides, subscriptions
from app.policy.book import Book
from app.policy.facts import Status
from app.policy.model import (
    FREE,
    Access,
    Case,
    CaseState,
    Chargeback,
    Given,
    Hold,
    Owner,
    Standing,
    State,
    Terms,
    Timer,
)

_BY_OWNER = {
    Owner.DUNNING: Standing.ON_HOLD,
    Owner.REFUND: Standing.GOOD,
    Owner.WITHDRAWAL: Standing.GOOD,
    Owner.LEGAL: Standing.GOOD,
    Owner.DISPUTE: Standing.SUSPENDED,
    Owner.OPERATOR: Standing.SUSPENDED,
}
_RANK = {standing: rank for rank, standing in enumerate(Standing)}


def assess(book: Book, terms: Terms, zone: str, now: datetime) -> State:
    """Return everything that the facts give under these terms at `now`; a time before `now` changes nothing."""
    cases = dunning.cases(book, terms, zone)
    given = tuple(_given(book, cases, terms, now))
    chargebacks = disputes.chargebacks(book, terms, zone) if book.disputes or book.orders else []
    holds = _holds(book, cases, chargebacks, given, now)
    cases = [_frozen(case, holds, chargebacks) for case in cases]
    plan, access, add_ons = _rights(given, holds, terms)
    return State(
        as_of=now,
        standing=_standing(cases, holds),
        plan=plan,
        access=access,
        add_ons=add_ons,
        cases=tuple(cases),
        holds=tuple(holds),
        chargebacks=tuple(chargebacks),
        given=given,
        timers=tuple(_timers(book, cases, chargebacks, given, zone, now)),
    )


def _given(book: Book, cases: list[Case], terms: Terms, now: datetime) -> Iterator[Given]:
    # Of several cases of one subscription the one that restricts least decides what it still gives.
    leading: dict[str, Case] = {}
    for case in sorted(cases, key=lambda case: _LEAST[case.state]):
        leading.setdefault(case.subscription, case)
    for key, sub in book.subscriptions.items():
        given = subscriptions.given(sub, leading.get(key), book, terms, now)
        if given is not None:
            yield given


_LEAST = {
    CaseState.ON_HOLD: 0,
    CaseState.GRACE: 1,
    CaseState.VOLUNTARY: 2,
    CaseState.EXHAUSTED: 3,
}


def _holds(
    book: Book, cases: list[Case], chargebacks: list[Chargeback], given: tuple[Given, ...], now: datetime
) -> list[Hold]:
    giving = [one.subscription for one in given if one.add_on is None]
    found = [dunning.hold(case) for case in cases if case.state is CaseState.ON_HOLD]
    found.extend(disputes.holds(chargebacks, giving, book))
    if book.overrides:
        found.extend(overrides.suspensions(book, now))
        found = [hold for hold in found if not overrides.lifted(book, hold, now)]
    return sorted(found, key=lambda hold: (hold.since, hold.key))


def _frozen(case: Case, holds: Iterable[Hold], chargebacks: list[Chargeback]) -> Case:
    """An open dispute that reaches a case stops its clock (DOMAIN section 3)."""
    if not case.open:
        return case
    opened = [
        hold.since
        for hold in holds
        if hold.owner is Owner.DISPUTE and (hold.scope == "account" or case.subscription in hold.subscriptions)
    ]
    return replace(case, frozen_since=max(min(opened), case.opened_at)) if opened else case


def _rights(given: Iterable[Given], holds: list[Hold], terms: Terms) -> tuple[str, Access, tuple[str, ...]]:
    """Return what is left of the plans and add-ons after the union of the holds."""
    if any(hold.scope == "account" and hold.access is Access.NONE for hold in holds):
        return FREE, Access.NONE, ()
    held = {key for hold in holds for key in hold.subscriptions}
    if any(hold.scope == "account" for hold in holds):
        return FREE, Access.FREE, ()
    left = [one for one in given if one.subscription not in held]
    plan = max((one.plan for one in left if one.add_on is None), key=terms.catalogue.rank, default=FREE)
    add_ons = tuple(sorted({one.add_on for one in left if one.add_on is not None}))
    return plan, Access.FREE if plan == FREE else Access.FULL, add_ons


def _standing(cases: Iterable[Case], holds: Iterable[Hold]) -> Standing:
    found = [_BY_OWNER[hold.owner] for hold in holds if hold.counts]
    found.extend(Standing.GRACE for case in cases if case.state is CaseState.GRACE)
    return max(found, key=_RANK.__getitem__, default=Standing.GOOD)


def _timers(
    book: Book, cases: list[Case], chargebacks: list[Chargeback], given: tuple[Given, ...], zone: str, now: datetime
) -> Iterator[Timer]:
    for case in cases:
        yield from dunning.timers(case, book, zone, now)
    for one in given:
        if one.until is not None and one.until > now:
            yield Timer(kind="period_end", subject=one.subscription, due_at=one.until)
    for key, sub in book.subscriptions.items():
        ends = sub.seen.trial_ends_at
        if sub.seen.status is Status.ON_TRIAL and ends is not None and ends > now:
            yield Timer(kind="trial_end", subject=key, due_at=ends)
    if chargebacks:
        yield from disputes.timers(chargebacks, book, zone, now)
    if book.overrides:
        yield from overrides.timers(book, now)
