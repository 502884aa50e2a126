"""Renewal dates that have passed without news: the provider is asked, or operators are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from kulanz.policy import facts as f
from kulanz.policy.book import Book
from kulanz.policy.book.own import Lookups
from kulanz.policy.book.provider import RUNNING_STATUSES, Subscription
from kulanz.policy.calendar.time import Span
from kulanz.policy.facts import OwnFact, Status, SubscriptionSeen
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
    for late in _overdue(state, book, moment):
        if late.can_look and late.next_look <= moment.at:
            seen = book.subscriptions[late.subscription].seen.stamp.at
            yield f.SubscriptionLookedUp(
                subscription=late.subscription, at=moment.at, status=None, asked=True, known=seen
            )


def looks(state: State, book: Book, moment: Moment) -> list[Timer]:
    """Return when a renewal becomes overdue, and when it is looked at again, whether that is over or not."""
    return [
        Timer("renewal_overdue", sub.seen.key, _looked_at(sub, renews_at, book, moment))
        for sub, renews_at in _renewals(state, book)
    ]


def timers(state: State, book: Book, moment: Moment) -> list[Timer]:
    """Return the looks that are ahead."""
    return [timer for timer in looks(state, book, moment) if timer.due_at > moment.at]


def alerts(state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
    """Yield the overdue renewals of which the provider cannot be asked, or told nothing new."""
    for late in _overdue(state, book, moment):
        if late.since <= moment.at and (late.answered or not late.can_look):
            yield f"{late.subscription}@{int(late.renews_at.timestamp())}", "renewal_overdue"


def _overdue(state: State, book: Book, moment: Moment) -> list[_Overdue]:
    """Return the renewals that should have been by now: some of them are overdue."""
    return [_of(sub, renews_at, book, moment) for sub, renews_at in _renewals(state, book, before=moment.at)]


def _renewals(state: State, book: Book, before: datetime | None = None) -> list[tuple[Subscription, datetime]]:
    """Return the subscriptions that give a plan with no end, each with its renewal; a case looks after its own."""
    endless = {grant.subscription for grant in state.grants if grant.until is None}
    endless.difference_update([case.subscription for case in state.cases])
    found = []
    for key in endless:
        sub = book.subscriptions[key]
        seen = sub.seen
        renews_at = seen.renews_at if seen.status is Status.ACTIVE else _renews_at(seen)
        if renews_at is not None and (before is None or renews_at < before):
            found.append((key, sub, renews_at))
    return [(sub, renews_at) for _, sub, renews_at in sorted(found, key=itemgetter(0))] if found else []


def _renews_at(seen: SubscriptionSeen) -> datetime | None:
    """Return when something should be heard of a subscription; a free pause is the merchant's own word."""
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


def _since(sub: Subscription, renews_at: datetime, book: Book, moment: Moment) -> datetime:
    """Return when a renewal is overdue: a while after its date, or after what was heard later.

    That is a payment, a transfer, or that the subscription is called unpaid.
    """
    seen, invoices, heard = sub.seen, book.invoices.get(sub.seen.key), renews_at
    if invoices is not None and invoices.paid_at is not None and invoices.paid_at > heard:
        heard = invoices.paid_at
    if seen.stamp.at > heard and seen.status not in RUNNING_STATUSES:
        heard = seen.stamp.at
    if book.transfers:
        heard = max([heard, *(transfer.told.at for transfer in book.transfers.values() if transfer.told)])
    return _span(sub, moment).after(heard, moment.zone)


def _looked_at(sub: Subscription, renews_at: datetime, book: Book, moment: Moment) -> datetime:
    """Return when a renewal becomes overdue, or is looked at again."""
    if sub.seen.key not in book.looks:
        return _since(sub, renews_at, book, moment)
    late = _of(sub, renews_at, book, moment)
    return late.next_look if late.can_look else late.since


def _of(sub: Subscription, renews_at: datetime, book: Book, moment: Moment) -> _Overdue:
    looks, since = book.looks.get(sub.seen.key, _NO_LOOKS), _since(sub, renews_at, book, moment)
    asked = [at for at, _ in looks.asked if since <= at <= moment.at]
    return _Overdue(
        subscription=sub.seen.key,
        renews_at=renews_at,
        since=since,
        next_look=_span(sub, moment).after(asked[-1], moment.zone) if asked else since,
        answered=any(since <= at <= moment.at for at, _ in looks.answers),
        can_look=sub.seen.key.partition(":")[0] in moment.terms.can_look,
    )


def _span(sub: Subscription, moment: Moment) -> Span:
    rules = moment.terms.current.renewals
    return rules.overdue_after_by_hand if sub.seen.by_hand else rules.overdue_after
