"""All that follows from a book at one moment: cases, holds, entitlement, standing, timers. Pure and repeatable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from app.policy import disputes, dunning, overrides, subscriptions
from app.policy.add_ons.reading import in_quantities
from app.policy.book import Book
from app.policy.cases import cases as cases_of
from app.policy.chapters import speaking
from app.policy.facts import Status
from app.policy.model import (
    FREE,
    Access,
    Case,
    CaseState,
    Chargeback,
    Given,
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
    given = _given(book, cases, terms, now)
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


def _given(book: Book, cases: list[Case], terms: Terms, now: datetime) -> tuple[Given, ...]:
    leading = _leading(cases) if cases else {}
    subs = book.subscriptions
    found = [subscriptions.given(subs[key], leading.get(key), book, terms, now) for key in sorted(subs)]
    return tuple([one for one in found if one is not None])


def _leading(cases: list[Case]) -> dict[str, Case]:
    """Return the case of each subscription that decides what it still gives: the one that restricts least."""
    leading: dict[str, Case] = {}
    for case in sorted(cases, key=lambda case: _RESTRICTS_LEAST.get(case.state, 9)):
        leading.setdefault(case.subscription, case)
    return leading


def _holds(book: Book, cases: list[Case], chargebacks: list[Chargeback], now: datetime) -> list[Hold]:
    found = [dunning.hold(case) for case in cases if case.state is CaseState.ON_HOLD]
    found.extend(disputes.hold(one) for one in chargebacks if one.holds)
    if book.overrides:
        found.extend(overrides.suspensions(book, now))
    return found


def _in_force(draft: State, book: Book, now: datetime) -> tuple[Hold, ...]:
    """Return the holds that no reinstatement lifts, the oldest first."""
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
    if any(hold.scope == "account" for hold in holds):
        none = any(hold.scope == "account" and hold.access is Access.NONE for hold in holds)
        return Rights(FREE, Access.NONE if none else Access.FREE, (), ())
    held = {key for hold in holds for key in hold.subscriptions}
    left = [one for one in draft.given if one.subscription not in held] if held else draft.given
    plan = max({one.plan for one in left if one.add_on is None}, key=terms.catalogue.rank, default=FREE)
    names = {one.add_on for one in left if one.add_on is not None}
    booked = [one for one in draft.bookings if one.usable and one.subscription not in held] if draft.bookings else []
    names.update(one.kind for one in booked)
    access = Access.FREE if plan == FREE else Access.FULL
    return Rights(plan, access, tuple(sorted(names)), in_quantities(booked) if booked else ())


def _standing(cases: Sequence[Case], holds: Sequence[Hold]) -> Standing:
    if not (cases or holds):
        return Standing.GOOD
    found = [_BY_OWNER[hold.owner] for hold in holds if hold.counts]
    found.extend(Standing.GRACE for case in cases if case.state is CaseState.GRACE)
    return max(found, key=_RANK.__getitem__, default=Standing.GOOD)


def _timers(state: State, book: Book, moment: Moment) -> Iterator[Timer]:
    if state.closed_at is not None:
        return
    for case in state.cases:
        yield from dunning.timers(case, book, moment)
    for one in state.given:
        seen = book.subscriptions[one.subscription].seen
        if one.until is not None:
            yield Timer("period_end", one.subscription, one.until)
        if seen.status is Status.ON_TRIAL and seen.trial_ends_at is not None and seen.trial_ends_at > moment.at:
            yield Timer("trial_end", seen.key, seen.trial_ends_at)
    if state.chargebacks:
        yield from disputes.timers(state.chargebacks, book, moment)
    if book.overrides:
        yield from overrides.timers(book, moment.at)
    for chapter in speaking(book, "timers"):
        yield from chapter.timers(state, book, moment)
