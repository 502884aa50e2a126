"""Facts from a provider: snapshots of its objects, and payments; an operator's word on a dispute is one too."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from kulanz.policy.facts.words import (
    BillingReason,
    DisputeStatus,
    InvoiceStatus,
    LicenceStatus,
    OrderStatus,
    Provenance,
    Stamp,
    Status,
)


class SubscribedItem(Struct, frozen=True, kw_only=True):
    """An item that a subscription bills."""

    variant: str
    product: str
    quantity: int = 1
    ends_at: datetime | None = None
    """When its own period ends, where the subscription is cancelled and its items have periods of their own."""


class SubscriptionSeen(Struct, frozen=True, kw_only=True):
    """A snapshot of one subscription, as the provider held it at `stamp.at`."""

    key: str
    stamp: Stamp
    status: Status
    customer: str
    """Empty where the event does not say, and so is the variant: then the earlier value counts."""
    variant: str
    product: str
    """The slug of the product's name: the plan where the catalogue does not map the variant."""
    order: str | None = None
    email: str | None = None
    renews_at: datetime | None = None
    ends_at: datetime | None = None
    trial_ends_at: datetime | None = None
    pause_mode: str | None = None
    pause_resumes_at: datetime | None = None
    pauses_at: datetime | None = None
    """When a pause is planned to begin."""
    changes_at: datetime | None = None
    """The time of a planned change of the subscribed items, and below the new items."""
    changes_to: tuple[SubscribedItem, ...] = ()
    quantity: int = 1
    by_hand: bool = False
    """Whether the customer pays each invoice by hand: the money comes long after the renewal."""
    created_at: datetime | None = None
    signed: bool = False
    """Whether the account was named by custom data that the merchant signed (`account_sig`)."""
    locale: str | None = None
    timezone: str | None = None
    provenance: Provenance = Provenance.WEBHOOK
    name: str | None = None
    """The customer's, as the provider has it: only searches and lists use it."""
    items: tuple[SubscribedItem, ...] = ()
    """All of them, where there are several; then `variant`, `product` and `quantity` are those of the first."""

    @property
    def names_items(self) -> bool:
        """Whether it names the subscribed items; otherwise they are unchanged."""
        return bool(self.variant or self.items)

    @property
    def bought(self) -> tuple[SubscribedItem, ...]:
        """Every item, also where there is only one."""
        return self.items or (SubscribedItem(variant=self.variant, product=self.product, quantity=self.quantity),)


class InvoiceSeen(Struct, frozen=True, kw_only=True):
    """A snapshot of one invoice of a subscription; the facts about payments below carry it with them."""

    key: str
    subscription: str
    stamp: Stamp
    status: InvoiceStatus
    reason: BillingReason
    currency: str
    total: int
    customer: str = ""
    subtotal: int = 0
    discount: int = 0
    tax: int = 0
    refunded: int = 0
    """Everything refunded so far, cumulative, as the provider reports it."""
    created_at: datetime | None = None
    money: str | None = None
    """The common name of the same money, where a provider has several records of it: Stripe's payment intent."""
    decimals: int | None = None
    """How many decimals its amounts have, where the provider writes others than the currency has."""
    email: str | None = None
    provenance: Provenance = Provenance.WEBHOOK
    name: str | None = None


class PaymentFailed(Struct, frozen=True, kw_only=True):
    """A charge for an invoice failed at `at` (the invoice's `updated_at`)."""

    invoice: InvoiceSeen
    at: datetime
    provenance: Provenance = Provenance.WEBHOOK


class PaymentSucceeded(Struct, frozen=True, kw_only=True):
    """A charge for an invoice succeeded at `at`, at once or after failures."""

    invoice: InvoiceSeen
    at: datetime
    provenance: Provenance = Provenance.WEBHOOK


class PaymentRefunded(Struct, frozen=True, kw_only=True):
    """Money of an invoice went back; `invoice.refunded` is the cumulative amount."""

    invoice: InvoiceSeen
    at: datetime
    provenance: Provenance = Provenance.WEBHOOK


