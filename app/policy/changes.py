"""What became different between two assessments, each with its rule, clause and policy version (I7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.policy import facts as f
from app.policy.book import Book
from app.policy.facts import Status
from app.policy.model import Case, CaseState, Change, Chargeback, Owner, State, Terms

_STATE_RULES = {
    CaseState.GRACE: ("dunning.grace_started", 60),
    CaseState.ON_HOLD: ("dunning.hold_placed", 80),
    CaseState.EXHAUSTED: ("dunning.exhausted", 70),
    CaseState.VOLUNTARY: ("dunning.closed_voluntarily", 65),
}


@dataclass(frozen=True, slots=True)
class Step:
    """Two assessments of one account, one after the other, with the books that they were made from."""

    before: State | None
    after: State
    old: Book
    new: Book


def changes(step: Step, facts: list[f.OwnFact], terms: Terms) -> Iterator[Change]:
    """Yield every difference, in no order that matters."""
    yield from _cases(step)
    yield from _chargebacks(step)
    yield from _operator_holds(step, terms)
    yield from _subscriptions(step, terms)
    yield from _rights(step, terms)
    yield from _own(step, facts, terms)


def _cases(step: Step) -> Iterator[Change]:
    before = {case.key: case for case in step.before.cases} if step.before else {}
    after = {case.key: case for case in step.after.cases}
    joined = {name for case in after.values() for name in case.names}
    for key, case in after.items():
        known = next((before[name] for name in case.names if name in before), None)
        yield from _opened(case) if known is None else _moved(known, case)
    for key, case in before.items():
        if key not in after and key not in joined:
            yield _closed(case, step.new)


def _opened(case: Case) -> Iterator[Change]:
    if case.state is CaseState.GRACE:
        yield _of_case(case, "dunning.grace_started", case.policy.dunning.grace_clause, 60)
    elif case.state is CaseState.ON_HOLD:
        yield _of_case(case, "dunning.hold_placed", case.policy.dunning.hold_clause, 80)


def _moved(known: Case, case: Case) -> Iterator[Change]:
    rules = case.policy.dunning
    if known.state is not case.state:
        rule, rank = _STATE_RULES[case.state]
        clause = {
            CaseState.GRACE: rules.grace_clause,
            CaseState.VOLUNTARY: case.policy.cancellation.clause,
        }.get(case.state, rules.hold_clause)
        yield _of_case(case, rule, clause, rank)
    if case.failures > known.failures:
        yield _of_case(case, "dunning.failure_counted", rules.grace_clause, 20)
    if case.deadline != known.deadline and case.state is CaseState.GRACE:
        yield _of_case(case, "dunning.deadline_moved", rules.grace_clause, 30)
    if (case.frozen_since is None) != (known.frozen_since is None):
        rule = "dunning.thawed" if case.frozen_since is None else "dunning.frozen"
        yield _of_case(case, rule, case.policy.dispute.clause, 25)


def _closed(case: Case, book: Book) -> Change:
    invoice = book.invoices.get(case.invoice or "")
    log = book.cases.get(case.key)
    rules = case.policy.dunning
    waived = log is not None and log.waived_at is not None and log.waived_at >= case.opened_at
    void = waived or (invoice is not None and not invoice.paid and invoice.void)
    if void:
        return _of_case(case, "dunning.closed_void", rules.grace_clause, 70)
    return _of_case(case, "dunning.recovered", rules.hold_clause if case.held_at else rules.grace_clause, 75)


def _of_case(case: Case, rule: str, clause: str, rank: int) -> Change:
    detail = {
        "case": case.key,
        "subscription": case.subscription,
        "invoice": case.invoice,
        "was_on_hold": case.held_at is not None,
        "grace_ends_at": case.deadline,
        "failures": case.failures,
    }
    return Change(rule=rule, clause=clause, policy=case.policy, subject=case.key, rank=rank, detail=detail)


def _chargebacks(step: Step) -> Iterator[Change]:
    before = {one.key: one for one in step.before.chargebacks} if step.before else {}
    held_before = _dispute_holds(step.before)
    held_after = _dispute_holds(step.after)
    for one in step.after.chargebacks:
        known = before.get(one.key)
        if known is None or known.status != one.status:
            yield _of_chargeback(one, f"dispute.{one.status}", 85 if known is None else 50)
        if one.key in held_after and one.key not in held_before:
            yield _of_chargeback(one, "dispute.suspended", 100)
        elif one.key in held_before and one.key not in held_after:
            yield _of_chargeback(one, "dispute.released", 95)


def _dispute_holds(state: State | None) -> frozenset[str]:
    return frozenset(hold.source for hold in state.holds if hold.owner is Owner.DISPUTE) if state else frozenset()


def _of_chargeback(one: Chargeback, rule: str, rank: int) -> Change:
    detail = {
        "dispute": one.key,
        "status": one.status,
        "amount": one.amount,
        "currency": one.currency,
        "fee": one.fee,
        "payment": one.payment,
        "data_deletion_eligible_at": one.deletion_eligible_at,
    }
    return Change(
        rule=rule, clause=one.policy.dispute.clause, policy=one.policy, subject=one.key, rank=rank, detail=detail
    )


def _operator_holds(step: Step, terms: Terms) -> Iterator[Change]:
    before = {hold.key for hold in step.before.holds if hold.owner is Owner.OPERATOR} if step.before else set()
    after = {hold.key for hold in step.after.holds if hold.owner is Owner.OPERATOR}
    for key in after - before:
        yield Change(rule="override.suspended", clause="", policy=terms.current, subject=key, rank=98)
    for key in before - after:
        yield Change(rule="override.suspension_ended", clause="", policy=terms.current, subject=key, rank=93)
    for key, record in step.new.overrides.items():
        if key not in step.old.overrides:
            kind = record.set.kind
            detail = {"actor": record.set.actor, "until": record.set.until, "kind": kind}
            yield Change(rule=f"override.{kind}", clause="", policy=terms.current, subject=key, rank=90, detail=detail)


def _subscriptions(step: Step, terms: Terms) -> Iterator[Change]:
    for key, sub in step.new.subscriptions.items():
        known = step.old.subscriptions.get(key)
        if known is None or known.seen.status is not sub.seen.status:
            policy = terms.at(sub.seen.stamp.at)
            clause = {Status.ON_TRIAL: policy.trial.clause, Status.CANCELLED: policy.cancellation.clause}
            yield Change(
                rule=f"subscription.{sub.seen.status}",
                clause=clause.get(sub.seen.status, ""),
                policy=policy,
                subject=key,
                rank=10,
                detail={"subscription": key, "ends_at": sub.seen.ends_at, "trial_ends_at": sub.seen.trial_ends_at},
            )


def _rights(step: Step, terms: Terms) -> Iterator[Change]:
    """Name a change of what the subscriptions give, whether or not a hold hides it."""
    before = {one.subscription: one for one in step.before.given} if step.before else {}
    after = {one.subscription: one for one in step.after.given}
    policy = terms.current
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old is None and new is not None:
            yield _given_change("plan.given", "", key, policy_rank=40, terms=terms, plan=new.plan)
        elif new is None and old is not None:
            sub = step.new.subscriptions[key]
            trial = sub.seen.trial_ends_at is not None and sub.seen.trial_ends_at == sub.seen.ends_at
            clause = policy.trial.clause if trial else policy.cancellation.clause
            yield _given_change("plan.ended", clause, key, policy_rank=45, terms=terms, plan=old.plan)
        elif old is not None and new is not None and old.plan != new.plan:
            rules = policy.plan_change
            rising = terms.catalogue.rank(new.plan) > terms.catalogue.rank(old.plan)
            rule, clause = ("plan.raised", rules.upgrade_clause) if rising else ("plan.lowered", rules.downgrade_clause)
            yield _given_change(rule, clause, key, policy_rank=45, terms=terms, plan=new.plan)
        elif old is not None and new is not None and new.until != old.until and _kept(key, step, terms):
            clause = policy.plan_change.downgrade_clause
            yield _given_change("plan.downgrade_scheduled", clause, key, policy_rank=42, terms=terms, plan=new.plan)


def _kept(key: str, step: Step, terms: Terms) -> bool:
    sub = step.new.subscriptions[key]
    given = next(one for one in step.after.given if one.subscription == key)
    return given.plan != terms.catalogue.plan(sub.seen.variant, sub.seen.product) and given.add_on is None


def _given_change(rule: str, clause: str, key: str, *, policy_rank: int, terms: Terms, plan: str) -> Change:
    detail = {"subscription": key, "plan": plan}
    return Change(rule=rule, clause=clause, policy=terms.current, subject=key, rank=policy_rank, detail=detail)


def _own(step: Step, facts: list[f.OwnFact], terms: Terms) -> Iterator[Change]:
    """Name what we set out to do ourselves, so that each step of a story has its line."""
    cases = {name: case for case in step.after.cases for name in case.names}
    for fact in facts:
        match fact:
            case f.NoticeReported(outcome=f.Outcome.ASKED, subject=subject, kind=kind, step=number):
                case = cases.get(subject)
                policy = case.policy if case else terms.current
                clause = policy.dunning.grace_clause if case else ""
                yield Change(
                    rule=f"notice.{kind}",
                    clause=clause,
                    policy=policy,
                    subject=subject,
                    rank=5,
                    detail={"step": number},
                )
            case f.RenewalStopped() | f.RenewalResumed():
                resumed = isinstance(fact, f.RenewalResumed)
                yield Change(
                    rule="renewal.resumed" if resumed else "renewal.stopped",
                    clause="",
                    policy=terms.current,
                    subject=fact.subscription,
                    rank=4,
                    detail={"subscription": fact.subscription},
                )
            case f.SubscriptionLookedUp():
                yield Change(
                    rule="look.asked",
                    clause="",
                    policy=terms.current,
                    subject=fact.subscription,
                    rank=3,
                    detail={"subscription": fact.subscription},
                )
            case f.OperatorsAlerted(topic=topic, subject=subject):
                yield Change(rule=f"alert.{topic}", clause="", policy=terms.current, subject=subject, rank=2)
            case _:
                pass
