"""Subscriptions as an area of the policy: their grants before any hold, and the changes of their status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas import periods, tenures, trials
from kulanz.policy.areas.area import Area
from kulanz.policy.areas.subscriptions import causes, grants, twice
from kulanz.policy.book import Book
from kulanz.policy.book.provider import RUNNING_STATUSES
from kulanz.policy.document import Policy
from kulanz.policy.facts import OwnFact, SubscriptionSeen
from kulanz.policy.state import Case, CaseState, Change, Grant, Moment, State, Terms, Timer, Transition

_variant_of = attrgetter("seen.variant")
_RESTRICTS_LEAST = {state: rank for rank, state in enumerate((CaseState.ON_HOLD, CaseState.GRACE, CaseState.VOLUNTARY))}


class SubscriptionsArea(Area):
    """The area of subscriptions: trials, cancellations, pauses, changes of plan (DOMAIN section 2)."""

    families: ClassVar[tuple[str, ...]] = ("subscriptions",)

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the grants of the subscriptions; the cases decide for how long."""
        leading = _leading(draft.cases) if draft.cases else {}
        given = grants.given(book, leading, moment.terms, moment.at)
        return evolve(draft, grants=tuple(given)) if given else draft

    def awaited(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the double payments."""
        return twice.found(draft, book) if len(draft.grants) > 1 else draft

    def timers(self, state: State, book: Book, moment: Moment) -> list[Timer]:
        """Return the ends of grants and of trials, and the time to show a double payment."""
        return [*grants.timers(state.grants, book, moment.at), *state.doubles]

    def alerts(self, state: State, book: Book, moment: Moment) -> list[tuple[str, str]]:
        """Return each subscription that pays for what another one pays for, or whose content is unknown."""
        subs = book.subscriptions
        if all(map(_variant_of, subs.values())):
            return twice.alerts(state, moment.at)
        untold = [key for key, sub in subs.items() if not sub.seen.variant and _gives_unnamed(sub.seen)]
        return [*twice.alerts(state, moment.at), *((key, "plan_not_told") for key in sorted(untold))]

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield each new status, and each change of what is given."""
        if step.new.subscriptions is not step.old.subscriptions:
            yield from _statuses(step)
        if step.before is None or step.before.grants != step.after.grants:
            yield from _given(step, step.terms)


def _gives_unnamed(seen: SubscriptionSeen) -> bool:
    """Whether a subscription runs and its content is unknown."""
    return not seen.names_items and seen.status in RUNNING_STATUSES


def _leading(cases: Iterable[Case]) -> dict[str, Case]:
    """Return the case of each subscription that decides what it still gives: the one that restricts least."""
    least_first = sorted(cases, key=lambda case: _RESTRICTS_LEAST.get(case.state, 9))
    return {case.subscription: case for case in reversed(least_first)}


def _statuses(step: Transition) -> Iterator[Change]:
    old = step.old.subscriptions
    for key, sub in step.new.subscriptions.items():
        subscription = old.get(key)
        if subscription is sub or (subscription is not None and subscription.seen.status is sub.seen.status):
            continue
        yield causes.of_status(sub, step)


def _given(step: Transition, terms: Terms) -> Iterator[Change]:
    """Name a change of the subscriptions' grants, also if a hold hides it."""
    before, after = _by_item(step.before) if step.before else {}, _by_item(step.after)
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old != new:
            yield from _given_change(old, new, key[0], step, terms)


def _by_item(state: State) -> dict[tuple[str, str], Grant]:
    """Return the grants: one plan of each subscription, and each of its add-ons."""
    return {(grant.subscription, grant.add_on or ""): grant for grant in state.grants}


def _given_change(old: Grant | None, new: Grant | None, key: str, step: Transition, terms: Terms) -> Iterator[Change]:
    policy = terms.current
    rank = terms.catalogue.rank
    if new is None:
        status = str(step.new.subscriptions[key].seen.status)
        yield _of_plan("plan.ended", _ending_clause(key, step, policy), 45, old, terms, status=status)
    elif new.unpaid_plan is not None and (old is None or old.unpaid_plan != new.unpaid_plan):
        clause = policy.plan_change.upgrade_clause
        if new.add_on is not None:
            yield _of_plan("plan.pieces_unpaid", clause, 45, new, terms, quantity=new.quantity)
        else:
            yield _of_plan("plan.upgrade_unpaid", clause, 45, new, terms, wanted=new.unpaid_plan)
    elif old is None:
        months = periods.term(key, step.new, step.account.zone(terms), policy.prepaid.terms)
        yield _of_plan("plan.given", policy.prepaid.clause if months else "", 40, new, terms, term_months=months)
    elif old.plan == new.plan:
        if _is_kept(new, step, terms):
            paid = tenures.anything_paid(step.new.subscriptions[key], step.new)
            clause = policy.plan_change.downgrade_clause
            yield _of_plan("plan.downgrade_scheduled", clause, 42, new, terms, paid=paid)
        elif old.quantity != new.quantity:
            yield _of_plan("plan.quantity_changed", "", 40, new, terms, quantity=new.quantity)
    elif rank(new.plan) > rank(old.plan):
        yield _of_plan("plan.raised", policy.plan_change.upgrade_clause, 45, new, terms)
    else:
        yield _of_plan("plan.lowered", policy.plan_change.downgrade_clause, 45, new, terms)


def _ending_clause(key: str, step: Transition, policy: Policy) -> str:
    sub = step.new.subscriptions[key]
    if sub.seen.trial_ends_at is None or sub.seen.trial_ends_at != sub.seen.ends_at:
        return policy.cancellation.clause
    return trials.clause(sub, step.new, policy, step.terms.catalogue, step.account.zone(step.terms))


def _is_kept(given: Grant, step: Transition, terms: Terms) -> bool:
    """Whether a higher plan is given than the one that is subscribed to now."""
    seen = step.new.subscriptions[given.subscription].seen
    return given.add_on is None and given.plan != terms.catalogue.plan_of(seen.bought)


def _of_plan(rule: str, clause: str, rank: int, given: Grant | None, terms: Terms, **more: Any) -> Change:
    detail = {"subscription": given.subscription, "plan": given.plan, **more} if given else {}
    subject = given.subscription if given else ""
    return Change(rule=rule, clause=clause, policy=terms.current, subject=subject, rank=rank, detail=detail)
