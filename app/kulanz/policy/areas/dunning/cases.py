"""Which dunning cases the facts give: from an unpaid invoice, or a snapshot that stands in for lost events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kulanz.policy.areas import bounces, settling
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.areas.subscriptions.grants import cancelled_by_customer
from kulanz.policy.book import Book
from kulanz.policy.book.joining import newest
from kulanz.policy.book.own import CaseLog
from kulanz.policy.book.provider import RUNNING_STATUSES, Invoice, Invoices, Subscription
from kulanz.policy.document import Policy
from kulanz.policy.facts import BillingReason, InvoiceStatus
from kulanz.policy.frozen import frozen
from kulanz.policy.state import Case, CaseState, Terms

_SAME_RENEWAL = timedelta(days=1)
"""How much later than a snapshot an invoice may begin and still be what the snapshot was about."""
_NO_INVOICES = Invoices(known={}, unpaid=(), refunded=(), paid_at=None)


@frozen
@dataclass(frozen=True, slots=True)
class _Opening:
    key: str
    opened_at: datetime
    policy: Policy
    invoice: Invoice | None = None
    failures: int = 0
    bounced: bool = False


def cases(book: Book, terms: Terms, zone: str) -> list[Case]:
    """Return every case that the facts give and that is not paid or void."""
    subs, invoices = book.subscriptions, book.invoices
    returned = bounces.returned(book, terms)
    troubled = {key for key, sub in subs.items() if sub.marks or (key in invoices and invoices[key].unpaid)}
    if returned:
        troubled.update(key for key in subs.keys() & invoices.keys() if returned.keys() & invoices[key].known.keys())
    return [case for key in sorted(troubled) for case in _cases_of(subs[key], returned, book, terms, zone)]


def newest_trouble(book: Book, subscription: str) -> datetime:
    """Return the provider's time of the newest sign that a subscription is unpaid: what a look can settle."""
    sub = book.subscriptions[subscription]
    invoices = book.invoices.get(subscription, _NO_INVOICES)
    failures = [invoices.known[key].failures[-1] for key in invoices.unpaid]
    return max([*failures, *sub.unpaid_marks, sub.seen.stamp.at])


def same_renewal(case: Case, book: Book, since: datetime) -> bool:
    """Whether a case of an invoice can be what a snapshot of that time was about."""
    invoice = book.invoice(case.invoice) if case.invoice else None
    return invoice is None or _began(invoice, case.opened_at) <= since + _SAME_RENEWAL


def _cases_of(sub: Subscription, returned: Mapping[str, datetime], book: Book, terms: Terms, zone: str) -> list[Case]:
    stored_cases = [_case(opening, sub, book, zone) for opening in _openings(sub, returned, book, terms)]
    return [case for case in stored_cases if case is not None]


def _openings(sub: Subscription, returned: Mapping[str, datetime], book: Book, terms: Terms) -> list[_Opening]:
    invoices = book.invoices.get(sub.seen.key, _NO_INVOICES)
    ran_at = sub.running.at if sub.running else None
    looked = _settled_by_look(sub, book)
    openings = [_of_invoice(invoices.known[name], ran_at, looked, book, terms) for name in invoices.unpaid]
    openings += [
        _of_return(invoices.known[name], at, book, terms) for name, at in returned.items() if name in invoices.known
    ]
    failed = [opening for opening in openings if opening is not None]
    owed = [
        opening for opening in failed if opening.invoice is not None and not settling.settled(book, opening.invoice)
    ]
    if sub.marks:
        owed.extend(_of_snapshot(sub, [at for at in (ran_at, looked, invoices.paid_at) if at], failed, book, terms))
    return owed


def _of_invoice(
    invoice: Invoice, ran_at: datetime | None, looked: datetime | None, book: Book, terms: Terms
) -> _Opening | None:
    live = [at for at in invoice.failures if (ran_at is None or at >= ran_at) and (looked is None or at > looked)]
    if not live:
        return None
    ident = _ident(invoice)
    policy = terms.of(ident, live[0], book)
    opens = invoice.seen.reason in policy.dunning.opens_on
    return _Opening(ident, live[0], policy, invoice, len(live)) if opens else None


def _of_return(invoice: Invoice, returned_at: datetime, book: Book, terms: Terms) -> _Opening:
    """Return the trouble of a payment that the bank took back: the provider goes on calling it paid and active."""
    ident = _ident(invoice)
    return _Opening(ident, returned_at, terms.of(ident, returned_at, book), invoice, 1, bounced=True)


def _ident(invoice: Invoice) -> str:
    return f"{invoice.seen.subscription}:{invoice.seen.key.rpartition(':')[2]}"


