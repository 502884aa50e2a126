"""Renewal dates that have passed without news: the provider is asked, or operators are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from kulanz.policy import facts as f
from kulanz.policy.book import Book
from kulanz.policy.book.own import Lookups
from kulanz.policy.book.provider import RUNNING_STATUSES
from kulanz.policy.facts import OwnFact, Status, SubscriptionSeen
from kulanz.policy.state import Moment, State, Timer

_NO_LOOKS = Lookups()


class _Overdue(NamedTuple):
    """A silent renewal, with the re-checks that were made since."""

    subscription: str
    next_look: datetime
    answered: bool
    can_look: bool


def renewals(state: State, book: Book, moment: Moment) -> tuple[tuple[str, datetime], ...]:
    """Return the subscriptions that give a plan with no end, each with when its renewal is overdue.

    A case looks after its own.
    """
    endless = {grant.subscription for grant in state.grants if grant.until is None}
    endless.difference_update([case.subscription for case in state.cases])
    rules, zone, found = moment.terms.current.renewals, moment.zone, []
    for key in sorted(endless):
        seen = book.subscriptions[key].seen
        renews_at = seen.renews_at if seen.status is Status.ACTIVE else _renews_at(seen)
        if renews_at is not None:
            span = rules.overdue_after_by_hand if seen.by_hand else rules.overdue_after
            found.append((key, span.after(_heard_at(seen, renews_at, book), zone)))
    return tuple(found)


def due(state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
    """Yield the re-checks of silent renewals that are due."""
    for late in _overdue(state, book, moment):
        if late.can_look and late.next_look <= moment.at:
            seen = book.subscriptions[late.subscription].seen.stamp.at
            yield f.SubscriptionLookedUp(
                subscription=late.subscription, at=moment.at, status=None, asked=True, known=seen
            )


def looks(state: State, book: Book, moment: Moment) -> list[Timer]:
    """Return when a renewal becomes overdue and when it is re-checked, past times too."""
    return [
        Timer("renewal_overdue", key, _looked_at(key, since, book, moment) if key in book.looks else since)
        for key, since in state.renewals
    ]


def timers(state: State, book: Book, moment: Moment) -> list[Timer]:
    """Return the re-checks that are ahead."""
    now = moment.at
    if book.looks:
        return [timer for timer in looks(state, book, moment) if timer.due_at > now]
    return [Timer("renewal_overdue", key, since) for key, since in state.renewals if since > now]


def alerts(state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
    """Yield the overdue renewals that the provider cannot be asked about, or had no news of."""
    for late in _overdue(state, book, moment):
        if late.answered or not late.can_look:
            renews_at = _renews_at(book.subscriptions[late.subscription].seen)
            if renews_at is not None:
                yield f"{late.subscription}@{int(renews_at.timestamp())}", "renewal_overdue"


def _overdue(state: State, book: Book, moment: Moment) -> list[_Overdue]:
    """Return the renewals that are overdue, by either way of looking at them."""
    return [_of(key, since, book, moment) for key, since in state.renewals if since <= moment.at]


def _renews_at(seen: SubscriptionSeen) -> datetime | None:
    """Return when news of a subscription is expected; a free pause is the merchant's own word."""
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


def _heard_at(seen: SubscriptionSeen, renews_at: datetime, book: Book) -> datetime:
    """Return the renewal date, or the time of later news: a payment, a transfer, or the status unpaid."""
    invoices, heard = book.invoices.get(seen.key), renews_at
    if invoices is not None and invoices.paid_at is not None and invoices.paid_at > heard:
        heard = invoices.paid_at
    if seen.stamp.at > heard and seen.status not in RUNNING_STATUSES:
        heard = seen.stamp.at
    if book.transfers:
        heard = max([heard, *(transfer.told.at for transfer in book.transfers.values() if transfer.told)])
    return heard


def _looked_at(key: str, since: datetime, book: Book, moment: Moment) -> datetime:
    """Return when a renewal becomes overdue, or is looked at again."""
    late = _of(key, since, book, moment)
    return late.next_look if late.can_look else since


def _of(key: str, since: datetime, book: Book, moment: Moment) -> _Overdue:
    looks = book.looks.get(key, _NO_LOOKS)
    asked = [at for at, _ in looks.asked if since <= at <= moment.at]
    rules = moment.terms.current.renewals
    span = rules.overdue_after_by_hand if book.subscriptions[key].seen.by_hand else rules.overdue_after
    return _Overdue(
        subscription=key,
        next_look=span.after(asked[-1], moment.zone) if asked else since,
        answered=any(since <= at <= moment.at for at, _ in looks.answers),
        can_look=key.partition(":")[0] in moment.terms.can_look,
    )
