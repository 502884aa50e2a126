"""Stopping a renewal at the provider for a reason of ours, and taking that back when no reason is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.policy import facts as f
from app.policy.book import Asked, Book, Subscription
from app.policy.facts import Outcome, OwnFact, Status
from app.policy.model import CaseState, Owner, State
from app.policy.subscriptions import MAY_HAVE_HAPPENED, cancelled_by_customer, resumed_since, stopped_by_us, stops

_CAN_BE_STOPPED = frozenset({Status.ON_TRIAL, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID, Status.PAUSED})


def acts(state: State, book: Book, now: datetime) -> list[OwnFact]:
    """Return the cancellations that are due and those that are to be taken back."""
    causes = wanted_stops(state)
    found: list[OwnFact] = []
    for key, cause in causes.items():
        sub = book.subscriptions.get(key)
        if sub is not None:
            found.extend(_stop(sub, cause, book, now))
    for key in {name.partition("|")[0] for name in book.stops} - causes.keys():
        found.extend(_resume(book.subscriptions[key], book, now))
    return found


def wanted_stops(state: State) -> dict[str, str]:
    """Return the subscriptions whose renewal must not happen, each with its cause (plexo 6.2, 10)."""
    wanted: dict[str, str] = {}
    for hold in state.holds:
        if hold.owner is Owner.DISPUTE:
            wanted.update(dict.fromkeys(hold.subscriptions, hold.source))
    for case in state.cases:
        cancels = case.policy.dunning.on_grace_end == "cancel"
        if cancels and case.state in {CaseState.ON_HOLD, CaseState.EXHAUSTED}:
            wanted.setdefault(case.subscription, case.key)
    return wanted


def beyond_resuming(state: State, book: Book, now: datetime) -> Iterator[str]:
    """Yield subscriptions that we stopped, want back and cannot have back: the end has passed or it was refused."""
    wanted = wanted_stops(state)
    for key in sorted({name.partition("|")[0] for name in book.stops} - wanted.keys()):
        sub = book.subscriptions[key]
        stop = stopped_by_us(sub, book)
        if stop is None or not _is_stopped(sub) or cancelled_by_customer(sub, book):
            continue
        resumed = resumed_since(sub, book, stop)
        refused = resumed is not None and resumed.outcome not in MAY_HAVE_HAPPENED
        if refused or (resumed is None and _over(sub, now)):
            yield key


def _stop(sub: Subscription, cause: str, book: Book, now: datetime) -> Iterator[OwnFact]:
    if sub.seen.status not in _CAN_BE_STOPPED:
        return
    before = list(stops(book, sub.seen.key))
    stop = stopped_by_us(sub, book)
    if stop is not None and resumed_since(sub, book, stop) is None:
        return
    of_cause = [asked for known, asked in before if known == cause]
    latest = max(of_cause, key=lambda asked: asked.at, default=None)
    if latest is not None and latest.outcome in {Outcome.FAILED, Outcome.REFUSED} and not _outlived(sub, latest):
        return
    yield f.RenewalStopped(
        subscription=sub.seen.key,
        cause=cause,
        step=len(of_cause) + 1,
        at=now,
        outcome=Outcome.ASKED,
        seen=sub.seen.stamp.at,
    )


def _outlived(sub: Subscription, stop: Asked) -> bool:
    return sub.running is not None and stop.seen is not None and sub.running.at > stop.seen


def _resume(sub: Subscription, book: Book, now: datetime) -> Iterator[OwnFact]:
    stop = stopped_by_us(sub, book)
    if stop is None or cancelled_by_customer(sub, book) or resumed_since(sub, book, stop) is not None:
        return
    arrived = _is_stopped(sub)
    if (stop.outcome is Outcome.ASKED and not arrived) or (arrived and _over(sub, now)):
        return
    steps = sum(1 for name in book.resumes if name.startswith(f"{sub.seen.key}|"))
    yield f.RenewalResumed(subscription=sub.seen.key, step=steps + 1, at=now, outcome=Outcome.ASKED)


def _is_stopped(sub: Subscription) -> bool:
    return sub.seen.status in {Status.CANCELLED, Status.EXPIRED}


def _over(sub: Subscription, now: datetime) -> bool:
    return sub.seen.status is Status.CANCELLED and sub.seen.ends_at is not None and sub.seen.ends_at <= now
