"""What became of an effect: its state for the outbox, and the facts that the policy hears of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.policy.effects import (
    AlertOperators,
    CancelSubscription,
    Effect,
    LookUpSubscription,
    Notify,
    ResumeSubscription,
    SendMail,
)
from app.policy.facts import (
    Fact,
    NoticeReported,
    Outcome,
    Provenance,
    RenewalResumed,
    RenewalStopped,
    SubscriptionLookedUp,
    SubscriptionSeen,
)


class State(StrEnum):
    """What the outbox records. All but `retry` are final until an operator arms the effect again."""

    DONE = "done"
    SKIPPED = "skipped"
    """Nobody is there to be told: the receiver is not configured."""
    TODO = "todo"
    """A person has to do it at the provider, as we hold no key for it."""
    PARKED = "parked"
    """Given up, or refused for good: operators see it."""
    UNKNOWN = "unknown"
    """It may have taken effect, and repeating it could do it twice."""
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one attempt to carry an effect out."""

    state: State
    outcome: Outcome | None = None
    error: str | None = None
    """One line for operators: no address, no secret, nothing that the other side wrote."""
    retry_after: timedelta | None = None
    """Real time to the next attempt; set exactly when `state` is `retry`."""
    facts: tuple[Fact, ...] = ()


def told(effect: Effect, report: Report, now: datetime, seen: SubscriptionSeen | None = None) -> Report:
    """Return the report with the facts that it is; `seen` is what was read at the provider on the way.

    An attempt that will be repeated reports no outcome of its own: what was asked for stays `asked`.
    """
    own = _asked_after(effect, now, seen) if isinstance(effect, LookUpSubscription) else _settled(effect, report, now)
    snapshot = () if seen is None else (replace(seen, provenance=Provenance.RECONCILED),)
    return replace(report, facts=(*snapshot, *own))


def _asked_after(effect: LookUpSubscription, now: datetime, seen: SubscriptionSeen | None) -> tuple[Fact, ...]:
    status = None if seen is None else seen.status
    return (SubscriptionLookedUp(subscription=effect.subscription, at=now, status=status),)


def _settled(effect: Effect, report: Report, now: datetime) -> tuple[Fact, ...]:
    if report.outcome is None or report.state is State.RETRY:
        return ()
    return _outcome(effect, report.outcome, now)


def _outcome(effect: Effect, outcome: Outcome, now: datetime) -> tuple[Fact, ...]:
    match effect:
        case SendMail(subject=subject, notice=kind, step=step) if kind != "ops_alert":
            return (NoticeReported(subject=subject, kind=kind, step=step, at=now, outcome=outcome),)
        case Notify(subject=subject, type=kind, step=step) if kind != "ops.alert":
            return (NoticeReported(subject=subject, kind=kind, step=step, at=now, outcome=outcome),)
        case CancelSubscription(subscription=subscription, cause=cause):
            return (RenewalStopped(subscription=subscription, cause=cause, at=now, outcome=outcome),)
        case ResumeSubscription(subscription=subscription, cause=cause):
            return (RenewalResumed(subscription=subscription, cause=cause, at=now, outcome=outcome),)
        case SendMail() | Notify() | AlertOperators() | LookUpSubscription():
            return ()
