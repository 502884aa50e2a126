"""Records of the provider's objects: the newest snapshot, and the parts of older ones that still count."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from operator import attrgetter
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.book.joining import join_maps, newest, oldest, union
from kulanz.policy.book.lasting import KeptWord, joined
from kulanz.policy.facts import InvoiceStatus, Stamp, Status

RUNNING_STATUSES = frozenset({Status.ON_TRIAL, Status.ACTIVE})
GIVING_STATUSES = RUNNING_STATUSES | {Status.PAST_DUE, Status.UNPAID}
_UNPAID = frozenset({Status.PAST_DUE, Status.UNPAID})
_ENDED = frozenset({Status.CANCELLED, Status.EXPIRED})
_REFUNDED = frozenset({InvoiceStatus.REFUNDED, f.OrderStatus.REFUNDED})
_PAID = frozenset({InvoiceStatus.PAID, InvoiceStatus.PARTIAL_REFUND})
UNPAID_ORDERS = frozenset({f.OrderStatus.PENDING, f.OrderStatus.FAILED})
_UNNAMED = f.SubscribedItem(variant="", product="")
_status_of = attrgetter("status")
S = TypeVar(
    "S",
    f.InvoiceSeen,
    f.CustomerSeen,
    f.DisputeSeen,
    f.ChargebackWarned,
)


class Snapshot(Struct, frozen=True, kw_only=True):
    """An entry of a subscription's history: its status and its plan at one time of the provider."""

    stamp: Stamp
    status: Status
    bought: tuple[f.SubscribedItem, ...]
    until: datetime | None = None
    """The next renewal while it runs, the end once it is cancelled, the resumption while it is paused."""
    pause: str | None = None
    told: bool = True
    """Whether it names the subscribed items; otherwise the entry before it decides."""

    @classmethod
    def of(cls, seen: f.SubscriptionSeen) -> Snapshot:
        """Return the entry for a snapshot."""
        return cls(
            stamp=seen.stamp,
            status=seen.status,
            bought=seen.bought,
            until=_counts_until(seen),
            pause=seen.pause_mode if seen.status is Status.PAUSED else None,
            told=seen.names_items,
        )

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants of its items, in any order."""
        return tuple(sorted(item.variant for item in self.bought))

    @property
    def runs(self) -> bool:
        """Whether it was active or on trial."""
        return self.status in RUNNING_STATUSES

    @property
    def unpaid(self) -> bool:
        """Whether the provider called it `past_due` or `unpaid`."""
        return self.status in _UNPAID


class Term(Struct, frozen=True, kw_only=True):
    """The newest snapshot of a subscription under one variant: the paid plan before a change of plan."""

    variant: str
    product: str
    stamp: Stamp
    paid_until: datetime | None
    """End of the period paid for; None while it is unpaid, when `renews_at` is only the next attempt to charge."""
    items: tuple[f.SubscribedItem, ...] = ()

    @classmethod
    def of(cls, seen: f.SubscriptionSeen) -> Term:
        """Return the record of one snapshot."""
        runs = seen.status in RUNNING_STATUSES
        until = seen.renews_at if runs else seen.ends_at if seen.status is Status.CANCELLED else None
        return cls(variant=seen.variant, product=seen.product, stamp=seen.stamp, paid_until=until, items=seen.items)

    @property
    def bought(self) -> tuple[f.SubscribedItem, ...]:
        """Every item, also where there is only one."""
        return self.items or (f.SubscribedItem(variant=self.variant, product=self.product),)

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants of its items, in any order."""
        return tuple(sorted(item.variant for item in self.items)) if self.items else (self.variant,)


