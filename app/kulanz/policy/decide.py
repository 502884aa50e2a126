"""One step of an account: facts and the time in, the next state and what the world must be told out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from kulanz.policy import facts as f
from kulanz.policy.areas import speaking
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.calendar.time import aware
from kulanz.policy.consequences import effects as telling
from kulanz.policy.consequences import letters
from kulanz.policy.consequences.changes import changes, of_acts
from kulanz.policy.facts import Fact, OwnFact
from kulanz.policy.frozen import changed
from kulanz.policy.state import CALM, Account, Assessed, Decision, Moment, Situation, State, Step, Terms

_ENOUGH = 12
"""Rounds after which acts that ask for acts are a fault in a rule, not a policy."""


def decide(
    account: Account, facts: Iterable[Fact], terms: Terms, now: datetime, situation: Situation = CALM
) -> Decision:
    """Return what follows for an account when facts arrive, or when a timer is due (no facts) at `now`.

    The facts are merged, the account is assessed, and what the policy does about it (a promise, a notice, a hold, a
    cancellation) is a fact of our own that is merged in turn, until nothing more is to be done.
    """
    before = _as_decided(account, terms)
    if before is not None and not account.was_told(before):
        account = replace(account, add_ons=before.add_ons, quantities=before.quantities)
    book = account.book.with_facts(facts)
    now = aware(now)
    terms = terms.under(book, now)
    moment = Moment(terms, book.word("timezone") or terms.timezone, now, situation)
    acts: list[OwnFact] = []
    for _ in range(_ENOUGH):
        step = Step(account, before, assess(book, terms, moment.zone, moment.at), book, terms)
        due = _due(step, moment)
        if due:
            acts.extend(due)
            book = book.with_facts(due)
            step = Step(account, before, step.after, book, terms)
        if all(_is_quiet(act, step.after) for act in due):
            return _decision(step, acts, moment)
    raise RuntimeError(f"a policy that never comes to rest: {acts[-1]}")


def _as_decided(account: Account, terms: Terms) -> State | None:
    if account.decided_at is None:
        return None
    known = account.assessed
    if known and known.book is account.book and known.terms is terms and known.state.as_of == account.decided_at:
        return known.state
    return assess(account.book, terms, account.zone(terms), account.decided_at, with_timers=False)


def _due(step: Step, moment: Moment) -> list[OwnFact]:
    """Return what is to be done, each thing once; what hands promises on comes before what relies on them."""
    due: list[OwnFact] = []
    for chapter in speaking(step.new, "carried_over"):
        due.extend(chapter.carried_over(step, moment))
    if not due:
        due = _acts(step.after, step.new, moment)
    return list(dict.fromkeys(due)) if len(due) > 1 else due


def _acts(state: State, book: Book, moment: Moment) -> list[OwnFact]:
    acts: list[OwnFact] = []
    for chapter in speaking(book, "acts"):
        acts.extend(chapter.acts(state, book, moment))
    for chapter in speaking(book, "concerns"):
        for subject, topic in chapter.concerns(state, book, moment):
            if f"{subject}|{topic}" not in book.alerts:
                acts.append(f.OperatorsAlerted(subject=subject, topic=topic, at=moment.at))
    return acts


def _is_quiet(act: OwnFact, state: State) -> bool:
    """Whether an act only records what is so: it makes no difference to the state, and asks for no other act."""
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


def _decision(step: Step, acts: list[OwnFact], moment: Moment) -> Decision:
    found = tuple(changes(step, acts))
    told = list(letters.brought_by(found, step.after, step.new, moment.at))
    if told:
        acts.extend(told)
        found = (*found, *of_acts(step, told))
    after = _moved_on(step, told, moment.at)
    decision = Decision(
        account=after, before=step.before, state=step.after, changes=found, facts=tuple(acts), effects=()
    )
    effects = tuple(telling.effects(step.account, decision))
    return changed(decision, effects=effects) if effects else decision


def _moved_on(step: Step, told: list[OwnFact], at: datetime) -> Account:
    account, state = step.account, step.after
    book = step.new.with_facts(told) if told else step.new
    return changed(
        account,
        book=book,
        # A notice may matter to whoever assesses next; whatever else was done last is quiet.
        assessed=None if told else Assessed(book, step.terms, state),
        plan=state.plan,
        access=state.access,
        add_ons=state.add_ons,
        quantities=state.quantities,
        standing=state.standing,
        version=account.version + (account.decided_at is None or not account.was_told(state)),
        decided_at=at,
    )
