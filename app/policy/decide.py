"""One step of an account: facts and the time in, the next state and what the world must be told out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from app.policy import disputes, dunning, letters, overrides, renewals, telling
from app.policy import facts as f
from app.policy.assess import assess
from app.policy.book import Book
from app.policy.changes import changes, of_acts
from app.policy.chapters import speaking
from app.policy.facts import Fact, OwnFact
from app.policy.model import CALM, Account, Assessed, Decision, Moment, Situation, State, Step, Terms
from app.policy.quick import changed, quick
from app.policy.time import aware
from app.policy.versions.applying import began_ahead

_ENOUGH = 12
"""Rounds after which acts that ask for acts are a fault in a rule, not a policy."""


@quick
@dataclass(frozen=True, slots=True)
class _Round:
    """What the acts of one round are chosen by."""

    before: State | None
    made: list[f.OverrideSet]
    """Exceptions that operators have just made."""
    state: State
    book: Book
    moment: Moment


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
    made = overrides.fresh(account.book, book)
    acts: list[OwnFact] = []
    for _ in range(_ENOUGH):
        state = assess(book, terms, moment.zone, moment.at)
        due = _due(_Round(before, made, state, book, moment))
        acts.extend(due)
        book = book.with_facts(due) if due else book
        restless = [act for act in due if not _is_quiet(act, state)]
        if not restless:
            return _decision(Step(account, before, state, book, terms), acts, moment)
    raise RuntimeError(f"a policy that never comes to rest: {acts[-1]}")


def _as_decided(account: Account, terms: Terms) -> State | None:
    if account.decided_at is None:
        return None
    known = account.assessed
    if known and known.book is account.book and known.terms is terms and known.state.as_of == account.decided_at:
        return known.state
    return assess(account.book, terms, account.zone(terms), account.decided_at, with_timers=False)


def _due(this: _Round) -> list[OwnFact]:
    """Return what is to be done, each thing once; what hands promises on comes before what relies on them."""
    first = [*dunning.carried_over(this.before, this.state, this.book, this.moment.at), *_ordered(this)]
    due = first or list(_acts(this.state, this.book, this.moment))
    return list(dict.fromkeys(due)) if len(due) > 1 else due


def _ordered(this: _Round) -> Iterator[OwnFact]:
    for override in this.made:
        yield from overrides.acts(override, this.state, this.book, this.moment.at)


def _acts(state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
    for case in state.cases:
        yield from dunning.acts(case, book, moment)
    yield from renewals.acts(state, book, moment.at)
    if state.chargebacks:
        yield from disputes.acts(state, book, moment)
    for chapter in speaking(book, "acts"):
        yield from chapter.acts(state, book, moment)
    yield from began_ahead(state, book, moment.at)
    for subject, topic in telling.concerns(state, book, moment):
        if f"{subject}|{topic}" not in book.alerts:
            yield f.OperatorsAlerted(subject=subject, topic=topic, at=moment.at)


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
    told = list(letters.brought_by(found, step.after, step.new, acts, moment.at))
    if told:
        acts.extend(told)
        found = (*found, *of_acts(told, step.after, moment.terms))
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
