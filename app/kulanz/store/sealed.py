"""Finds all that is encrypted with the encryption keys themselves, to count it and to encrypt it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, and_, bindparam, func, select, text, tuple_, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from kulanz.crypto import places
from kulanz.errors import UnreadableError
from kulanz.store.tables import accounts, archive, effects, idempotency, inbox, keyring

HEAD_BYTES = 5
"""Length of the prefix of an encrypted value: whether it is bound to its place, and the key that encrypted it."""
ENCRYPTED_PREFIXES = (b"\x01", b"\x03")
"""First bytes of values encrypted by an encryption key; values encrypted by a data key begin otherwise."""


@dataclass(frozen=True, slots=True)
class Place:
    """A column of a table that holds encrypted values."""

    name: str
    table: Table
    key: tuple[Column[Any], ...]
    column: Column[Any]
    wraps: bool
    """Whether the column holds wrapped keys instead of encrypted content."""
    at: tuple[Column[Any], ...]
    """The columns that a value is bound to."""
    bound_to: Callable[..., bytes]
    """The function from these columns to a value's associated data."""

    @property
    def head(self) -> ColumnElement[bytes]:
        """The prefix that identifies the key."""
        return func.substr(self.column, 1, HEAD_BYTES, type_=LargeBinary)

    @property
    def own(self) -> ColumnElement[bool]:
        """Whether an encryption key has encrypted the value."""
        sealed = func.substr(self.column, 1, 1, type_=LargeBinary).in_(ENCRYPTED_PREFIXES)
        return and_(sealed, inbox.c.state != "handled") if self.table is inbox else sealed


PLACES = (
    Place(
        "data keys of accounts",
        accounts,
        (accounts.c.id,),
        accounts.c.key,
        wraps=True,
        at=(accounts.c.id,),
        bound_to=places.data_key,
    ),
    Place(
        "keys of archived records",
        archive,
        (archive.c.id,),
        archive.c.key,
        wraps=True,
        at=(archive.c.account, archive.c.kind, archive.c.kept_until),
        bound_to=places.archive_key,
    ),
    Place(
        "events of no account yet",
        inbox,
        (inbox.c.id,),
        inbox.c.body,
        wraps=False,
        at=(inbox.c.provider, inbox.c.delivery_key),
        bound_to=places.event,
    ),
    Place(
        "effects of no account",
        effects,
        (effects.c.number,),
        effects.c.payload,
        wraps=False,
        at=(effects.c.account, effects.c.id),
        bound_to=places.effect,
    ),
    Place(
        "answers kept for repeats",
        idempotency,
        (idempotency.c.token, idempotency.c.key),
        idempotency.c.document,
        wraps=False,
        at=(idempotency.c.token, idempotency.c.key),
        bound_to=places.answer,
    ),
    Place(
        "keys of the installation",
        keyring,
        (keyring.c.name,),
        keyring.c.wrapped,
        wraps=True,
        at=(keyring.c.name,),
        bound_to=places.installation_key,
    ),
)
"""The keys of the installation come last: once they are bound, all that is written is."""


def counts(conn: Connection, place: Place) -> dict[bytes, int]:
    """Return the number of values in a column for each key, identified by its prefix."""
    head = place.head.label("sealed_by")
    query = select(head, func.count()).where(place.column.is_not(None), place.own).group_by(text("sealed_by"))
    return {bytes(head): number for head, number in conn.execute(query)}


def reencrypt(
    tx: Connection,
    place: Place,
    *,
    first: bytes,
    after: Sequence[Any],
    limit: int,
    seal: Callable[[bytes, bytes], bytes],
) -> tuple[tuple[Any, ...] | None, int]:
    """Encrypt again some values of a place that do not begin with `first`; return the last one's key, and how many.

    No key: that was all. Values that cannot be decrypted stay as they are. The rows are locked: a decision
    about an account waits meanwhile, or is waited for.
    """
    query = select(*place.key, *place.at, place.column).where(place.column.is_not(None), place.own, place.head != first)
    if after:
        query = query.where(tuple_(*place.key) > tuple_(*_bound(place, after)))
    rows = tx.execute(query.order_by(*place.key).limit(limit).with_for_update()).all()
    changed = [document for row in rows if (document := _changed(place, row, seal)) is not None]
    if changed:
        tx.execute(_update(place), changed)
    return (tuple(rows[-1])[: len(place.key)] if len(rows) == limit else None), len(changed)


def _bound(place: Place, after: Sequence[Any]) -> Iterator[ColumnElement[Any]]:
    for column, value in zip(place.key, after, strict=True):
        yield bindparam(None, value, type_=column.type)


def _update(place: Place) -> Any:
    named = and_(*(column == bindparam(f"k_{column.name}", type_=column.type) for column in place.key))
    unchanged = place.column == bindparam("was", type_=LargeBinary)
    return update(place.table).where(named, unchanged).values({place.column: bindparam("new", type_=LargeBinary)})


def _changed(place: Place, row: Any, seal: Callable[[bytes, bytes], bytes]) -> dict[str, Any] | None:
    values = tuple(row)
    key, at, value = values[: len(place.key)], values[len(place.key) : -1], values[-1]
    named = {f"k_{column.name}": part for column, part in zip(place.key, key, strict=True)}
    try:
        return named | {"was": value, "new": seal(bytes(value), place.bound_to(*at))}
    except UnreadableError:
        return None
