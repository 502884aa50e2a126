"""Dunning cases from the facts: from an unpaid invoice, or a snapshot that stands in for lost events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace as evolve

from kulanz.policy.areas import bounces, periods, settling, tenures
from kulanz.policy.areas.dunning import pauses
from kulanz.policy.areas.dunning.receipts import Receipt, is_called_unpaid, receipts
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.areas.subscriptions.grants import cancelled_by_customer, closing_since, paid_through
from kulanz.policy.book import Book
from kulanz.policy.book.joining import keys_where, newest, oldest
from kulanz.policy.book.own import CaseLog
from kulanz.policy.book.provider import RUNNING_STATUSES, Invoice, Invoices, Subscription
from kulanz.policy.document import Policy
from kulanz.policy.facts import BESIDE_A_PERIOD, BillingReason, InvoiceStatus
from kulanz.policy.state import Case, CaseState, Moment, Terms

_SAME_RENEWAL = timedelta(days=1)
"""How much later than a snapshot an invoice may begin and still be what the snapshot was about."""
WAS_UNPAID = attrgetter("was_unpaid")
_unpaid_of = attrgetter("unpaid")
_NO_INVOICES = Invoices(known={}, unpaid=(), refunded=(), paid_at=None)


class _Opening(Struct, frozen=True):
    key: str
    opened_at: datetime
    policy: Policy
    first: datetime
    """Time from which the deadline counts: the unpaid renewal may have been called settled in between."""
    invoice: Invoice | None = None
    failures: int = 0
    bounced: bool = False


def cases(book: Book, moment: Moment) -> list[Case]:
    """Return every case that the facts give and that is not paid or void."""
    subs, invoices = book.subscriptions, book.invoices
    returned = bounces.returned(book, moment.terms)
    troubled = {*keys_where(subs, WAS_UNPAID), *[key for key in keys_where(invoices, _unpaid_of) if key in subs]}
    if returned:
        troubled.update(key for key in subs.keys() & invoices.keys() if returned.keys() & invoices[key].known.keys())
    return [case for key in sorted(troubled) for case in _cases_of(subs[key], returned, book, moment)]


def explained_until(sub: Subscription, book: Book, terms: Terms) -> datetime | None:
    """Return the end of the paid period where the unpaid amount is the charge for a change of plan."""
    return _explained(sub, at, book, terms) if (at := _called_unpaid(sub, book)) else None


def newest_trouble(book: Book, subscription: str) -> datetime:
    """Return the provider's time of the newest sign that a subscription is unpaid: what a look can settle."""
    sub = book.subscriptions[subscription]
    invoices = book.invoices.get(subscription, _NO_INVOICES)
    failures = [invoices.known[key].failures[-1] for key in invoices.unpaid]
    return max([*failures, *sub.unpaid_at, sub.seen.stamp.at])


def same_renewal(case: Case, book: Book, since: datetime) -> bool:
    """Whether a case of an invoice can be the subject of a snapshot of that time."""
    invoice = book.invoice(case.invoice) if case.invoice else None
    return invoice is None or _began(invoice, case.opened_at) <= since + _SAME_RENEWAL


def _cases_of(sub: Subscription, returned: Mapping[str, datetime], book: Book, moment: Moment) -> list[Case]:
    openings = _openings(sub, returned, book, moment)
    stored_cases = [_case(opening, sub, book, moment.zone, moment.at) for opening in openings]
    return [case for case in stored_cases if case is not None]


def _openings(sub: Subscription, returned: Mapping[str, datetime], book: Book, moment: Moment) -> list[_Opening]:
    terms = moment.terms
    invoices = _invoices(sub, book)
    openings = [_of_invoice(invoices.known[name], sub, book, terms) for name in invoices.unpaid]
    openings += [
        _of_return(invoices.known[name], at, book, terms) for name, at in returned.items() if name in invoices.known
    ]
    failed = [opening for opening in openings if opening is not None]
    owed = [
        opening for opening in failed if opening.invoice is not None and not settling.settled(book, opening.invoice)
    ]
    if sub.was_unpaid:
        owed.extend(_of_snapshot(sub, failed, book, terms, moment.at))
    return owed


