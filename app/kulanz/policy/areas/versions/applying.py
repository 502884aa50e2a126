"""Application of a more lenient policy version to open cases: where it is allowed, and where the case is handed on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.policy.book import Book
from kulanz.policy.document import Policy
from kulanz.policy.document.differences import more_lenient
from kulanz.policy.facts import VersionApplied
from kulanz.policy.state import Case, CaseState, State

_CASE, _DISPUTE, _REFUND = "dunning", "dispute", "refund"
"""The table of a policy document that says what may be taken, or what goes back, by what is open."""
_SPENT_BY_A_HOLD = frozenset({"grace", "reminders", "final_warning", "warning_notice", "warn_by", "max_warnings"})
"""The keys of dunning that speak of the time before a hold, from which nothing leads back (DOMAIN section 3)."""


def applicable(state: State, policy: Policy, at: datetime, actor: str) -> Iterator[VersionApplied]:
    """Yield the facts by which a version is applied to what is open, only where it is the more lenient one."""
    held = {case.key for case in state.cases if case.state is CaseState.ON_HOLD}
    for key, began, pinned, table in _open(state):
        spent = _SPENT_BY_A_HOLD if key in held else frozenset[str]()
        if policy.version != pinned.version and more_lenient(pinned, policy, table, spent=spent):
            yield VersionApplied(subject=key, began=began, version=policy.version, at=at, actor=actor)


def began_ahead(state: State, book: Book, now: datetime) -> Iterator[VersionApplied]:
    """Pin the version of a case, dispute or request whose beginning, by another clock, is not yet in our past.

    Without it, a version that comes into force in between would seem to be the one that it began under.
    """
    for key, began, policy in _begun(state):
        if began >= now and (key not in book.pins or book.pins[key].began < began):
            yield VersionApplied(subject=key, began=began, version=policy.version, at=now, actor="")


def handed_on(old: Case, heir: Case, book: Book) -> Iterator[VersionApplied]:
    """Apply the version of a case to the one that it turned out to be."""
    pin = book.pins.get(old.key)
    if pin is not None:
        began = max(heir.opened_at, pin.began)
        yield VersionApplied(subject=heir.key, began=began, version=pin.version, at=pin.at, actor="")


def _begun(state: State) -> list[tuple[str, datetime, Policy]]:
    """Return the cases, disputes and requests, each with the time of its beginning and its version."""
    matches = [(case.key, case.opened_at, case.policy) for case in state.cases]
    if state.chargebacks:
        matches += [(item.key, item.opened_at, item.policy) for item in state.chargebacks]
    if state.refunds:
        matches += [(item.key, item.requested_at, item.pinned) for item in state.refunds]
    return matches


def _open(state: State) -> Iterator[tuple[str, datetime, Policy, str]]:
    yield from ((case.key, case.opened_at, case.policy, _CASE) for case in state.cases if case.open)
    yield from ((item.key, item.opened_at, item.policy, _DISPUTE) for item in state.chargebacks if item.active)
    yield from ((item.key, item.requested_at, item.pinned, _REFUND) for item in state.refunds if item.undecided)
