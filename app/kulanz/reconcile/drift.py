"""The ways in which we and the provider may differ about one object. Pure: a listed object and a book in, names out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec.structs import replace as evolve

from kulanz.policy.book import Book
from kulanz.policy.book.own import RenewalStep
from kulanz.policy.book.provider import RUNNING_STATUSES
from kulanz.policy.facts import (
    InvoiceSeen,
    LicenceSeen,
    OrderSeen,
    OrderStatus,
    Outcome,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    Provenance,
    ProviderFact,
    Stamp,
    Status,
    SubscriptionSeen,
)
from kulanz.providers.provider import Listed

IN_FLIGHT = timedelta(minutes=5)
"""Grace period for recent changes, whose events may still arrive: the provider retries for about 155 seconds."""
_ENDED = frozenset({Status.CANCELLED, Status.EXPIRED})
_ANY = Stamp(datetime.min)  # noqa: DTZ901 - never compared with a real one
Seen = SubscriptionSeen | OrderSeen | InvoiceSeen | LicenceSeen


class DriftKind(StrEnum):
    """Kinds of differences; docs/reconciliation.md describes each."""

    UNKNOWN_SUBSCRIPTION = "unknown_subscription"
    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_INVOICE = "unknown_invoice"
    UNKNOWN_LICENCE = "unknown_licence"
    STALE_STATUS = "stale_status"
    MISSING_EVENT = "missing_event"
    """The status is the same, but another field was changed later than in all events received."""
    UNDELIVERED_EVENT = "undelivered_event"
    """Stripe lists an event that never reached us."""
    UNSEEN_PAYMENT = "unseen_payment"
    UNSEEN_REFUND = "unseen_refund"
    ORDER_TURNED_FRAUDULENT = "order_turned_fraudulent"
    CANCEL_DID_NOT_STICK = "cancel_did_not_stick"
    RESUME_DID_NOT_STICK = "resume_did_not_stick"
    NOT_AT_PROVIDER = "not_at_provider"
    """A subscription of ours that is in none of the provider's lists: another store or mode, perhaps."""

    @property
    def deterministic(self) -> bool:
        """Whether the provider's data settles it; otherwise it is for a person."""
        return self not in _FOR_REVIEW


