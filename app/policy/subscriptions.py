"""What each subscription gives: trials, cancellations, pauses, changes of plan, and cancellations of our own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.policy.book import Asked, Book, Subscription
from app.policy.facts import BillingReason, Outcome, Status
from app.policy.model import Case, CaseState, Given, Terms

MAY_HAVE_HAPPENED = frozenset({Outcome.ASKED, Outcome.UNKNOWN, Outcome.DONE})
_RUNNING = frozenset({Status.ON_TRIAL, Status.ACTIVE})
_A_MONTH = timedelta(days=30)
_MORE_THAN_A_YEAR = timedelta(days=372)


@dataclass(frozen=True, slots=True)
class _Until:
    """Something is given, to an instant where one is known."""

    at: datetime | None = None


def given(sub: Subscription, case: Case | None, book: Book, terms: Terms, now: datetime) -> Given | None:
    """Return the plan that a subscription gives now, before any hold (DOMAIN section 2, rule 1), or None."""
    until = _given_until(sub, case, book)
    if until is None or (until.at is not None and until.at <= now):
        return None
    key, plan = sub.seen.key, terms.catalogue.plan(sub.seen.variant, sub.seen.product)
    if plan.startswith("addon:"):
        return Given(subscription=key, plan=plan, add_on=plan.removeprefix("addon:"), until=until.at)
    kept = _kept_plan(sub, plan, terms, now)
    if kept is None:
        return Given(subscription=key, plan=plan, add_on=None, until=until.at)
    higher, renews_at = kept
    return Given(subscription=key, plan=higher, add_on=None, until=min(renews_at, until.at or renews_at))


def stops(book: Book, subscription: str) -> Iterator[tuple[str, Asked]]:
    """Yield the cause of each cancellation that we asked for, and what became of it."""
    for key, asked in book.stops.items():
        name, cause, _ = key.split("|")
        if name == subscription:
            yield cause, asked


def stopped_by_us(sub: Subscription, book: Book) -> Asked | None:
    """Return our latest cancellation that may have happened and that the subscription has not outlived."""
    running = sub.running.at if sub.running else None
    ours = [
        asked
        for _, asked in stops(book, sub.seen.key)
        if asked.outcome in MAY_HAVE_HAPPENED
        and not (running and asked.seen and running > asked.seen and asked.outcome is not Outcome.ASKED)
    ]
    return max(ours, key=lambda asked: asked.at, default=None)


def resumed_since(sub: Subscription, book: Book, stop: Asked) -> Asked | None:
    """Return our latest attempt to take a cancellation back that is not older than it."""
    found = [
        asked
        for key, asked in book.resumes.items()
        if key.startswith(f"{sub.seen.key}|") and asked.at >= stop.at and asked.outcome is not Outcome.WITHDRAWN
    ]
    return max(found, key=lambda asked: asked.at, default=None)


def cancelled_by_customer(sub: Subscription, book: Book) -> datetime | None:
    """Return when the customer cancelled a subscription that is still cancelled, or None (plexo 4).

    A cancellation that came after we asked for one is ours (DOMAIN section 3) and never read as the customer's will.
    """
    if sub.seen.status not in {Status.CANCELLED, Status.EXPIRED}:
        return None
    stop = stopped_by_us(sub, book)
    since = None
    for stamp, status in sub.marks:
        if status is Status.CANCELLED:
            ours = stop is not None and (stop.seen is None or stamp.at >= stop.seen)
            since = since or (None if ours else stamp.at)
        elif status is not Status.EXPIRED:
            since = None
    return since


def expired_by_provider(sub: Subscription, book: Book) -> bool:
    """Whether the provider ended the subscription without our asking."""
    return sub.seen.status is Status.EXPIRED and stopped_by_us(sub, book) is None


def may_resume(sub: Subscription) -> bool:
    """Whether the provider shows a subscription as cancelled or expired."""
    return sub.seen.status in {Status.CANCELLED, Status.EXPIRED}


def _given_until(sub: Subscription, case: Case | None, book: Book) -> _Until | None:
    if case is not None:
        return _Until(case.deadline) if case.state is CaseState.VOLUNTARY else _during(case)
    match sub.seen.status:
        case Status.ON_TRIAL | Status.ACTIVE | Status.PAST_DUE | Status.UNPAID:
            return _Until()
        case Status.PAUSED:
            return _Until() if sub.seen.pause_mode == "free" else None
        case Status.CANCELLED | Status.EXPIRED if not cancelled_by_customer(sub, book) and stopped_by_us(sub, book):
            return _until_what_we_stopped_ends(sub, book)
        case Status.CANCELLED:
            return _Until(sub.seen.ends_at or sub.seen.renews_at)
        case Status.EXPIRED:
            return None


def _during(case: Case) -> _Until | None:
    """During grace and hold a plan is given whatever the provider says; a hold is what restricts it."""
    return None if case.state is CaseState.EXHAUSTED else _Until()


def _until_what_we_stopped_ends(sub: Subscription, book: Book) -> _Until:
    """What we cancelled and no longer want cancelled runs on; where that was refused, to the end of what is paid."""
    stop = stopped_by_us(sub, book)
    resumed = resumed_since(sub, book, stop) if stop else None
    if resumed is None or resumed.outcome in MAY_HAVE_HAPPENED:
        return _Until()
    return _Until(_paid_through(sub, book))


def _paid_through(sub: Subscription, book: Book) -> datetime | None:
    """Return the end of the last paid period, judged by the distance of the last two paid invoices."""
    paid = sorted(
        (invoice.seen.created_at or invoice.paid_at, str(invoice.seen.reason))
        for invoice in book.invoices.values()
        if invoice.seen.subscription == sub.seen.key
        and invoice.paid_at
        and invoice.seen.reason != BillingReason.UPDATED
    )
    starts = [start for start, _ in paid]
    if not starts:
        return sub.seen.ends_at
    previous = starts[-2] if len(starts) > 1 else sub.seen.created_at
    length = starts[-1] - previous if previous else _A_MONTH
    end = starts[-1] + (length if timedelta(days=1) <= length <= _MORE_THAN_A_YEAR else _A_MONTH)
    return max(end, sub.seen.ends_at or end)


def _kept_plan(sub: Subscription, plan: str, terms: Terms, now: datetime) -> tuple[str, datetime] | None:
    """Return the higher plan that is paid for to the end of its period, and that end (plexo 5.2)."""
    if len(sub.terms) == 1:
        return None
    rank = terms.catalogue.rank
    current = next((term for term in sub.terms if term.variant == sub.seen.variant), None)
    if current is None or terms.at(current.stamp.at).plan_change.downgrade != "period_end":
        return None
    higher = [
        (terms.catalogue.plan(term.variant, term.product), term.renews_at)
        for term in sub.terms
        if term.stamp < current.stamp and term.renews_at is not None and term.renews_at > now
    ]
    kept = [(name, until) for name, until in higher if rank(name) > rank(plan) and not name.startswith("addon:")]
    return max(kept, key=lambda one: (rank(one[0]), one[1]), default=None)