def _of_invoice(invoice: Invoice, sub: Subscription, book: Book, terms: Terms) -> _Opening | None:
    """Return the opening of an invoice's case; an invoice that fails again keeps its first deadline."""
    ran, looked = receipts(sub, book), _settled_by_look(sub, book)
    live = [
        at for at in invoice.failures if (not ran or at >= ran[-1].at) and (looked is None or at > looked)
    ] or _called_unpaid_again(invoice, sub, book, ran)
    if not live:
        return None
    ident = _ident(invoice)
    first = invoice.failures[0]
    policy = terms.of(ident, first, book)
    opens = _counted_reason(invoice, sub) in policy.dunning.opens_on
    return _Opening(ident, live[0], policy, first, invoice, len(invoice.failures)) if opens else None


def _counted_reason(invoice: Invoice, sub: Subscription) -> BillingReason:
    """Return the purpose of an invoice: a renewal, unless it says otherwise or a change of plan is near."""
    if invoice.seen.reason is not BillingReason.UNKNOWN:
        return invoice.seen.reason
    return BillingReason.UPDATED if tenures.is_for_a_change(invoice, sub) else BillingReason.RENEWAL


def _called_unpaid_again(invoice: Invoice, sub: Subscription, book: Book, ran: Sequence[Receipt]) -> list[datetime]:
    """Return when the provider called it unpaid again in the same period: not every attempt has an event."""
    again = _called_unpaid(sub, book)
    last = max(_invoices(sub, book).known[key].failures[-1] for key in _invoices(sub, book).unpaid)
    goes_on = again is not None and ran and ran[-1].until is not None and again < ran[-1].until
    return [again] if again is not None and goes_on and invoice.failures[-1] == last else []


def _called_unpaid(sub: Subscription, book: Book) -> datetime | None:
    """Return since when the provider calls a subscription unpaid, with nothing that has settled it."""
    ran = receipts(sub, book)
    settled = [
        *(receipt.at for receipt in ran[-1:]),
        *(at for at in (_settled_by_look(sub, book),) if at),
        *_successes(sub, book),
    ]
    changes = _paid_changes(sub, book)
    return next(
        (
            at
            for at in sub.unpaid_at
            if all(at > each for each in settled)
            and not any(began <= at <= paid for began, paid in changes)
            and not tenures.was_taken_back(sub, book, at)
        ),
        None,
    )


def _paid_changes(sub: Subscription, book: Book) -> list[tuple[datetime, datetime]]:
    """Return the time in which a charge for a change of plan, now paid, was owed: it explains `unpaid` then."""
    return [
        (periods.started(invoice) - _SAME_RENEWAL, invoice.paid_at)
        for invoice in _invoices(sub, book).known.values()
        if invoice.paid_at is not None and invoice.failures and tenures.is_for_a_change(invoice, sub)
    ]


def _successes(sub: Subscription, book: Book) -> list[datetime]:
    """Return when payments succeeded that may be those of a period."""
    invoices = _invoices(sub, book).known.values()
    return [invoice.paid_at for invoice in invoices if invoice.paid_at and tenures.is_for_a_period(invoice, sub)]


def _of_return(invoice: Invoice, returned_at: datetime, book: Book, terms: Terms) -> _Opening:
    """Return the opening of a returned payment's case: the provider still calls payment and subscription good."""
    ident = _ident(invoice)
    return _Opening(ident, returned_at, terms.of(ident, returned_at, book), returned_at, invoice, 1, bounced=True)


def _ident(invoice: Invoice) -> str:
    return f"{invoice.seen.subscription}:{invoice.seen.key.rpartition(':')[2]}"


