"""Failed renewals as an area of the policy: their cases, their holds, and their changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.areas import settling, tenures
from kulanz.policy.areas.amounts import told_decimals
from kulanz.policy.areas.area import Area, Asks, Line
from kulanz.policy.areas.dunning import enforcement, holds, notices
from kulanz.policy.areas.dunning.cases import WAS_UNPAID, cases, explained_until
from kulanz.policy.areas.subscriptions.grants import cancelled_by_customer, closing_since
from kulanz.policy.book import Book
from kulanz.policy.book.joining import keys_where
from kulanz.policy.book.own import RequestLog
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.effects import Effect, LookUpSubscription, Notify, SendLetter, SendMail
from kulanz.policy.facts import Outcome, OwnFact
from kulanz.policy.identity import effect_id
from kulanz.policy.state import Case, CaseState, Change, Decision, Hold, Moment, State, Timer, Transition

_STATE_RULES = {
    CaseState.GRACE: ("dunning.grace_started", 60),
    CaseState.ON_HOLD: ("dunning.hold_placed", 80),
    CaseState.EXHAUSTED: ("dunning.exhausted", 70),
    CaseState.IN_COLLECTIONS: ("dunning.exhausted", 70),
    CaseState.VOLUNTARY: ("dunning.closed_voluntarily", 65),
    CaseState.VOID: ("dunning.closed_void", 70),
}
_FROZEN = {
    (True, False): "dunning.frozen",
    (False, False): "dunning.thawed",
    (True, True): "dunning.paused",
    (False, True): "dunning.unpaused",
}
"""By two flags: whether a case rests, and whether it rests for a pause of the subscription and not for a dispute."""
_ENDED_WITHOUT_PAYMENT = frozenset({CaseState.VOLUNTARY, CaseState.VOID})
_MAY_HAVE_LEFT = frozenset({Outcome.UNKNOWN, Outcome.DONE})
_WARNED = f"account.{notices.WARNING}"


def _look_asked(fact: f.SubscriptionLookedUp, step: Transition) -> Change:
    return step.of_act("look.asked", 3, fact.subscription, subscription=fact.subscription)


def _look(fact: f.SubscriptionLookedUp, decision: Decision) -> Iterator[Effect]:
    case = next(
        (other_case for other_case in decision.state.cases if other_case.subscription == fact.subscription), None
    )
    # At one moment there may be news twice: each asks for a look of its own.
    moment = [rfc3339(at) for at in (fact.at, fact.known) if at]
    ident = effect_id(decision.account.id, "look", fact.subscription, *moment)
    yield LookUpSubscription(
        id=ident,
        subscription=fact.subscription,
        case=case.key if case else "",
        invoice=case.invoice if case else None,
    )


class DunningArea(Area):
    """A failed renewal: grace, the promised notice, the hold, and its end (DOMAIN section 3, plexo 6)."""

    families: ClassVar[tuple[str, ...]] = ("subscriptions",)
    lines: ClassVar[Mapping[type[OwnFact], Line]] = {f.SubscriptionLookedUp: _look_asked}
    asks: ClassVar[Mapping[type[OwnFact] | str, Asks]] = {f.SubscriptionLookedUp: _look}

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the cases, and the subscriptions that are cancelled because of them."""
        stored_cases = cases(book, moment)
        if not stored_cases:
            return draft
        stops = [(case.subscription, case.key) for case in stored_cases if _cancels(case)]
        return evolve(draft, cases=tuple(stored_cases), renewal_stops=(*draft.renewal_stops, *stops))

    def holds(self, state: State, book: Book, moment: Moment) -> Iterable[Hold]:
        """Return the hold of each case whose grace is over."""
        return [holds.hold(case) for case in state.cases if case.holds] if state.cases else ()

    def timers(self, state: State, book: Book, moment: Moment) -> Iterable[Timer]:
        """Return when each case has to be assessed again, and when a new one may begin."""
        timers = [timer for case in state.cases for timer in enforcement.timers(case, book, moment)]
        for key in keys_where(book.subscriptions, WAS_UNPAID):
            explained = explained_until(book.subscriptions[key], book, moment.terms)
            if explained is not None and explained > moment.at:
                timers.append(Timer("period_end", key, explained))
        return timers

    def carried_over(self, step: Transition, moment: Moment) -> Iterable[OwnFact]:
        """Return the promises of a case that another case takes over, and the time that a dispute left it."""
        return holds.carried_over(step.before, step.after, step.new, moment.at) if step.before else ()

    def due(self, state: State, book: Book, moment: Moment) -> Iterable[OwnFact]:
        """Return the promises, notices and holds that are due."""
        acts = [act for case in state.cases for act in enforcement.due(case, book, moment)] if state.cases else []
        return notices.one_a_day(acts, state, book, moment.situation.written_to) if acts else ()

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the reasons why a due hold is not placed, and the claims of strangers."""
        for case in state.cases:
            if case.claim and case.open:
                yield case.key, "dunning_claim"
            topic = enforcement.blocked(case, book, moment)
            if topic is not None:
                yield case.key, topic
            if enforcement.pauses_too_long(case, book, moment.at):
                yield case.key, "pause_has_no_end"

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterable[Change]:
        """Return the changes of each case."""
        return _changes(step, acts) if step.after.cases or (step.before and step.before.cases) else ()

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return the fields of every notice about a case, also of one that is over."""
        before = decision.before
        case = decision.state.case(subject) or (before.case(subject) if before else None)
        if case is None:
            return {}
        rules, book = case.policy.dunning, decision.account.book
        invoice = book.invoice(case.invoice) if case.invoice else None
        sub = book.subscriptions.get(case.subscription)
        cancelled = sub is not None and cancelled_by_customer(sub, book) is not None
        return {
            "deadline": case.deadline,
            "amount_due": case.amount_due,
            "currency": case.currency,
            "part_paid": (settling.credited(book, invoice) or None) if invoice else None,
            "invoice": case.invoice.partition(":")[2] if case.invoice else None,
            **told_decimals(case.decimals),
            "on_grace_end": rules.on_grace_end,
            "had_grace": bool(rules.grace),
            "restores": rules.on_grace_end != "cancel" and not case.given_up and not cancelled,
            "cancelled": cancelled,
            "consequence_clause": rules.hold_clause or None,
            "clause": (rules.grace_clause if case.held_at is None else rules.hold_clause) or None,
        }

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether a notice about a case, or a look at the provider, still has its case."""
        match effect:
            case LookUpSubscription(case=""):
                return None
            case LookUpSubscription():
                case = state.case(effect.case)
                return case is not None and case.open
            case SendMail(notice=kind) | SendLetter(notice=kind) | Notify(type=kind):
                return _is_true(kind.removeprefix("account."), effect, state, book)
            case _:
                return None

    def reported(self, effect: Effect, outcome: Outcome, at: datetime, book: Book) -> Iterator[OwnFact]:
        """Yield the outcome of the final warning on its second channel."""
        if isinstance(effect, Notify) and effect.type == _WARNED:
            kind = notices.WARNING_CALLBACK
            yield f.NoticeReported(subject=effect.subject, kind=kind, step=effect.step, at=at, outcome=outcome)


def _cancels(case: Case) -> bool:
    """Whether the subscription is cancelled at the provider because of a case."""
    return case.policy.dunning.on_grace_end == "cancel" and (case.state is CaseState.ON_HOLD or case.given_up)


def _is_true(kind: str, effect: SendMail | SendLetter | Notify, state: State, book: Book) -> bool | None:
    """Whether a notice is still true. Callbacks about the past are always sent: their version shows their order."""
    case = state.case(effect.subject)
    if kind in notices.CASE_NOTICES:
        return case is not None and not notices.superseded(case, book, kind, effect.step)
    if kind == "downgraded" and not isinstance(effect, Notify):
        return case is not None and (case.state is CaseState.ON_HOLD or case.given_up)
    if kind == "recovered" and not isinstance(effect, Notify):
        return case is None and any(
            _may_have_left(name, request_log) for name, request_log in _sent(effect.subject, book)
        )
    return None


def _may_have_left(name: str, request_log: RequestLog) -> bool:
    """Whether a customer may have got a notice before its case closed: only then does "all good" make sense."""
    mailed = not name.startswith((notices.WARNING_CALLBACK, "recovered|"))
    return mailed and request_log.outcome in _MAY_HAVE_LEFT


def _sent(subject: str, book: Book) -> Iterator[tuple[str, RequestLog]]:
    """Yield the notices that were asked for about a case, under each of its names."""
    for name in (subject, *book.case(subject).absorbed):
        yield from book.notices_about(name).sent.items()


def _changes(step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
    before = {case.key: case for case in step.before.cases} if step.before else {}
    for case in step.after.cases:
        existing_cases = [before[name] for name in case.names if name in before]
        for rule, rank in _moved(existing_cases[0], case) if existing_cases else (_STATE_RULES[case.state],):
            yield _change(case, rule, rank, step.new, acts)
    joined = {name for case in step.after.cases for name in case.names} if before else ()
    for key, case in before.items():
        if key not in joined:
            yield _change(case, *_closed(case, step.new), step.new, acts)


def _moved(existing_case: Case, case: Case) -> Iterator[tuple[str, int]]:
    """Yield the rule and rank of each difference in a case."""
    if existing_case == case:
        return
    if existing_case.key != case.key:
        yield "dunning.joined", 15
    # The area of collections reports a hand-over and its recall.
    if existing_case.state is not case.state and not (existing_case.given_up and case.given_up):
        yield _STATE_RULES[case.state]
    if case.failures > existing_case.failures:
        yield "dunning.failure_counted", 20
    elif case.failures < existing_case.failures or case.opened_at != existing_case.opened_at:
        yield "dunning.begins_anew", 20
    if case.deadline != existing_case.deadline and case.state is CaseState.GRACE:
        yield "dunning.deadline_moved", 30
    if (case.frozen_since is None) != (existing_case.frozen_since is None):
        yield _FROZEN[case.frozen_since is not None, case.paused or existing_case.paused], 25
    if (case.whole, case.claim) != (existing_case.whole, existing_case.claim):
        yield "dunning.reach_moved", 22


def _closed(case: Case, book: Book) -> tuple[str, int]:
    """Return the rule and rank of the end of a case."""
    invoice = book.invoice(case.invoice) if case.invoice else None
    if case.state in _ENDED_WITHOUT_PAYMENT:
        return "dunning.settled", 15
    if invoice is not None and not invoice.paid and invoice.void:
        return "dunning.closed_void", 70
    if invoice is None and tenures.unpaid_change(book.subscriptions[case.subscription], book, case.opened_at):
        return "dunning.explained", 70
    return "dunning.recovered", 75


def _change(case: Case, rule: str, rank: int, book: Book, acts: Iterable[OwnFact]) -> Change:
    detail = {
        "case": case.key,
        "subscription": case.subscription,
        "invoice": case.invoice,
        "was_on_hold": case.held_at is not None,
        "grace_ends_at": case.deadline,
        "failures": case.failures,
    }
    takes = rule == "dunning.hold_placed" or (rule == "dunning.exhausted" and case.held_at is None)
    if takes and enforcement.looked_in_vain(case, book):
        detail["unverified"] = True
    if rule == "dunning.closed_voluntarily" and closing_since(book) is not None:
        detail["closing"] = True
    if rule == "dunning.exhausted" and case.holds:
        detail["stays_on_hold"] = True
    callback, notice = _telling(case, rule, book, acts)
    return Change(
        rule=rule,
        clause=_clause(case, rule),
        policy=case.policy,
        subject=case.key,
        rank=rank,
        detail=detail,
        callback=None if case.claim else callback,
        notice=notice,
    )


def _telling(case: Case, rule: str, book: Book, acts: Iterable[OwnFact]) -> tuple[str | None, str | None]:
    """Return the callback and the notice of a change."""
    match rule:
        case "dunning.grace_started":
            # Zero days only wait for deliveries that were acknowledged before, or for the breaker.
            graceless = not case.policy.dunning.grace
            # In a catch-up a case gets one notice at most.
            noticed = any(isinstance(act, f.NoticeReported) and act.subject == case.key for act in acts)
            by_provider = case.policy.dunning.is_mailed_by_provider(case.subscription)
            # Where notices have their hours, it is one that is due.
            silent = graceless or noticed or by_provider or case.policy.notices.hours is not None
            return None if graceless else "account.grace_started", None if silent else notices.GRACE_STARTED
        case "dunning.hold_placed":
            return "account.downgraded", "downgraded"
        case "dunning.exhausted" if case.held_at is None:
            # The provider ended the subscription in grace: the plan is lost with no hold before.
            return "account.downgraded", "downgraded"
        case "dunning.explained":
            return "account.recovered", None
        case "dunning.recovered":
            return "account.recovered", "recovered" if any(_sent(case.key, book)) else None
        case _:
            return None, None


def _clause(case: Case, rule: str) -> str:
    rules = case.policy
    match rule:
        case "dunning.hold_placed" | "dunning.exhausted":
            return rules.dunning.hold_clause
        case "dunning.recovered" if case.held_at is not None:
            return rules.dunning.hold_clause
        case "dunning.explained":
            return rules.plan_change.upgrade_clause
        case "dunning.closed_voluntarily":
            return rules.cancellation.clause
        case "dunning.frozen" | "dunning.thawed":
            return rules.dispute.clause
        case _:
            return rules.dunning.grace_clause
