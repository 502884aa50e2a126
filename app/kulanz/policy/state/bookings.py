"""The state of an add-on: its grant, the end of its period, what is still to be invoiced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kulanz.policy.document import Policy


class BookingStatus(StrEnum):
    """Stage of an add-on (CONTRACT section 3)."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    """To the end of the period that is paid; usable until then."""
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    """Ended at once by the statutory withdrawal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """An add-on, before any hold."""

    id: str
    subscription: str
    kind: str
    quantity: int
    """Pieces."""
    amount: int
    """The total of the pieces: two packages of 10 GB are 20."""
    unit_price: int
    currency: str
    booked_at: datetime
    billed_until: datetime
    status: BookingStatus
    ends_at: datetime | None
    draft_amount: int
    """The draft for the next regular invoice."""
    invoice: str | None
    refund_due: int
    """The charge before the booking was withdrawn from."""
    taken_off: int
    """The part of it that is on an unpaid invoice, and no longer owed."""
    withdrawal_until: datetime | None
    """End of the statutory right of withdrawal; None where the policy knows none."""
    usable: bool
    """Whether it is given now, before any hold: what holds its base subscription holds it too."""
    policy: Policy
    """The version in force when it was booked."""
    part_of: str | None = None
    """The booking of which it is the cancelled part."""
    in_months: bool = False
    """Whether it has months of its own, each with a draft line, as its base is billed for longer ones."""
