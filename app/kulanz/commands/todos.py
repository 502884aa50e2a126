"""Acknowledgement and assignment of to-do items; the audit log records each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from kulanz.errors import InvalidInputError
from kulanz.queries import todo
from kulanz.queries.todo import Todo
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, todos
from kulanz.store.database import Connection
from kulanz.store.todos import TodoMark

LONGEST_NAME = 100
Then = Callable[[Connection, Todo], None]
"""Additional work in the transaction that records it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Command: mark an item as seen."""

    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Command: assign an item to a person; None: unassign it."""

    todo: str
    to: str | None


def _nothing(_: Connection, __: Todo) -> None:
    """Do nothing else."""


def note(services: Services, word: Acknowledge | Assign, actor: str, then: Then) -> Todo:
    """Record an acknowledgement or assignment of an item."""
    match word:
        case Acknowledge(todo=ident):
            return acknowledge(services, ident, actor, then=then)
        case Assign(todo=ident, to=to):
            return assign(services, ident, to, actor, then=then)


def acknowledge(services: Services, ident: str, actor: str, *, dry_run: bool = False, then: Then = _nothing) -> Todo:
    """Record that a person has seen an item; an item that no event can end is done by that."""
    with services.database.write() as tx:
        matter, now = todo.one(services, tx, ident), services.clock.now(tx)
        said = msgspec.structs.replace(todos.mark_of(tx, ident), acknowledged_by=actor, acknowledged_at=now)
        if not dry_run:
            _note(tx, matter, said, act="acknowledged", actor=actor)
        then(tx, replace(matter, said=said))
    return replace(matter, said=said)


def assign(
    services: Services, ident: str, to: str | None, actor: str, *, dry_run: bool = False, then: Then = _nothing
) -> Todo:
    """Record an item's assignee; None: unassigned."""
    name = to.strip() if to is not None else None
    if name is not None and not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise InvalidInputError(f"name: 1 to {LONGEST_NAME} readable characters")
    with services.database.write() as tx:
        matter, now = todo.one(services, tx, ident), services.clock.now(tx)
        said = msgspec.structs.replace(todos.mark_of(tx, ident), assigned_to=name, assigned_at=now)
        if not dry_run:
            act = "unassigned" if name is None else "assigned"
            _note(tx, matter, said, act=act, actor=actor, to=name)
        then(tx, replace(matter, said=said))
    return replace(matter, said=said)


def _note(tx: Connection, matter: Todo, said: TodoMark, *, act: str, actor: str, to: str | None = None) -> None:
    todos.mark(tx, said)
    detail = f"{matter.topic} {matter.id}{f' to {to}' if to else ''}"
    about = matter.account or matter.subject
    audit_log.record(tx, at=real_now(), actor=actor, act=act, subject=about, detail=detail)
