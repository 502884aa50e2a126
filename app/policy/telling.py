"""Who is told what: notices to the customer, callbacks to the merchant's product, alerts to operators, calls to the provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from app.policy import disputes, dunning, renewals
from app.policy import facts as f
from app.policy.book import Book
from app.policy.effects import (
    AlertOperators,
    CancelSubscription,
    Effect,
    LookUpSubscription,
    Notify,
    ResumeSubscription,
    SendMail,
)
from app.policy.facts import DisputeStatus, Outcome, OwnFact, Status
from app.policy.model import Access, Account, Case, CaseState, Change, Decision, Owner, Situation, State, Terms

DELETION = "data_deletion_notice"
ALLOWED_WITHOUT_ACCESS = ("login", "export", "explain")
_CALLBACKS = {
    "dunning.grace_started": "account.grace_started",
    "dunning.recovered": "account.recovered",
    "dunning.hold_placed": "account.downgraded",
    "dispute.suspended": "account.suspended",
    "dispute.released": "account.reinstated",
    "override.suspended": "account.suspended",
    "override.suspension_ended": "account.reinstated",
    "override.reinstate": "account.reinstated",
}
_NOTICES = {
    "dunning.hold_placed": "downgraded",
    "dispute.suspended": "suspended",
    "dispute.released": "reinstated",
}
_CASE_NOTICES = frozenset({dunning.STARTED, dunning.REMINDER, dunning.WARNING})
_WENT_OUT = frozenset({Outcome.ASKED, Outcome.UNKNOWN, Outcome.DONE})


def asked(subject: str, kind: str, step: int, now: datetime) -> f.NoticeReported:
    """Return the fact that we set out to send a notice."""
    return f.NoticeReported(subject=subject, kind=kind, step=step, at=now, outcome=Outcome.ASKED)


def entitlement(account: Account) -> dict[str, Any]:
    """Return what the account may use, as the API and every callback tell it (CONTRACT sections 3 and 4)."""
    allows = ALLOWED_WITHOUT_ACCESS if account.access is Access.NONE else ()
    return {
        "plan": account.plan,
        "access": str(account.access),
        "allows": list(allows),
        "add_ons": list(account.add_ons),
        "version": account.version,
    }


def concerns(state: State, book: Book, terms: Terms, situation: Situation, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield each subject and topic that operators must see."""
    for case in state.cases:
        topic = dunning.blocked(case, book, situation, now)
        if topic is not None:
            yield case.key, topic
        if case.state is CaseState.GRACE and _mail_address(case.subscription, book) is None:
            yield case.key, "no_mail_address"
    for one in state.chargebacks:
        if one.status == DisputeStatus.INQUIRY:
            yield one.key, "dispute_inquiry"
        elif not one.holds and one.status in disputes.CONTESTED:
            yield one.key, "dispute_needs_review"
    for hold in state.holds:
        if hold.owner is Owner.DISPUTE and not hold.counts:
            yield hold.source, "dispute_claim"
    for key in renewals.beyond_resuming(state, book, now):
        yield key, "resume_impossible"
    for payment in disputes.unrequested_refunds(book):
        if disputes.policy_of(book, terms, payment).dispute.unrequested_full_refund == "review":
            yield payment, "unrequested_refund"


def notices(found: tuple[Change, ...], state: State, book: Book, now: datetime) -> Iterator[OwnFact]:
    """Yield the notices that a change brings with it, beyond those that have a time of their own."""
    for change in found:
        kind = _NOTICES.get(change.rule)
        if change.rule == "dunning.grace_started" and not change.policy.dunning.provider_sends_failure_mail:
            kind = dunning.STARTED
        elif change.rule == "dunning.recovered" and _heard_of(change.subject, book):
            kind = "recovered"
        if kind is not None and _subscriptions_of(change.subject, state, book, change):
            step = sum(1 for name in book.notices if name.startswith(f"{change.subject}|{kind}|")) + 1
            yield asked(change.subject, kind, step, now)


