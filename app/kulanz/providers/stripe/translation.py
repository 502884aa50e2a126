"""Translates each event into facts: one snapshot or payment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kulanz.policy.facts import (
    BillingReason,
    ChargebackWarned,
    CustomerSeen,
    DisputeSeen,
    DisputeStatus,
    InvoiceSeen,
    InvoiceStatus,
    OrderSeen,
    OrderStatus,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    Provenance,
    ProviderFact,
    Stamp,
)
from kulanz.providers import bodies, ranking
from kulanz.providers.address import CustomerAddress, customer_address, known
from kulanz.providers.event_header import EventHeader
from kulanz.providers.naming import Naming, claim
from kulanz.providers.reading import PayloadReader, UnknownWord
from kulanz.providers.stripe.objects import custom_data, intent_of, subscription_of
from kulanz.providers.stripe.subscriptions import subscription_seen
from kulanz.providers.stripe.vocabulary import (
    CHANGED,
    CHARGE,
    CHECKOUT,
    CUSTOMER,
    DISPUTE,
    INVOICE,
    INVOICE_PAYMENT,
    LOOKED_UP,
    OBJECTS,
    PROVIDER,
    RANKS,
    SUBSCRIPTION,
    TELLING,
    WARNING,
    key,
    key_if_any,
)

_REASONS = {
    "subscription_create": BillingReason.INITIAL,
    "quote_accept": BillingReason.INITIAL,
    "subscription_cycle": BillingReason.RENEWAL,
    "subscription": BillingReason.RENEWAL,
    "subscription_update": BillingReason.UPDATED,
    "subscription_threshold": BillingReason.ONE_TIME,
    "automatic_pending_invoice_item_invoice": BillingReason.ONE_TIME,
    "manual": BillingReason.ONE_TIME,
}
_INVOICES = {
    "paid": InvoiceStatus.PAID,
    "void": InvoiceStatus.VOID,
    "draft": InvoiceStatus.PENDING,
    "open": InvoiceStatus.PENDING,
    "uncollectible": InvoiceStatus.PENDING,
}
"""An invoice that is given up as uncollectible is still owed."""
_PAID_BY_NAME = {
    "invoice.paid": InvoiceStatus.PAID,
    "invoice.payment_succeeded": InvoiceStatus.PAID,
    "invoice.payment_failed": InvoiceStatus.PENDING,
    "invoice.marked_uncollectible": InvoiceStatus.PENDING,
    "invoice.voided": InvoiceStatus.VOID,
}
_DISPUTES = {
    "warning_needs_response": DisputeStatus.INQUIRY,
    "warning_under_review": DisputeStatus.INQUIRY,
    "warning_closed": DisputeStatus.WITHDRAWN,
    "needs_response": DisputeStatus.OPENED,
    "under_review": DisputeStatus.UNDER_REVIEW,
    "appeal_needs_response": DisputeStatus.UNDER_REVIEW,
    "appeal_under_review": DisputeStatus.UNDER_REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "prevented": DisputeStatus.PREVENTED,
    "charge_refunded": DisputeStatus.ACCEPTED,
}
"""A dispute that was lost and is appealed is contested again."""
_DISPUTED_BY_NAME = {
    "charge.dispute.created": DisputeStatus.OPENED,
    "charge.dispute.updated": DisputeStatus.UNDER_REVIEW,
    "charge.dispute.funds_withdrawn": DisputeStatus.UNDER_REVIEW,
    "charge.dispute.funds_reinstated": DisputeStatus.WON,
}
"""The status of a dispute by its event where the word is unknown: one that is not closed is contested."""
_DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Stripe's minor units where they differ from ISO 4217."""
_CHARGES = {"succeeded": OrderStatus.PAID, "pending": OrderStatus.PENDING, "failed": OrderStatus.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _StripeEvent:
    """An event: the object that it carries, and its envelope."""

    name: str
    at: datetime
    told: PayloadReader
    digest: str
    changed: frozenset[str]
    signed: bool
    address: CustomerAddress

    @property
    def stamp(self) -> Stamp:
        changed = OBJECTS[self.name] == SUBSCRIPTION and RANKS[self.name] < CHANGED and self.changed & TELLING
        return Stamp(at=self.at, rank=CHANGED if changed else RANKS.get(self.name, 0), digest=self.digest)


def translate(
    name: str, payload: Mapping[str, Any], digest: str, naming: Naming, unknown: list[UnknownWord] | None = None
) -> tuple[ProviderFact, ...]:
    """Translate an event into facts; none for a kind that is not acted on."""
    if name not in OBJECTS:
        return ()
    document = PayloadReader(payload, "payload", [] if unknown is None else unknown)
    payload_reader = PayloadReader(document.below("data").below("object").values, "data.object", document.unknown)
    custom = custom_data(payload_reader, naming.keys)
    event = _StripeEvent(
        name=name,
        at=document.needed_unix("created"),
        told=payload_reader,
        digest=digest,
        changed=frozenset(document.below("data").below("previous_attributes").values),
        signed=claim(custom, naming, PROVIDER, lambda: payload_reader.unix("created")).signed,
        address=customer_address(PayloadReader(custom, "metadata")),
    )
    return (*_TRANSLATIONS[OBJECTS[name]](event), *known(event.address, event.at))


def _subscription(event: _StripeEvent) -> tuple[ProviderFact, ...]:
    heard = EventHeader(
        stamp=event.stamp, signed=event.signed, locale=event.address.locale, timezone=event.address.timezone
    )
    return (subscription_seen(event.told, heard, event.name),)


def _payment(event: _StripeEvent) -> tuple[ProviderFact, ...]:
    """Read an invoice. One that belongs to no subscription is not acted on."""
    if subscription_of(event.told) is None:
        return ()
    invoice = _invoice(event.told, event.stamp, Provenance.WEBHOOK, _PAID_BY_NAME.get(event.name))
    match event.name:
        case "invoice.payment_failed" if not _is_before_due(event):
            return (PaymentFailed(invoice=invoice, at=event.at),)
        case "invoice.paid" | "invoice.payment_succeeded":
            return (PaymentSucceeded(invoice=invoice, at=event.at),)
    return (invoice,)


def _is_before_due(event: _StripeEvent) -> bool:
    """Return whether a charge failed for an invoice that the customer may still pay by hand for some days."""
    due = event.told.unix("due_date")
    return event.told.text("collection_method") == "send_invoice" and due is not None and event.at < due


def looked_up_invoice(document: dict[str, Any], at: datetime) -> ProviderFact:
    """Translate the API's answer about one invoice, which has no time of its own: `at` is the answer's."""
    payload_reader = PayloadReader(document, "invoice")
    stamp = Stamp(at=at, rank=LOOKED_UP, digest=bodies.fingerprint((PROVIDER, document)).hex())
    invoice = _invoice(payload_reader, stamp, Provenance.RECONCILED)
    if invoice.status is not InvoiceStatus.PAID:
        return invoice
    paid_at = payload_reader.below("status_transitions").unix("paid_at") or at
    return PaymentSucceeded(invoice=invoice, at=paid_at, provenance=Provenance.RECONCILED)


def _invoice(
    payload_reader: PayloadReader, stamp: Stamp, provenance: Provenance, said: InvoiceStatus | None = None
) -> InvoiceSeen:
    reason = payload_reader.values.get("billing_reason")
    return InvoiceSeen(
        key=key(payload_reader.needed_identifier("id")),
        subscription=key(subscription_of(payload_reader) or ""),
        stamp=stamp,
        status=payload_reader.word("status", _INVOICES, said),
        reason=_REASONS.get(reason, BillingReason.UNKNOWN) if isinstance(reason, str) else BillingReason.UNKNOWN,
        currency=(currency := payload_reader.currency("currency")),
        total=payload_reader.needed_amount("total"),
        decimals=_DECIMALS.get(currency),
        customer=key_if_any(payload_reader.reference("customer")) or "",
        subtotal=payload_reader.amount("subtotal"),
        discount=sum(part.amount("amount") for part in payload_reader.each("total_discount_amounts")),
        tax=_tax(payload_reader),
        created_at=payload_reader.unix("created"),
        money=key_if_any(intent_of(payload_reader)),
        email=payload_reader.email("customer_email"),
        name=payload_reader.text("customer_name"),
        provenance=provenance,
    )


def _tax(payload_reader: PayloadReader) -> int:
    """Return the tax of an invoice: one sum until 2025, a list of taxes after it."""
    parts = payload_reader.each("total_taxes") or payload_reader.each("total_tax_amounts")
    return sum(part.amount("amount") for part in parts) if parts else payload_reader.amount("tax")


def _charge(event: _StripeEvent) -> tuple[ProviderFact, ...]:
    """Read a charge as an order: the object of disputes and refunds. A guest's charge has no account."""
    payload_reader = event.told
    customer = payload_reader.reference("customer")
    if customer is None:
        return ()
    refunded = payload_reader.stated_amount("amount_refunded")
    status = payload_reader.word("status", _CHARGES, OrderStatus.PAID)
    partly = OrderStatus.PARTIAL_REFUND if refunded > 0 else status
    order = OrderSeen(
        key=key(payload_reader.needed_identifier("id")),
        stamp=event.stamp,
        status=OrderStatus.REFUNDED if payload_reader.flag("refunded") else partly,
        customer=key(customer),
        currency=(currency := payload_reader.currency("currency")),
        total=payload_reader.needed_amount("amount"),
        decimals=_DECIMALS.get(currency),
        subtotal=payload_reader.amount("amount"),
        refunded=refunded,
        money=key_if_any(payload_reader.reference("payment_intent")),
        email=payload_reader.below("billing_details").email("email") or payload_reader.email("receipt_email"),
        name=payload_reader.below("billing_details").text("name"),
        created_at=payload_reader.unix("created"),
        signed=event.signed,
    )
    return (order,)


def _invoice_payment(event: _StripeEvent) -> tuple[ProviderFact, ...]:
    """Read the link of an invoice and its payment: since 2025 no other event names both."""
    payment = event.told.below("payment")
    money = payment.reference("payment_intent") or payment.reference("charge")
    if money is None:
        return ()
    return (PaymentLinked(payment=key(event.told.needed_reference("invoice")), money=key(money), at=event.at),)


def _dispute(event: _StripeEvent) -> tuple[ProviderFact, ...]:
    payload_reader = event.told
    status = payload_reader.word("status", _DISPUTES, _DISPUTED_BY_NAME.get(event.name))
    charge = payload_reader.needed_reference("charge")
    fees = [(part.amount("fee"), part) for part in payload_reader.each("balance_transactions")]
    fee = sum(amount for amount, _ in fees)
    evidence = payload_reader.below("evidence_details")
    seen = DisputeSeen(
        key=key(payload_reader.identifier("id") or charge),
        stamp=Stamp(at=event.at, rank=ranking.of_dispute(status), digest=event.digest),
        status=status,
        opened_at=payload_reader.unix("created") or event.at,
        amount=payload_reader.needed_amount("amount"),
        currency=payload_reader.currency("currency"),
        order=key(charge),
        payment=key(charge),
        fee=fee or None,
        fee_currency=fees[0][1].optional_currency("currency") if fee else None,
        reason=payload_reader.text("reason") or "",
        answer_by=evidence.unix("due_by"),
        answered=bool(evidence.values.get("submission_count")),
    )
    return (seen,)


def _customer(event: _StripeEvent) -> tuple[ProviderFact, ...]:
    """Read a customer: only this event reports a changed address before the next invoice."""
    own_key = key(event.told.needed_identifier("id"))
    reader = event.told
    return (CustomerSeen(key=own_key, stamp=event.stamp, email=reader.email("email"), name=reader.text("name")),)


def _checkout(_: _StripeEvent) -> tuple[ProviderFact, ...]:
    """Return no facts: a Checkout Session only names the account of its purchase, which the routing reads."""
    return ()


def _warning(event: _StripeEvent) -> tuple[ProviderFact, ...]:
    """Read an early fraud warning: it is over once a refund can prevent no dispute any more."""
    payload_reader = event.told
    charge = payload_reader.needed_reference("charge")
    warned = ChargebackWarned(
        key=key(payload_reader.needed_identifier("id")),
        stamp=event.stamp,
        payment=key(charge),
        warned_at=payload_reader.unix("created") or event.at,
        reason=payload_reader.text("fraud_type") or "",
        actionable=payload_reader.values.get("actionable") is not False,
    )
    return (warned,)


_TRANSLATIONS: Mapping[str, Callable[[_StripeEvent], tuple[ProviderFact, ...]]] = {
    SUBSCRIPTION: _subscription,
    INVOICE: _payment,
    CHARGE: _charge,
    INVOICE_PAYMENT: _invoice_payment,
    DISPUTE: _dispute,
    CUSTOMER: _customer,
    CHECKOUT: _checkout,
    WARNING: _warning,
}
