"""Before and after an effect is carried out: whether its case still wants it, and what its outcome means."""

from __future__ import annotations

from datetime import datetime

from app.policy import facts as f
from app.policy import notices, renewals
from app.policy.book import Book
from app.policy.chapters import speaking
from app.policy.deeds import Asked
from app.policy.effects import (
    CancelSubscription,
    Effect,
    LookUpSubscription,
    Notify,
    ResumeSubscription,
    SendLetter,
    SendMail,
)
from app.policy.facts import Outcome, OwnFact
from app.policy.model import CaseState, State

_MAY_HAVE_LEFT = frozenset({Outcome.UNKNOWN, Outcome.DONE})


def still_wanted(effect: Effect, state: State, book: Book) -> bool:
    """Whether an effect's case still wants it: an effect looks again before it is sent (CONTRACT section 4)."""
    answers = (chapter.wants(effect, state, book) for chapter in speaking(book, "wants"))
    wanted = next((answer for answer in answers if answer is not None), None)
    return _still_wanted(effect, state, book) if wanted is None else wanted


def _still_wanted(effect: Effect, state: State, book: Book) -> bool:
    match effect:
        case SendMail(notice=kind) | SendLetter(notice=kind) | Notify(type=kind):
            return _news(kind.removeprefix("account."), effect, state, book)
        case CancelSubscription():
            return effect.subscription in renewals.wanted_stops(state, book)
        case ResumeSubscription():
            return effect.subscription not in renewals.wanted_stops(state, book)
        case LookUpSubscription():
            case = state.case(effect.case)
            return case is not None and case.state is CaseState.GRACE
        case _:
            return True


def _news(kind: str, effect: SendMail | SendLetter | Notify, state: State, book: Book) -> bool:
    """Whether a notice is still true. Callbacks of what has happened go out in any case: their version tells."""
    case = state.case(effect.subject)
    if kind in notices.OF_A_CASE:
        return case is not None and not notices.superseded(case, book, kind, effect.step)
    if isinstance(effect, Notify):
        return True
    held = any(hold.source == effect.subject for hold in state.holds)
    wanted = {
        "downgraded": case is not None and (case.state is CaseState.ON_HOLD or case.given_up),
        "recovered": case is None and _was_heard_of(effect.subject, book),
        "suspended": held,
        "data_deletion_notice": held,
        "reinstated": not held,
    }
    return wanted.get(kind, True)


def reported(effect: Effect, outcome: Outcome, at: datetime, book: Book) -> tuple[OwnFact, ...]:
    """Return the facts that the outcome of an effect is; `book` knows already what was read on the way."""
    match effect:
        case SendMail() | SendLetter():
            return (_notice(effect.subject, effect.notice, effect.step, outcome, at),)
        case Notify(type=kind) if kind == f"account.{notices.WARNING}":
            return (_notice(effect.subject, notices.WARNING_CALLBACK, effect.step, outcome, at),)
        case CancelSubscription():
            sub = book.subscriptions.get(effect.subscription)
            stopped = f.RenewalStopped(
                subscription=effect.subscription,
                cause=effect.cause,
                step=effect.step,
                at=at,
                outcome=outcome,
                seen=sub.alive_at if sub else None,
            )
            return (stopped,)
        case ResumeSubscription():
            sub = book.subscriptions.get(effect.subscription)
            resumed = f.RenewalResumed(
                subscription=effect.subscription,
                step=effect.step,
                at=at,
                outcome=outcome,
                seen=sub.seen.stamp.at if sub else None,
            )
            return (resumed,)
        case _:
            return tuple(
                fact for chapter in speaking(book, "reported") for fact in chapter.reported(effect, outcome, at, book)
            )


def _notice(subject: str, kind: str, step: int, outcome: Outcome, at: datetime) -> f.NoticeReported:
    return f.NoticeReported(subject=subject, kind=kind, step=step, at=at, outcome=outcome)


def _was_heard_of(subject: str, book: Book) -> bool:
    """Whether the customer may have got a notice of a case before it closed: only then "all good" makes sense."""
    names = (subject, *book.case(subject).absorbed)
    return any(_is_heard(name, asked) for one in names for name, asked in book.notices_about(one).sent.items())


def _is_heard(name: str, asked: Asked) -> bool:
    mailed = not name.startswith((notices.WARNING_CALLBACK, "recovered|"))
    return mailed and asked.outcome in _MAY_HAVE_LEFT