def effects(account: Account, decision: Decision, terms: Terms) -> Iterator[Effect]:
    """Yield everything that a decision asks of the world."""
    yield from _callbacks(account, decision)
    book, state = decision.account.book, decision.state
    for fact in decision.facts:
        match fact:
            case f.NoticeReported(outcome=Outcome.ASKED):
                yield from _notice(account, decision, fact)
            case f.RenewalStopped(outcome=Outcome.ASKED):
                ident = _ident(account.id, "cancel", fact.subscription, fact.cause, fact.step)
                yield CancelSubscription(id=ident, subscription=fact.subscription, cause=fact.cause, step=fact.step)
            case f.RenewalResumed(outcome=Outcome.ASKED):
                seen = book.subscriptions[fact.subscription].seen
                trial = seen.trial_ends_at if seen.trial_ends_at and seen.trial_ends_at > state.as_of else None
                ident = _ident(account.id, "resume", fact.subscription, fact.step)
                yield ResumeSubscription(id=ident, subscription=fact.subscription, step=fact.step, trial_ends_at=trial)
            case f.SubscriptionLookedUp(asked=True):
                waiting = [case.key for case in state.cases if case.subscription == fact.subscription]
                ident = _ident(account.id, "look", fact.subscription, fact.at.isoformat())
                yield LookUpSubscription(id=ident, subscription=fact.subscription, case=waiting[0] if waiting else "")
            case f.OperatorsAlerted():
                ident = _ident(account.id, "alert", fact.subject, fact.topic)
                yield AlertOperators(id=ident, topic=fact.topic, subject=fact.subject, data={"account_id": account.id})
            case _:
                pass
    del terms


def still_wanted(effect: Effect, state: State, book: Book) -> bool:
    """Whether an effect's case still wants it: an effect looks again before it is sent (CONTRACT section 4)."""
    match effect:
        case SendMail(notice=kind) if kind in _CASE_NOTICES:
            return _case_wants(effect.subject, kind, effect.step, state, book)
        case Notify(type=kind) if kind.removeprefix("account.") in _CASE_NOTICES:
            return _case_wants(effect.subject, kind.removeprefix("account."), effect.step, state, book)
        case SendMail(notice="downgraded"):
            case = _find(effect.subject, state)
            return case is not None and case.state is not CaseState.GRACE
        case SendMail(notice="suspended" | "data_deletion_notice"):
            return any(hold.source == effect.subject for hold in state.holds)
        case CancelSubscription():
            return effect.subscription in renewals.wanted_stops(state)
        case ResumeSubscription():
            return effect.subscription not in renewals.wanted_stops(state)
        case LookUpSubscription():
            case = _find(effect.case, state)
            return case is not None and case.state is CaseState.GRACE
        case _:
            return True


def _case_wants(subject: str, kind: str, step: int, state: State, book: Book) -> bool:
    case = _find(subject, state)
    return case is not None and not dunning.superseded(case, book, kind, step)


def _find(subject: str, state: State) -> Case | None:
    return next((case for case in state.cases if subject in case.names), None)


def _callbacks(account: Account, decision: Decision) -> Iterator[Notify]:
    told = False
    before = decision.before
    contested_before = {one.key for one in before.chargebacks if one.status != "inquiry"} if before else set()
    for change in sorted(decision.changes, key=lambda change: (-change.rank, change.subject)):
        kind = _CALLBACKS.get(change.rule)
        if change.rule in {"dispute.opened", "dispute.under_review"} and change.subject not in contested_before:
            yield _notify(account, decision, "account.dispute_opened", change)
        if kind is not None:
            told = told or kind != "account.grace_started"
            yield _notify(account, decision, kind, change)
    if not told and decision.account.version != account.version and account.decided_at is not None:
        yield _notify(account, decision, "account.entitlement_changed", decision.principal)
    elif not told and account.decided_at is None and decision.account.plan != account.plan:
        yield _notify(account, decision, "account.entitlement_changed", decision.principal)


def _notify(account: Account, decision: Decision, kind: str, change: Change | None, step: int = 0) -> Notify:
    subject = change.subject if change else account.id
    ident = _ident(account.id, "callback", kind, subject, step, account.sequence)
    data: dict[str, Any] = {
        "entitlement": entitlement(decision.account),
        "standing": str(decision.account.standing),
        "reason": {"rule": change.rule if change else "", "clause": (change.clause or None) if change else None},
    }
    data.update(_jsonable(change.detail) if change else {})
    return Notify(id=ident, type=kind, subject=subject, step=step, data=data)


