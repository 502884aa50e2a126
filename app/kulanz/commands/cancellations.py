"""Noting a cancellation, and why it may be refused."""

from __future__ import annotations

from dataclasses import dataclass

from kulanz.errors import RefusedError
from kulanz.policy.areas.subscriptions.grants import notice_of, shown_as_stopped
from kulanz.policy.book import Book
from kulanz.policy.facts import CancellationNoted
from kulanz.policy.state import Moment, State


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteCancellation:
    """The customer told staff or a partner that a subscription shall not renew."""

    reason: str
    subscription: str | None = None
    """The provider's id; None: the only one that gives a plan."""


def note(
    order: NoteCancellation, state: State, book: Book, moment: Moment, *, ident: str, actor: str
) -> CancellationNoted:
    """Return the notice, or raise what says why there is nothing to cancel."""
    asked = order.subscription
    given = [one.subscription for one in state.given]
    found = [key for key in given if asked is None or asked in {key, key.partition(":")[2]}]
    if not found:
        raise RefusedError("the account has no running subscription" + (f" {asked!r}" if asked else ""))
    if len(found) > 1:
        raise RefusedError("the account has several subscriptions: say which one is cancelled")
    sub = book.subscriptions[found[0]]
    if shown_as_stopped(sub) or notice_of(sub, book) is not None:
        raise RefusedError(f"the subscription {found[0].partition(':')[2]} is cancelled already")
    return CancellationNoted(id=ident, subscription=found[0], at=moment.at, actor=actor, reason=order.reason)
