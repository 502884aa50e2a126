"""The grant of each subscription: trials, cancellations, pauses, changes of plan, and cancellations of our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from msgspec.structs import replace as evolve

from kulanz.policy.areas import periods, tenures
from kulanz.policy.areas.settling import settled
from kulanz.policy.book import Book
from kulanz.policy.book.cancellations import CancellationNotice
from kulanz.policy.book.own import RenewalStep
from kulanz.policy.book.provider import GIVING_STATUSES, Subscription
from kulanz.policy.facts import Outcome, Status, SubscriptionSeen
from kulanz.policy.state import Case, CaseState, Catalogue, Grant, Terms, Timer

MAY_HAVE_HAPPENED = frozenset({Outcome.ASKED, Outcome.UNKNOWN, Outcome.DONE})
_add_on_of = attrgetter("add_on")
_until_of = attrgetter("until")
_status_of = attrgetter("seen.status")
_STOPPED = frozenset({Status.CANCELLED, Status.EXPIRED})
_A_DAY = timedelta(days=1)
_A_MONTH = timedelta(days=30)
_MORE_THAN_A_YEAR = timedelta(days=372)


@dataclass(frozen=True, slots=True)
class Until:
    """The end of something that is given, where one is known."""

    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A cancellation of ours that is in force, and our latest attempt to take it back."""

    stop: RenewalStep
    resume: RenewalStep | None

    @property
    def resume_refused(self) -> bool:
        """Whether the provider did not take it back."""
        return self.resume is not None and self.resume.asked.outcome not in MAY_HAVE_HAPPENED


_ALWAYS = Until()


def given(book: Book, leading: Mapping[str, Case], terms: Terms, now: datetime) -> list[Grant]:
    """Return the grants of the subscriptions now, before any hold (DOMAIN section 2, rule 1), by their keys.

    `leading` has the case of each subscription that decides what it still gives.
    """
    grants: list[Grant] = []
    subs, catalogue = book.subscriptions, terms.catalogue
    plans, add_ons = catalogue.variants, catalogue.add_ons
    for key in sorted(subs):
        sub = subs[key]
        seen, ends_at = sub.seen, None
        if sub.gives_one_plan and key not in leading:
            plan = plans.get(seen.variant) or catalogue.plan(seen.variant, seen.product)
            grants.append(Grant(key, plan, add_ons.get(plan), None, seen.quantity))
            continue
        if seen.status not in GIVING_STATUSES or key in leading:
            until = _given_until(sub, leading.get(key), book)
            if until is None or (until.at is not None and until.at <= now):
                continue
            ends_at = until.at
        if len(sub.terms) > 1:
            found = _of_items(seen, ends_at, catalogue, now)
            grants += [item if item.add_on else _changed(item, sub, book, terms, now) for item in found]
        elif seen.items:
            grants += _of_items(seen, ends_at, catalogue, now)
        elif seen.variant:
            plan = catalogue.plan(seen.variant, seen.product)
            grants.append(Grant(key, plan, add_ons.get(plan), ends_at, seen.quantity))
    if not any(map(_add_on_of, grants)):
        return grants
    return [grant if grant.add_on is None else _paid_pieces(grant, book, terms) for grant in grants]


def timers(given: Iterable[Grant], book: Book, now: datetime) -> Iterator[Timer]:
    """Yield the ends of grants and of trials."""
    subs = book.subscriptions
    if not (any(map(_until_of, given)) or Status.ON_TRIAL in map(_status_of, subs.values())):
        return
    for grant in given:
        seen = subs[grant.subscription].seen
        if grant.until is not None:
            yield Timer("period_end", grant.subscription, grant.until)
        if seen.status is Status.ON_TRIAL and seen.trial_ends_at is not None and seen.trial_ends_at > now:
            yield Timer("trial_end", grant.subscription, seen.trial_ends_at)


def stopped_by_us(sub: Subscription, book: Book) -> Stopped | None:
    """Return our latest cancellation that may have happened and that the subscription has not outlived."""
    renewals = book.renewals.get(sub.seen.key)
    if renewals is None:
        return None
    stop = resume = None
    for turn in renewals.turns:
        if turn.cause is not None:
            if turn.asked.outcome in MAY_HAVE_HAPPENED:
                stop, resume = turn, None
        elif turn.asked.outcome is not Outcome.WITHDRAWN:
            resume = turn
    if stop is None or _outlived(sub, stop, resume):
        return None
    return Stopped(stop, resume)


