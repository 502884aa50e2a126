"""Version of the policy that counts for an account, or for something that is open, by a person's word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsAgreed:
    """An account was put under another policy document for a period, by an agreement of its own (plexo 7)."""

    id: str
    version: int
    """The number under which the document is kept; 0: the general policy again."""
    at: datetime
    """Since when: what began before keeps the version that it is pinned to."""
    until: datetime
    actor: str
    reason: str


class VersionApplied(Struct, frozen=True, kw_only=True):
    """A more lenient version of the policy was applied to an open case or dispute (DOMAIN section 6).

    Without an actor it is only written down that it began under this version, where the clocks disagree about that.
    """

    subject: str
    began: datetime
    """When it began: a later beginning of the same case is pinned again."""
    version: int
    at: datetime
    actor: str
