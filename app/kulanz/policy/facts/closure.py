"""Facts of closure and deletion, ordered and done (DOMAIN section 4, plexo 10 and 13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kulanz.policy.facts.words import Outcome
from kulanz.policy.frozen import frozen


@frozen
@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRequested:
    """The organisation asks to be deleted."""

    id: str
    at: datetime
    actor: str
    reason: str = ""


@frozen
@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureWithdrawn:
    """The organisation stays after all."""

    id: str
    at: datetime
    actor: str
    reason: str = ""


@frozen
@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionApproved:
    """An operator approved that data are deleted, where the policy asks for that."""

    subject: str
    """The closure or the chargeback for which they are."""
    at: datetime
    actor: str
    reason: str = ""


@frozen
@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionAnnounced:
    """The merchant's product was told to delete the data, or the outcome of telling it became known."""

    subject: str
    asked_at: datetime
    """Which of several announcements: one that was withdrawn is followed by another."""
    at: datetime
    outcome: Outcome


@frozen
@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed:
    """The account is closed and our personal data about it are destroyed, but for what a retention class keeps."""

    subject: str
    cause: str
    """`closure`, `dispute`, `erasure` (a person's right) or `retention` (all has been kept long enough)."""
    at: datetime
    actor: str = ""
    reason: str = ""
