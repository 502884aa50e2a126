"""The commands as frozen values, which the API, the console and the command line hand to `execute.command`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta

from kulanz.commands.add_ons import BookAddOn, CancelAddOn
from kulanz.commands.cancellations import NoteCancellation
from kulanz.commands.contacts import NoteContact
from kulanz.commands.credit import EndCredit, MoveCredit
from kulanz.commands.fields import Amount, Currency, Fee, Form, Instant, Reference, Text
from kulanz.commands.migrations import RecordMove
from kulanz.errors import InvalidInputError
from kulanz.policy.facts import DisputeStatus, OverrideKind

__all__ = [
    "AgreeTerms",
    "ApproveDeletion",
    "ApproveOverride",
    "BookAddOn",
    "CancelAddOn",
    "CloseDispute",
    "Closing",
    "Command",
    "DecideRefund",
    "DeclineOverride",
    "DestroyRecords",
    "EndCredit",
    "EndTerms",
    "EraseAccount",
    "Extra",
    "MarkDeployed",
    "MoveCredit",
    "NoteCancellation",
    "NoteContact",
    "OpenDispute",
    "Overruling",
    "RecordMove",
    "RecordPayment",
    "Refunding",
    "RequestClosure",
    "RequestRefund",
    "SetOverride",
    "SetsOrEnds",
    "WithdrawClosure",
]


class OpenDispute(Form, frozen=True, kw_only=True):
    """A chargeback that an operator learned of (DOMAIN section 4). Amounts in minor units of their currency."""

    amount: Amount
    currency: Currency
    reason: Text
    fee: Fee | None = None
    fee_currency: Currency | None = None
    payment: Reference | None = None
    """The provider's invoice or order id."""
    reference: Reference | None = None
    answer_by: Instant | None = None
    """Until when it has to be answered."""

    def check(self) -> None:
        """Refuse a fee's currency without a fee."""
        if self.fee_currency is not None and self.fee is None:
            raise InvalidInputError("`fee_currency` without a `fee` says nothing.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDispute:
    """Outcome of a chargeback."""

    dispute: str
    outcome: DisputeStatus


class SetOverride(Form, frozen=True, kw_only=True):
    """An exception to the policy; `until` is needed for every kind but `waive`, which has no end."""

    kind: OverrideKind
    reason: Text
    until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPayment:
    """A transfer that reached the merchant outside the provider, in minor units of its currency."""

    amount: int
    currency: str
    received_at: datetime | None = None
    """None: now."""
    received_on: date | None = None
    """The day, in the account's own zone, if no time is known."""
    reference: str | None = None
    invoice: str | None = None
    """The provider's invoice id; None: by the reference, else the oldest debt first."""
    transaction: str | None = None
    """The bank's own id of it: the same one is never recorded twice."""
    another_account: str | None = None
    """Another account that owes the invoice named by the reference; looked up when the command is executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveOverride:
    """Approval of a requested exception by a second person."""

    override: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineOverride:
    """Refuse a requested exception."""

    override: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeTerms:
    """Another policy document for one account, from now to `until` (plexo 7)."""

    document: str
    """Its text, as written."""
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTerms:
    """The general policy for an account again, at once."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClosure:
    """The organisation asks to be deleted (plexo 13)."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawClosure:
    """The organisation stays after all."""

    reason: str = ""


class ApproveDeletion(Form, frozen=True, kw_only=True):
    """An operator's approval that data are deleted, where the policy asks for one."""

    reason: Text
    subject: Reference | None = None
    """The closure or chargeback; None: the only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseAccount:
    """A person's right to erasure: everything that no law keeps goes at once."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyRecords:
    """An account that has ended has been kept as long as the law asks."""


Closing = RequestClosure | WithdrawClosure | ApproveDeletion | EraseAccount | DestroyRecords
Overruling = SetOverride | ApproveOverride | DeclineOverride


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefund:
    """Request a refund of a payment (plexo 9.1): named by its id, by its licence, or by day and amount."""

    payment: str | None = None
    """The provider's invoice or order id."""
    licence: str | None = None
    paid_on: date | None = None
    paid_amount: int | None = None
    """Amount paid on that day, including tax."""
    amount: int | None = None
    """Amount requested, in minor units; None: all that can be refunded."""
    currency: str | None = None
    """If given, it must be the payment's currency."""
    reason: str = ""
    contact_email: str
    organisation: str
    refunded_elsewhere: bool = False
    """Whether the customer got a full refund under another account; looked up when the command is executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRefund:
    """A person says yes or no to a request."""

    request: str
    approve: bool
    amount: int | None = None
    """Another amount than requested, up to the rest of the payment."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkDeployed:
    """An operator knows that an on-premise licence is in use (plexo 8)."""

    licence: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellDebtor:
    """Complete data of the debtor: a field that is left out is no longer known."""

    fields: Mapping[str, str | None]


class ProposeCollection(Form, frozen=True, kw_only=True):
    """A debt to hand over to a collection agency; `include` are fields that go only where they are needed."""

    reason: Text
    case: Reference | None = None
    """None: the only one that is given up."""
    also: Annotated[tuple[Reference, ...], Meta(max_length=20)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveCollection:
    """The next approval of a hand-over, by an authenticated name."""

    collection: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallCollection:
    """A hand-over that is taken back."""

    collection: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveCreditReport:
    """An approval of the report of a debt to a credit bureau, by an authenticated name; the first one proposes it."""

    collection: str


class GrantMandate(Form, frozen=True, kw_only=True, rename={"by": "granted_by"}):
    """A direct-debit mandate, granted in the portal or by staff."""

    by: Literal["portal", "staff"]
    reference: Reference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeMandate:
    """A mandate that holds no more for the future."""

    mandate: str


class ChooseDelivery(Form, frozen=True, kw_only=True):
    """How the customer wants invoices and letters to come: by `mail` or by `letter`."""

    by: Literal["mail", "letter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidPayment:
    """A transfer that was recorded and is none: it never arrived, was sent back, or was another's."""

    payment: str
    reason: str


Handover = ProposeCollection | ApproveCollection | RecallCollection | ApproveCreditReport
AboutDebt = RecordPayment | VoidPayment | TellDebtor | Handover | GrantMandate | RevokeMandate | ChooseDelivery
Extra = BookAddOn | CancelAddOn | MoveCredit | EndCredit | RecordMove | NoteCancellation | NoteContact
Refunding = RequestRefund | DecideRefund | MarkDeployed
SetsOrEnds = AboutDebt | OpenDispute | CloseDispute | Overruling | AgreeTerms | EndTerms | Extra | Refunding
"""Commands about an account that stays open."""
Command = SetsOrEnds | Closing