class Subscription(Struct, frozen=True, kw_only=True, dict=True):
    """A subscription: its newest snapshot, and what older ones said that still counts."""

    seen: f.SubscriptionSeen
    running: Stamp | None
    """The newest snapshot in which it ran and was paid for (`active`, `on_trial`)."""
    marks: tuple[tuple[Stamp, Status], ...]
    """Later snapshots in which it did not run so, oldest first."""
    terms: tuple[Term, ...]
    history: tuple[Snapshot, ...] = ()
    """The snapshots, oldest first: of those of one day that say the same, the first and the last.

    A subscription that was stored by a version before has no history of the time before that.
    """
    kept: tuple[KeptWord, ...] = ()

    @classmethod
    def of(cls, seen: f.SubscriptionSeen) -> Subscription:
        """Return the record of one snapshot."""
        runs = seen.status in RUNNING_STATUSES
        return cls(
            seen=seen,
            running=seen.stamp if runs else None,
            marks=() if runs else ((seen.stamp, seen.status),),
            terms=(Term.of(seen),) if seen.names_items else (),
            history=(Snapshot.of(seen),),
        )

    def join(self, other: Subscription) -> Subscription:
        """Keep the newer snapshot, the newest run, and the marks after it."""
        running = newest(self.running, other.running)
        marks = union(self.marks, other.marks)
        if running is not None and marks and marks[0][0] <= running:
            marks = tuple(mark for mark in marks if mark[0] > running)
        seen, kept = joined(self, other)
        history = _join_history(self.history, other.history)
        return Subscription(
            seen=seen if not history or history[-1].told else _with_items(seen, history[-1].bought),
            running=running,
            marks=marks,
            terms=_join_terms(self.terms, other.terms),
            history=history,
            kept=kept,
        )

    @cached_property
    def gives_one_plan(self) -> bool:
        """Whether it runs, is billed for one thing and never was for another: what it gives needs no other fact."""
        seen = self.seen
        return seen.status in GIVING_STATUSES and bool(seen.variant) and not seen.items and len(self.terms) <= 1

    @cached_property
    def heard_by(self) -> datetime | None:
        """When news is expected, or the time of later news by its status: that it is unpaid."""
        expected = renews_at(self.seen)
        if expected is None or self.seen.status in RUNNING_STATUSES:
            return expected
        return max(expected, self.seen.stamp.at)

    @cached_property
    def was_unpaid(self) -> bool:
        """Whether there is any time at which the provider called it `past_due` or `unpaid`."""
        if not _UNPAID.isdisjoint(map(_status_of, self.history)):
            return True
        return bool(self.marks) and not _UNPAID.isdisjoint([status for _, status in self.marks])

    @property
    def unpaid_at(self) -> tuple[datetime, ...]:
        """The times at which the provider called it `past_due` or `unpaid`, oldest first."""
        marked = {stamp.at for stamp, status in self.marks if status in _UNPAID}
        marked.update(snapshot.stamp.at for snapshot in self.history if snapshot.unpaid)
        return tuple(sorted(marked)) if marked else ()

    @property
    def alive_at(self) -> datetime | None:
        """The provider's time of the newest snapshot in which it was neither cancelled nor expired."""
        alive = [stamp for stamp, status in self.marks if status not in _ENDED]
        stamp = alive[-1] if alive else self.running
        return stamp.at if stamp else None


class Invoice(Struct, frozen=True, kw_only=True):
    """An invoice: its newest snapshot, when charges for it failed, and when one succeeded."""

    seen: f.InvoiceSeen
    failures: tuple[datetime, ...] = ()
    paid_at: datetime | None = None
    """The latest success in an event."""
    paid: bool = False
    """Whether money for it has arrived (I10), also where it went back since."""
    refunded: int = 0
    """The highest cumulative amount that the provider reported."""
    refunded_at: datetime | None = None
    """Since when it is refunded in full."""

    @classmethod
    def of(cls, seen: f.InvoiceSeen, *, failed_at: datetime | None = None, paid_at: datetime | None = None) -> Invoice:
        """Return the record of one snapshot, with its charge."""
        return cls(
            seen=seen,
            failures=(failed_at,) if failed_at else (),
            paid_at=paid_at,
            paid=paid_at is not None or seen.status in _PAID,
            refunded=_gone_back(seen, full=seen.status is InvoiceStatus.REFUNDED),
            refunded_at=seen.stamp.at if is_refunded(seen) else None,
        )

    def join(self, other: Invoice) -> Invoice:
        """Keep the newer snapshot, every failure, the latest success and the highest refund."""
        return Invoice(
            seen=_newer(self.seen, other.seen),
            failures=union(self.failures, other.failures),
            paid_at=newest(self.paid_at, other.paid_at),
            paid=self.paid or other.paid,
            refunded=max(self.refunded, other.refunded),
            refunded_at=oldest(self.refunded_at, other.refunded_at),
        )

    @property
    def void(self) -> bool:
        """Whether it is no longer owed, although it may never have been paid."""
        return self.seen.status is InvoiceStatus.VOID or is_refunded(self.seen)


