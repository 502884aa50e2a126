"""The bodies of the API's requests: typed, unknown fields refused, one clear sentence for what is wrong."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from typing import Annotated, Literal, TypeVar

import msgspec
from babel.numbers import list_currencies
from msgspec import Meta, Struct

from app.errors import InvalidInputError
from app.policy.facts import OverrideKind
from app.web.problems import BadRequestError

LARGEST = 10**15
Kind = Annotated[str, Meta(pattern="^[a-z][a-z0-9_-]{0,63}$", description="What the add-on is, such as `users`.")]
Pot = Annotated[
    str, Meta(pattern="^[A-Za-z][A-Za-z0-9._:-]{0,63}$", description="What the credit is for; no personal data.")
]
Pieces = Annotated[int, Meta(gt=0, le=100_000)]
Amount = Annotated[int, Meta(gt=0, le=LARGEST, description="Minor units of the currency.")]
Fee = Annotated[int, Meta(ge=0, le=LARGEST, description="Minor units of the currency.")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Reference = Annotated[str, Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339.")]
Day = Annotated[date, Meta(description="A day in the account's own time zone.")]
DisputeOutcome = Literal["won", "lost", "partially_lost", "accepted", "withdrawn", "prevented"]


class Form(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A body that an API request may have."""

    def check(self) -> None:
        """Raise InvalidInputError for what its types alone cannot refuse."""


class DisputeForm(Form, frozen=True, kw_only=True):
    """A chargeback that somebody was told of."""

    amount: Amount
    currency: Currency
    reason: Text
    fee: Fee | None = None
    fee_currency: Currency | None = None
    payment_id: Reference | None = None
    reference: Reference | None = None

    def check(self) -> None:
        """Refuse currencies that do not exist, and a fee's currency without a fee."""
        _known_currency("currency", self.currency)
        _known_currency("fee_currency", self.fee_currency)
        if self.fee_currency is not None and self.fee is None:
            raise InvalidInputError("`fee_currency` without a `fee` says nothing.")
        _readable("reason", self.reason)
        _readable("payment_id", self.payment_id)
        _readable("reference", self.reference)


class DisputeClosing(Form, frozen=True, kw_only=True):
    """How a chargeback ended."""

    outcome: DisputeOutcome


class PaymentForm(Form, frozen=True, kw_only=True):
    """A transfer that reached the merchant outside the provider; without an invoice the oldest debt is paid first."""

    amount: Amount
    currency: Currency
    received_at: Instant | None = None
    date: Day | None = None
    reference: Reference | None = None
    invoice_id: Reference | None = None
    transaction_id: Reference | None = None

    def check(self) -> None:
        """Refuse a currency that does not exist, and two times of arrival."""
        _known_currency("currency", self.currency)
        if self.received_at is not None and self.date is not None:
            raise InvalidInputError("`received_at` and `date` say the same thing twice; give one of them.")
        _readable("reference", self.reference)
        _readable("invoice_id", self.invoice_id)
        _readable("transaction_id", self.transaction_id)


class CollectionForm(Form, frozen=True, kw_only=True):
    """A debt that is to be handed over; `include` are fields that go only where they are needed."""

    reason: Text
    case_id: Reference | None = None
    include: Annotated[list[Reference], Meta(max_length=20)] = []

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


class Recall(Form, frozen=True, kw_only=True):
    """Why a hand-over is taken back."""

    reason: Text

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


class MandateForm(Form, frozen=True, kw_only=True):
    """A direct-debit mandate, granted in the portal or by staff."""

    granted_by: Literal["portal", "staff"]
    reference: Reference | None = None

    def check(self) -> None:
        """Refuse a reference that nobody could read."""
        _readable("reference", self.reference)


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

    def check(self) -> None:
        """Refuse what nobody could read."""
        for name, value in self.told().items():
            _readable(name, value)

    def told(self) -> dict[str, str | None]:
        """Return the fields as texts."""
        found = msgspec.structs.asdict(self)
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in found.items()}


class OverrideForm(Form, frozen=True, kw_only=True):
    """An exception to the policy; `until` is needed for every kind but `waive`, which has no end."""

    kind: OverrideKind
    reason: Text
    until: Instant | None = None

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


class MigrationForm(Form, frozen=True, kw_only=True):
    """A move to on-premise that is done; without `moved_at` it is done now."""

    reason: Text
    moved_at: Instant | None = None

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


class CancellationForm(Form, frozen=True, kw_only=True):
    """The customer gave notice; `subscription_id` is needed where the account has several."""

    reason: Text
    subscription_id: Reference | None = None

    def check(self) -> None:
        """Refuse what nobody could read."""
        _readable("reason", self.reason)
        _readable("subscription_id", self.subscription_id)


class CreditForm(Form, frozen=True, kw_only=True):
    """Credit that was bought or spent, or a pot that has ended: its number or service is no more."""

    pot: Pot
    entry: Literal["bought", "spent", "ended"]
    amount: Amount | None = None
    currency: Currency | None = None
    use: Literal["service", "other_service", "invoice", "transfer", "refund"] = "service"
    incurred_at: Instant | None = None
    reference: Reference | None = None

    def check(self) -> None:
        """Refuse a movement without an amount, and an end with one."""
        _known_currency("currency", self.currency)
        _readable("reference", self.reference)
        ends = self.entry == "ended"
        if ends is not (self.amount is None) or ends is not (self.currency is None):
            raise InvalidInputError("`amount` and `currency` are needed for what was bought or spent, and only there.")