class OrderSeen(Struct, frozen=True, kw_only=True):
    """A snapshot of one order: a purchase, of a subscription's first period or of a single product."""

    key: str
    stamp: Stamp
    status: OrderStatus
    customer: str
    currency: str
    total: int
    subtotal: int = 0
    discount: int = 0
    tax: int = 0
    setup_fee: int = 0
    refunded: int = 0
    variant: str | None = None
    product: str | None = None
    money: str | None = None
    """As an invoice's, and so are the decimals."""
    decimals: int | None = None
    email: str | None = None
    created_at: datetime | None = None
    signed: bool = False
    provenance: Provenance = Provenance.WEBHOOK
    name: str | None = None


class RefundSeen(Struct, frozen=True, kw_only=True):
    """A snapshot of one refund, where a provider sends each one and not the sum that went back of the payment."""

    key: str
    payment: str
    stamp: Stamp
    amount: int
    """Of this refund alone."""
    currency: str
    customer: str
    whole: bool = False
    """Whether the provider says that everything went back."""
    counts: bool = True
    """Whether it has happened: not so while it waits for the provider's approval, nor once that was refused."""
    email: str | None = None
    provenance: Provenance = Provenance.WEBHOOK


class PaymentLinked(Struct, frozen=True, kw_only=True):
    """An invoice and the money that paid it, where neither names the other (Stripe since 2025)."""

    payment: str
    """The invoice."""
    money: str
    """As an order's, or the order itself."""
    at: datetime
    provenance: Provenance = Provenance.WEBHOOK


class LicenceSeen(Struct, frozen=True, kw_only=True):
    """A snapshot of one licence key. The key itself is a secret and is not part of the fact."""

    key: str
    stamp: Stamp
    status: LicenceStatus
    customer: str
    order: str | None = None
    product: str | None = None
    activations: int = 0
    activation_limit: int | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None
    provenance: Provenance = Provenance.WEBHOOK


class CustomerSeen(Struct, frozen=True, kw_only=True):
    """A snapshot of a buyer, where neither subscription nor invoice has the address."""

    key: str
    stamp: Stamp
    email: str | None = None
    provenance: Provenance = Provenance.WEBHOOK
    name: str | None = None


class DisputeSeen(Struct, frozen=True, kw_only=True):
    """A snapshot of one chargeback, from a provider or from an operator (DOMAIN section 4)."""

    key: str
    stamp: Stamp
    status: DisputeStatus
    opened_at: datetime
    amount: int
    currency: str
    customer: str | None = None
    """None: by an operator, whose word reaches the whole account."""
    order: str | None = None
    subscription: str | None = None
    payment: str | None = None
    fee: int | None = None
    fee_currency: str | None = None
    reason: str = ""
    reference: str | None = None
    actor: str | None = None
    signed: bool = False
    provenance: Provenance = Provenance.WEBHOOK
    answer_by: datetime | None = None
    """Until when the provider takes an answer; None: it takes none, or does not say."""
    answered: bool = False
    """Whether an answer with evidence was handed in at the provider."""


class ChargebackWarned(Struct, frozen=True, kw_only=True):
    """A card network's warning that a payment will be charged back, sent before there is any dispute about it."""

    key: str
    stamp: Stamp
    payment: str
    warned_at: datetime
    reason: str = ""
    actionable: bool = True
    """Whether a refund can still prevent the dispute, by the provider's word."""
    provenance: Provenance = Provenance.WEBHOOK


class AddressKnown(Struct, frozen=True, kw_only=True):
    """Address and language of the account: language, time zone and country from custom data or an operator."""

    at: datetime
    locale: str | None = None
    timezone: str | None = None
    country: str | None = None
    delivery: str | None = None
    """Channel of letters: `mail` or `letter`."""
    organisation: str | None = None
    """The name of the account's organisation."""
