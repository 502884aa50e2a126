"""The tables of a policy document about debts: each key with its meaning, unit and default."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.policy import reading as read
from app.policy.time import Span

TEXTS = ("reminder", "demand", "last_demand")
"""The dunning letters that there are, from the friendliest to the last: one template of each in every language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRules:
    """One dunning letter (dunning-at 4)."""

    after: Span = field(metadata=read.key(read.span, "from what `levels_from` names to when it goes out"))
    text: str = field(
        metadata=read.key(read.one_of(*TEXTS), "which letter it is: a reminder, a demand, or the last demand")
    )
    fee: tuple[tuple[str, int], ...] = field(
        default=(),
        metadata=read.key(
            read.amounts, "what it costs the debtor by currency, in minor units: recorded as owed, never charged by us"
        ),
    )
    clause: str = field(default="", metadata=read.key(read.clause, "clause that it names"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRules:
    """Money that reaches the merchant outside the provider (dunning-at 4)."""

    clause: str = field(default="", metadata=read.key(read.clause, "clause that a transfer recorded by hand names"))
