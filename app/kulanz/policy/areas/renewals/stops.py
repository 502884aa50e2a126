"""Stopping a renewal at the provider for a reason of ours, and resuming it when no reason is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.policy import facts as f
from kulanz.policy.areas.subscriptions.grants import cancelled_by_customer, shown_as_stopped, stopped_by_us
from kulanz.policy.book import Book
from kulanz.policy.book.own import RenewalLog, RenewalStep
from kulanz.policy.book.provider import Subscription
from kulanz.policy.facts import Outcome, OwnFact, Status
from kulanz.policy.state import State

_NO_TURNS = RenewalLog(turns=())
_DID_NOT_WORK = frozenset({Outcome.FAILED, Outcome.REFUSED})


def due(state: State, book: Book, now: datetime) -> Iterator[OwnFact]:
    """Yield the cancellations that are due and those that are to be taken back."""
    causes = stops_wanted(state)
    for key, cause in causes.items():
        sub = book.subscriptions.get(key)
        if sub is not None:
            yield from _stop(sub, cause, book, now)
    for key in book.renewals:
        sub = book.subscriptions.get(key)
        if key not in causes and sub is not None:
            yield from _resume(sub, book, now)


def stops_wanted(state: State) -> dict[str, str]:
    """Return the subscriptions whose renewal must not happen, each with its cause (plexo 6.2, 10)."""
    wanted: dict[str, str] = {}
    for subscription, cause in state.renewal_stops:
        wanted.setdefault(subscription, cause)
    return wanted


def beyond_resuming(state: State, book: Book, now: datetime) -> Iterator[str]:
    """Yield subscriptions that we stopped and want to resume but cannot: the end has passed, or it was refused."""
    if not book.renewals:
        return
    wanted = stops_wanted(state)
    for key in book.renewals:
        sub = book.subscriptions.get(key)
        if key in wanted or sub is None or not shown_as_stopped(sub) or cancelled_by_customer(sub, book):
            continue
        ours = stopped_by_us(sub, book)
        if ours is not None and (ours.resume_refused or (ours.resume is None and _over(sub, now))):
            yield key


def _stop(sub: Subscription, cause: str, book: Book, now: datetime) -> Iterator[OwnFact]:
    ours = stopped_by_us(sub, book)
    if shown_as_stopped(sub) or (ours is not None and ours.resume is None):
        return
    renewals = book.renewals.get(sub.seen.key, _NO_TURNS)
    before = [turn for turn in renewals.turns if turn.cause == cause]
    if before and before[-1].asked.outcome in _DID_NOT_WORK and not _outlived(sub, before[-1]):
        return
    yield f.RenewalStopped(
        subscription=sub.seen.key,
        cause=cause,
        step=renewals.next_step,
        at=now,
        outcome=Outcome.ASKED,
        seen=sub.alive_at or sub.seen.stamp.at,
    )


def _outlived(sub: Subscription, stop: RenewalStep) -> bool:
    seen = stop.asked.seen
    return sub.running is not None and seen is not None and sub.running.at > seen


def _resume(sub: Subscription, book: Book, now: datetime) -> Iterator[OwnFact]:
    ours = stopped_by_us(sub, book)
    if ours is None or ours.resume is not None or cancelled_by_customer(sub, book):
        return
    arrived = shown_as_stopped(sub)
    if (arrived and _over(sub, now)) or (not arrived and ours.stop.asked.outcome is Outcome.ASKED):
        return
    step = book.renewals[sub.seen.key].next_step
    yield f.RenewalResumed(subscription=sub.seen.key, step=step, at=now, outcome=Outcome.ASKED)


def _over(sub: Subscription, now: datetime) -> bool:
    return sub.seen.status is Status.CANCELLED and sub.seen.ends_at is not None and sub.seen.ends_at <= now
