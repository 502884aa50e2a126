"""The commands as frozen values, which the API, the console and the command line hand to `execute.command`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from kulanz.commands.add_ons import BookAddOn, CancelAddOn
from kulanz.commands.cancellations import NoteCancellation
from kulanz.commands.contacts import NoteContact
from kulanz.commands.credit import EndCredit, MoveCredit
from kulanz.commands.migrations import RecordMove
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDispute:
    """A chargeback that an operator learned of (DOMAIN section 4). Amounts in minor units of their currency."""

    amount: int
    currency: str
    reason: str
    fee: int | None = None
    fee_currency: str | None = None
    payment: str | None = None
    """The provider's invoice or order id."""
    reference: str | None = None
    answer_by: datetime | None = None
    """Until when it has to be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDispute:
    """How a chargeback ended."""

    dispute: str
    outcome: DisputeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOverride:
    """An exception to the policy, to `until`; only a waiver has no end."""

    kind: OverrideKind
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPayment:
    """A transfer that reached the merchant outside the provider, in minor units of its currency."""

    amount: int
    currency: str
    received_at: datetime | None = None
    """None: now."""
    received_on: date | None = None
    """The day, in the account's own zone, where no instant is known."""
    reference: str | None = None
    invoice: str | None = None
    """The provider's invoice id; None: by the reference, else the oldest debt first."""
    transaction: str | None = None
    """The bank's own id of it: the same one is never recorded twice."""
    another_account: str | None = None
    """Which other account owes for the invoice that the reference names: looked up when it is carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveOverride:
    """A second person's word for an exception that was asked for."""

    override: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineOverride:
    """An exception that was asked for shall not be made."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveDeletion:
    """An operator's word that data go, where the policy asks for one."""

    reason: str
    subject: str | None = None
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
    """Somebody wants the money of a payment back (plexo 9.1): named by itself, by its licence, or by day and amount."""

    payment: str | None = None
    """The provider's invoice or order id."""
    licence: str | None = None
    paid_on: date | None = None
    paid_amount: int | None = None
    """What was paid that day, tax and all."""
    amount: int | None = None
    """What is asked for, in minor units; None: all that there is to refund."""
    currency: str | None = None
    """Where it is named, it has to be that of the payment."""
    reason: str = ""
    contact_email: str
    organisation: str
    refunded_elsewhere: bool = False
    """Whether the customer had a payment back in full under another account: looked up when it is carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRefund:
    """A person says yes or no to a request."""

    request: str
    approve: bool
    amount: int | None = None
    """Another amount than was asked for, up to what is left of the payment."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkDeployed:
    """An operator knows that an on-premise licence is in use (plexo 8)."""

    licence: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellDebtor:
    """Who the debtor is, whole: what is left out is known no more."""

    fields: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeCollection:
    """A debt that may be handed over to a collection agency."""

    reason: str
    case: str | None = None
    """None: the only one that is given up."""
    also: tuple[str, ...] = ()
    """What is needed of the fields that go only where they are."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantMandate:
    """A direct-debit mandate, granted in the `portal` or by `staff`."""

    by: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeMandate:
    """A mandate that holds no more for the future."""

    mandate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseDelivery:
    """How the customer wants invoices and letters to come: by `mail` or by `letter`."""

    by: str


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
"""Orders about an account that goes on."""
Command = SetsOrEnds | Closing
