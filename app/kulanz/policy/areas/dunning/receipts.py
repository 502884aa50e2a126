"""Runs of a subscription that stand for a payment: an `active` straight after `past_due` or `unpaid`."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from kulanz.policy.areas.subscriptions.grants import MAY_HAVE_HAPPENED
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Snapshot, Subscription


class Receipt(NamedTuple):
    """A run that stands for a payment whose event was lost."""

    at: datetime
    until: datetime | None = None
    """The next renewal, as sent with the run."""


def receipts(sub: Subscription, book: Book) -> list[Receipt]:
    """Return the receipts of a subscription, oldest first.

    The provider's own retry was paid: no cancellation, pause, other plan or stop of ours lies between.
    """
    runs = [
        Receipt(after.stamp.at, after.until)
        for before, after in pairwise(sub.history)
        if after.runs and _is_settled_by(before, after, sub, book)
    ]
    told_before = sub.running is not None and (not sub.history or sub.running < sub.history[0].stamp)
    # A run from before there was a history counts as it did then.
    return [Receipt(sub.running.at), *runs] if told_before and sub.running else runs


def is_called_unpaid(sub: Subscription, book: Book, at: datetime) -> bool:
    """Whether `unpaid` is the newest status other than running at a time, with no stop of ours since."""
    told = [snapshot for snapshot in sub.history if not snapshot.runs and snapshot.stamp.at <= at]
    return not told or (told[-1].unpaid and not _stopped(sub, book, told[-1].stamp.at, at))


def _is_settled_by(before: Snapshot, after: Snapshot, sub: Subscription, book: Book) -> bool:
    same = before.unpaid and before.variants == after.variants
    return same and not _stopped(sub, book, before.stamp.at, after.stamp.at)


def _stopped(sub: Subscription, book: Book, since: datetime, until: datetime) -> bool:
    """Whether we had the subscription cancelled in a time span, by our facts of then."""
    renewals = book.renewals.get(sub.seen.key)
    stops = [turn.asked for turn in renewals.turns if turn.cause is not None] if renewals else []
    return any(asked.outcome in MAY_HAVE_HAPPENED and since <= (asked.seen or asked.at) < until for asked in stops)
