"""The bodies that requests to the API may have: typed, unknown fields refused, one clear sentence for what is wrong."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kulanz.commands.commands import AgreeTerms, EndCredit, EndTerms, MoveCredit, RequestRefund, SetOverride
from kulanz.errors import InvalidInputError
from kulanz.formats.mail_addresses import is_address
from kulanz.policy.facts import Channel, CreditEntry, OverrideKind
from kulanz.providers.naming import ACCOUNT_ID
from kulanz.web.api.form_fields import (
    MAX_AMOUNT,
    AddOnKind,
    Amount,
    Currency,
    Day,
    Fee,
    Form,
    Instant,
    Pieces,
    PotId,
    Reference,
    Text,
)

Outcome = Literal["won", "lost", "partially_lost", "accepted", "withdrawn", "prevented"]


class DisputeForm(Form, frozen=True, kw_only=True):
    """A chargeback that somebody was told of."""

    amount: Amount
    currency: Currency
    reason: Text
    fee: Fee | None = None
    fee_currency: Currency | None = None
    payment: Reference | None = None
    reference: Reference | None = None
    answer_by: Instant | None = None

    def check(self) -> None:
        """Refuse a fee's currency without a fee."""
        if self.fee_currency is not None and self.fee is None:
            raise InvalidInputError("`fee_currency` without a `fee` says nothing.")


class DisputeClosing(Form, frozen=True, kw_only=True):
    """How a chargeback ended."""

    outcome: Outcome


class PaymentForm(Form, frozen=True, kw_only=True):
    """A transfer that reached the merchant outside the provider; without an invoice the oldest debt is paid first."""

    amount: Amount
    currency: Currency
    received_at: Instant | None = None
    received_on: Day | None = None
    reference: Reference | None = None
    invoice: Reference | None = None
    transaction: Reference | None = None

    def check(self) -> None:
        """Refuse two times of arrival."""
        if self.received_at is not None and self.received_on is not None:
            raise InvalidInputError("`received_at` and `date` say the same thing twice; give one of them.")


class CollectionForm(Form, frozen=True, kw_only=True):
    """A debt that is to be handed over; `include` are fields that go only where they are needed."""

    reason: Text
    case: Reference | None = None
    also: Annotated[tuple[Reference, ...], Meta(max_length=20)] = ()


class Recall(Form, frozen=True, kw_only=True):
    """Why a hand-over is taken back."""

    reason: Text


class MandateForm(Form, frozen=True, kw_only=True, rename={"by": "granted_by"}):
    """A direct-debit mandate, granted in the portal or by staff."""

    by: Literal["portal", "staff"]
    reference: Reference | None = None


class DeliveryForm(Form, frozen=True, kw_only=True):
    """How the customer wants letters to come."""

    by: Literal["mail", "letter"]


class DebtorForm(Form, frozen=True, kw_only=True):
    """Who owes, whole: what is left out is known no more. `passport_copy` says where you keep it."""

    birth_name: Reference | None = None
    postal_address: Text | None = None
    email: Reference | None = None
    birth_date: Day | None = None
    profession: Reference | None = None
    phone: Reference | None = None
    contract_date: Day | None = None
    passport_copy: Reference | None = None

    def told(self) -> dict[str, str | None]:
        """Return the fields as texts."""
        document = msgspec.structs.asdict(self)
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in document.items()}


class OverrideForm(Form, frozen=True, kw_only=True):
    """An exception to the policy; `until` is needed for every kind but `waive`, which has no end."""

    kind: OverrideKind
    reason: Text
    until: Instant | None = None

    def command(self) -> SetOverride:
        """Return the order that it is."""
        return SetOverride(kind=self.kind, until=self.until, reason=self.reason)


class MigrationForm(Form, frozen=True, kw_only=True):
    """A move to on-premise that is done; without `moved_at` it is done now."""

    reason: Text
    moved_at: Instant | None = None


class CancellationForm(Form, frozen=True, kw_only=True):
    """The customer gave notice; `subscription_id` is needed where the account has several."""

    reason: Text
    subscription: Reference | None = None


class ContactForm(Form, frozen=True, kw_only=True):
    """The customer wrote or spoke to the staff; without a `date` it was now, without a payment about all."""

    channel: Channel
    reason: Text
    contacted_on: Day | None = None
    payment: Reference | None = None


class LinkForm(Form, frozen=True, kw_only=True):
    """What belongs to the account is to belong to another; `undo` takes such a link back, `dry_run` shows it only."""

    to: Annotated[str, Meta(pattern=f"^{ACCOUNT_ID}$")]
    reason: Text
    undo: bool = False
    dry_run: bool = False