_FOR_REVIEW = frozenset({DriftKind.CANCEL_DID_NOT_STICK, DriftKind.RESUME_DID_NOT_STICK, DriftKind.NOT_AT_PROVIDER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A difference about one object."""

    kind: DriftKind
    object: str
    """Names its kind too: `lemonsqueezy:invoice:1134999`."""
    account: str | None
    changed_at: datetime
    """Time of the provider's last change of it."""
    ours: str | None
    """Our value, None if we have none."""
    theirs: str | None
    applied: bool = False


def differences(entry: Listed, book: Book, now: datetime) -> Iterator[DriftKind]:
    """Yield the differences of a listed object from the book; none if the book is newer."""
    match entry.fact:
        case SubscriptionSeen() as seen:
            yield from _subscription(seen, book, now)
        case OrderSeen() as seen:
            yield from _order(seen, book)
        case PaymentSucceeded(invoice=seen) | PaymentRefunded(invoice=seen) | PaymentFailed(invoice=seen):
            yield from _invoice(seen, book)
        case InvoiceSeen() as seen:
            yield from _invoice(seen, book)
        case LicenceSeen() as seen:
            held = book.licences.get(seen.key)
            yield from _snapshot(seen, held.seen if held else None, DriftKind.UNKNOWN_LICENCE)


def seen_in(fact: ProviderFact) -> Seen | None:
    """Return the snapshot that a listed fact is or carries."""
    if isinstance(fact, SubscriptionSeen | OrderSeen | InvoiceSeen | LicenceSeen):
        return fact
    return fact.invoice if isinstance(fact, PaymentSucceeded | PaymentRefunded | PaymentFailed) else None


def held_in(book: Book, seen: Seen) -> Seen | None:
    """Return our own snapshot of the same object."""
    match seen:
        case SubscriptionSeen():
            subscription = book.subscriptions.get(seen.key)
            return subscription.seen if subscription else None
        case OrderSeen():
            order = book.orders.get(seen.key)
            return order.seen if order else None
        case InvoiceSeen():
            invoice = book.invoice(seen.key)
            return invoice.seen if invoice else None
        case LicenceSeen():
            licence = book.licences.get(seen.key)
            return licence.seen if licence else None


def word(seen: Seen | None) -> str | None:
    """Return a short description of a snapshot, for a report."""
    if seen is None:
        return None
    refunded = getattr(seen, "refunded", 0)
    return f"{seen.status}, {refunded} refunded" if refunded else str(seen.status)


def _subscription(seen: SubscriptionSeen, book: Book, now: datetime) -> Iterator[DriftKind]:
    held = book.subscriptions.get(seen.key)
    yield from _did_not_stick(seen, book, now)
    yield from _snapshot(seen, held.seen if held else None, DriftKind.UNKNOWN_SUBSCRIPTION)


def _order(seen: OrderSeen, book: Book) -> Iterator[DriftKind]:
    held = book.orders.get(seen.key)
    turned = seen.status is OrderStatus.FRAUDULENT and (held is None or held.fraudulent_at is None)
    if turned:
        yield DriftKind.ORDER_TURNED_FRAUDULENT
    elif held is not None and seen.refunded > held.refunded:
        yield DriftKind.UNSEEN_REFUND
    else:
        yield from _snapshot(seen, held.seen if held else None, DriftKind.UNKNOWN_ORDER)


def _invoice(seen: InvoiceSeen, book: Book) -> Iterator[DriftKind]:
    invoices = book.invoices.get(seen.subscription)
    held = invoices.known.get(seen.key) if invoices else None
    if held is not None and seen.refunded > held.refunded:
        yield DriftKind.UNSEEN_REFUND
    elif held is not None and not held.paid and str(seen.status) in {"paid", "partial_refund"}:
        yield DriftKind.UNSEEN_PAYMENT
    else:
        yield from _snapshot(seen, held.seen if held else None, DriftKind.UNKNOWN_INVOICE)


def _snapshot(seen: Seen, held: Seen | None, unknown: DriftKind) -> Iterator[DriftKind]:
    if held is None:
        yield unknown
    elif seen.stamp > held.stamp and _content(seen) != _content(held):
        yield DriftKind.MISSING_EVENT if seen.status == held.status else DriftKind.STALE_STATUS


def _content(seen: Seen) -> Seen:
    """Leave out fields about the origin of our knowledge, and fields that no decision reads."""
    plain = evolve(seen, stamp=_ANY, provenance=Provenance.WEBHOOK)
    match plain:
        case SubscriptionSeen():
            return evolve(plain, signed=False, locale=None, timezone=None, name=None)
        case OrderSeen():
            return evolve(plain, signed=False, name=None)
        case InvoiceSeen():
            return evolve(plain, name=None)
        case _:
            return plain


def _did_not_stick(seen: SubscriptionSeen, book: Book, now: datetime) -> Iterator[DriftKind]:
    """Yield our confirmed changes at the provider that the provider does not show."""
    turn = _last_done(book, seen.key)
    if turn is None or now - turn.asked.outcome_at < IN_FLIGHT:
        return
    later = seen.stamp.at > turn.asked.outcome_at
    if turn.cause is None:
        if seen.status in _ENDED and not later:
            yield DriftKind.RESUME_DID_NOT_STICK
    elif seen.status not in _ENDED and not (later and seen.status in RUNNING_STATUSES):
        yield DriftKind.CANCEL_DID_NOT_STICK


def _last_done(book: Book, subscription: str) -> RenewalStep | None:
    renewals = book.renewals.get(subscription)
    done = [turn for turn in renewals.turns if turn.asked.outcome is Outcome.DONE] if renewals else []
    return done[-1] if done else None
