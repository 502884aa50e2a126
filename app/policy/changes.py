"""What became different between two assessments, each with its rule, clause and policy version (I7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from app.policy import causes, dunning, overrides, periods
from app.policy import facts as f
from app.policy.book import Book
from app.policy.chapters import speaking
from app.policy.collecting import levels
from app.policy.document import Policy
from app.policy.facts import OverrideKind
from app.policy.model import Case, CaseState, Change, Chargeback, Given, State, Step, Terms

_STATE_RULES = {
    CaseState.GRACE: ("dunning.grace_started", 60),
    CaseState.ON_HOLD: ("dunning.hold_placed", 80),
    CaseState.EXHAUSTED: ("dunning.exhausted", 70),
    CaseState.IN_COLLECTIONS: ("dunning.exhausted", 70),
    CaseState.VOLUNTARY: ("dunning.closed_voluntarily", 65),
    CaseState.VOID: ("dunning.closed_void", 70),
}
_Line = Callable[[Any, State, Terms], Change]
_ENDED_WITHOUT_PAYMENT = frozenset({CaseState.VOLUNTARY, CaseState.VOID})


def changes(step: Step, acts: Sequence[f.OwnFact]) -> Iterator[Change]:
    """Yield every difference, in no order that matters."""
    terms = step.terms
    if step.after.cases or (step.before and step.before.cases):
        yield from _cases(step)
    if step.after.chargebacks or (step.before and step.before.chargebacks):
        yield from _chargebacks(step)
    if step.new.overrides:
        yield from _overrides(step, terms)
    yield from _subscriptions(step)
    yield from _given(step, terms)
    yield from of_acts(acts, step.after, terms)
    for chapter in speaking(step.new, "changes"):
        yield from chapter.changes(step, acts)
    if step.before is not None and not step.account.was_told(step.before):
        yield Change(rule="entitlement.recomputed", clause="", policy=terms.current, subject=step.account.id, rank=1)


def _cases(step: Step) -> Iterator[Change]:
    before = {case.key: case for case in step.before.cases} if step.before else {}
    for case in step.after.cases:
        known = [before[name] for name in case.names if name in before]
        if known:
            yield from _moved(known[0], case, step.new)
        else:
            yield _of_case(case, *_STATE_RULES[case.state], step.new)
    joined = {name for case in step.after.cases for name in case.names} if before else ()
    for key, case in before.items():
        if key not in joined:
            yield _closed(case, step.new)


def _moved(known: Case, case: Case, book: Book) -> Iterator[Change]:
    if known == case:
        return
    if known.key != case.key:
        yield _of_case(case, "dunning.joined", 15, book)
    # Of a hand-over and its recall the chapter of debts tells.
    if known.state is not case.state and not (known.given_up and case.given_up):
        yield _of_case(case, *_STATE_RULES[case.state], book)
    if case.failures > known.failures:
        yield _of_case(case, "dunning.failure_counted", 20, book)
    elif case.failures < known.failures or case.opened_at != known.opened_at:
        yield _of_case(case, "dunning.begins_anew", 20, book)
    if case.deadline != known.deadline and case.state is CaseState.GRACE:
        yield _of_case(case, "dunning.deadline_moved", 30, book)
    if (case.frozen_since is None) != (known.frozen_since is None):
        yield _of_case(case, "dunning.thawed" if case.frozen_since is None else "dunning.frozen", 25, book)


def _closed(case: Case, book: Book) -> Change:
    invoice = book.invoice(case.invoice) if case.invoice else None
    if case.state in _ENDED_WITHOUT_PAYMENT:
        return _of_case(case, "dunning.settled", 15, book)
    if invoice is not None and not invoice.paid and invoice.void:
        return _of_case(case, "dunning.closed_void", 70, book)
    return _of_case(case, "dunning.recovered", 75, book)


def _of_case(case: Case, rule: str, rank: int, book: Book) -> Change:
    detail = {
        "case": case.key,
        "subscription": case.subscription,
        "invoice": case.invoice,
        "was_on_hold": case.held_at is not None,
        "grace_ends_at": case.deadline,
        "failures": case.failures,
    }
    if rule == "dunning.hold_placed" and dunning.looked_in_vain(case, book):
        detail["unverified"] = True
    return Change(rule=rule, clause=_clause(case, rule), policy=case.policy, subject=case.key, rank=rank, detail=detail)


def _clause(case: Case, rule: str) -> str:
    rules = case.policy
    match rule:
        case "dunning.hold_placed" | "dunning.exhausted":
            return rules.dunning.hold_clause
        case "dunning.recovered" if case.held_at is not None:
            return rules.dunning.hold_clause
        case "dunning.closed_voluntarily":
            return rules.cancellation.clause
        case "dunning.frozen" | "dunning.thawed":
            return rules.dispute.clause
        case _:
            return rules.dunning.grace_clause


def _chargebacks(step: Step) -> Iterator[Change]:
    before = {one.key: one for one in step.before.chargebacks} if step.before else {}
    for key in before.keys() - {one.key for one in step.after.chargebacks}:
        yield from _vanished(before[key])
    for one in step.after.chargebacks:
        known = before.get(one.key)
        if known is None or known.status != one.status:
            yield _of_chargeback(one, f"dispute.{one.status}", 85 if known is None else 50)
        yield from _reach(known, one)


def _vanished(known: Chargeback) -> Iterator[Change]:
    """Name what a refund was taken for and is no more: it was taken back, or a dispute explains it."""
    yield _of_chargeback(known, "dispute.settled", 50)
    if known.holds:
        yield _of_chargeback(known, "dispute.claim_released" if known.claim else "dispute.released", 95)


def _reach(known: Chargeback | None, one: Chargeback) -> Iterator[Change]:
    """Name what a chargeback took and gave back; only one that counts suspends the account."""
    had = (known.holds, known.claim) if known else (False, False)
    has = (one.holds, one.claim)
    if had == has:
        if known is not None and one.holds and known.reach != one.reach:
            yield _of_chargeback(one, "dispute.reach_moved", 87)
        return
    if known is not None and known.holds:
        yield _of_chargeback(one, "dispute.claim_released" if known.claim else "dispute.released", 95)
    if one.holds:
        yield _of_chargeback(one, "dispute.claim_held" if one.claim else "dispute.suspended", 88 if one.claim else 100)


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


def _overrides(step: Step, terms: Terms) -> Iterator[Change]:
    for made in overrides.fresh(step.old, step.new):
        yield _of_override(f"override.{made.kind}", 90, made, terms)
    if step.before is None:
        return
    was, now = step.before.as_of, step.after.as_of
    for record in step.new.overrides.values():
        made = record.set
        if made.kind in overrides.ENDING and made.until and min(was, now) < made.until <= max(was, now):
            # A clock that was set back puts an exception in force again.
            yield _of_override("override.ended" if was < now else "override.in_force_again", 93, made, terms)


def _of_override(rule: str, rank: int, made: f.OverrideSet, terms: Terms) -> Change:
    detail = {"actor": made.actor, "until": made.until, "kind": str(made.kind), "reason": made.reason}
    return Change(rule=rule, clause="", policy=terms.current, subject=made.id, rank=rank, detail=detail)


def _subscriptions(step: Step) -> Iterator[Change]:
    old = step.old.subscriptions
    if step.new.subscriptions is old:
        return
    for key, sub in step.new.subscriptions.items():
        known = old.get(key)
        if known is sub or (known is not None and known.seen.status is sub.seen.status):
            continue
        yield causes.of_status(sub, step)


def _given(step: Step, terms: Terms) -> Iterator[Change]:
    """Name a change of what the subscriptions give, whether or not a hold hides it."""
    if step.before is not None and step.before.given == step.after.given:
        return
    before = {one.subscription: one for one in step.before.given} if step.before else {}
    after = {one.subscription: one for one in step.after.given}
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old != new:
            yield from _given_change(old, new, key, step, terms)


def _given_change(old: Given | None, new: Given | None, key: str, step: Step, terms: Terms) -> Iterator[Change]:
    policy = terms.current
    rank = terms.catalogue.rank
    if new is None:
        yield _of_plan("plan.ended", _ending_clause(key, step, policy), 45, old, terms)
    elif old is None:
        months = periods.term(key, step.new, step.account.zone(terms), policy.prepaid.terms)
        yield _of_plan("plan.given", policy.prepaid.clause if months else "", 40, new, terms, term_months=months)
    elif old.plan == new.plan:
        if _is_kept(new, step, terms):
            yield _of_plan("plan.downgrade_scheduled", policy.plan_change.downgrade_clause, 42, new, terms)
    elif rank(new.plan) > rank(old.plan):
        yield _of_plan("plan.raised", policy.plan_change.upgrade_clause, 45, new, terms)
    else:
        yield _of_plan("plan.lowered", policy.plan_change.downgrade_clause, 45, new, terms)


def _ending_clause(key: str, step: Step, policy: Policy) -> str:
    seen = step.new.subscriptions[key].seen
    if seen.trial_ends_at is None or seen.trial_ends_at != seen.ends_at:
        return policy.cancellation.clause
    return policy.trial.clause_of(step.terms.catalogue.plan(seen.variant, seen.product))


def _is_kept(given: Given, step: Step, terms: Terms) -> bool:
    """Whether a higher plan is given than the one that is subscribed to now."""
    seen = step.new.subscriptions[given.subscription].seen
    return given.add_on is None and given.plan != terms.catalogue.plan(seen.variant, seen.product)


def _of_plan(rule: str, clause: str, rank: int, given: Given | None, terms: Terms, **more: Any) -> Change:
    detail = {"subscription": given.subscription, "plan": given.plan, **more} if given else {}
    subject = given.subscription if given else ""
    return Change(rule=rule, clause=clause, policy=terms.current, subject=subject, rank=rank, detail=detail)


def of_acts(facts: Iterable[f.OwnFact], state: State, terms: Terms) -> Iterator[Change]:
    """Name what we set out to do ourselves, so that each step of a story has its line."""
    for fact in facts:
        line = _LINES.get(type(fact))
        if line is not None:
            yield line(fact, state, terms)


def notice_clause(case: Case, notice: f.NoticeReported) -> str:
    """Return the clause that a notice about a case names: a dunning letter its level's own."""
    rules = levels.level(case, notice.step) if notice.kind == levels.NOTICE else None
    return rules.clause if rules else case.policy.dunning.grace_clause