def _of_snapshot(
    sub: Subscription, failed: list[_Opening], book: Book, terms: Terms, now: datetime
) -> Iterator[_Opening]:
    """Yield the opening that only snapshots show, unless an invoice or a transfer explains it.

    1. An unpaid charge for a change of plan explains `unpaid` to the end of the paid period.
    2. An invoice with a failed charge, or a transfer, of the same renewal explains it altogether.
    3. Otherwise it is a case of its own, named by the first time in this period at which it was unpaid.
    """
    since = _called_unpaid(sub, book)
    if since is None:
        return
    explained = _explained(sub, since, book, terms)
    if explained is not None and explained > now:
        return
    since = explained or since
    ran = receipts(sub, book)
    began = [_began(opening.invoice, opening.opened_at) for opening in failed if opening.invoice]
    # The provider still calls unpaid what a transfer has paid: that is no news.
    transferred = settling.settled_snapshot(book, sub.seen.key, ran[-1].at if ran else None)
    if all(at > since + _SAME_RENEWAL for at in (*began, *([transferred] if transferred else []))):
        first = _first_of_period(sub, since, ran, book)
        ident = f"{sub.seen.key}@{int(first.timestamp())}"
        yield _Opening(ident, since, terms.of(ident, first, book), first)


def _explained(sub: Subscription, at: datetime, book: Book, terms: Terms) -> datetime | None:
    """Return the end of the paid period where an unpaid charge for a change explains a snapshot in it."""
    charge = tenures.unpaid_change(sub, book, at)
    if charge is None:
        return None
    unpaid = tenures.counted(sub, book, terms).unpaid
    # An end that was sent with the dearer plan may be of a period that the charge was to pay for.
    told = [
        snapshot.until
        for snapshot in sub.history
        if snapshot.runs and snapshot.until and snapshot.stamp.at <= periods.started(charge)
        if unpaid is None or snapshot.variants != unpaid.last.variants
    ]
    ends = told[-1] if told else paid_through(sub, book)
    return ends if ends > at else None


def _first_of_period(sub: Subscription, since: datetime, ran: Sequence[Receipt], book: Book) -> datetime:
    """Return when the unpaid time of a period began, which an `active` may have interrupted without a payment."""
    first, successes = since, _successes(sub, book)
    for position, receipt in reversed([*enumerate(ran)]):
        earlier = ran[position - 1].at if position else datetime.min.replace(tzinfo=UTC)
        before = [at for at in sub.unpaid_at if earlier <= at < receipt.at]
        other_period = receipt.until is None or receipt.until <= first
        if not before or other_period or any(before[0] <= at <= first for at in successes):
            return first
        first = before[0]
    return first


def _invoices(sub: Subscription, book: Book) -> Invoices:
    return book.invoices.get(sub.seen.key, _NO_INVOICES)


def _began(invoice: Invoice, failed_at: datetime) -> datetime:
    return min(invoice.seen.created_at or failed_at, failed_at)


def _settled_by_look(sub: Subscription, book: Book) -> datetime | None:
    """Return the newest sign of non-payment that was known when the provider was asked and said that all is well.

    An answer has our clock's time and a failure the provider's, so the two cannot be compared. Each look-up therefore
    records the newest sign that was known when it was asked: a good answer settles that one and all before it.
    """
    looks = book.looks.get(sub.seen.key)
    if looks is None:
        return None
    settled = [
        max((existing for asked_at, existing in looks.asked if asked_at <= at), default=at)
        for at, status in looks.answers
        if status in RUNNING_STATUSES
    ]
    return max((at for at in settled if is_called_unpaid(sub, book, at)), default=None)


