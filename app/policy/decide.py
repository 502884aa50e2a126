"""One step of an account: facts and the time in, the next state and what the world must be told out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from app.policy import disputes, dunning, renewals, telling
from app.policy import facts as f
from app.policy.assess import assess
from app.policy.book import Book
from app.policy.changes import Step, changes
from app.policy.facts import Fact, OwnFact
from app.policy.model import CALM, Account, CaseState, Decision, Situation, State, Terms

_ENOUGH = 12
"""Rounds after which acts that ask for acts are a fault in a rule, not a policy."""


def decide(
    account: Account, facts: Iterable[Fact], terms: Terms, now: datetime, situation: Situation = CALM
) -> Decision:
    """Return what follows for an account when facts arrive, or when a timer is due (no facts) at `now`.

    The facts are merged, the account is assessed, and what the policy does about it (a promise, a notice, a hold, a
    cancellation) is a fact of our own that is merged in turn, until nothing more is to be done.
    """
    zone = account.zone(terms)
    before = assess(account.book, terms, zone, account.decided_at) if account.decided_at else None
    book = account.book.with_facts(facts)
    zone = book.word("timezone") or terms.timezone
    acts: list[OwnFact] = []
    for _ in range(_ENOUGH):
        state = assess(book, terms, zone, now)
        due = _due(before, state, book, terms, zone, situation, now)
        if not due:
            break
        acts.extend(due)
        book = book.with_facts(due)
    else:
        raise RuntimeError(f"a policy that never comes to rest: {acts[-1]}")
    return _decision(account, before, state, book, acts, terms, now)


def _due(
    before: State | None, state: State, book: Book, terms: Terms, zone: str, situation: Situation, now: datetime
) -> list[OwnFact]:
    due = [*_carried_over(before, state, book, now)]
    if due:
        return due
    for case in state.cases:
        due.extend(dunning.acts(case, book, terms, zone, situation, now))
    due.extend(renewals.acts(state, book, now))
    due.extend(_deletion_notices(state, book, zone, now))
    due.extend(_alerts(state, book, terms, situation, now))
    return due


def _carried_over(before: State | None, state: State, book: Book, now: datetime) -> Iterable[OwnFact]:
    """Keep promises when a case turns out to be another's, and the remaining time when a dispute has ended."""
    for old in before.cases if before else ():
        new = state.case(old.key)
        if new is None:
            yield from _joined(old.key, old.subscription, book, before, state) if old.invoice is None else ()
        elif old.frozen_since and not new.frozen_since and new.state is CaseState.GRACE:
            remaining = max(old.deadline - old.frozen_since, timedelta())
            if now + remaining > new.deadline:
                yield f.DeadlinePromised(case=new.key, deadline=now + remaining)


def _joined(key: str, subscription: str, book: Book, before: State | None, state: State) -> Iterable[OwnFact]:
    log = book.cases.get(key)
    if log is None or log.into is not None:
        return
    known = {case.key for case in before.cases} if before else set()
    heirs = [case for case in state.cases if case.subscription == subscription and case.key not in known and case.open]
    for heir in heirs[:1]:
        yield f.CaseJoined(case=key, into=heir.key)
        if log.promised is not None:
            yield f.DeadlinePromised(case=heir.key, deadline=log.promised)
        if log.held_at is not None:
            yield f.HoldPlaced(case=heir.key, at=max(log.held_at, heir.opened_at), verified=log.verified)


def _deletion_notices(state: State, book: Book, zone: str, now: datetime) -> Iterable[OwnFact]:
    for one in state.chargebacks:
        due = [(at, step) for step, at in disputes.deletion_notices(one, zone) if at <= now]
        if due and not any(f"{one.key}|{telling.DELETION}|{step}" in book.notices for _, step in due[-1:]):
            yield telling.asked(one.key, telling.DELETION, due[-1][1], now)


def _alerts(state: State, book: Book, terms: Terms, situation: Situation, now: datetime) -> Iterable[OwnFact]:
    for subject, topic in telling.concerns(state, book, terms, situation, now):
        if f"{subject}|{topic}" not in book.alerts:
            yield f.OperatorsAlerted(subject=subject, topic=topic, at=now)


def _decision(
    account: Account, before: State | None, state: State, book: Book, acts: list[OwnFact], terms: Terms, now: datetime
) -> Decision:
    step = Step(before, state, account.book, book)
    found = tuple(changes(step, acts, terms))
    acts.extend(telling.notices(found, state, book, now))
    book = book.with_facts(acts)
    was = (account.plan, account.access, account.add_ons)
    version = account.version + (was != state.rights or account.decided_at is None)
    after = replace(
        account,
        book=book,
        plan=state.plan,
        access=state.access,
        add_ons=state.add_ons,
        standing=state.standing,
        version=version,
        decided_at=now,
    )
    decision = Decision(account=after, before=before, state=state, changes=found, facts=tuple(acts), effects=())
    return replace(decision, effects=tuple(telling.effects(account, decision, terms)))
