"""Facts of closure and deletion, ordered and done (DOMAIN section 4, plexo 10 and 13)."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from kulanz.policy.facts.words import Outcome


class ClosureRequested(Struct, frozen=True, kw_only=True):
    """The organisation asks to be deleted."""

    id: str
    at: datetime
    actor: str
    reason: str = ""


class ClosureWithdrawn(Struct, frozen=True, kw_only=True):
    """The organisation stays after all."""

    id: str
    at: datetime
    actor: str
    reason: str = ""


class DeletionApproved(Struct, frozen=True, kw_only=True):
    """An operator approved that data are deleted, where the policy asks for that."""

    subject: str
    """The closure or the chargeback for which they are."""
    at: datetime
    actor: str
    reason: str = ""


class DeletionAnnounced(Struct, frozen=True, kw_only=True):
    """The deletion was announced to the merchant's product, or the outcome of the announcement became known."""

    subject: str
    asked_at: datetime
    """Number of the announcement: one that was withdrawn is followed by another."""
    at: datetime
    outcome: Outcome


class AccountClosed(Struct, frozen=True, kw_only=True):
    """The account is closed and its personal data are destroyed, except those that a retention class keeps."""

    subject: str
    cause: str
    """`closure`, `dispute`, `erasure` (a person's right) or `retention` (all has been kept long enough)."""
    at: datetime
    actor: str = ""
    reason: str = ""
