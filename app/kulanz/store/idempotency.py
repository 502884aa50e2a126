"""Stored answers for repeated requests with the same `Idempotency-Key` (CONTRACT section 3)."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from kulanz.errors import InvalidInputError, RefusedError
from kulanz.store import bulk
from kulanz.store.tables import Instant, idempotency


class StoredResponse(msgspec.Struct, frozen=True):
    """The stored answer to the first request; `document` is encrypted."""

    status: int
    document: bytes


_KEPT = timedelta(days=7)
_ABANDONED = timedelta(minutes=1)
"""Age after which a request has died with its process: nothing of it was committed, so it may be tried again."""
_THIS = (idempotency.c.token == bindparam("token_"), idempotency.c.key == bindparam("key_"))
_EXPIRE = delete(idempotency).where(idempotency.c.begun_at < bindparam("before", type_=Instant))
_FIND = select(idempotency.c.request, idempotency.c.status, idempotency.c.document, idempotency.c.begun_at).where(
    *_THIS
)
_AGAIN = update(idempotency).where(*_THIS).values(begun_at=bindparam("now", type_=Instant))
_FINISH = update(idempotency).where(*_THIS).values(status=bindparam("answered"), document=bindparam("said"))
_FORGET = delete(idempotency).where(*_THIS, idempotency.c.status.is_(None))


def begin(tx: Connection, token: str, key: str, request: bytes, now: datetime) -> StoredResponse | None:
    """Return the answer of a finished request, or None after recording the start of this one.

    `request` is a digest of method, path and body. Raises InvalidInputError (422) for the same key with another
    request, RefusedError (409) while the first is still running. An answer is kept for 7 days of real time.
    Commit before the work is done, or a second request waits for it instead of being refused.
    """
    tx.execute(_EXPIRE, {"before": now - _KEPT})
    columns = ("token", "key", "request", "begun_at")
    if bulk.insert(tx, idempotency, columns, [(token, key, request, now)], conflict=bulk.ON_CONFLICT_DO_NOTHING):
        return None
    rows = tx.execute(_FIND.with_for_update(), {"token_": token, "key_": key}).one()
    if rows.request != request:
        raise InvalidInputError("this Idempotency-Key was used for another request")
    if rows.status is not None:
        return StoredResponse(rows.status, rows.document)
    if rows.begun_at > now - _ABANDONED:
        raise RefusedError("the first request with this Idempotency-Key is still running")
    tx.execute(_AGAIN, {"token_": token, "key_": key, "now": now})
    return None


def finish(tx: Connection, token: str, key: str, answer: StoredResponse) -> None:
    """Store the answer."""
    tx.execute(_FINISH, {"token_": token, "key_": key, "answered": answer.status, "said": answer.document})


def forget(tx: Connection, token: str, key: str) -> None:
    """Release the key of a failed request, so that it can be tried again; a stored answer stays."""
    tx.execute(_FORGET, {"token_": token, "key_": key})
