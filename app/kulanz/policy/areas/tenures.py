"""The plans that a subscription had one after the other, the purpose of each charge, and the paid plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter

from kulanz.policy.areas import periods, settling
from kulanz.policy.areas.periods import started
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Invoice, Snapshot, Subscription
from kulanz.policy.facts import BillingReason, Status
from kulanz.policy.state.terms import Catalogue, Terms

_A_FEW_MINUTES = timedelta(minutes=5)
"""How long before the first snapshot of a plan its invoice may have been made."""
_A_DAY = timedelta(days=1)
"""How far from a change of plan the charge for it may be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """A time in which a subscription was of one variant."""

    since: datetime | None
    """The first snapshot; None: the first known variant of the subscription."""
    last: Snapshot

    @property
    def paid_until(self) -> datetime | None:
        """The end of the period paid for; None while it was unpaid, when no end is known."""
        return self.last.until if self.last.runs or self.last.status is Status.CANCELLED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The tenure whose plan counts, and the dearer one that was chosen since and is not paid for."""

    tenure: Tenure
    unpaid: Tenure | None = None


def tenures(sub: Subscription) -> list[Tenure]:
    """Return the tenures of a subscription, oldest first."""
    groups = [list(group) for _, group in groupby(_snapshots(sub), key=attrgetter("variants"))]
    return [
        Tenure(
            since=group[0].stamp.at if position else None,
            last=group[-1],
        )
        for position, group in enumerate(groups)
    ]


def counted(sub: Subscription, book: Book, terms: Terms) -> Counted:
    """Return the tenure whose plan counts (plexo 5.1): a dearer one unless it is known to be unpaid.

    Where the policy says `when_paid`, a dearer plan counts only once a payment for it is known.
    """
    catalogue, known = terms.catalogue, tenures(sub)
    chosen, unpaid = known[0], None
    for tenure in known[1:]:
        plan, before = (catalogue.plan_of(each.last.bought) for each in (tenure, chosen))
        dearer = plan not in catalogue.add_ons and catalogue.rank(plan) > catalogue.rank(before)
        if dearer and not _counts(tenure, sub, known, book, terms):
            unpaid = tenure
        else:
            chosen, unpaid = tenure, None
    return Counted(tenure=chosen, unpaid=unpaid)


def counted_pieces(add_on: str, sub: Subscription, book: Book, catalogue: Catalogue) -> int:
    """Return the counted quantity of an add-on: an increase counts at once, unless it is known to be unpaid.

    The charge for more pieces is found like that for a dearer plan, and none of them counts while it is owed.
    """
    counts: int | None = None
    before: int | None = None
    for snapshot in sub.history:
        pieces = sum(item.quantity for item in snapshot.bought if catalogue.plan(item.variant, item.product) == add_on)
        raised = counts is not None and pieces > counts
        if not raised or (pieces != before and _pieces_count(sub, book, snapshot.stamp.at)):
            counts = pieces
        before = pieces
    return counts or 0


def is_paid(tenure: Tenure, sub: Subscription, book: Book) -> bool:
    """Whether a payment of more than nothing is known from the time of a tenure; a trial is none."""
    known = tenures(sub)
    return any(_tenure_of(invoice, known, sub, book) == tenure for invoice in _paid(sub, book))


def anything_paid(sub: Subscription, book: Book) -> bool:
    """Whether a payment of more than nothing is known of a subscription: then a trial of it is paid, too."""
    return next(_paid(sub, book), None) is not None


def any_payment_told(sub: Subscription, book: Book) -> bool:
    """Whether a payment of the subscription is known, also one of 0."""
    return any(invoice.paid or settling.settled(book, invoice) for invoice in _invoices(sub, book))


def is_for_a_period(invoice: Invoice, sub: Subscription) -> bool:
    """Whether a payment may be the one for a period: more than nothing, and not known to be for something else."""
    if invoice.seen.total <= 0 or invoice.seen.reason is BillingReason.ONE_TIME:
        return False
    return not is_for_a_change(invoice, sub)


def is_for_a_change(invoice: Invoice, sub: Subscription) -> bool:
    """Whether a charge is the one for a change of plan; without a reason, its time decides."""
    if invoice.seen.reason is not BillingReason.UNKNOWN:
        return invoice.seen.reason is BillingReason.UPDATED
    return any(abs(started(invoice) - changed) <= _A_FEW_MINUTES for changed in _changes(tenures(sub)))


def unpaid_change(sub: Subscription, book: Book, at: datetime) -> Invoice | None:
    """Return the unpaid charge for a change that explains why a subscription is called unpaid at a time."""
    begun = (
        invoice
        for invoice in _invoices(sub, book)
        if is_for_a_change(invoice, sub) and _is_owed(invoice, book) and started(invoice) <= at + _A_DAY
    )
    return max(begun, key=lambda invoice: (started(invoice), invoice.seen.key), default=None)


def was_taken_back(sub: Subscription, book: Book, at: datetime) -> bool:
    """Whether an unpaid change was undone after it was called unpaid at a time of the paid period.

    Only the charge for the change was owed: the plan of before is paid for, and runs again.
    """
    charge = unpaid_change(sub, book, at)
    if charge is None:
        return False
    paid = {
        snapshot.variants
        for snapshot in sub.history
        if snapshot.runs and snapshot.until and snapshot.until > at and snapshot.stamp.at <= started(charge)
    }
    paid -= {snapshot.variants for snapshot in sub.history if snapshot.unpaid and snapshot.stamp.at == at}
    return any(snapshot.runs and snapshot.stamp.at > at and snapshot.variants in paid for snapshot in sub.history)


def _counts(tenure: Tenure, sub: Subscription, known: list[Tenure], book: Book, terms: Terms) -> bool:
    if any(_tenure_of(invoice, known, sub, book) == tenure for invoice in _paid(sub, book)):
        return True
    since = tenure.since or tenure.last.stamp.at
    if terms.at(since).plan_change.upgrade == "when_paid":
        return False
    return not _owed_for_a_change(sub, book, since)


def _pieces_count(sub: Subscription, book: Book, changed: datetime) -> bool:
    """Whether no charge for a change at a time is owed, or a period that began since is paid for."""
    paid = any(started(invoice) > changed and is_for_a_period(invoice, sub) for invoice in _paid(sub, book))
    return paid or not _owed_for_a_change(sub, book, changed)


def _owed_for_a_change(sub: Subscription, book: Book, changed: datetime) -> bool:
    """Whether a charge for a change at a time is known and unpaid."""
    return any(
        is_for_a_change(invoice, sub) and _is_owed(invoice, book) and abs(started(invoice) - changed) <= _A_DAY
        for invoice in _invoices(sub, book)
    )


def _snapshots(sub: Subscription) -> list[Snapshot]:
    """Return the history; for the time before it, only the newest snapshot of each variant is known."""
    heard = {snapshot.variants for snapshot in sub.history}
    old = [
        Snapshot(
            stamp=term.stamp,
            status=Status.ACTIVE if term.paid_until else Status.PAST_DUE,
            bought=term.bought,
            until=term.paid_until,
        )
        for term in sub.terms
        if term.variants not in heard
    ]
    return [*sorted(old, key=attrgetter("stamp")), *sub.history]


def _tenure_of(invoice: Invoice, known: list[Tenure], sub: Subscription, book: Book) -> Tenure:
    """Return the tenure that an invoice is from: the last that had begun when it was made.

    One that began soon after counts as well where the invoice may be for it.
    """
    at = started(invoice)
    begun = [tenure for tenure in known if tenure.since is None or tenure.since <= at + _A_FEW_MINUTES]
    while begun[-1].since is not None and begun[-1].since >= at and not _may_begin_one(invoice, sub, book):
        begun.pop()
    return begun[-1]


def _may_begin_one(invoice: Invoice, sub: Subscription, book: Book) -> bool:
    """Whether an invoice may be the first of another plan: that of a change, or a renewal of more than the last one."""
    match invoice.seen.reason:
        case BillingReason.INITIAL | BillingReason.ONE_TIME:
            return False
        case BillingReason.RENEWAL:
            before = [each for each in periods.regular_invoices(sub.seen.key, book) if started(each) < started(invoice)]
            return not before or invoice.seen.total > before[-1].seen.total
        case BillingReason.UNKNOWN:
            bought = sub.seen.created_at
            return bought is None or started(invoice) > bought + _A_FEW_MINUTES
        case _:
            return True


def _changes(known: list[Tenure]) -> Iterator[datetime]:
    return (after.since for _, after in pairwise(known) if after.since is not None)


def _invoices(sub: Subscription, book: Book) -> Iterator[Invoice]:
    invoices = book.invoices.get(sub.seen.key)
    return iter(invoices.known.values() if invoices else ())


def _paid(sub: Subscription, book: Book) -> Iterator[Invoice]:
    for invoice in _invoices(sub, book):
        money = invoice.paid or settling.settled(book, invoice)
        if money and invoice.seen.total > 0 and not invoice.void:
            yield invoice


def _is_owed(invoice: Invoice, book: Book) -> bool:
    return invoice.seen.total > 0 and not (invoice.paid or invoice.void or settling.settled(book, invoice))
