"""Mails of some accounts since a time, and a turn for each recipient, so that two transactions do not write at once."""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.engine import Connection

from kulanz.store.bulk import among
from kulanz.store.outbox import EffectRow
from kulanz.store.tables import Instant, effects

_TURN = select(func.pg_try_advisory_xact_lock(bindparam("number", type_=BigInteger)))
_SENT = select(*(effects.c[name] for name in EffectRow.__struct_fields__)).where(
    among(effects.c.account, "accounts"),
    effects.c.kind == "SendMail",
    effects.c.state != "withdrawn",
    effects.c.created_at >= bindparam("since", type_=Instant),
)


def take_turn(tx: Connection, digest: bytes) -> bool:
    """Take a recipient's turn until the end of the transaction; False where another transaction has it."""
    if tx.dialect.name != "postgresql":  # SQLite has one writer.
        return True
    number = int.from_bytes(digest[:8], "big", signed=True)
    return bool(tx.execute(_TURN, {"number": number}).scalar())


def mails_since(conn: Connection, accounts: Collection[str], since: datetime) -> Iterator[EffectRow]:
    """Yield the mails that were decided for some accounts since a time, but for those that were withdrawn."""
    return (EffectRow(*row) for row in conn.execute(_SENT, {"accounts": sorted(accounts), "since": since}))