def cancelled_by_customer(sub: Subscription, book: Book) -> datetime | None:
    """Return when the customer cancelled a subscription that is still cancelled, or None (plexo 4).

    A cancellation that came after we asked for one is ours (DOMAIN section 3) and never read as the customer's will.
    """
    if sub.seen.status not in _STOPPED:
        return None
    noticed = notice_of(sub, book)
    if noticed is not None:
        return noticed.noted.at
    ours = stopped_by_us(sub, book)
    from_us = None if ours is None else ours.stop.asked.seen or ours.stop.asked.at
    since = None
    for stamp, status in sub.marks:
        if status is Status.CANCELLED:
            since = since or (None if from_us is not None and stamp.at >= from_us else stamp.at)
        elif status is not Status.EXPIRED:
            since = None
    return since


def closing_since(book: Book) -> datetime | None:
    """Return since when the organisation asks to be deleted: what we cancelled for that runs out (plexo 13)."""
    requested = (log.requested.at for log in book.deletions.values() if log.requested and log.withdrawn is None)
    return min(requested, default=None)


def notice_of(sub: Subscription, book: Book) -> CancellationNotice | None:
    """Return the customer's notice that is in force: the newest, unless it was carried out and taken back since.

    A customer who lets the provider run the subscription again after our stop has changed their mind.
    """
    if not book.cancellations:
        return None
    given = [notice for notice in book.cancellations.values() if notice.noted.subscription == sub.seen.key]
    newest = max(given, key=lambda notice: (notice.noted.at, notice.noted.id), default=None)
    return None if newest is None or _taken_back(newest, sub, book) else newest


def expired_by_provider(sub: Subscription, book: Book) -> bool:
    """Whether the provider ended the subscription without our asking."""
    return sub.seen.status is Status.EXPIRED and stopped_by_us(sub, book) is None


def shown_as_stopped(sub: Subscription) -> bool:
    """Whether the provider shows the subscription as cancelled or expired."""
    return sub.seen.status in _STOPPED


def _taken_back(notice: CancellationNotice, sub: Subscription, book: Book) -> bool:
    renewals = book.renewals.get(sub.seen.key)
    if renewals is None or sub.running is None:
        return False
    stops = [turn.asked for turn in renewals.turns if turn.cause == notice.cause and turn.asked.outcome is Outcome.DONE]
    return any(request_log.seen is not None and sub.running.at > request_log.seen for request_log in stops)


def _outlived(sub: Subscription, stop: RenewalStep, resume: RenewalStep | None) -> bool:
    """Whether the provider has shown something that came after our stop, or after our resume."""
    seen = stop.asked.seen
    if sub.running and seen and sub.running.at > seen and stop.asked.outcome is not Outcome.ASKED:
        return True
    if resume is None or resume.asked.outcome is not Outcome.DONE or resume.asked.seen is None:
        return False
    return sub.seen.stamp.at > resume.asked.seen


def _of_items(seen: SubscriptionSeen, until: datetime | None, catalogue: Catalogue, now: datetime) -> list[Grant]:
    """Return the grant of each item that counts, unless it has ended: its period may be over before the whole."""
    grants = []
    for plan, item in catalogue.counting(seen.bought) if seen.names_items else ():
        ends_at = until if until is None or item.ends_at is None else min(item.ends_at, until)
        if ends_at is None or ends_at > now:
            grants.append(Grant(seen.key, plan, catalogue.add_ons.get(plan), ends_at, item.quantity))
    return grants


def _given_until(sub: Subscription, case: Case | None, book: Book) -> Until | None:
    if case is not None and case.state is not CaseState.VOID:
        return _during(case, sub)
    status = sub.seen.status
    if status in GIVING_STATUSES:
        return _ALWAYS
    if status is Status.PAUSED:
        return _ALWAYS if sub.seen.pause_mode == "free" else None
    ours = stopped_by_us(sub, book)
    if ours is not None and cancelled_by_customer(sub, book) is None and closing_since(book) is None:
        # An unwanted cancellation is taken back; where that was refused, it runs to the end of the paid period.
        return Until(paid_through(sub, book)) if ours.resume_refused else _ALWAYS
    return Until(_cancelled_until(sub, book)) if status is Status.CANCELLED else None


def _during(case: Case, sub: Subscription) -> Until | None:
    """Give the plan during grace and hold, for every status of the provider; a hold or a pause restricts it."""
    if case.state is CaseState.VOLUNTARY:
        return Until(case.deadline)
    if sub.seen.status is Status.PAUSED and sub.seen.pause_mode != "free":
        return None
    return None if case.given_up or _had_ended(sub, case.opened_at) else _ALWAYS