def _of_snapshot(
    sub: Subscription, settled: list[datetime], failed: list[_Opening], book: Book, terms: Terms
) -> Iterator[_Opening]:
    """Yield the trouble that only snapshots tell of, unless an invoice or a transfer explains it."""
    since = next((at for at in sub.unpaid_marks if all(at > opening for opening in settled)), None)
    if since is None:
        return
    began = [_began(opening.invoice, opening.opened_at) for opening in failed if opening.invoice]
    # What a transfer has paid, the provider goes on calling unpaid: that is no news.
    explained = settling.settled_snapshot(book, sub.seen.key, sub.running.at if sub.running else None)
    if all(at > since + _SAME_RENEWAL for at in (*began, *([explained] if explained else []))):
        ident = f"{sub.seen.key}@{int(since.timestamp())}"
        yield _Opening(ident, since, terms.of(ident, since, book))


def _began(invoice: Invoice, failed_at: datetime) -> datetime:
    return min(invoice.seen.created_at or failed_at, failed_at)


def _settled_by_look(sub: Subscription, book: Book) -> datetime | None:
    """Return the newest trouble that was known when the provider was asked and said that all is well.

    An answer bears our clock's time and a failure the provider's: what the answer settles is told by what we knew.
    """
    looks = book.looks.get(sub.seen.key)
    if looks is None:
        return None
    settled = [
        max((existing for asked_at, existing in looks.asked if asked_at <= at), default=at)
        for at, status in looks.answers
        if status in RUNNING_STATUSES
    ]
    return max(settled, default=None)


def _case(opening: _Opening, sub: Subscription, book: Book, zone: str) -> Case | None:
    invoice, opened_at = opening.invoice, opening.opened_at
    log = book.case(opening.key)
    held = log.held_for is not None and log.held_for >= opened_at
    cancelled_at = cancelled_by_customer(sub, book)
    if invoice is not None and invoice.void:
        return None
    if cancelled_at is not None and cancelled_at < opened_at and not held:
        return None
    attempts = [] if invoice else _attempts(sub.seen.key, opened_at, book)
    owed = next(iter(attempts), invoice)
    return Case(
        key=opening.key,
        subscription=sub.seen.key,
        invoice=invoice.seen.key if invoice else None,
        state=_state(opened_at, log, held=held, cancelled=cancelled_at is not None),
        opened_at=opened_at,
        deadline=_deadline(opening, log, book, zone, held=held),
        failures=opening.failures or len(attempts),
        amount_due=settling.outstanding(book, owed) if owed else 0,
        currency=owed.seen.currency if owed else None,
        policy=opening.policy,
        names=(opening.key, *log.absorbed),
        bounced=opening.bounced,
        held_at=log.held_at if held else None,
        hold_ends_at=_hold_ends_at(opening.policy, log, zone) if held else None,
    )


def _attempts(subscription: str, opened_at: datetime, book: Book) -> list[Invoice]:
    """Return the unpaid invoices that explain what only a snapshot told of: where each attempt is one (Dodo)."""
    known = book.invoices.get(subscription, _NO_INVOICES).known.values()
    since = opened_at - _SAME_RENEWAL
    pending = [
        invoice
        for invoice in known
        if invoice.seen.status is InvoiceStatus.PENDING
        and invoice.seen.reason is not BillingReason.UPDATED
        and not (invoice.failures or invoice.paid)
        and (invoice.seen.created_at or invoice.seen.stamp.at) >= since
    ]
    return sorted(pending, key=lambda invoice: (invoice.seen.created_at or invoice.seen.stamp.at, invoice.seen.key))


def _hold_ends_at(policy: Policy, log: CaseLog, zone: str) -> datetime | None:
    ends = policy.dunning.hold_days.after(log.held_at, zone) if log.held_at else None
    return newest(ends, log.hold_until)


def _state(opened_at: datetime, log: CaseLog, *, held: bool, cancelled: bool) -> CaseState:
    if log.waived_for is not None and log.waived_for >= opened_at:
        return CaseState.VOID
    if log.exhausted_for is not None and log.exhausted_for >= opened_at:
        return CaseState.EXHAUSTED
    if held:
        return CaseState.ON_HOLD
    return CaseState.VOLUNTARY if cancelled else CaseState.GRACE


def _deadline(opening: _Opening, log: CaseLog, book: Book, zone: str, *, held: bool) -> datetime:
    """Return the end of grace: what the first failure gives, what was promised or granted, whichever is latest (I3).

    Once a hold is placed, it is the end that was promised: a kinder version that is applied later moves it no more.
    """
    if held and log.promised is not None:
        return log.promised
    deadline = opening.policy.dunning.grace.after(opening.opened_at, zone)
    if log.promised is not None:
        deadline = max(deadline, log.promised)
    if book.overrides and not held:
        deadline = max(deadline, exceptions.exempt_until(book, opening.opened_at) or deadline)
    return deadline
