"""Renewal dates that have passed without news: the provider is asked, or operators are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from kulanz.policy import facts as f
from kulanz.policy.book import Book
from kulanz.policy.book.own import Lookups
from kulanz.policy.book.provider import RUNNING_STATUSES, Subscription
from kulanz.policy.facts import OwnFact, Status
from kulanz.policy.state import Moment, State, Timer

_NO_LOOKS = Lookups()


class _Overdue(NamedTuple):
    """A renewal that nothing was heard of, with the looks that were taken since."""

    subscription: str
    renews_at: datetime
    since: datetime
    next_look: datetime
    answered: bool
    can_look: bool


def due(state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
    """Yield the looks that are due at renewals that nothing is heard of."""
    for late in _overdue(state, book, moment, before=moment.at):
        if late.can_look and late.next_look <= moment.at:
            seen = book.subscriptions[late.subscription].seen.stamp.at
            yield f.SubscriptionLookedUp(
                subscription=late.subscription, at=moment.at, status=None, asked=True, known=seen
            )


def looks(state: State, book: Book, moment: Moment) -> Iterator[Timer]:
    """Yield when a renewal becomes overdue, and when it is looked at again, whether that is over or not."""
    for late in _overdue(state, book, moment):
        yield Timer("renewal_overdue", late.subscription, late.next_look if late.can_look else late.since)


def timers(state: State, book: Book, moment: Moment) -> Iterator[Timer]:
    """Yield the looks that are ahead."""
    return (timer for timer in looks(state, book, moment) if timer.due_at > moment.at)


def alerts(state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
    """Yield the overdue renewals of which the provider cannot be asked, or told nothing new."""
    for late in _overdue(state, book, moment, before=moment.at):
        if late.since <= moment.at and (late.answered or not late.can_look):
            yield f"{late.subscription}@{int(late.renews_at.timestamp())}", "renewal_overdue"


def _overdue(state: State, book: Book, moment: Moment, before: datetime | None = None) -> Iterator[_Overdue]:
    """Yield the renewals that are due or will be, of what gives a plan with no end; a case looks after its own.

    Those that are not due `before` a moment are left out: none of them is overdue then.
    """
    in_dunning = {case.subscription for case in state.cases}
    endless = {grant.subscription for grant in state.grants if grant.until is None}
    for key in sorted(endless - in_dunning):
        sub = book.subscriptions[key]
        renews_at = _renews_at(sub)
        if renews_at is not None and (before is None or renews_at < before):
            yield _of(sub, renews_at, book, moment)


def _renews_at(sub: Subscription) -> datetime | None:
    """Return when something should be heard of a subscription; a free pause is the merchant's own word."""
    seen = sub.seen
    match seen.status:
        case Status.PAUSED:
            return None
        case Status.ON_TRIAL:
            return seen.renews_at or seen.trial_ends_at
        case Status.CANCELLED | Status.EXPIRED:
            # Our own cancellation, which we took back.
            return seen.ends_at or seen.renews_at or seen.stamp.at
        case _:
            return seen.renews_at


def _heard_at(sub: Subscription, renews_at: datetime, book: Book) -> datetime:
    """Return the renewal date, or what was heard later: a payment, a transfer, or that it is called unpaid."""
    invoices, heard = book.invoices.get(sub.seen.key), renews_at
    if invoices is not None and invoices.paid_at is not None and invoices.paid_at > heard:
        heard = invoices.paid_at
    if sub.seen.status not in RUNNING_STATUSES and sub.seen.stamp.at > heard:
        heard = sub.seen.stamp.at
    if book.transfers:
        heard = max([heard, *(transfer.told.at for transfer in book.transfers.values() if transfer.told)])
    return heard


def _of(sub: Subscription, renews_at: datetime, book: Book, moment: Moment) -> _Overdue:
    rules, looks = moment.terms.current.renewals, book.looks.get(sub.seen.key, _NO_LOOKS)
    span = rules.overdue_after_by_hand if sub.seen.by_hand else rules.overdue_after
    since = span.after(_heard_at(sub, renews_at, book), moment.zone)
    asked = [at for at, _ in looks.asked if since <= at <= moment.at]
    return _Overdue(
        subscription=sub.seen.key,
        renews_at=renews_at,
        since=since,
        next_look=span.after(asked[-1], moment.zone) if asked else since,
        answered=any(since <= at <= moment.at for at, _ in looks.answers),
        can_look=sub.seen.key.partition(":")[0] in moment.terms.can_look,
    )
