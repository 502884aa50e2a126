"""Groups of events and outgoing actions that need attention: by state, type and reason, with their window of time."""

from __future__ import annotations

import shlex

from kulanz.documents.lists import StuckGroup
from kulanz.store import pages
from kulanz.store.database import Connection
from kulanz.store.inbox.events import event_id
from kulanz.store.pages import Group

MOST = 100
"""Groups of one state that are listed."""
EVENT_STATES = ("parked", "quarantined", "waiting")
EFFECT_STATES = ("parked", "todo", "unknown", "pending")
"""Of `pending` only those that failed before."""


def events(conn: Connection) -> list[StuckGroup]:
    """Return the groups of events, state by state, the longest waiting first."""
    return [
        _of("events", state, each, event_id(each.first))
        for state in EVENT_STATES
        for each in pages.events_alike(conn, state, MOST)
    ]


def effects(conn: Connection) -> list[StuckGroup]:
    """Return the groups of outgoing actions, state by state, the longest waiting first."""
    return [
        _of("effects", state, each, pages.effect_at(conn, each.first).id)
        for state in EFFECT_STATES
        for each in pages.effects_by_reason(conn, state, MOST)
    ]


def _of(what: str, state: str, group: Group, first: str) -> StuckGroup:
    kind = f" --type {shlex.quote(group.type)}" if group.type else ""
    act = f"kulanz {what} retry --all --state {state}{kind} --reason {shlex.quote(group.words)}"
    return StuckGroup.of(group, state=state, type=group.type or None, reason=group.words, first=first, act=act)
