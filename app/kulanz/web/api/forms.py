"""Bodies of API requests: typed, unknown fields refused, one clear sentence for each fault."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kulanz.commands.commands import AgreeTerms, EndCredit, EndTerms, MoveCredit, RequestRefund
from kulanz.commands.fields import (
    Amount,
    Currency,
    Day,
    Form,
    Instant,
    Pieces,
    PotId,
    Reference,
    Text,
)
from kulanz.errors import InvalidInputError
from kulanz.formats.mail_addresses import is_address
from kulanz.policy.facts import CreditEntry
from kulanz.providers.naming import ACCOUNT_ID

Outcome = Literal["won", "lost", "partially_lost", "accepted", "withdrawn", "prevented"]


class DisputeClosing(Form, frozen=True, kw_only=True):
    """Outcome of a chargeback."""

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


class Reason(Form, frozen=True, kw_only=True):
    """Why something is taken back, declined, or known."""

    reason: Text


class DebtorForm(Form, frozen=True, kw_only=True):
    """Complete data of the debtor: a field left out is no longer known. `passport_copy` names the place of the copy."""

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


class LinkForm(Form, frozen=True, kw_only=True):
    """Link of the account's purchases to another account; `undo` takes it back, `dry_run` only shows the effect."""

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
        """Return the command."""
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
    """Request for the deletion of an organisation, or its withdrawal."""

    may_be_empty = True
    reason: Text | None = None


class AddOnCancellation(Form, frozen=True, kw_only=True):
    """Number of pieces of an add-on to be cancelled."""

    quantity: Pieces


class Approval(Form, frozen=True, kw_only=True):
    """Approval by a second person."""


class RefundForm(Form, frozen=True, kw_only=True):
    """A request for a refund of one payment: `payment_id`, `licence_id`, or `transaction_date` with `amount`.

    With a `transaction_date`, `amount` is that day's payment, and all that can be refunded of it is requested.
    """

    account: Annotated[str, Meta(pattern=f"^{ACCOUNT_ID}$")]
    contact_email: Annotated[str, Meta(min_length=3, max_length=320, description="As the customer wrote it.")]
    organisation: Reference
    payment: Reference | None = None
    licence: Reference | None = None
    transaction_date: Annotated[str, Meta(max_length=40, description="A day, or a timestamp in RFC 3339.")] | None = (
        None
    )
    amount: Amount | None = None
    currency: Currency | None = None
    reason: Text | None = None

    def check(self) -> None:
        """Refuse a value that is neither a mail address nor a day."""
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
        """Return the command."""
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
    """Approval. Beyond the policy it needs a `reason`; `amount` may differ from the requested one."""

    may_be_empty = True
    amount: Amount | None = None
    reason: Text | None = None


class RefundDenial(Form, frozen=True, kw_only=True):
    """Denial. Against the policy it needs a `reason`."""

    may_be_empty = True
    reason: Text | None = None


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
        """Return the command, with the text of the named or given document."""
        if self.until is None:
            return EndTerms(reason=self.reason)
        return AgreeTerms(document=document or "", until=self.until, reason=self.reason)


class Assignment(Form, frozen=True, kw_only=True):
    """Assignee of an item; without a name it is unassigned."""

    may_be_empty = True

    to: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
