"""Noting a cancellation, and why it may be refused."""

from __future__ import annotations

from kulanz.commands.fields import Form, Reference, Text
from kulanz.errors import RefusedError
from kulanz.policy.areas.subscriptions.grants import notice_of, shown_as_stopped
from kulanz.policy.book import Book
from kulanz.policy.facts import CancellationNoted
from kulanz.policy.state import Moment, State


class NoteCancellation(Form, frozen=True, kw_only=True):
    """The customer told staff or a partner that a subscription shall not renew."""

    reason: Text
    subscription: Reference | None = None
    """The provider's id; None: the only one that gives a plan."""


def note(
    order: NoteCancellation, state: State, book: Book, moment: Moment, *, ident: str, actor: str
) -> CancellationNoted:
    """Return the notice, or raise the reason why there is nothing to cancel."""
    requested = order.subscription
    given = [grant.subscription for grant in state.grants]
    matches = [key for key in given if requested is None or requested in {key, key.partition(":")[2]}]
    if not matches:
        raise RefusedError("the account has no running subscription" + (f" {requested!r}" if requested else ""))
    if len(matches) > 1:
        raise RefusedError("the account has several subscriptions: say which one is cancelled")
    sub = book.subscriptions[matches[0]]
    if shown_as_stopped(sub) or notice_of(sub, book) is not None:
        raise RefusedError(f"the subscription {matches[0].partition(':')[2]} is cancelled already")
    return CancellationNoted(id=ident, subscription=matches[0], at=moment.at, actor=actor, reason=order.reason)
