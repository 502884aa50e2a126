"""Receipts of an account's deliveries, without their bodies, to show to others."""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from kulanz.store.tables import inbox


class Receipt(msgspec.Struct, frozen=True):
    """An accepted delivery of an account; `sha256` is of its raw bytes."""

    id: int
    provider: str
    name: str
    state: str
    received_at: datetime
    sha256: bytes


_PAGE = 500
_OF_ACCOUNT = (
    select(*(inbox.c[name] for name in Receipt.__struct_fields__))
    .where(inbox.c.account == bindparam("account"), inbox.c.id > bindparam("after"))
    .order_by(inbox.c.id)
    .limit(_PAGE)
)


def of_account(conn: Connection, account: str) -> Iterator[Receipt]:
    """Yield the deliveries received for an account, oldest first."""
    after = 0
    while page := [Receipt(*row) for row in conn.execute(_OF_ACCOUNT, {"account": account, "after": after})]:
        yield from page
        after = page[-1].id
