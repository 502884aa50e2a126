"""What happened, in our words: one snapshot or payment from each event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kulanz.policy.facts import (
    BillingReason,
    DisputeSeen,
    DisputeStatus,
    InvoiceSeen,
    InvoiceStatus,
    OrderSeen,
    OrderStatus,
    PaymentFailed,
    PaymentSucceeded,
    ProviderFact,
    Stamp,
)
from kulanz.providers import ranking
from kulanz.providers.address import Address, address, known
from kulanz.providers.heard import Heard
from kulanz.providers.naming import Naming, claim
from kulanz.providers.reading import Reading
from kulanz.providers.stripe.objects import custom_data, subscription_of
from kulanz.providers.stripe.subscriptions import subscription_seen
from kulanz.providers.stripe.vocabulary import (
    CHANGED,
    CHARGE,
    DISPUTE,
    INVOICE,
    OBJECTS,
    RANKS,
    SUBSCRIPTION,
    TELLING,
    key,
    key_if_any,
)

_REASONS = {
    "subscription_create": BillingReason.INITIAL,
    "subscription_cycle": BillingReason.RENEWAL,
    "subscription": BillingReason.RENEWAL,
}
"""Every other reason is a change of something that runs."""
_INVOICES = {
    "draft": InvoiceStatus.PENDING,
    "open": InvoiceStatus.PENDING,
    "uncollectible": InvoiceStatus.PENDING,
}
"""An invoice that is given up as uncollectible is still owed."""
_DISPUTES = {
    "warning_needs_response": DisputeStatus.INQUIRY,
    "warning_under_review": DisputeStatus.INQUIRY,
    "warning_closed": DisputeStatus.WITHDRAWN,
    "needs_response": DisputeStatus.OPENED,
    "charge_refunded": DisputeStatus.ACCEPTED,
}
_CHARGES = {"succeeded": OrderStatus.PAID, "pending": OrderStatus.PENDING, "failed": OrderStatus.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """One event: the object that it carries, and what is told around it."""

    name: str
    at: datetime
    told: Reading
    digest: str
    changed: frozenset[str]
    signed: bool
    address: Address

    @property
    def stamp(self) -> Stamp:
        changed = OBJECTS[self.name] == SUBSCRIPTION and RANKS[self.name] < CHANGED and self.changed & TELLING
        return Stamp(at=self.at, rank=CHANGED if changed else RANKS.get(self.name, 0), digest=self.digest)


def translate(name: str, payload: Mapping[str, Any], digest: str, naming: Naming) -> tuple[ProviderFact, ...]:
    """Say what happened; nothing for a kind nobody acts on."""
    if name not in OBJECTS:
        return ()
    document = Reading(payload, "payload")
    told = Reading(document.below("data").below("object").values, "data.object")
    custom = custom_data(told, naming.account_key)
    event = _Event(
        name=name,
        at=document.needed_unix("created"),
        told=told,
        digest=digest,
        changed=frozenset(document.below("data").below("previous_attributes").values),
        signed=claim(custom, naming).signed,
        address=address(Reading(custom, "metadata")),
    )
    return (*_TRANSLATIONS[OBJECTS[name]](event), *known(event.address, event.at))


def _subscription(event: _Event) -> tuple[ProviderFact, ...]:
    heard = Heard(stamp=event.stamp, signed=event.signed, locale=event.address.locale, timezone=event.address.timezone)
    return (subscription_seen(event.told, heard),)


def _payment(event: _Event) -> tuple[ProviderFact, ...]:
    """Read an invoice. One that belongs to no subscription is not ours to act on."""
    if subscription_of(event.told) is None:
        return ()
    invoice = _invoice(event)
    match event.name:
        case "invoice.payment_failed":
            return (PaymentFailed(invoice=invoice, at=event.at),)
        case "invoice.paid" | "invoice.payment_succeeded":
            return (PaymentSucceeded(invoice=invoice, at=event.at),)
    return (invoice,)


def _invoice(event: _Event) -> InvoiceSeen:
    told = event.told
    reason = told.values.get("billing_reason")
    return InvoiceSeen(
        key=key(told.needed_identifier("id")),
        subscription=key(subscription_of(told) or ""),
        stamp=event.stamp,
        status=told.word("status", InvoiceStatus, _INVOICES),
        reason=_REASONS.get(reason, BillingReason.UPDATED) if isinstance(reason, str) else BillingReason.UPDATED,
        currency=told.currency("currency"),
        total=told.needed_amount("total"),
        customer=key_if_any(told.reference("customer")) or "",
        subtotal=told.amount("subtotal"),
        discount=sum(part.amount("amount") for part in told.each("total_discount_amounts")),
        tax=_tax(told),
        created_at=told.unix("created"),
        money=key_if_any(intent_of(told)),
        email=told.email("customer_email"),
    )


def _tax(told: Reading) -> int:
    """Return the tax of an invoice: one sum until 2025, a list since."""
    parts = told.each("total_taxes") or told.each("total_tax_amounts")
    return sum(part.amount("amount") for part in parts) if parts else told.amount("tax")


def intent_of(invoice: Reading) -> str | None:
    """Return the payment intent that paid an invoice: told by itself until 2025, among its payments since."""
    paid = (one.below("payment").reference("payment_intent") for one in invoice.each("payments"))
    return invoice.reference("payment_intent") or next((intent for intent in paid if intent), None)


def _charge(event: _Event) -> tuple[ProviderFact, ...]:
    """Read a charge as an order: what a dispute and a refund are about. A guest's is nobody's."""
    told = event.told
    customer = told.reference("customer")
    if customer is None:
        return ()
    refunded = told.amount("amount_refunded")
    partly = OrderStatus.PARTIAL_REFUND if refunded > 0 else told.word("status", OrderStatus, _CHARGES)
    order = OrderSeen(
        key=key(told.needed_identifier("id")),
        stamp=event.stamp,
        status=OrderStatus.REFUNDED if told.flag("refunded") else partly,
        customer=key(customer),
        currency=told.currency("currency"),
        total=told.needed_amount("amount"),
        subtotal=told.amount("amount"),
        refunded=refunded,
        money=key_if_any(told.reference("payment_intent")),
        email=told.below("billing_details").email("email") or told.email("receipt_email"),
        created_at=told.unix("created"),
        signed=event.signed,
    )
    return (order,)


def _dispute(event: _Event) -> tuple[ProviderFact, ...]:
    told = event.told
    status = told.word("status", DisputeStatus, _DISPUTES)
    charge = told.needed_reference("charge")
    fees = [(part.amount("fee"), part) for part in told.each("balance_transactions")]
    fee = sum(amount for amount, _ in fees)
    seen = DisputeSeen(
        key=key(told.identifier("id") or charge),
        stamp=Stamp(at=event.at, rank=ranking.of_dispute(status), digest=event.digest),
        status=status,
        opened_at=told.unix("created") or event.at,
        amount=told.needed_amount("amount"),
        currency=told.currency("currency"),
        order=key(charge),
        payment=key(charge),
        fee=fee or None,
        fee_currency=fees[0][1].currency("currency") if fee else None,
        reason=told.text("reason") or "",
    )
    return (seen,)


_TRANSLATIONS: Mapping[str, Callable[[_Event], tuple[ProviderFact, ...]]] = {
    SUBSCRIPTION: _subscription,
    INVOICE: _payment,
    CHARGE: _charge,
    DISPUTE: _dispute,
}