class Invoices(Struct, frozen=True, kw_only=True):
    """The invoices of one subscription, and the few of them that still matter."""

    known: Mapping[str, Invoice]
    unpaid: tuple[str, ...]
    """Those with a failed charge and no success."""
    refunded: tuple[str, ...]
    """Those that went back in full."""
    paid_at: datetime | None
    """The latest success of any."""

    @classmethod
    def of(cls, invoice: Invoice) -> Invoices:
        """Return the invoices of a subscription of which one is known."""
        key = invoice.seen.key
        unpaid = (key,) if invoice.failures and not invoice.paid else ()
        refunded = (key,) if is_refunded(invoice.seen) else ()
        return cls(known={key: invoice}, unpaid=unpaid, refunded=refunded, paid_at=invoice.paid_at)

    def join(self, other: Invoices) -> Invoices:
        """Join invoice by invoice."""
        existing = join_maps(self.known, other.known)
        unpaid = union(self.unpaid, other.unpaid)
        refunded = union(self.refunded, other.refunded)
        return Invoices(
            known=existing,
            unpaid=tuple(key for key in unpaid if not existing[key].paid) if unpaid else (),
            refunded=tuple(key for key in refunded if is_refunded(existing[key].seen)) if refunded else (),
            paid_at=newest(self.paid_at, other.paid_at),
        )


class PaymentLink(Struct, frozen=True, kw_only=True):
    """The money that paid an invoice, if another object than the invoice says so: there may be several parts."""

    money: tuple[str, ...]

    def join(self, other: PaymentLink) -> PaymentLink:
        """Keep every part."""
        return PaymentLink(money=union(self.money, other.money))


class Order(Struct, frozen=True, kw_only=True):
    """An order: its newest snapshot, and since when the provider calls it paid, fraudulent or refunded."""

    seen: f.OrderSeen
    fraudulent_at: datetime | None = None
    refunded: int = 0
    refunded_at: datetime | None = None
    kept: tuple[KeptWord, ...] = ()
    pending_at: datetime | None = None
    """The newest snapshot in which it was not paid yet."""
    paid_at: datetime | None = None
    """The oldest snapshot in which it was."""

    @classmethod
    def of(cls, seen: f.OrderSeen) -> Order:
        """Return the record of one snapshot."""
        return cls(
            seen=seen,
            fraudulent_at=seen.stamp.at if seen.status is f.OrderStatus.FRAUDULENT else None,
            refunded=_gone_back(seen, full=seen.status is f.OrderStatus.REFUNDED),
            refunded_at=seen.stamp.at if is_refunded(seen) else None,
            pending_at=seen.stamp.at if seen.status in UNPAID_ORDERS else None,
            paid_at=None if seen.status in UNPAID_ORDERS else seen.stamp.at,
        )

    def join(self, other: Order) -> Order:
        """Keep the newer snapshot, the first payment, the first call of fraud and the highest refund."""
        seen, kept = joined(self, other)
        return Order(
            seen=seen,
            kept=kept,
            fraudulent_at=oldest(self.fraudulent_at, other.fraudulent_at),
            refunded=max(self.refunded, other.refunded),
            refunded_at=oldest(self.refunded_at, other.refunded_at),
            pending_at=newest(self.pending_at, other.pending_at),
            paid_at=oldest(self.paid_at, other.paid_at),
        )


class Licence(Struct, frozen=True, kw_only=True):
    """A licence key: its newest snapshot, and the most activations ever seen."""

    seen: f.LicenceSeen
    activations: int = 0
    kept: tuple[KeptWord, ...] = ()

    def join(self, other: Licence) -> Licence:
        """Keep the newer snapshot; a licence that was activated once stays activated."""
        seen, kept = joined(self, other)
        return Licence(seen=seen, activations=max(self.activations, other.activations), kept=kept)


class Customer(Struct, frozen=True, kw_only=True):
    """A buyer: the newest snapshot."""

    seen: f.CustomerSeen

    def join(self, other: Customer) -> Customer:
        """Keep the newer snapshot."""
        return Customer(seen=_newer(self.seen, other.seen))


class Dispute(Struct, frozen=True, kw_only=True):
    """A chargeback: its newest snapshot, when it was opened, and every status that it had."""

    seen: f.DisputeSeen
    opened_at: datetime
    marks: tuple[tuple[Stamp, f.DisputeStatus], ...]

    @classmethod
    def of(cls, seen: f.DisputeSeen) -> Dispute:
        """Return the record of one snapshot."""
        return cls(seen=seen, opened_at=seen.opened_at, marks=((seen.stamp, seen.status),))

    def join(self, other: Dispute) -> Dispute:
        """Keep the newer snapshot, the earliest opening and every status."""
        return Dispute(
            seen=_newer(self.seen, other.seen),
            opened_at=min(self.opened_at, other.opened_at),
            marks=union(self.marks, other.marks),
        )


