"""Documents of an account's purchases: add-ons, credit, licences, refunds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from kulanz.documents.shape import Document
from kulanz.policy.areas.credit.pots import PotStatus
from kulanz.policy.facts import Channel, LicenceStatus
from kulanz.policy.state.bookings import BookingStatus
from kulanz.policy.state.refunds import RefundState, Verdict


class AddOn(Document, frozen=True, kw_only=True):
    """Add-on booked beside a subscription; prices in minor units, without taxes."""

    id: str
    subscription_id: str
    kind: str
    quantity: int
    unit_price: int
    currency: str
    billed_until: datetime
    status: BookingStatus
    ends_at: datetime | None
    draft_amount: int
    """Amount of the next regular invoice."""
    invoice_id: str | None
    """The invoice that the first draft went out with."""
    part_of: str | None
    """The add-on of which these are the pieces that were cancelled."""


class PolicyVersion(Document, frozen=True, kw_only=True):
    """A version of the policy, in short."""

    name: str
    version: int


class Developer(Document, frozen=True, kw_only=True):
    """Developer whose policy applies to a product, with the contact."""

    name: str
    contact: str


class RefundRequest(Document, frozen=True, kw_only=True):
    """Present state of a refund request."""

    id: str
    account_id: str
    state: RefundState
    verdict: Verdict
    verdict_clause: str | None
    """The clause of the verdict; a decision does not change it."""
    clause: str | None
    """The clause of the decision; before it, of the verdict."""
    why: str
    developer: Developer | None
    """The product's developer, if the policy leaves the product to its developer and knows them."""
    refundable_amount: int
    """What the verdict grants; 0 where it is `not_eligible`."""
    amount: int
    """What goes back, as decided; before, what an approval without an amount gives back."""
    refunded_amount: int
    currency: str
    decimals: int
    """Number of decimals of the amounts: the currency's, or the provider's own."""
    payment_id: str
    subscription_id: str | None
    licence_ids: tuple[str, ...]
    requested_at: datetime
    decide_by: datetime
    pay_by: datetime | None
    late: bool
    statutory_withdrawal_until: datetime | None
    statutory_rights: str
    differs_from_account: tuple[str, ...]
    """Fields of the request, `contact_email` or `organisation`, that differ from the account's; no verdict."""
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str | None
    closed_at: datetime | None
    policy: PolicyVersion


class RefundDossier(RefundRequest, frozen=True, kw_only=True):
    """A request with the customer's statements, which are personal."""

    reason: str | None
    contact_email: str | None
    organisation: str | None


class RefundRequests(Document, frozen=True, kw_only=True):
    """A page of requests."""

    refund_requests: tuple[RefundRequest, ...]
    next_cursor: str | None


class Licence(Document, frozen=True, kw_only=True):
    """An on-premise licence; `in_use`: activated at the provider, or deployed according to an operator."""

    provider: str
    id: str
    status: LicenceStatus
    order_id: str | None
    activations: int
    activation_limit: int | None
    deployed: bool
    in_use: bool
    disabled: bool
    held: bool
    expires_at: datetime | None
    refundable_until: datetime | None


class Credit(Document, frozen=True, kw_only=True):
    """A pot of prepaid credit, in minor units, without taxes. It has no cash value."""

    id: str
    """Purpose, such as `telephony`."""
    currency: str
    bought: int
    spent: int
    balance: int
    """Remaining amount; while the pot is blocked none of it can be used."""
    forfeited: int
    due: int
    """Charges beyond the credit."""
    status: PotStatus
    ended_at: datetime | None


class Cancellation(Document, frozen=True, kw_only=True):
    """A cancellation by notice to staff or a partner."""

    id: str
    subscription_id: str
    noted_at: datetime
    actor: str
    reason: str


class Contact(Document, frozen=True, kw_only=True):
    """A contact of the customer with the staff; it counts as contact before a chargeback."""

    id: str
    contacted_at: datetime
    channel: Channel
    payment_id: str | None
    noted_at: datetime
    actor: str
    reason: str


class Migration(Document, frozen=True, kw_only=True):
    """A move from the cloud to on-premise, recorded by an operator."""

    id: str
    moved_at: datetime
    recorded_at: datetime
    actor: str
    reason: str | None


class LinkedAccount(Document, frozen=True, kw_only=True):
    """Objects that an operator's link moved, or would move, and the plans afterwards by account."""

    account_id: str
    to: str
    objects: tuple[str, ...]
    plans: dict[str, str]
    undone: bool
    dry_run: bool


class Charge(Document, frozen=True, kw_only=True):
    """A charge: an order and the first invoice of its subscription are the same; amounts in minor units."""

    id: str
    order_id: str | None
    invoice_id: str | None
    subscription_id: str | None
    product: str | None
    reason: Literal["initial", "renewal", "updated", "one_time", "unknown"] | None
    """Why the invoice was made; None: no invoice of a subscription is known."""
    at: datetime
    paid: bool
    total: int
    tax: int
    refunded: int
    currency: str
    decimals: int


class Charges(Document, frozen=True, kw_only=True):
    """Charges of an account at the provider, the oldest first."""

    account_id: str
    charges: tuple[Charge, ...]


class PlanChange(Document, frozen=True, kw_only=True):
    """Price and time of a change of plan; amounts in minor units, without taxes."""

    account_id: str
    subscription_id: str | None
    from_plan: str
    to_plan: str
    kind: Literal["upgrade", "downgrade", "none"]
    takes_effect_at: datetime
    period_ends_at: datetime | None
    term_months: int | None
    days_left: int | None
    days_of_period: int | None
    price_now: int | None
    price_then: int | None
    amount: int | None
    """The charge: the difference of the prices by the days left. None if a price is unknown."""
    currency: str | None
    clause: str | None
