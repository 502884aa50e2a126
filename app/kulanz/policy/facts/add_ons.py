"""Add-ons that a customer books beside a subscription: what was ordered, taken back and put on an invoice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnBooked:
    """A number of pieces of one kind was booked; more of it is a booking of its own (cloudcrm 1)."""

    id: str
    at: datetime
    subscription: str
    """The base subscription that it renews with and follows."""
    kind: str
    quantity: int
    unit_price: int
    """Of one piece for a month, in minor units, without taxes."""
    currency: str
    period_ends_at: datetime
    draft_amount: int
    """Price for the days left of the period, or of its first month where that is longer, as shown to the customer."""
    actor: str = ""
    months: int = 0
    """Whole months between the one that the draft is for and the end of the period: each has a line of its own.

    0: the draft is for the whole period, as it was for every booking before.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnCancelled:
    """An add-on was cancelled, to the end of what is paid, or at once where the booking was withdrawn from."""

    add_on: str
    at: datetime
    ends_at: datetime
    withdrawn: bool = False
    refund_due: int = 0
    """Minor units of the invoiced amount when the booking was withdrawn from."""
    actor: str = ""
    quantity: int = 0
    """Pieces, where only a part of them was cancelled; 0: all that are left."""
    part: str = ""
    """The id under which these pieces continue separately."""

    @property
    def id(self) -> str:
        """The add-on, or the part of it, that was cancelled."""
        return self.part or self.add_on


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnInvoiced:
    """The draft lines of an add-on went out with an invoice of its base subscription."""

    add_on: str
    at: datetime
    invoice: str
    amount: int
