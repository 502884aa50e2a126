"""All that follows from a book at one moment: cases, holds, entitlement, standing, timers. Pure and repeatable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from app.policy import disputes, dunning, overrides, subscriptions
from app.policy.add_ons.reading import in_quantities
from app.policy.book import Book
from app.policy.cases import cases as cases_of
from app.policy.chapters import speaking
from app.policy.model import (
    FREE,
    Access,
    Case,
    CaseState,
    Chargeback,
    Hold,
    Moment,
    Owner,
    Rights,
    Standing,
    State,
    Terms,
    Timer,
)
from app.policy.quick import changed

_BY_OWNER = {
    Owner.DUNNING: Standing.ON_HOLD,
    Owner.REFUND: Standing.GOOD,
    Owner.WITHDRAWAL: Standing.GOOD,
    Owner.LEGAL: Standing.GOOD,
    Owner.DISPUTE: Standing.SUSPENDED,
    Owner.OPERATOR: Standing.SUSPENDED,
}
_RANK = {standing: rank for rank, standing in enumerate(Standing)}
_RESTRICTS_LEAST = {state: rank for rank, state in enumerate((CaseState.ON_HOLD, CaseState.GRACE, CaseState.VOLUNTARY))}


def assess(book: Book, terms: Terms, zone: str, now: datetime, *, with_timers: bool = True) -> State:
    """Return everything that the facts give under these terms, and the account's own, at `now`."""
    terms = terms.under(book, now)
    cases = cases_of(book, terms, zone)
    given = tuple(subscriptions.given(book, _leading(cases), terms, now))
    chargebacks = disputes.chargebacks(book, terms, zone, given) if book.disputes or book.orders else []
    cases = [_frozen(case, chargebacks) for case in cases] if chargebacks else cases
    moment = Moment(terms, zone, now)
    draft = State(
        as_of=now,
        cases=tuple(cases),
        holds=tuple(_holds(book, cases, chargebacks, now)),
        chargebacks=tuple(chargebacks),
        given=given,
    )
    for chapter in speaking(book, "read"):
        draft = chapter.read(draft, book, moment)
    return _concluded(draft, book, moment, tuple(_timers(draft, book, moment)) if with_timers else ())


def _concluded(draft: State, book: Book, moment: Moment, timers: tuple[Timer, ...]) -> State:
    """Return the draft with what all that it found amounts to."""
    holds = _in_force(draft, book, moment.at)
    rights = _rights(draft, holds, moment.terms)
    standing = max(draft.standing, _standing(draft.cases, holds), key=_RANK.__getitem__)
    return changed(
        draft,
        standing=standing,
        holds=holds,
        plan=rights.plan,
        access=rights.access,
        add_ons=rights.add_ons,
        quantities=rights.quantities,
        timers=timers,
    )


def _leading(cases: list[Case]) -> dict[str, Case]:
    """Return the case of each subscription that decides what it still gives: the one that restricts least."""
    least_first = sorted(cases, key=lambda case: _RESTRICTS_LEAST.get(case.state, 9))
    return {case.subscription: case for case in reversed(least_first)}


def _holds(book: Book, cases: list[Case], chargebacks: list[Chargeback], now: datetime) -> list[Hold]:
    found = [dunning.hold(case) for case in cases if case.state is CaseState.ON_HOLD]
    found += [disputes.hold(one) for one in chargebacks if one.holds]
    if book.overrides:
        found.extend(overrides.suspensions(book, now))
    return found


def _in_force(draft: State, book: Book, now: datetime) -> tuple[Hold, ...]:
    """Return the holds that no reinstatement lifts, the oldest first."""
    if not draft.holds:
        return ()
    lifted = _lifted(book, draft.cases, now) if book.lifted else frozenset()
    found = [hold for hold in draft.holds if hold.key not in lifted]
    return tuple(sorted(found, key=lambda hold: (hold.since, hold.key)) if len(found) > 1 else found)


def _lifted(book: Book, cases: Iterable[Case], now: datetime) -> set[str]:
    lifted = {key for key, record in book.lifted.items() if record.until > now}
    lifted.update(
        overrides.dunning_hold(case.key)
        for case in cases
        if any(overrides.dunning_hold(name) in lifted for name in case.names)
    )
    return lifted


def _frozen(case: Case, chargebacks: list[Chargeback]) -> Case:
    since = disputes.frozen_since(chargebacks, case.subscription) if case.pursued else None
    return case if since is None else replace(case, frozen_since=max(since, case.opened_at))


def _rights(draft: State, holds: Sequence[Hold], terms: Terms) -> Rights:
    """Return what is left of the plans and add-ons after the union of the holds."""
    left_of_all = [hold.access for hold in holds if hold.scope == "account"] if holds else []
    if left_of_all:
        return Rights(FREE, Access.NONE if Access.NONE in left_of_all else Access.FREE, (), ())
    held = {key for hold in holds for key in hold.subscriptions} if holds else set()
    left = [one for one in draft.given if one.subscription not in held] if held else draft.given
    plan = max({one.plan for one in left if one.add_on is None}, key=terms.catalogue.rank, default=FREE)
    names = {one.add_on for one in left if one.add_on is not None}
    access = Access.FREE if plan == FREE else Access.FULL
    if not draft.bookings:
        return Rights(plan, access, tuple(sorted(names)), ())
    booked = [one for one in draft.bookings if one.usable and one.subscription not in held]
    names.update(one.kind for one in booked)
    return Rights(plan, access, tuple(sorted(names)), in_quantities(booked))


def _standing(cases: Sequence[Case], holds: Sequence[Hold]) -> Standing:
    if not (cases or holds):
        return Standing.GOOD
    found = [_BY_OWNER[hold.owner] for hold in holds if hold.counts]
    found += [Standing.GRACE for case in cases if case.state is CaseState.GRACE]
    return max(found, key=_RANK.__getitem__, default=Standing.GOOD)


def _timers(state: State, book: Book, moment: Moment) -> list[Timer]:
    if state.closed_at is not None:
        return []
    found = [timer for case in state.cases for timer in dunning.timers(case, book, moment)]
    found.extend(subscriptions.timers(state.given, book, moment.at))
    if state.chargebacks:
        found.extend(disputes.timers(state.chargebacks, book, moment))
    if book.overrides:
        found.extend(overrides.timers(book, moment.at))
    for chapter in speaking(book, "timers"):
        found.extend(chapter.timers(state, book, moment))
    return found
