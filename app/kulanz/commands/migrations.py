"""Recording a move, and why it may be refused."""

from __future__ import annotations

from datetime import timedelta

from kulanz.commands.fields import Form, Instant, Text
from kulanz.errors import InvalidInputError, RefusedError
from kulanz.policy.book import Book
from kulanz.policy.calendar.time import aware
from kulanz.policy.facts import MovedToOnPremise
from kulanz.policy.state import Moment

LONGEST_AGO = timedelta(days=366)


class RecordMove(Form, frozen=True, kw_only=True):
    """A move to on-premise that is done; without `moved_at` it is done now."""

    reason: Text
    moved_at: Instant | None = None
    """None: now."""


def move(order: RecordMove, book: Book, moment: Moment, *, ident: str, actor: str) -> MovedToOnPremise:
    """Return the move, or raise the reason why it cannot be recorded."""
    moved_at = aware(order.moved_at) if order.moved_at else moment.at
    if moved_at > moment.at:
        raise InvalidInputError("moved_at: the unused days are computed after the move, and this is still to come")
    if moved_at < moment.at - LONGEST_AGO:
        raise InvalidInputError("moved_at: at most a year ago")
    if book.moves:
        raise RefusedError("the account has been moved already")
    return MovedToOnPremise(id=ident, moved_at=moved_at, at=moment.at, actor=actor, reason=order.reason)