def _had_ended(sub: Subscription, at: datetime) -> bool:
    """Whether the provider had ended a subscription before something happened, such as a debit's return."""
    ended = [stamp.at for stamp, status in sub.marks if status is Status.EXPIRED]
    return sub.seen.status is Status.EXPIRED and bool(ended) and ended[0] < at


def _cancelled_until(sub: Subscription, book: Book) -> datetime:
    """Return the end of a cancelled subscription: as sent, or that of the paid period, or at once.

    After a pause in which nothing was given, only an end counts that lies in what is paid for.
    """
    told, paid = sub.seen.ends_at, _told_paid_until(sub) or _paid_period(sub, book)
    if _was_paused(sub):
        return told if told and paid and told <= paid else sub.seen.stamp.at
    return told or paid or sub.seen.stamp.at


def _was_paused(sub: Subscription) -> bool:
    """Whether a pause in which nothing was given came right before the cancellation."""
    before = [snapshot for snapshot in sub.history if snapshot.status not in _STOPPED]
    return bool(before) and before[-1].status is Status.PAUSED and before[-1].pause != "free"


def _told_paid_until(sub: Subscription) -> datetime | None:
    """Return the last renewal that was sent while it ran."""
    told = [snapshot.until for snapshot in sub.history if snapshot.runs and snapshot.until]
    return told[-1] if told else max((term.paid_until for term in sub.terms if term.paid_until), default=None)


def _paid_period(sub: Subscription, book: Book) -> datetime | None:
    """Return the end of the last paid period, judged by the distance of the last two paid invoices."""
    paid = [
        invoice for invoice in periods.regular_invoices(sub.seen.key, book) if invoice.paid or settled(book, invoice)
    ]
    if not paid:
        return None
    starts = [periods.started(invoice) for invoice in paid]
    previous = starts[-2] if len(starts) > 1 else sub.seen.created_at
    length = starts[-1] - previous if previous else _A_MONTH
    return starts[-1] + (length if _A_DAY <= length <= _MORE_THAN_A_YEAR else _A_MONTH)


def paid_through(sub: Subscription, book: Book) -> datetime:
    """Return the end of the paid period, or the provider's date where no payment is known."""
    end = _paid_period(sub, book)
    if end is None:
        return sub.seen.ends_at or sub.seen.renews_at or sub.seen.stamp.at
    return max(end, sub.seen.ends_at or end)


def _paid_pieces(grant: Grant, book: Book, terms: Terms) -> Grant:
    """Return the counted quantity of an add-on: an increase does not count while its charge is known and unpaid."""
    sub = book.subscriptions[grant.subscription]
    if len(sub.history) <= 1:
        return grant
    pieces = tenures.counted_pieces(grant.plan, sub, book, terms.catalogue)
    return grant if pieces >= grant.quantity else evolve(grant, quantity=pieces, unpaid_plan=grant.plan)


def _changed(grant: Grant, sub: Subscription, book: Book, terms: Terms, now: datetime) -> Grant:
    """Return the grant after a change of plan: a dearer plan that is not paid for counts later (plexo 5.1)."""
    chosen = tenures.counted(sub, book, terms)
    if chosen.unpaid is not None:
        plan = terms.catalogue.plan_of(chosen.tenure.last.bought)
        grant = evolve(grant, plan=plan, unpaid_plan=grant.plan)
    return _kept(grant, sub, book, terms, now)


def _kept(grant: Grant, sub: Subscription, book: Book, terms: Terms, now: datetime) -> Grant:
    """Return the higher plan instead that is paid for to the end of its period, where there is one (plexo 5.2)."""
    rank, plan, known = terms.catalogue.rank, terms.catalogue.plan_of, tenures.tenures(sub)
    if terms.at(known[-1].last.stamp.at).plan_change.downgrade != "period_end":
        return grant
    add_ons, told = terms.catalogue.add_ons, tenures.any_payment_told(sub, book)
    kept = [
        (plan(tenure.last.bought), tenure.paid_until)
        for tenure in known[:-1]
        if tenure.paid_until is not None
        and tenure.paid_until > now
        and (not told or tenures.is_paid(tenure, sub, book))
    ]
    kept = [(name, until) for name, until in kept if name not in add_ons and rank(name) > rank(grant.plan)]
    if not kept:
        return grant
    higher, paid_until = max(kept, key=lambda kept: (rank(kept[0]), kept[1]))
    return evolve(grant, plan=higher, until=min(paid_until, grant.until or paid_until))
