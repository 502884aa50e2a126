"""Links in mails, found by the hash of their token: the mail of each link, and so its account and case."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from kulanz.store import bulk
from kulanz.store.tables import effects, pay_links


class LinkRow(NamedTuple):
    """A link that was sent."""

    effect: str
    account: str
    subject: str
    """The case that its mail was about."""


_FIND = (
    select(effects.c.id, effects.c.account, effects.c.subject)
    .join(pay_links, pay_links.c.effect == effects.c.id)
    .where(pay_links.c.digest == bindparam("digest"))
)


def add(tx: Connection, digest: bytes, effect: str, now: datetime) -> None:
    """Keep the hash of a token that a mail is about to be sent with."""
    bulk.insert(tx, pay_links, ("digest", "effect", "made_at"), [(digest, effect, now)])


def find(conn: Connection, digest: bytes) -> LinkRow | None:
    """Return the link of a token's hash; its account is the mail's present one."""
    row = conn.execute(_FIND, {"digest": digest}).first()
    return None if row is None else LinkRow(*row)
