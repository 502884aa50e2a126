"""Renewal dates that have passed without news: the provider is asked, or operators are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import filterfalse
from operator import attrgetter
from typing import NamedTuple

from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.book import Book
from kulanz.policy.book.own import Lookups
from kulanz.policy.book.provider import renews_at
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import CaseState, Moment, State, Timer

_OVERDUE = "renewal_overdue"
_NO_LOOKS = Lookups()
_subscription_of, _until_of = attrgetter("subscription"), attrgetter("until")
_subject_of = attrgetter("subject")


class _Overdue(NamedTuple):
    """A silent renewal, with the re-checks that were made since."""

    subscription: str
    next_look: datetime
    answered: bool
    can_look: bool


def found(draft: State, book: Book, moment: Moment) -> State:
    """Return the draft with when the renewal of each subscription is overdue that gives a plan with no end.

    A case looks after its own, unless an operator waived it.
    """
    endless = dict.fromkeys(map(_subscription_of, filterfalse(_until_of, draft.grants)))
    for case in draft.cases:
        if case.state is not CaseState.VOID:
            endless.pop(case.subscription, None)
    subs, invoices, rules, now = book.subscriptions, book.invoices, moment.terms.current.renewals, moment.at
    by_itself, by_hand = rules.overdue_after.later(moment.zone), rules.overdue_after_by_hand.later(moment.zone)
    transferred = [transfer.told.at for transfer in book.transfers.values() if transfer.told]
    over: list[Timer] = []
    ahead: list[Timer] = []
    for key in endless:
        sub = subs[key]
        heard = sub.heard_by
        if heard is None:
            continue
        billed = invoices.get(key)
        if billed is not None and (paid_at := billed.paid_at) is not None and paid_at > heard:
            heard = paid_at
        if transferred:
            heard = max(heard, *transferred)
        at = by_hand(heard) if sub.seen.by_hand else by_itself(heard)
        (ahead if at > now else over).append(Timer(_OVERDUE, key, at))
    return evolve(draft, overdue=tuple(over), renewals=tuple(ahead))


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
    known = sorted([*state.overdue, *state.renewals], key=_subject_of)
    return [
        evolve(renewal, due_at=_looked_at(renewal, book, moment)) if renewal.subject in book.looks else renewal
        for renewal in known
    ]


def timers(state: State, book: Book, moment: Moment) -> Sequence[Timer]:
    """Return the re-checks that are ahead."""
    if not book.looks:
        return state.renewals
    return [renewal for renewal in looks(state, book, moment) if renewal.due_at > moment.at]


def alerts(state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
    """Yield the overdue renewals that the provider cannot be asked about, or had no news of."""
    for late in _overdue(state, book, moment):
        if late.answered or not late.can_look:
            expected = renews_at(book.subscriptions[late.subscription].seen)
            if expected is not None:
                yield f"{late.subscription}@{int(expected.timestamp())}", _OVERDUE


def _overdue(state: State, book: Book, moment: Moment) -> list[_Overdue]:
    """Return the renewals that are overdue, by either way of looking at them."""
    return [_of(renewal, book, moment) for renewal in state.overdue]


def _looked_at(renewal: Timer, book: Book, moment: Moment) -> datetime:
    """Return when a renewal becomes overdue, or is looked at again."""
    late = _of(renewal, book, moment)
    return late.next_look if late.can_look else renewal.due_at


def _of(renewal: Timer, book: Book, moment: Moment) -> _Overdue:
    key, since = renewal.subject, renewal.due_at
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