class CreditForm(Form, frozen=True, kw_only=True):
    """Credit that was bought or spent, or a pot that has ended: its number or service is no more."""

    pot: PotId
    entry: Literal["bought", "spent", "ended"]
    amount: Amount | None = None
    currency: Currency | None = None
    use: Literal["service", "other_service", "invoice", "transfer", "refund"] = "service"
    incurred_at: Instant | None = None
    reference: Reference | None = None

    def check(self) -> None:
        """Refuse a movement without an amount, and an end with one."""
        ends = self.entry == "ended"
        if ends is not (self.amount is None) or ends is not (self.currency is None):
            raise InvalidInputError("`amount` and `currency` are needed for what was bought or spent, and only there.")

    def command(self) -> MoveCredit | EndCredit:
        """Return the order that it is."""
        if self.amount is None or self.currency is None:
            return EndCredit(pot=self.pot, reference=self.reference)
        return MoveCredit(
            pot=self.pot,
            entry=CreditEntry(self.entry),
            amount=self.amount,
            currency=self.currency,
            use=self.use,
            incurred_at=self.incurred_at,
            reference=self.reference,
        )


class ClosureForm(Form, frozen=True, kw_only=True):
    """That an organisation asks to be deleted, or stays after all."""

    may_be_empty = True
    reason: Text | None = None


class DeletionApproval(Form, frozen=True, kw_only=True):
    """An operator's word that data go; without a subject it is for the only deletion that waits."""

    reason: Text
    subject: Reference | None = None


class AddOnForm(Form, frozen=True, kw_only=True):
    """What is booked; without a `subscription_id` it belongs to the one that gives the plan."""

    kind: AddOnKind
    quantity: Pieces
    unit_price: Fee
    currency: Currency
    period_ends_at: Instant
    subscription: Reference | None = None

    def check(self) -> None:
        """Refuse a sum that nobody could pay."""
        if self.unit_price * self.quantity > MAX_AMOUNT:
            raise InvalidInputError("`unit_price` times `quantity` is too much.")


class AddOnCancellation(Form, frozen=True, kw_only=True):
    """How many pieces of an add-on are no longer wanted."""

    quantity: Pieces


class Approval(Form, frozen=True, kw_only=True):
    """A second person's word for what waits for it."""


class Refusal(Form, frozen=True, kw_only=True):
    """Why something that waits for a second person shall not be."""

    reason: Text


class RefundForm(Form, frozen=True, kw_only=True):
    """A request for a refund of one payment: `payment_id`, `licence_id`, or `transaction_date` with `amount`.

    With a `transaction_date`, `amount` is what was paid that day, and all that can be refunded of it is asked for.
    """

    account: Annotated[str, Meta(pattern=f"^{ACCOUNT_ID}$")]
    contact_email: Annotated[str, Meta(min_length=3, max_length=320, description="As the customer wrote it.")]
    organisation: Reference
    payment: Reference | None = None
    licence: Reference | None = None
    transaction_date: Annotated[str, Meta(max_length=40, description="A day, or an instant in RFC 3339.")] | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    reason: Text | None = None

    def check(self) -> None:
        """Refuse what is neither a mail address nor a day."""
        if not is_address(self.contact_email):
            raise InvalidInputError("`contact_email` is not a mail address.")
        _ = self.paid_on

    @property
    def paid_on(self) -> date | None:
        """The day of the transaction."""
        try:
            return None if self.transaction_date is None else datetime.fromisoformat(self.transaction_date).date()
        except ValueError as error:
            raise InvalidInputError("`transaction_date` is not a day such as 2026-03-02.") from error

    def command(self) -> RequestRefund:
        """Return the order that it is."""
        by_day = self.transaction_date is not None
        return RequestRefund(
            payment=self.payment,
            licence=self.licence,
            paid_on=self.paid_on,
            paid_amount=self.amount if by_day else None,
            amount=None if by_day else self.amount,
            currency=self.currency,
            reason=self.reason or "",
            contact_email=self.contact_email,
            organisation=self.organisation,
        )


class RefundApproval(Form, frozen=True, kw_only=True):
    """A yes. What the policy alone does not grant needs a `reason`; `amount` may differ from what was asked for."""

    may_be_empty = True
    amount: Amount | None = None
    reason: Text | None = None


class RefundDenial(Form, frozen=True, kw_only=True):
    """A no. What the policy would grant needs a `reason`."""

    may_be_empty = True
    reason: Text | None = None


class Deployment(Form, frozen=True, kw_only=True):
    """Somebody knows that a licence is in use."""

    reason: Text


class TermsForm(Form, frozen=True, kw_only=True):
    """An account's own policy: the name of a preset or of a document that is kept here, or a document as TOML.

    Without either, the account's own terms end at once.
    """

    reason: Text
    policy: Reference | None = None
    document: Annotated[str, Meta(min_length=1, max_length=50_000)] | None = None
    until: Instant | None = None

    def check(self) -> None:
        """Refuse two documents, and terms without an end."""
        named = [item for item in (self.policy, self.document) if item is not None]
        if len(named) > 1:
            raise InvalidInputError("`policy` and `document`: one of them.")
        if bool(named) is not (self.until is not None):
            raise InvalidInputError("`until`: terms have a document and an end, and ending them has neither.")

    def command(self, document: str | None) -> AgreeTerms | EndTerms:
        """Return the order that it is, with the text of the document that it names or has."""
        if self.until is None:
            return EndTerms(reason=self.reason)
        return AgreeTerms(document=document or "", until=self.until, reason=self.reason)


class Assignment(Form, frozen=True, kw_only=True):
    """Who takes care of what waits; without a name nobody does."""

    may_be_empty = True

    to: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
