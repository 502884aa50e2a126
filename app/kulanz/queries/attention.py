"""Groups of events and outgoing actions that need attention: by state, type and reason, with their window of time."""

from __future__ import annotations

import shlex
from datetime import datetime

from msgspec import Struct

from kulanz.policy.consequences.effects import rfc3339
from kulanz.queries.views import JsonDocument
from kulanz.store import pages
from kulanz.store.database import Connection
from kulanz.store.inbox.events import event_id
from kulanz.store.pages import Group

MOST = 100
"""Groups of one state that are listed."""
EVENT_STATES = ("parked", "quarantined", "waiting")
EFFECT_STATES = ("parked", "todo", "unknown", "pending")
"""Of `pending` only those that failed before."""


class Attention(Struct, frozen=True, kw_only=True):
    """Events or outgoing actions that are stuck in one state for one reason."""

    what: str
    """`events` or `effects`."""
    state: str
    type: str
    """What the outgoing actions are; of events empty."""
    reason: str
    first: str
    """The id of the oldest."""
    number: int
    since: datetime
    until: datetime
    """When the oldest and the newest came."""

    @property
    def retried_by(self) -> str:
        """The command that tries all of them again."""
        kind = f" --type {shlex.quote(self.type)}" if self.type else ""
        return f"kulanz {self.what} retry --all --state {self.state}{kind} --reason {shlex.quote(self.reason)}"


def events(conn: Connection) -> list[Attention]:
    """Return the groups of events, state by state, the longest waiting first."""
    return [
        _of("events", state, each, event_id(each.first))
        for state in EVENT_STATES
        for each in pages.events_alike(conn, state, MOST)
    ]


def effects(conn: Connection) -> list[Attention]:
    """Return the groups of outgoing actions, state by state, the longest waiting first."""
    return [
        _of("effects", state, each, pages.effect_at(conn, each.first).id)
        for state in EFFECT_STATES
        for each in pages.effects_by_reason(conn, state, MOST)
    ]


def document(group: Attention) -> JsonDocument:
    """Return a group as a JSON document."""
    return {
        "state": group.state,
        "type": group.type or None,
        "reason": group.reason,
        "first": group.first,
        "number": group.number,
        "since": rfc3339(group.since),
        "until": rfc3339(group.until),
        "act": group.retried_by,
    }


def _of(what: str, state: str, group: Group, first: str) -> Attention:
    return Attention(
        what=what,
        state=state,
        type=group.type,
        reason=group.words,
        first=first,
        number=group.number,
        since=group.since,
        until=group.until,
    )
