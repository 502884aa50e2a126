"""A cloud account that was moved to an on-premise copy, by an operator's word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedToOnPremise:
    """The move is done: what is paid for and not used from then on may go back (bitrix24)."""

    id: str
    moved_at: datetime
    at: datetime
    actor: str
    reason: str = ""
