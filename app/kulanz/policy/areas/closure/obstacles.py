"""Obstacles to a deletion, and the time from which it may happen (I9)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.policy.areas.disputes.chargebacks import CONTESTED, DELETION
from kulanz.policy.areas.dunning.notices import LATE
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.book import Book
from kulanz.policy.book.closure import Deletion
from kulanz.policy.facts import ClosureRequested, Outcome, OverrideKind
from kulanz.policy.state import Chargeback, Moment, State
from kulanz.policy.state.closure import ClosureCase

NO_DELETION = Deletion()


def closure_cases(state: State, book: Book, moment: Moment) -> Iterator[ClosureCase]:
    """Yield every deletion that is under way."""
    for _, record in sorted(book.deletions.items()):
        if record.requested is not None and record.withdrawn is None:
            yield _closure(record.requested, record, state, book, moment)
    for chargeback in state.chargebacks:
        if chargeback.deletion_eligible_at is not None and chargeback.decided_at is not None:
            yield _of_chargeback(chargeback, chargeback.deletion_eligible_at, state, book, moment)


def protected(state: State, book: Book, now: datetime) -> tuple[str, ...]:
    """Return why no data of an account may be destroyed now: an open dispute, a legal hold (I9)."""
    matches = []
    if any(chargeback.status in CONTESTED for chargeback in state.chargebacks):
        matches.append("dispute_open")
    if any(True for _ in exceptions.active(book, now, OverrideKind.LEGAL_HOLD)):
        matches.append("legal_hold")
    return tuple(matches)


def _closure(requested: ClosureRequested, record: Deletion, state: State, book: Book, moment: Moment) -> ClosureCase:
    policy = moment.terms.at(requested.at)
    obstacles = [*_running(state), *_waited_for(state), *protected(state, book, moment.at)]
    due_at = _answered_by(state, book)
    if due_at is not None and due_at > moment.at:
        obstacles.append("notice_period")
    if policy.closure.deletion == "approval" and record.approved is None:
        obstacles.append("approval")
    return ClosureCase(
        subject=requested.id, cause="closure", policy=policy, obstacles=tuple(obstacles), record=record, due_at=due_at
    )


def _running(state: State) -> Iterator[str]:
    """Yield the obstacles that end first: an active subscription is cancelled, and its period runs out (plexo 13)."""
    if state.grants:
        yield "subscription_runs"
    if any(case.pursued for case in state.cases):
        yield "case_open"


def _waited_for(state: State) -> Iterator[str]:
    """Yield the refunds that are still open: a request without an answer, or money that is not back (plexo 9)."""
    if any(refund.open for refund in state.refunds):
        yield "refund_open"


def _answered_by(state: State, book: Book) -> datetime | None:
    """Return when the answers to requests for refunds have reached the customers; None: all of them have arrived.

    A letter that waits to be mailed would be destroyed with the account. A mail has an hour; without an address none.
    """
    return max((at + LATE for key, at in _answers(state) if not _is_announced(key, at, book)), default=None)


def _answers(state: State) -> Iterator[tuple[str, datetime]]:
    """Yield each request that was decided, and when it was."""
    for refund in state.refunds:
        if refund.decided_at is not None:
            yield refund.key, refund.decided_at


def _is_announced(request: str, decided_at: datetime, book: Book) -> bool:
    """Whether the outcome of the letter about a decision is known."""
    letters = book.notices_about(request).sent.values()
    return any(letter.at >= decided_at and letter.outcome is not Outcome.ASKED for letter in letters)


def _of_chargeback(
    chargeback: Chargeback, eligible_at: datetime, state: State, book: Book, moment: Moment
) -> ClosureCase:
    record = book.deletions.get(chargeback.key, NO_DELETION)
    due_at, undelivered = _announced_long_enough(chargeback, eligible_at, book, moment)
    due_at = max(due_at, _answered_by(state, book) or due_at)
    obstacles = [*_waited_for(state), *protected(state, book, moment.at)]
    if undelivered:
        obstacles.append("notice_undelivered")
    if due_at > moment.at:
        obstacles.append("notice_period")
    if chargeback.policy.dispute.deletion == "approval" and record.approved is None:
        obstacles.append("approval")
    return ClosureCase(
        subject=chargeback.key,
        cause="dispute",
        policy=chargeback.policy,
        obstacles=tuple(obstacles),
        record=record,
        due_at=due_at,
    )


def _announced_long_enough(
    chargeback: Chargeback, eligible_at: datetime, book: Book, moment: Moment
) -> tuple[datetime, bool]:
    """Return when the promised notices have had their time, and whether the last one is still on its way.

    The first notice that arrived starts the full time, also where the loss became known late; a mail has an hour.
    """
    spans = chargeback.policy.dispute.deletion_notices
    if not spans:
        return eligible_at, False
    notice_log = book.notices_about(chargeback.key)
    requested = {step: notice_log.get(DELETION, step) for step in range(1, len(spans) + 1)}
    arrived = {step: each.outcome_at for step, each in requested.items() if each and each.outcome is Outcome.DONE}
    if len(spans) not in arrived:
        return eligible_at, True
    after_first = spans[0].after(min(arrived.values()), moment.zone) - LATE
    after_last = spans[-1].after(arrived[len(spans)], moment.zone) - LATE
    return max(eligible_at, after_first, after_last), False
