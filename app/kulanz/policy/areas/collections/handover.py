"""Handing a debt over to an agency, taking it back, reporting it to a credit bureau (dunning-at 5 and 6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.areas.collections import levels, packages
from kulanz.policy.book import Book
from kulanz.policy.book.collections import Collection
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.facts import Outcome, OwnFact
from kulanz.policy.state import Case, CaseState, Moment, State, Timer


def shown(case: Case, book: Book) -> Case:
    """Return the case in the state that a hand-over gives it."""
    if case.state is not CaseState.EXHAUSTED or not any(collection.in_force for _, collection in of_case(case, book)):
        return case
    return evolve(case, state=CaseState.IN_COLLECTIONS)


def of_case(case: Case, book: Book) -> Iterator[tuple[str, Collection]]:
    """Yield the hand-overs of a case, recalled ones too."""
    for ident, collection in book.collections.items():
        fact = collection.proposed
        if fact is not None and fact.case in case.names and fact.opened_at >= case.opened_at:
            yield ident, collection


def current(case: Case, book: Book) -> str | None:
    """Return the hand-over of a case that is proposed or in force."""
    return next((ident for ident, collection in of_case(case, book) if collection.recalled is None), None)


def obstacle(case: Case, book: Book, zone: str, now: datetime) -> str | None:
    """Return why a debt may not be handed over now, in words for a person; None where it may."""
    rules = case.policy.collections
    if not rules.fields:
        return "its policy hands no debts over"
    if case.frozen_since is not None:
        return "it is disputed"
    if case.state is not CaseState.EXHAUSTED:
        return "it is with the agency already" if case.given_up else "its subscription is not given up yet"
    least = dict(rules.minimum).get(case.currency or "", 1)
    if packages.owed(case, book) < least:
        return "how much is owed is not known" if case.invoice is None else "less is owed than the policy asks for"
    ready = ready_at(case, book, zone)
    if ready is None:
        return "its dunning letters have not all been delivered"
    return None if ready <= now else f"the debtor has until {rfc3339(ready)}"


def ready_at(case: Case, book: Book, zone: str) -> datetime | None:
    """Return from when a debt may be handed over, if nothing is paid; None: its letters are not done."""
    wait = case.policy.collections.after
    last = len(case.policy.dunning.levels)
    if not last:
        given_up = book.case(case.key).exhausted_at
        return wait.after(given_up, zone) if given_up else None
    letter = levels.sent(case, book).get(last)
    if letter is None or letter.outcome is not Outcome.DONE:
        return None
    return wait.after(letter.outcome_at, zone)


def due(state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
    """Yield the hand-overs with two approvals, and the recalls of those that are paid, void or disputed."""
    for ident, collection in book.collections.items():
        if collection.recalled is not None or collection.proposed is None:
            continue
        case = state.case(collection.proposed.case)
        cause = _ended(case, collection)
        if cause is not None:
            yield f.CollectionRecalled(id=ident, at=moment.at, cause=cause)
        elif case is not None:
            yield from _approved(ident, collection, case, book, moment)


def timers(case: Case, book: Book, moment: Moment) -> Iterator[Timer]:
    """Yield when to tell operators that a debt may be handed over."""
    if case.state is not CaseState.EXHAUSTED or case.frozen_since is not None:
        return
    ready = ready_at(case, book, moment.zone)
    if ready is not None and ready > moment.at:
        yield Timer("review_due", case.key, ready)


def alerts(state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
    """Yield the debts that may be handed over, and what operators must pass on to the agency or bureau."""
    for case in state.cases:
        if case.given_up and current(case, book) is None and obstacle(case, book, moment.zone, moment.at) is None:
            yield case.key, "ready_for_collections"
    for ident, collection in book.collections.items():
        if collection.handed is not None and collection.recalled is not None:
            yield ident, "collection_recalled"
        if collection.reported is not None and collection.recalled is not None:
            yield ident, "credit_report_to_correct"


def _ended(case: Case | None, collection: Collection) -> str | None:
    """Return why a hand-over must end: paid, no longer owed, or disputed."""
    fact = collection.proposed
    if case is not None and case.state is CaseState.VOID:
        return "void"
    if case is None or not case.given_up or (fact is not None and fact.opened_at < case.opened_at):
        return "paid"
    return "disputed" if case.frozen_since is not None else None


def _approved(ident: str, collection: Collection, case: Case, book: Book, moment: Moment) -> Iterator[OwnFact]:
    if collection.handed is None:
        if collection.approved and obstacle(case, book, moment.zone, moment.at) is None:
            package = packages.for_agency(collection, ident, case, book, moment.at)
            yield f.ClaimHandedOver(
                id=ident,
                at=moment.at,
                fields=package.fields,
                amount=packages.owed(case, book),
                package=package.text,
                statement_sha256=package.statement_sha256,
            )
    elif collection.report_approved and collection.reported is None:
        given_package = packages.for_bureau(collection.handed, case, book, moment.at)
        yield f.ClaimReported(id=ident, at=moment.at, fields=given_package.fields, package=given_package.text)