class FraudWarning(Struct, frozen=True, kw_only=True):
    """A warning of a chargeback: the newest snapshot."""

    seen: f.ChargebackWarned

    def join(self, other: FraudWarning) -> FraudWarning:
        """Keep the newer snapshot."""
        return FraudWarning(seen=_newer(self.seen, other.seen))


def is_refunded(seen: f.InvoiceSeen | f.OrderSeen) -> bool:
    """Return whether a payment went back in full: by the provider's word, or in parts that add up to all."""
    return seen.status in _REFUNDED or (seen.refunded >= seen.total > 0)


def renews_at(seen: f.SubscriptionSeen) -> datetime | None:
    """Return when news of a subscription is expected; a free pause is the merchant's own word."""
    match seen.status:
        case Status.PAUSED:
            return None
        case Status.ON_TRIAL:
            return seen.renews_at or seen.trial_ends_at
        case Status.CANCELLED | Status.EXPIRED:
            # Our own cancellation, which we took back.
            return seen.ends_at or seen.renews_at or seen.stamp.at
        case _:
            return seen.renews_at


def _gone_back(seen: f.InvoiceSeen | f.OrderSeen, *, full: bool) -> int:
    """Return the refunded amount: all of it where the status says so, over the amount beside it."""
    return max(seen.refunded, seen.total) if full else seen.refunded


def _join_terms(ours: tuple[Term, ...], theirs: tuple[Term, ...]) -> tuple[Term, ...]:
    if ours == theirs:
        return ours
    newest_of = {term.variants: term for term in ours}
    for term in theirs:
        existing_term = newest_of.get(term.variants)
        if existing_term is None or _is_older(existing_term, term):
            newest_of[term.variants] = term
    return tuple(newest_of[variants] for variants in sorted(newest_of))


def _join_history(ours: tuple[Snapshot, ...], theirs: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    if ours == theirs or not theirs:
        return ours
    if not ours or (len(theirs) == 1 and _day(ours[-1]) < _day(theirs[0])):
        return _completed((*ours, *theirs))
    first: dict[tuple[object, ...], Snapshot] = {}
    last: dict[tuple[object, ...], Snapshot] = {}
    for snapshot in sorted({*map(_as_told, ours), *map(_as_told, theirs)}, key=_in_time):
        same = (_day(snapshot), snapshot.status, snapshot.variants, snapshot.pause)
        first.setdefault(same, snapshot)
        last[same] = snapshot
    return _completed(tuple(sorted({*first.values(), *last.values()}, key=_in_time)))


def _as_told(snapshot: Snapshot) -> Snapshot:
    return snapshot if snapshot.told else evolve(snapshot, bought=(_UNNAMED,))


def _completed(history: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    """Return the history; a snapshot that names no items takes those of the one before it."""
    if all(snapshot.told for snapshot in history):
        return history
    complete: list[Snapshot] = []
    bought: tuple[f.SubscribedItem, ...] = (_UNNAMED,)
    for snapshot in history:
        complete.append(snapshot if snapshot.told else evolve(snapshot, bought=bought))
        bought = complete[-1].bought
    return tuple(complete)


def _with_items(seen: f.SubscriptionSeen, bought: tuple[f.SubscribedItem, ...]) -> f.SubscriptionSeen:
    first = bought[0]
    items = bought if len(bought) > 1 else ()
    return evolve(seen, variant=first.variant, product=first.product, quantity=first.quantity, items=items)


def _day(snapshot: Snapshot) -> date:
    return snapshot.stamp.at.date()


def _in_time(snapshot: Snapshot) -> tuple[Stamp, str]:
    return snapshot.stamp, repr(snapshot)


def _counts_until(seen: f.SubscriptionSeen) -> datetime | None:
    match seen.status:
        case Status.ACTIVE:
            return seen.renews_at
        case Status.ON_TRIAL:
            return seen.renews_at or seen.trial_ends_at
        case Status.CANCELLED:
            return seen.ends_at
        case Status.PAUSED:
            return seen.pause_resumes_at
        case _:
            return None


def _is_older(ours: Term, theirs: Term) -> bool:
    return ours.stamp < theirs.stamp or (ours.stamp == theirs.stamp and repr(ours) < repr(theirs))


def _newer(ours: S, theirs: S) -> S:
    if ours.stamp == theirs.stamp:
        return ours if ours == theirs else max(ours, theirs, key=repr)
    return ours if ours.stamp > theirs.stamp else theirs
