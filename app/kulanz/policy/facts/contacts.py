"""A customer who wrote or spoke to the merchant's staff about a payment, by an operator's word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Channel(StrEnum):
    """Channel by which a customer reached the staff."""

    MAIL = "mail"
    PHONE = "phone"
    CHAT = "chat"
    LETTER = "letter"
    IN_PERSON = "in_person"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactNoted:
    """The customer got in touch before a chargeback, without asking for a refund here (plexo 10)."""

    id: str
    contacted_at: datetime
    """The beginning of the day in the account's zone, where only the day is known."""
    channel: Channel
    at: datetime
    actor: str
    reason: str
    """The subject of the contact."""
    payment: str | None = None
    """The one name of the payment; None: unknown, or about all."""