def _of_notice(fact: f.NoticeReported, state: State, terms: Terms) -> Change:
    case = state.case(fact.subject)
    return Change(
        rule=f"notice.{fact.kind}",
        clause=notice_clause(case, fact) if case else "",
        policy=case.policy if case else terms.current,
        subject=fact.subject,
        rank=5,
        detail={"step": fact.step},
    )


def _at_the_provider(rule: str, rank: int) -> _Line:
    return lambda fact, _, terms: _act(rule, rank, fact.subscription, terms, subscription=fact.subscription)


def _of_alert(fact: f.OperatorsAlerted, _: State, terms: Terms) -> Change:
    return _act(f"alert.{fact.topic}", 2, fact.subject, terms)


def _of_lifting(fact: f.HoldLifted, _: State, terms: Terms) -> Change:
    return _act(f"override.{OverrideKind.REINSTATE}.lifted", 60, fact.source, terms, hold=fact.hold)


def _act(rule: str, rank: int, subject: str, terms: Terms, **detail: Any) -> Change:
    return Change(rule=rule, clause="", policy=terms.current, subject=subject, rank=rank, detail=detail)


_LINES: dict[type[f.OwnFact], _Line] = {
    f.NoticeReported: _of_notice,
    f.RenewalStopped: _at_the_provider("renewal.stopped", 4),
    f.RenewalResumed: _at_the_provider("renewal.resumed", 4),
    f.SubscriptionLookedUp: _at_the_provider("look.asked", 3),
    f.OperatorsAlerted: _of_alert,
    f.HoldLifted: _of_lifting,
}
