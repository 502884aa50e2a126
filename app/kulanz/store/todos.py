"""To-do items that stand in no other table, with their acknowledgements and assignees."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

import msgspec
from sqlalchemy import Integer, bindparam, not_, or_, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.bulk import among
from kulanz.store.tables import bindings, todo_marks, todos, todos_told


class TodoRow(msgspec.Struct, frozen=True):
    """A to-do item: something that needs a person."""

    id: str
    account: str
    """Empty: it is about no single account."""
    topic: str
    subject: str
    since: datetime
    """Policy time."""
    by_policy: bool
    """Whether it follows from the account's last decision; else it was alerted once, and stays until acknowledged."""


class TodoMark(msgspec.Struct, frozen=True):
    """An acknowledgement or assignment of an item: valid for an item that began before it."""

    id: str
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    assigned_to: str | None = None
    assigned_at: datetime | None = None


class Told(msgspec.Struct, frozen=True):
    """An open item that was reported to a chat."""

    id: str
    account: str
    topic: str


_COLUMNS = TodoRow.__struct_fields__
_ROW = select(*(todos.c[name] for name in _COLUMNS))
_OF_ACCOUNTS = _ROW.where(among(todos.c.account, "accounts"), todos.c.by_policy.is_(True))
_ALL = (
    _ROW.outerjoin_from(todos, todo_marks, todos.c.id == todo_marks.c.id)
    .where(
        or_(
            todo_marks.c.acknowledged_at.is_(None),
            todo_marks.c.acknowledged_at < todos.c.since,
            not_(among(todos.c.topic, "ending")),
        )
    )
    .order_by(todos.c.since, todos.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_OWNERS = select(bindings.c.account).where(among(bindings.c.account, "accounts")).distinct()
_MARK_COLUMNS = TodoMark.__struct_fields__
_MARKS = select(*(todo_marks.c[name] for name in _MARK_COLUMNS)).where(among(todo_marks.c.id, "ids"))
_MARK = select(*(todo_marks.c[name] for name in _MARK_COLUMNS)).where(todo_marks.c.id == bindparam("todo"))
_TOLD_COLUMNS = ("chat", *Told.__struct_fields__)
_TOLD = (
    select(*(todos_told.c[name] for name in Told.__struct_fields__))
    .where(todos_told.c.chat == bindparam("by"))
    .order_by(todos_told.c.id)
)
_REMARK = (
    "ON CONFLICT (id) DO UPDATE SET acknowledged_by = excluded.acknowledged_by,"
    " acknowledged_at = excluded.acknowledged_at, assigned_to = excluded.assigned_to,"
    " assigned_at = excluded.assigned_at"
)


def todo_id(topic: str, account: str, subject: str) -> str:
    """Return the stable id of an item."""
    return "td_" + sha256(f"{topic}|{account}|{subject}".encode()).hexdigest()[:16]


def replace(tx: Connection, wanted: Mapping[str, Sequence[TodoRow]]) -> None:
    """Replace the to-do items that follow from the last decisions of these accounts, which are locked."""
    if not wanted:
        return
    present = {row[0] for row in tx.execute(_OF_ACCOUNTS, {"accounts": list(wanted)})}
    future = {row.id: row for rows in wanted.values() for row in rows}
    bulk.delete(tx, todos, ("id",), [(ident,) for ident in present - future.keys()])
    add(tx, [row for ident, row in future.items() if ident not in present])


def add(tx: Connection, rows: Sequence[TodoRow]) -> None:
    """List items; an item that is listed already keeps its time."""
    values = [msgspec.structs.astuple(row) for row in rows]
    bulk.insert(tx, todos, _COLUMNS, values, conflict=bulk.ON_CONFLICT_DO_NOTHING)


def listing(conn: Connection, ending: Collection[str], limit: int) -> list[TodoRow]:
    """Return the items, the longest waiting first; of topics `ending` when acknowledged, the unacknowledged ones."""
    return [TodoRow(*row) for row in conn.execute(_ALL, {"ending": list(ending), "limit": limit})]


def with_purchases(conn: Connection, accounts: Collection[str]) -> set[str]:
    """Return those of the accounts that something belongs to."""
    return set(conn.execute(_OWNERS, {"accounts": list(accounts)}).scalars()) if accounts else set()


def marks(conn: Connection, ids: Collection[str]) -> dict[str, TodoMark]:
    """Return the acknowledgements and assignments of these items, by their ids."""
    return {row.id: TodoMark(*row) for row in conn.execute(_MARKS, {"ids": list(ids)})} if ids else {}


def mark_of(conn: Connection, id: str) -> TodoMark:  # noqa: A002
    """Return the acknowledgement and assignment of one item."""
    row = conn.execute(_MARK, {"todo": id}).one_or_none()
    return TodoMark(*row) if row is not None else TodoMark(id)


def mark(tx: Connection, said: TodoMark) -> None:
    """Store an item's acknowledgement and assignment."""
    bulk.insert(tx, todo_marks, _MARK_COLUMNS, [msgspec.structs.astuple(said)], conflict=_REMARK)


def told(conn: Connection, chat: str) -> list[Told]:
    """Return the open items that a chat was notified of."""
    return [Told(*row) for row in conn.execute(_TOLD, {"by": chat})]


def tell(tx: Connection, chat: str, new: Sequence[Told], over: Sequence[Told]) -> None:
    """Note that a chat was notified of new items, and of the end of others."""
    bulk.delete(tx, todos_told, ("chat", "id"), [(chat, each.id) for each in over])
    rows = [(chat, *msgspec.structs.astuple(each)) for each in new]
    bulk.insert(tx, todos_told, _TOLD_COLUMNS, rows, conflict=bulk.ON_CONFLICT_DO_NOTHING)
