"""The table `[add_ons]` of a policy document: what can be booked beside a subscription, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

from kulanz.policy.calendar.time import Span
from kulanz.policy.document import reading as read


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnRules:
    """Add-ons: what can be booked in quantities, and what cancelling does (cloudcrm)."""

    kinds: tuple[str, ...] = read.key(
        read.names, "kinds that can be booked; empty: every kind that the merchant sells", default=()
    )
    steps: tuple[tuple[str, int], ...] = read.key(
        read.counts, "how much one piece of a kind is: 10 for packages of 10 GB; else 1", default=()
    )
    units: tuple[tuple[str, str], ...] = read.key(
        read.texts, "the unit in which mails tell how much of a kind it is, such as GB; else pieces", default=()
    )
    withdrawal: Span = read.key(
        read.span,
        "after booking, how long cancelling is the statutory withdrawal and ends it at once: to the end of a day "
        "or the next working day; 0d: never",
        default=Span(days=14),
    )
    booking_clause: str = read.key(read.clause, "clause of booking", default="")
    billing_clause: str = read.key(read.clause, "clause of the draft and its invoice", default="")
    cancellation_clause: str = read.key(read.clause, "clause of cancelling to the end", default="")
    withdrawal_clause: str = read.key(read.clause, "clause of the withdrawal", default="")

    def measure(self, kind: str, pieces: int) -> str | None:
        """Return the quantity of some pieces in the unit of their kind, such as `30 GB`; None: they are pieces."""
        unit = dict(self.units).get(kind)
        return f"{pieces * self.step(kind)} {unit}" if unit else None

    def step(self, kind: str) -> int:
        """Return the quantity in one piece of a kind."""
        return dict(self.steps).get(kind, 1)
