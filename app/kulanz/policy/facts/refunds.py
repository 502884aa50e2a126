"""Requests for a refund: the request, the person's decision, the request to the provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kulanz.policy.facts.words import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested:
    """A request for the money of one payment (plexo 9.1)."""

    id: str
    payment: str
    """The one name of the payment: the order's where an invoice is the first of its subscription."""
    at: datetime
    decide_by: datetime
    """When we promised an answer at the latest."""
    licence: str | None = None
    """The licence by which the payment was named: then it is about what that licence cost (plexo 8)."""
    refunded: int = 0
    """The amount that the provider had reported as refunded by then, cumulative, with approved refunds on their way."""
    amount: int | None = None
    """The requested amount, in minor units of the payment's currency; None: all that can be refunded."""
    contact: bool = True
    """False where we knew of a dispute about the payment already: then the customer did not ask first (plexo 10)."""
    reason: str = ""
    contact_email: str = ""
    organisation: str = ""
    actor: str = ""
    add_on: str | None = None
    """The add-on whose line on the payment's invoice it is about: its booking was withdrawn from (cloudcrm)."""
    refunded_elsewhere: bool = False
    """Whether the same customer had had a payment back in full under another account (plexo 3.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAmended:
    """A new amount or reason for a request while it was undecided."""

    request: str
    at: datetime
    amount: int | None = None
    """The requested amount now; None: all that can be refunded."""
    reason: str = ""
    contact_email: str = ""
    organisation: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDecided:
    """A person approved or denied a request."""

    request: str
    at: datetime
    approved: bool
    amount: int
    """The amount to refund; 0 where it was denied."""
    refunded: int
    """The refunded amount by the provider's report at that time: the refund moves it by `amount` (I11)."""
    verdict: str
    """The policy's verdict, from which the person's decision may differ."""
    why: str
    refundable: int
    clause: str
    """The clause of the decision: exceptional circumstances where it grants what the policy does not."""
    pay_by: datetime | None
    """The latest time that we promised for the money; None where it was denied."""
    actor: str
    reason: str = ""
    turn: int = 0
    """How often it had been decided before: an approval that lapsed is followed by another decision."""
    version: int = 0
    """The version of the policy that it followed; 0: that of the request."""
    verdict_clause: str = ""
    """The clause of the verdict; empty in old records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOrdered:
    """A request to the provider to give the money back, or its outcome."""

    request: str
    at: datetime
    outcome: Outcome
    turn: int = 0
    """The decision that it carries out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundConfirmed:
    """The provider's confirmation that the money went back: the request is closed."""

    request: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceDeployed:
    """An operator's word that an on-premise licence is in use, over the provider's count (plexo 8)."""

    licence: str
    at: datetime
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceSwitchedOff:
    """A request to the provider to disable a licence key whose price went back, or its outcome."""

    licence: str
    request: str
    at: datetime
    outcome: Outcome
