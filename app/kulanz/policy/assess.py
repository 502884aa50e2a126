"""Assessment of a book at one moment: cases, holds, entitlement, standing, timers. Pure and repeatable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter

from msgspec.structs import replace as evolve

from kulanz.policy.areas import areas_for
from kulanz.policy.areas.add_ons.reading import in_quantities
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.book import Book
from kulanz.policy.book.keeping import Kept
from kulanz.policy.state import (
    FREE,
    Access,
    Case,
    CaseState,
    Hold,
    Moment,
    Owner,
    Rights,
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
_kind_of = attrgetter("plan", "add_on")
_RANK = {standing: rank for rank, standing in enumerate(Standing)}


def assess(book: Book, terms: Terms, zone: str, now: datetime, *, with_timers: bool = True) -> State:
    """Assess the book at `now`, under these terms and the account's own.

    Every area adds its findings to the draft, in order; then it yields its holds, and its timers.
    """
    return assessed(book, Moment(terms.under(book, now), zone, now), with_timers=with_timers)


def assessed(book: Book, moment: Moment, *, with_timers: bool = True) -> State:
    """Assess the book at a moment whose terms are the account's own."""
    draft = State(as_of=moment.at)
    for area in areas_for(book, "assess"):
        draft = area.assess(draft, book, moment)
    if not with_timers:
        return _concluded(draft, book, moment, ())
    for area in areas_for(book, "awaited"):
        draft = area.awaited(draft, book, moment)
    timers: list[Timer] = []
    for area in areas_for(book, "timers") if draft.closed_at is None else ():
        timers.extend(area.timers(draft, book, moment))
    return _concluded(draft, book, moment, timers)


def lifted(state: State, book: Book, moment: Moment) -> Iterator[tuple[Hold, datetime]]:
    """Yield the holds that a reinstatement lifts, each with the time until which it does."""
    present = {hold.key for hold in state.holds}
    for area in areas_for(book, "holds") if book.lifted else ():
        for hold in area.holds(state, book, moment):
            case = state.case(hold.source)
            until = exceptions.case_lifted_until(book, case) if case else exceptions.lifted_until(book, hold.key)
            if hold.key not in present and until is not None:
                yield hold, until


def _concluded(draft: State, book: Book, moment: Moment, timers: Iterable[Timer]) -> State:
    """Return the draft with the totals of the findings: standing, plan, access, add-ons."""
    holds = _in_force(draft, book, moment)
    rights = _rights(draft, holds, moment.terms)
    if draft.kept is not None and draft.closed_at is None:
        rights = _at_least(draft.kept, rights, holds, moment.terms)
    standing = Standing.CLOSED if draft.closed_at is not None else _standing(draft.cases, holds)
    return evolve(
        draft,
        standing=standing,
        holds=holds,
        plan=rights.plan,
        access=rights.access,
        add_ons=rights.add_ons,
        quantities=rights.quantities,
        timers=tuple(timers),
    )


def _in_force(draft: State, book: Book, moment: Moment) -> tuple[Hold, ...]:
    """Return the holds that no reinstatement lifts, the oldest first."""
    holds: list[Hold] = []
    for area in areas_for(book, "holds"):
        holds.extend(area.holds(draft, book, moment))
    if holds and book.lifted:
        lifted = exceptions.lifted(book, draft.cases, moment.at)
        holds = [hold for hold in holds if hold.key not in lifted]
    return tuple(sorted(holds, key=lambda hold: (hold.since, hold.key)) if len(holds) > 1 else holds)


def _rights(draft: State, holds: Sequence[Hold], terms: Terms) -> Rights:
    """Return the rest of the plans and add-ons after the union of the holds."""
    left_of_all = [hold.access for hold in holds if hold.scope == "account"] if holds else []
    if left_of_all:
        return Rights(FREE, Access.NONE if Access.NONE in left_of_all else Access.FREE, (), ())
    held = {key for hold in holds for key in hold.subscriptions} if holds else set()
    left = [item for item in draft.grants if item.subscription not in held] if held else draft.grants
    kinds = set(map(_kind_of, left))
    plans = [plan for plan, add_on in kinds if add_on is None]
    pieces = []
    if len(plans) < len(kinds):
        pieces = [(item.add_on, item.quantity) for item in left if item.add_on is not None and item.quantity]
    if draft.lifetimes:
        plans += [lifetime.plan for lifetime in draft.lifetimes]
    plan = max(plans, key=terms.catalogue.rank, default=FREE)
    access = Access.FREE if plan == FREE else Access.FULL
    booked = [item for item in draft.bookings if item.usable and item.subscription not in held]
    if not pieces and not booked:
        return Rights(plan, access, (), ())
    total = in_quantities([*pieces, *((item.kind, item.amount) for item in booked)])
    return Rights(plan, access, tuple(name for name, _ in total), total)


def _at_least(kept: Kept, rights: Rights, holds: Sequence[Hold], terms: Terms) -> Rights:
    """Return the rights, and those kept although the rules give less; new holds take the kept ones, too."""
    if any(hold.since > kept.since for hold in holds):
        return rights
    plan = max(rights.plan, kept.plan or FREE, key=terms.catalogue.rank)
    access = max(rights.access, Access(kept.access or rights.access), key=lambda access: access.rank)
    return evolve(rights, plan=plan, access=access)


def _standing(cases: Sequence[Case], holds: Sequence[Hold]) -> Standing:
    """Return the worst standing that a hold or a case in grace causes."""
    in_grace = any(case.state is CaseState.GRACE and not case.claim for case in cases) if cases else False
    standing = Standing.GRACE if in_grace else Standing.GOOD
    if not holds:
        return standing
    return max([standing, *(_BY_OWNER[hold.owner] for hold in holds if hold.counts)], key=_RANK.__getitem__)
