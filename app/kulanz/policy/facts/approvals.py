"""Exceptions that count only once a second person has approved them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kulanz.policy.facts.words import OverrideKind


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideAsked:
    """An operator asked for an exception of a kind that the policy wants approved by a second person."""

    id: str
    kind: OverrideKind
    at: datetime
    until: datetime | None
    actor: str
    reason: str
    signed_in: bool
    """Whether the actor's name was authenticated: only then it is the first of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideApproved:
    """A signed-in operator approved an exception that was asked for."""

    id: str
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideDeclined:
    """An exception that was asked for will not be made."""

    id: str
    at: datetime
    actor: str
    reason: str
