"""The tables of a policy document about debts: each key with its meaning, unit and default."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.policy import reading as read


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRules:
    """Money that reaches the merchant outside the provider (dunning-at 4)."""

    clause: str = field(default="", metadata=read.key(read.clause, "clause that a transfer recorded by hand names"))
