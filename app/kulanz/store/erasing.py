"""Erasure in the database: deletes an account's keys and everything that was encrypted or hashed for it.

Rows without personal data stay: de-duplication keys, bindings of the provider's objects, hashes of decisions.
"""

from collections.abc import Sequence

from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.engine import Connection

from kulanz.store.bulk import among
from kulanz.store.tables import accounts, effects, inbox, metadata, pay_links

KEPT_TABLES = frozenset({"accounts", "archive", "bindings", "certificates", "decisions", "effects", "inbox"})
"""Tables whose rows about an account stay, without personal data; the rows of all others are deleted."""
PERSONAL_EFFECT_KINDS = frozenset({"DropFile", "SendLetter", "SendMail"})
"""Kinds of effects that hold personal data: unsent ones are never sent."""
ERASED = "the account was closed and its data were destroyed"
_NOTHING = b""
_IS_LETTER = effects.c.kind.in_(sorted(PERSONAL_EFFECT_KINDS))
_DONE_WITH = ("done", "skipped", "withdrawn", "unknown")
_BODIES = update(inbox).where(among(inbox.c.account, "accounts"), inbox.c.state == "handled").values(body=_NOTHING)
_UNREAD = (
    update(inbox)
    .where(among(inbox.c.account, "accounts"), inbox.c.state != "handled")
    .values(body=_NOTHING, state="ignored", reason=ERASED, waits_for=None, next_attempt_at=None)
)
_PAYLOADS = (
    update(effects)
    .where(among(effects.c.account, "accounts"), or_(effects.c.state.in_(_DONE_WITH), _IS_LETTER))
    .values(payload=_NOTHING)
)
_MAILS = (
    update(effects)
    .where(among(effects.c.account, "accounts"), _IS_LETTER, effects.c.state.not_in(_DONE_WITH))
    .values(state="withdrawn", error=ERASED, lease_until=None, begun_at=None)
)
_LINKS = delete(pay_links).where(
    pay_links.c.effect.in_(select(effects.c.id).where(among(effects.c.account, "accounts")))
)
_KEYS = (
    update(accounts)
    .where(among(accounts.c.id, "accounts"))
    .values(key=None, book=None, grace_ends_at=None, deletion_eligible_at=None)
)


def personal_tables() -> list[Table]:
    """Return the tables whose rows about an account are deleted with it."""
    return [table for table in metadata.sorted_tables if "account" in table.c and table.name not in KEPT_TABLES]


def destroy(tx: Connection, names: Sequence[str]) -> dict[str, int]:
    """Destroy the personal data of locked accounts; return the number of affected rows."""
    of = {"accounts": names}
    counts = {
        "events": tx.execute(_BODIES, of).rowcount + tx.execute(_UNREAD, of).rowcount,
        "letters_withdrawn": tx.execute(_MAILS, of).rowcount,
        "effects": tx.execute(_PAYLOADS, of).rowcount,
    }
    for table in personal_tables():
        counts[table.name] = tx.execute(delete(table).where(among(table.c.account, "accounts")), of).rowcount
    counts["pay_links"] = tx.execute(_LINKS, of).rowcount
    counts["data_keys"] = tx.execute(_KEYS, of).rowcount
    return counts
