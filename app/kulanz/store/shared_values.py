"""Small named values that every process shares: the test clock, the circuit breaker, when a part was last seen."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.prepared import Prepared
from kulanz.store.tables import marks

RECONCILED_KEY = "reconciled"
"""Time of the last comparison with the provider; written by the clock, shown in metrics."""
_GET = Prepared(select(marks.c.value).where(marks.c.name == bindparam("mark")))
_DROP = delete(marks).where(marks.c.name == bindparam("mark"))
_AS_IT_WAS = (marks.c.name == bindparam("mark")) & (marks.c.value == bindparam("before"))
_SWAP = update(marks).where(_AS_IT_WAS).values(value=bindparam("after"))
_DROP_AS_IT_WAS = delete(marks).where(_AS_IT_WAS)


def get(tx: Connection, name: str) -> Any:
    """Return a value as it was put, or None."""
    value = _GET.scalar(tx, mark=name)
    return None if value is None else msgspec.json.decode(value)


def starting(tx: Connection, prefix: str) -> list[tuple[str, Any]]:
    """Return the values whose names have a prefix, by their names."""
    rows = tx.execute(select(marks).where(marks.c.name.startswith(prefix, autoescape=True)).order_by(marks.c.name))
    return [(row.name, msgspec.json.decode(row.value)) for row in rows]


def put(tx: Connection, name: str, value: Any) -> None:
    """Keep a JSON-ready value under a name; None takes it away."""
    if value is None:
        tx.execute(_DROP, {"mark": name})
        return
    row = (name, _encoded(value))
    bulk.insert(tx, marks, ("name", "value"), [row], conflict="ON CONFLICT (name) DO UPDATE SET value = excluded.value")


def swap(tx: Connection, name: str, before: Any, after: Any) -> bool:
    """Compare and swap: replace `before` by `after`, None being no value; return whether it was replaced."""
    if before is None:
        rows = [(name, _encoded(after))]
        return bulk.insert(tx, marks, ("name", "value"), rows, conflict="ON CONFLICT (name) DO NOTHING") == 1
    matches = {"mark": name, "before": _encoded(before)}
    if after is None:
        return tx.execute(_DROP_AS_IT_WAS, matches).rowcount == 1
    return tx.execute(_SWAP, {**matches, "after": _encoded(after)}).rowcount == 1


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value).decode()
