"""The closure area: from a request for deletion, over its obstacles, to the closed account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas.area import Area
from kulanz.policy.areas.closure import retention
from kulanz.policy.areas.closure.obstacles import closure_cases, protected
from kulanz.policy.book import Book
from kulanz.policy.document import Policy
from kulanz.policy.effects import Effect, Notify
from kulanz.policy.facts import (
    AccountClosed,
    ClosureRequested,
    ClosureWithdrawn,
    DeletionAnnounced,
    DeletionApproved,
    Outcome,
    OwnFact,
)
from kulanz.policy.state import Access, Change, Hold, Moment, Owner, State, Timer, Transition
from kulanz.policy.state.closure import ClosureCase

DELETION_DUE_TOPIC = "account.data_deletion_due"
RETENTION_TIMER = "retention"
_OVER = frozenset({Outcome.DONE})


class ClosureArea(Area):
    """An organisation asks to be deleted (plexo 13), or a lost chargeback allows to delete its data (plexo 10)."""

    families: ClassVar[tuple[str, ...]] = ("deletions", "disputes", "invoices", "orders")

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the deletions that are under way; an account that is closed stays closed."""
        if not (book.deletions or draft.chargebacks):
            return draft
        closed = closed_by(book)
        if closed is not None:
            return evolve(
                draft,
                closed_at=closed.at,
                renewal_stops=(*draft.renewal_stops, *_all_of(book, "closed")),
            )
        stored_closure_cases = tuple(closure_cases(draft, book, moment))
        requested = next(
            (closure_case.subject for closure_case in stored_closure_cases if closure_case.cause == "closure"), None
        )
        stops = _all_of(book, requested) if requested else ()
        return evolve(draft, deletions=stored_closure_cases, renewal_stops=(*draft.renewal_stops, *stops))

    def holds(self, state: State, book: Book, moment: Moment) -> Iterable[Hold]:
        """Return the hold that takes all access of a closed account."""
        closed = closed_by(book) if state.closed_at is not None else None
        return () if closed is None else (_hold(closed),)

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when promised notices have had their time, and when the time of retention ends."""
        for closure_case in state.deletions:
            if (
                closure_case.due_at is not None
                and closure_case.due_at > moment.at
                and "notice_undelivered" not in closure_case.obstacles
            ):
                yield Timer("data_deletion_eligible", f"{closure_case.subject}|told", closure_case.due_at)
        end = _retention_end(state, book, moment)
        if end is not None and end > moment.at:
            yield Timer("retention_end", "account", end)

    def due(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Yield the announcement that is due, and the closing once the product has received the announcement."""
        if state.closed_at is not None:
            return
        for closure_case in state.deletions:
            if closure_case.ready:
                yield from _next(closure_case, moment)
                return
        end = _retention_end(state, book, moment)
        if end is not None and end <= moment.at and not protected(state, book, moment.at):
            yield AccountClosed(subject=RETENTION_TIMER, cause=RETENTION_TIMER, at=moment.at)

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the closures that only need an operator's approval, or whose notice could not be delivered."""
        for closure_case in state.deletions:
            if closure_case.obstacles == ("approval",):
                yield closure_case.subject, "data_deletion_needs_approval"
            late = closure_case.due_at is not None and closure_case.due_at <= moment.at
            if late and "notice_undelivered" in closure_case.obstacles:
                yield closure_case.subject, "data_deletion_notice_undelivered"

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterable[Change]:
        """Return a line for each new word."""
        return () if step.new.deletions is step.old.deletions else _changes(step)

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether the announcement of the deletion must still be sent to the product."""
        if not isinstance(effect, Notify) or effect.type != DELETION_DUE_TOPIC:
            return None
        return any(closure_case.subject == effect.subject and closure_case.ready for closure_case in state.deletions)

    def reported(self, effect: Effect, outcome: Outcome, at: datetime, book: Book) -> Iterator[OwnFact]:
        """Yield the outcome of the announcement to the product."""
        if isinstance(effect, Notify) and effect.type == DELETION_DUE_TOPIC:
            asked_at = datetime.fromisoformat(effect.data["announced_at"])
            yield DeletionAnnounced(subject=effect.subject, asked_at=asked_at, at=at, outcome=outcome)


def closed_by(book: Book) -> AccountClosed | None:
    """Return the fact by which an account was closed."""
    facts = [record.closed for record in book.deletions.values() if record.closed is not None]
    return min(facts, key=lambda fact: (fact.at, fact.subject), default=None)


def _hold(closed: AccountClosed) -> Hold:
    return Hold(
        key="closed",
        owner=Owner.LEGAL,
        source=closed.subject,
        since=closed.at,
        scope="account",
        access=Access.NONE,
    )


def _all_of(book: Book, cause: str) -> tuple[tuple[str, str], ...]:
    """Return every subscription with one cause: an active one is cancelled first, a paused one stays uncharged."""
    return tuple((key, cause) for key in sorted(book.subscriptions))


def _next(closure_case: ClosureCase, moment: Moment) -> Iterator[OwnFact]:
    last = closure_case.record.last_announced
    if not moment.terms.notifies or (last is not None and last.outcome in _OVER):
        yield AccountClosed(subject=closure_case.subject, cause=closure_case.cause, at=moment.at)
    elif last is None or last.outcome is Outcome.WITHDRAWN:
        yield DeletionAnnounced(subject=closure_case.subject, asked_at=moment.at, at=moment.at, outcome=Outcome.ASKED)


def _retention_end(state: State, book: Book, moment: Moment) -> datetime | None:
    """Return when the records of an ended account are deleted automatically; None: not, or not automatically."""
    rules = moment.terms.current.retention
    if rules.destroy != "automatic" or state.closed_at is not None or not has_ended(state):
        return None
    return retention.ends_at(book, rules, moment.zone)


def has_ended(state: State) -> bool:
    """Whether all is over: nothing runs, is owed, is asked back or contested."""
    waits = any(case.open for case in state.cases) or any(refund.open for refund in state.refunds)
    return not (waits or state.grants or state.deletions)


_WORDS = (
    ("requested", "closure.requested", 87),
    ("withdrawn", "closure.withdrawn", 87),
    ("approved", "closure.approved", 86),
    ("closed", "closure.erased", 110),
)


def _changes(step: Transition) -> Iterator[Change]:
    existing = step.old.deletions
    for subject, record in sorted(step.new.deletions.items()):
        old = existing.get(subject)
        for name, rule, rank in _WORDS:
            fact = getattr(record, name)
            if fact is not None and (old is None or getattr(old, name) is None):
                yield _told(rule, rank, subject, fact, step)
        for key, request_log in sorted(record.announced.items()):
            if old is None or key not in old.announced:
                yield _announced(subject, request_log.at, step)


def _told(
    rule: str,
    rank: int,
    subject: str,
    fact: ClosureRequested | ClosureWithdrawn | DeletionApproved | AccountClosed,
    step: Transition,
) -> Change:
    detail: dict[str, Any] = {"actor": fact.actor or None, "reason": fact.reason or None}
    policy = step.terms.current
    clause, callback = _clause(subject, policy), None
    if isinstance(fact, AccountClosed):
        callback = "account.closed"
        detail |= {"cause": fact.cause, "closed_at": fact.at}
        if fact.cause == RETENTION_TIMER:
            rule, clause = "retention.destroyed", policy.retention.clause
    return Change(rule=rule, clause=clause, policy=policy, subject=subject, rank=rank, detail=detail, callback=callback)


def _announced(subject: str, at: datetime, step: Transition) -> Change:
    policy = step.terms.current
    return Change(
        rule="closure.deletion_due",
        clause=_clause(subject, policy),
        policy=policy,
        subject=subject,
        rank=85,
        detail={"announced_at": at, "deletion": subject},
        callback=DELETION_DUE_TOPIC,
    )


def _clause(subject: str, policy: Policy) -> str:
    return policy.closure.clause if subject.startswith("cl_") else policy.dispute.clause