class ClosureForm(Form, frozen=True, kw_only=True):
    """That an organisation asks to be deleted, or stays after all."""

    reason: Text | None = None

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


class DeletionApproval(Form, frozen=True, kw_only=True):
    """An operator's word that data go; without a subject it is for the only deletion that waits."""

    reason: Text
    subject: Reference | None = None

    def check(self) -> None:
        """Refuse words that nobody could read."""
        _readable("reason", self.reason)
        _readable("subject", self.subject)


class AddOnForm(Form, frozen=True, kw_only=True):
    """What is booked; without a `subscription_id` it belongs to the one that gives the plan."""

    kind: Kind
    quantity: Pieces
    unit_price: Fee
    currency: Currency
    period_ends_at: Instant
    subscription_id: Reference | None = None

    def check(self) -> None:
        """Refuse a currency that does not exist, and a sum that nobody could pay."""
        _known_currency("currency", self.currency)
        _readable("subscription_id", self.subscription_id)
        if self.unit_price * self.quantity > LARGEST:
            raise InvalidInputError("`unit_price` times `quantity` is too much.")


class Approval(Form, frozen=True, kw_only=True):
    """A second person's word for what waits for it."""


class Refusal(Form, frozen=True, kw_only=True):
    """Why something that waits for a second person shall not be."""

    reason: Text

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


class RefundForm(Form, frozen=True, kw_only=True):
    """A request for a refund of one payment: `payment_id`, `licence_id`, or `transaction_date` with `amount`.

    With a `transaction_date`, `amount` is what was paid that day, and all that can be refunded of it is asked for.
    """

    account_id: Annotated[str, Meta(pattern="^[A-Za-z0-9._:@-]{1,128}$")]
    contact_email: Annotated[str, Meta(min_length=3, max_length=320, description="As the customer wrote it.")]
    organisation: Reference
    payment_id: Reference | None = None
    licence_id: Reference | None = None
    transaction_date: Annotated[str, Meta(max_length=40, description="A day, or an instant in RFC 3339.")] | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    reason: Text | None = None

    def check(self) -> None:
        """Refuse what nobody could read, and what is neither a mail address nor a day."""
        _readable("organisation", self.organisation)
        _readable("payment_id", self.payment_id)
        _readable("licence_id", self.licence_id)
        _readable("reason", self.reason)
        _known_currency("currency", self.currency)
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", self.contact_email) or not self.contact_email.isprintable():
            raise InvalidInputError("`contact_email` is not a mail address.")
        _ = self.paid_on

    @property
    def paid_on(self) -> date | None:
        """The day of the transaction."""
        try:
            return None if self.transaction_date is None else datetime.fromisoformat(self.transaction_date).date()
        except ValueError as error:
            raise InvalidInputError("`transaction_date` is not a day such as 2026-03-02.") from error


class RefundApproval(Form, frozen=True, kw_only=True):
    """A yes. What the policy alone does not grant needs a `reason`; `amount` may differ from what was asked for."""

    amount: Amount | None = None
    reason: Text | None = None

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


class RefundDenial(Form, frozen=True, kw_only=True):
    """A no. What the policy would grant needs a `reason`."""

    reason: Text | None = None

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


class Deployment(Form, frozen=True, kw_only=True):
    """Somebody knows that a licence is in use."""

    reason: Text

    def check(self) -> None:
        """Refuse a reason that nobody could read."""
        _readable("reason", self.reason)


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
        _readable("reason", self.reason)
        _readable("policy", self.policy)
        named = [one for one in (self.policy, self.document) if one is not None]
        if len(named) > 1:
            raise InvalidInputError("`policy` and `document`: one of them.")
        if bool(named) is not (self.until is not None):
            raise InvalidInputError("`until`: terms have a document and an end, and ending them has neither.")


AnyForm = TypeVar("AnyForm", bound=Form)
EMPTY: dict[type[Form], bytes] = {ClosureForm: b"{}", RefundApproval: b"{}", RefundDenial: b"{}"}
"""The forms in which nothing has to be said, and what an empty body means for them."""


def read(body: bytes, form: type[AnyForm]) -> AnyForm:
    """Return the form in a body: BadRequestError for what is no JSON, InvalidInputError for what is no such form."""
    try:
        filled = msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"{error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError("The body is not JSON.") from error
    filled.check()
    return filled


def _known_currency(field: str, code: str | None) -> None:
    if code is not None and code not in _currencies():
        raise InvalidInputError(f"`{field}`: {code} is not an ISO 4217 currency.")


def _readable(field: str, text: str | None) -> None:
    """Refuse what no person could read and some databases cannot take."""
    if text is not None and (not text.strip() or not all(char.isprintable() or char == "\n" for char in text)):
        raise InvalidInputError(f"`{field}` is not readable text.")


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())
