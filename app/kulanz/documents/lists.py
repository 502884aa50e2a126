"""Documents of lists that the command line and the console show: accounts, groups of stuck work."""

from __future__ import annotations

from datetime import datetime

from kulanz.documents.shape import Document


class Owed(Document, frozen=True, kw_only=True):
    """Sum that an account owes in one currency."""

    amount: int
    currency: str


class AccountLine(Document, frozen=True, kw_only=True):
    """Row of the list of accounts."""

    account_id: str
    plan: str
    standing: str
    access: str
    owed: tuple[Owed, ...]
    deadline: str | None
    """Kind of the next deadline."""
    due_at: datetime | None
    name: str | None
    mail: str | None


class StuckGroup(Document, frozen=True, kw_only=True):
    """Events or outgoing actions that are stuck in one state for one reason."""

    state: str
    type: str | None
    """Type of the outgoing actions; None: events."""
    reason: str
    first: str
    """Id of the oldest."""
    number: int
    since: datetime
    until: datetime
    """Times of the oldest and the newest."""
    act: str
    """The command that tries all of them again."""
