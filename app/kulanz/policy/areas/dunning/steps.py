"""Steps of dunning, for the figures of recovery: how far a case had come at its payment, and what spared it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.policy.areas.dunning import notices
from kulanz.policy.areas.settling import SAME_RENEWAL
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Invoice
from kulanz.policy.facts import BESIDE_A_PERIOD, Outcome, Status
from kulanz.policy.state import Case, CaseState

RETRY, FIRST_NOTICE, REMINDER, WARNING, HOLD, GIVEN_UP = (
    "retry",
    "first_notice",
    "reminder",
    "warning",
    "hold",
    "given_up",
)
"""In their order; each reminder has its number behind its name."""
LIMIT, LOOK = "limit", "look"
_KINDS = {
    notices.GRACE_STARTED: FIRST_NOTICE,
    notices.REMINDER: REMINDER,
    notices.WARNING: WARNING,
    notices.WARNING_CALLBACK: WARNING,
}
_MAY_HAVE_LEFT = frozenset({Outcome.UNKNOWN, Outcome.DONE})


def reached(case: Case, book: Book, before: datetime | None = None) -> str:
    """Return the last step of a case, or the last one before an instant: a notice counts once it was delivered."""
    exhausted_at = book.case(case.key).exhausted_at
    if case.given_up and (exhausted_at is None or _is_earlier(exhausted_at, before)):
        return GIVEN_UP
    if case.held_at is not None and _is_earlier(case.held_at, before):
        return HOLD
    return max(_noticed(case, book, before), key=order, default=RETRY)


def order(step: str) -> tuple[int, int]:
    """Return where a step stands among all."""
    name, _, number = step.partition(f"{REMINDER}_")
    steps = (RETRY, FIRST_NOTICE, REMINDER, WARNING, HOLD, GIVEN_UP)
    known = name or REMINDER
    return (steps.index(known) if known in steps else len(steps), int(number or 0))


def payment(case: Case, book: Book) -> Invoice | None:
    """Return the paid invoice of a case: its own or, for a case from a snapshot alone, the first one paid since."""
    if case.invoice is not None:
        invoice = book.invoice(case.invoice)
        return invoice if invoice is not None and invoice.paid else None
    several = book.invoices.get(case.subscription)
    since = case.opened_at - SAME_RENEWAL
    paid = [
        (invoice.paid_at, key)
        for key, invoice in (several.known.items() if several else ())
        if invoice.paid_at is not None and invoice.paid_at >= since and invoice.seen.reason not in BESIDE_A_PERIOD
    ]
    return several.known[min(paid)[1]] if several and paid else None


def spared(case: Case, book: Book, *, shown_by_look: bool) -> str | None:
    """Return what kept the access of a case that was paid: the mass-action limit, or the re-check."""
    if case.held_at is not None or case.given_up:
        return None
    looks = book.looks.get(case.subscription)
    if shown_by_look and looks is not None and any(at >= case.deadline for at, _ in looks.asked):
        return LOOK
    waited = (book.alerts.get(f"{name}|mass_action_brake") for name in case.names)
    return LIMIT if any(alert is not None and alert.at >= case.deadline for alert in waited) else None


def lost_since(case: Case, book: Book, at: datetime) -> datetime | None:
    """Return since when no money is expected: given up, left by the customer, or on hold with nothing to charge."""
    if case.given_up:
        return book.case(case.key).exhausted_at or at
    over = case.state is CaseState.ON_HOLD and _has_ended(case, book, at)
    return at if over or case.state is CaseState.VOLUNTARY else None


def _has_ended(case: Case, book: Book, at: datetime) -> bool:
    seen = book.subscriptions[case.subscription].seen
    return seen.status is Status.EXPIRED or (
        seen.status is Status.CANCELLED and seen.ends_at is not None and seen.ends_at <= at
    )


def _is_earlier(at: datetime, before: datetime | None) -> bool:
    return before is None or at < before


def _noticed(case: Case, book: Book, before: datetime | None) -> Iterator[str]:
    for name in case.names:
        for sent, request_log in book.notices_about(name).sent.items():
            kind, _, number = sent.rpartition("|")
            left = request_log.outcome in _MAY_HAVE_LEFT and _is_earlier(request_log.outcome_at, before)
            of_this_run = name != case.key or request_log.at >= case.opened_at
            if kind in _KINDS and left and of_this_run:
                yield f"{REMINDER}_{number}" if _KINDS[kind] == REMINDER else _KINDS[kind]