def _case(opening: _Opening, sub: Subscription, book: Book, zone: str, now: datetime) -> Case | None:
    invoice, opened_at = opening.invoice, opening.opened_at
    log = book.case(opening.key)
    held = log.held_for is not None and log.held_for >= opened_at
    cancelled_at = _left_at(sub, book)
    if invoice is not None and invoice.void:
        return None
    if cancelled_at is not None and cancelled_at < opened_at and not held:
        return None
    attempts = [] if invoice else _attempts(sub.seen.key, opened_at, book)
    owed = next(iter(attempts), invoice)
    ended = cancelled_at is not None and opening.policy.dunning.cancelled == "ends"
    case = Case(
        key=opening.key,
        subscription=sub.seen.key,
        invoice=invoice.seen.key if invoice else None,
        state=_state(opened_at, log, held=held, ended=ended),
        opened_at=opened_at,
        deadline=_deadline(opening, log, book, zone, held=held, rested=pauses.rested(sub, opened_at, now)),
        failures=opening.failures or len(attempts),
        amount_due=settling.outstanding(book, owed) if owed else 0,
        currency=owed.seen.currency if owed else None,
        decimals=owed.seen.decimals if owed else None,
        policy=opening.policy,
        names=(opening.key, *log.absorbed),
        bounced=opening.bounced,
        held_at=log.held_at if held else None,
        hold_ends_at=_hold_ends_at(opening.policy, log, sub, zone, now) if held else None,
    )
    pause = pauses.current(sub, now) if case.open else None
    return evolve(case, frozen_since=max(pause.since, opened_at), paused=True) if pause else case


def _left_at(sub: Subscription, book: Book) -> datetime | None:
    """Return when the customer left: cancelled the subscription, or asked for the organisation to be deleted."""
    return oldest(cancelled_by_customer(sub, book), closing_since(book) if book.deletions else None)


def _attempts(subscription: str, opened_at: datetime, book: Book) -> list[Invoice]:
    """Return the unpaid invoices that explain a snapshot without one: where each attempt is an invoice (Dodo)."""
    known = book.invoices.get(subscription, _NO_INVOICES).known.values()
    since = opened_at - _SAME_RENEWAL
    pending = [
        invoice
        for invoice in known
        if invoice.seen.status is InvoiceStatus.PENDING
        and invoice.seen.reason not in BESIDE_A_PERIOD
        and not (invoice.failures or invoice.paid)
        and (invoice.seen.created_at or invoice.seen.stamp.at) >= since
    ]
    return sorted(pending, key=lambda invoice: (invoice.seen.created_at or invoice.seen.stamp.at, invoice.seen.key))


def _hold_ends_at(policy: Policy, log: CaseLog, sub: Subscription, zone: str, now: datetime) -> datetime | None:
    if log.held_at is None:
        return log.hold_until
    ends = policy.dunning.hold_days.after(log.held_at, zone) + pauses.rested(sub, log.held_at, now)
    return newest(ends, log.hold_until)


def _state(opened_at: datetime, log: CaseLog, *, held: bool, ended: bool) -> CaseState:
    if log.waived_for is not None and log.waived_for >= opened_at:
        return CaseState.VOID
    if log.exhausted_for is not None and log.exhausted_for >= opened_at:
        return CaseState.EXHAUSTED
    if held:
        return CaseState.ON_HOLD
    return CaseState.VOLUNTARY if ended else CaseState.GRACE


def _deadline(opening: _Opening, log: CaseLog, book: Book, zone: str, *, held: bool, rested: timedelta) -> datetime:
    """Return the end of grace: by the first failure, by a promise or by an extension; the latest counts (I3).

    Once a hold is placed, the promised end stays: a kinder version that is applied later does not move it.
    """
    if held and log.promised is not None:
        return log.promised
    deadline = opening.policy.dunning.grace.after(opening.first, zone) + rested
    if log.promised is not None:
        deadline = max(deadline, log.promised)
    if book.overrides and not held:
        deadline = max(deadline, exceptions.exempt_until(book, opening.opened_at) or deadline)
    return deadline
