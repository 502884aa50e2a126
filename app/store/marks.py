"""Small named values that every process shares: the test clock, the brake, when a part was last seen."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine import Connection

from app.store import bulk
from app.store.prepared import Prepared
from app.store.tables import marks

RECONCILED = "reconciled"
"""When the provider was last compared with; the clock puts it, and metrics tell it."""
_GET = Prepared(select(marks.c.value).where(marks.c.name == bindparam("mark")))
_DROP = delete(marks).where(marks.c.name == bindparam("mark"))


def get(tx: Connection, name: str) -> Any:
    """Return a value as it was put, or None."""
    value = _GET.scalar(tx, mark=name)
    return None if value is None else msgspec.json.decode(value)


def put(tx: Connection, name: str, value: Any) -> None:
    """Keep a JSON-ready value under a name; None takes it away."""
    if value is None:
        tx.execute(_DROP, {"mark": name})
        return
    row = (name, msgspec.json.encode(value).decode())
    bulk.insert(tx, marks, ("name", "value"), [row], conflict="ON CONFLICT (name) DO UPDATE SET value = excluded.value")
