"""What a person may order: frozen values that the API, the console and the command line hand to the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.policy.facts import DisputeStatus, OverrideKind


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


Command = OpenDispute | CloseDispute | SetOverride