def _notice(account: Account, decision: Decision, fact: f.NoticeReported) -> Iterator[Effect]:
    book, state = decision.account.book, decision.state
    change = next((one for one in decision.changes if one.subject == fact.subject), None)
    for sub in _subscriptions_of(fact.subject, state, book, change)[:1]:
        to = _mail_address(sub, book)
        if to is not None:
            yield SendMail(
                id=_ident(account.id, "mail", fact.kind, fact.subject, fact.step),
                notice=fact.kind,
                subject=fact.subject,
                step=fact.step,
                to=to,
                locale=book.word("locale"),
                data=_jsonable(_notice_data(fact.subject, sub, decision)),
            )
    if fact.kind in {dunning.REMINDER, dunning.WARNING}:
        case = _find(fact.subject, state)
        clause = case.policy.dunning.grace_clause if case else ""
        policy = case.policy if case else None
        if policy is not None:
            told = Change(
                rule=f"notice.{fact.kind}", clause=clause, policy=policy, subject=fact.subject, detail=_facts_of(case)
            )
            yield _notify(account, decision, f"account.{fact.kind}", told, fact.step)


def _facts_of(case: Case | None) -> Mapping[str, Any]:
    if case is None:
        return {}
    return {"case": case.key, "subscription": case.subscription, "grace_ends_at": case.deadline}


def _notice_data(subject: str, subscription: str, decision: Decision) -> dict[str, Any]:
    """Return what the templates fill in."""
    case = _find(subject, decision.state) or (_find(subject, decision.before) if decision.before else None)
    dispute = next((one for one in decision.state.chargebacks if one.key == subject), None)
    given = next((one.plan for one in decision.state.given if one.subscription == subscription), None)
    data: dict[str, Any] = {"subscription": subscription, "plan": given or decision.account.plan}
    if case is not None:
        data |= {"deadline": case.deadline, "amount_due": case.amount_due, "currency": case.currency}
    if dispute is not None:
        data |= {
            "amount": dispute.amount,
            "currency": dispute.currency,
            "fee": dispute.fee,
            "fee_currency": dispute.fee_currency or dispute.currency,
            "data_deletion_eligible_at": dispute.deletion_eligible_at,
            "deadline": dispute.deletion_eligible_at,
        }
    return data


def _subscriptions_of(subject: str, state: State, book: Book, change: Change | None) -> list[str]:
    """Return the subscriptions that a subject is about, those with a mail address first."""
    case = _find(subject, state)
    if case is not None:
        return [case.subscription]
    dispute = next((one for one in state.chargebacks if one.key == subject), None)
    if dispute is not None:
        return sorted(dispute.subscriptions, key=lambda key: (_mail_address(key, book) is None, key))
    named = change.detail.get("subscription") if change else None
    return [named] if isinstance(named, str) and named in book.subscriptions else []


def _heard_of(subject: str, book: Book) -> bool:
    """Whether the customer got any notice of a case, so that "all good" makes sense."""
    return any(name.startswith(f"{subject}|") and one.outcome in _WENT_OUT for name, one in book.notices.items())


def _mail_address(subscription: str, book: Book) -> str | None:
    sub = book.subscriptions.get(subscription)
    if sub is None or sub.seen.email:
        return sub.seen.email if sub else None
    return next((one.seen.email for one in book.invoices.values() if one.seen.subscription == subscription), None)


def _jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in values.items()}


def rfc3339(instant: datetime) -> str:
    """Write an instant as every outside sees it: RFC 3339, UTC, `Z`."""
    text = instant.replace(tzinfo=None).isoformat(timespec="microseconds" if instant.microsecond else "seconds")
    return f"{text}Z"


def _ident(*parts: object) -> str:
    return "ef_" + sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:32]


def reported(effect: Effect, outcome: Outcome, at: datetime, book: Book) -> tuple[OwnFact, ...]:
    """Return the facts that the outcome of an effect is, for the policy to hear."""
    match effect:
        case SendMail():
            return (
                f.NoticeReported(subject=effect.subject, kind=effect.notice, step=effect.step, at=at, outcome=outcome),
            )
        case Notify(type=kind) if kind == f"account.{dunning.WARNING}":
            return (
                f.NoticeReported(
                    subject=effect.subject, kind=dunning.WARNING_CALLBACK, step=effect.step, at=at, outcome=outcome
                ),
            )
        case CancelSubscription():
            sub = book.subscriptions.get(effect.subscription)
            return (
                f.RenewalStopped(
                    subscription=effect.subscription,
                    cause=effect.cause,
                    step=effect.step,
                    at=at,
                    outcome=outcome,
                    seen=sub.seen.stamp.at if sub and sub.seen.status is not Status.CANCELLED else None,
                ),
            )
        case ResumeSubscription():
            return (f.RenewalResumed(subscription=effect.subscription, step=effect.step, at=at, outcome=outcome),)
        case _:
            return ()
