"""Decides one step of an account: from its book, new facts and the time to the next state, facts and effects. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.areas import areas_for
from kulanz.policy.assess import assess, assessed
from kulanz.policy.book import Book
from kulanz.policy.calendar.time import aware
from kulanz.policy.consequences import effects as telling
from kulanz.policy.consequences import letters
from kulanz.policy.consequences.changes import changes, of_own_facts, of_words
from kulanz.policy.facts import Fact, OwnFact
from kulanz.policy.state import (
    CALM,
    NO_MEMO,
    Account,
    Change,
    Decision,
    Memo,
    Moment,
    Situation,
    State,
    Terms,
    Transition,
)

MOVED_RULE = "ownership.moved"
_MAX_ITERATIONS = 12
"""Limit of rounds: steps that cause more steps beyond it are a fault in a rule, not a policy."""


def decide(
    account: Account, facts: Iterable[Fact], terms: Terms, now: datetime, situation: Situation = CALM
) -> Decision:
    """Return the decision for an account when facts arrive, or when a timer is due (no facts) at `now`.

    The facts are merged and the account is assessed. Each due step of the policy (a promise, a notice, a hold, a
    cancellation) is a fact of our own that is merged in turn, until no step is left.
    """
    before = _as_decided(account, terms)
    if before is not None and not account.was_told(before):
        account = evolve(account, add_ons=before.add_ons, quantities=before.quantities)
    facts = tuple(facts)
    book = account.book.with_facts(facts)
    now = aware(now)
    terms = terms.under(book, now)
    moment = Moment(terms, book.word("timezone") or terms.timezone, now, situation)
    acts: list[OwnFact] = []
    for _ in range(_MAX_ITERATIONS):
        step = Transition(account, before, assessed(book, moment), book, terms)
        due = _due(step, moment)
        if due:
            acts.extend(due)
            book = book.with_facts(due)
            step = Transition(account, before, step.after, book, terms)
        if all(_is_quiet(act, step.after) for act in due):
            return _decision(step, acts, facts, moment)
    raise RuntimeError(f"the rules of the policy never settle: {acts[-1]}")


def moved(account: Account, book: Book, detail: Mapping[str, Any], terms: Terms, now: datetime) -> Decision:
    """Return the decision for an account whose purchases came from another account, or moved to it.

    The product gets the changed entitlement, the customer no notice. Steps that are due now wait for the next timer.
    """
    before = _as_decided(account, terms)
    if before is not None and not account.was_told(before):
        account = evolve(account, add_ons=before.add_ons, quantities=before.quantities)
    now = aware(now)
    terms = terms.under(book, now)
    step = Transition(account, before, assess(book, terms, book.word("timezone") or terms.timezone, now), book, terms)
    change = Change(rule=MOVED_RULE, clause="", policy=terms.current, subject=account.id, detail=detail)
    decision = Decision(
        account=_moved_on(step, [], now), before=before, state=step.after, changes=(change,), facts=(), effects=()
    )
    return evolve(decision, effects=tuple(telling.effects(account, decision)))


def _as_decided(account: Account, terms: Terms) -> State | None:
    if account.decided_at is None:
        return None
    memo = account.assessed
    state = memo.state
    if memo.book is account.book and memo.terms is terms and state and state.as_of == account.decided_at:
        return state
    return assess(account.book, terms, account.zone(terms), account.decided_at, with_timers=False)


def _due(step: Transition, moment: Moment) -> list[OwnFact]:
    """Return the due steps, each once; steps that hand promises on come before those that rely on them."""
    due: list[OwnFact] = []
    for area in areas_for(step.new, "carried_over"):
        due.extend(area.carried_over(step, moment))
    if not due:
        due = _due_facts(step.after, step.new, moment)
    return list(dict.fromkeys(due)) if len(due) > 1 else due


def _due_facts(state: State, book: Book, moment: Moment) -> list[OwnFact]:
    acts: list[OwnFact] = []
    for area in areas_for(book, "due"):
        acts.extend(area.due(state, book, moment))
    told: list[tuple[str, str]] = []
    for area in areas_for(book, "alerts"):
        told.extend(area.alerts(state, book, moment))
    if not book.alerts.keys() >= set(map("|".join, told)):
        news = [alert for alert in told if "|".join(alert) not in book.alerts]
        acts.extend(f.OperatorsAlerted(subject=subject, topic=topic, at=moment.at) for subject, topic in news)
    return acts


def _is_quiet(act: OwnFact, state: State) -> bool:
    """Whether a step only records a fact: it does not change the state, and causes no other step."""
    match act:
        case f.DeadlinePromised():
            case = state.case(act.case)
            return case is not None and act.deadline <= case.deadline
        case f.OperatorsAlerted():
            return True
        case f.VersionApplied():
            return not act.actor
        case _:
            return False


def _decision(step: Transition, acts: list[OwnFact], heard: Iterable[Fact], moment: Moment) -> Decision:
    stored_changes = (*changes(step, acts), *of_words(step, heard))
    facts = list(letters.brought_by(stored_changes, step.after, step.new, moment.at))
    if facts:
        acts.extend(facts)
        stored_changes = (*stored_changes, *of_own_facts(step, facts))
    after = _moved_on(step, facts, moment.at)
    decision = Decision(
        account=after, before=step.before, state=step.after, changes=stored_changes, facts=tuple(acts), effects=()
    )
    effects = tuple(telling.effects(step.account, decision))
    return evolve(decision, effects=effects) if effects else decision


def _moved_on(step: Transition, facts: list[OwnFact], at: datetime) -> Account:
    account, state = step.account, step.after
    book = step.new.with_facts(facts) if facts else step.new
    return evolve(
        account,
        book=book,
        # A notice may matter to the next assessment; the other steps of this decision change nothing in it.
        assessed=NO_MEMO if facts else Memo(book, step.terms, state),
        plan=state.plan,
        access=state.access,
        add_ons=state.add_ons,
        quantities=state.quantities,
        standing=state.standing,
        version=account.version + (account.decided_at is None or not account.was_told(state)),
        decided_at=at,
    )
