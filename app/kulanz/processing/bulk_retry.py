"""Retries all rows of a state, or one group of them, in batches; a killed run resumes, and each row is tried once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, outbox, pages, shared_values
from kulanz.store.database import Connection

ROWS_PER_STEP = 2_000
"""Rows of one transaction: few enough that deliveries do not wait for them."""
EVENT_STATES = ("parked", "quarantined", "waiting", "ignored")
EFFECT_STATES = ("parked", "todo", "unknown", "pending")
_RETRY_SOME: dict[str, Callable[..., tuple[list[int], list[str]]]] = {
    "events": pages.retry_some,
    "effects": lambda tx, state, **chosen: outbox.retry_some(tx, state, real_now(), **chosen),
}
_NEWEST_OF = {"events": pages.newest_event, "effects": outbox.newest}
_REMAINING_OF: dict[str, Callable[..., int]] = {"events": pages.number_in, "effects": outbox.number_in}


class BulkRetry(msgspec.Struct, frozen=True):
    """Progress of a bulk retry."""

    what: str
    """`events` or `effects`."""
    state: str
    through: int
    """The newest row at the start: later rows are not part of the run."""
    after: int = 0
    """The last row that was retried; one that fails again comes before it and is not tried again."""
    done: int = 0
    began_at: datetime | None = None
    finished: bool = False
    reason: str | None = None
    """Why they are stuck; None: for any reason."""
    type: str = ""
    """With a reason: what the effects are; of events empty."""

    @property
    def group(self) -> dict[str, Any]:
        """The condition of being one of these, as the store takes it."""
        if self.reason is None:
            return {}
        return {"reason": self.reason} if self.what == "events" else {"alike": (self.type, self.reason)}

    @property
    def mark(self) -> str:
        """The name under which a run is kept."""
        key = f"retry_all:{self.what}:{self.state}"
        return key if self.reason is None else f"{key}:{sha256(repr((self.type, self.reason)).encode()).hexdigest()}"


def unfinished(conn: Connection, begun: BulkRetry) -> BulkRetry | None:
    """Return the run over the same that was stopped before its end, if one was."""
    kept = shared_values.get(conn, begun.mark)
    return None if kept is None else msgspec.convert(kept, BulkRetry)


def begin(conn: Connection, what: str, state: str, *, reason: str | None = None, type: str = "") -> BulkRetry:  # noqa: A002
    """Return a run over all there are now; nothing is written yet."""
    newest = _NEWEST_OF[what](conn)
    return BulkRetry(what=what, state=state, through=newest, began_at=real_now(), reason=reason, type=type)


def remaining(conn: Connection, retry: BulkRetry) -> int:
    """Return how many rows are yet to be retried."""
    return _REMAINING_OF[retry.what](conn, retry.state, after=retry.after, through=retry.through, **retry.group)


def step(services: Services, retry: BulkRetry, actor: str, *, kept: bool) -> BulkRetry:
    """Retry the next batch; with `kept` the progress is stored, so that another run resumes it, even after a kill."""
    with services.database.write() as tx:
        matches, names = _RETRY_SOME[retry.what](
            tx, retry.state, after=retry.after, through=retry.through, limit=ROWS_PER_STEP, **retry.group
        )
        if matches:
            detail = f"{len(matches)} {retry.state} {retry.what}, {names[0]} to {names[-1]}"
            audit_log.record(tx, at=real_now(), actor=actor, act="retried", subject=retry.what, detail=detail)
        moved = msgspec.structs.replace(
            retry,
            after=matches[-1] if matches else retry.after,
            done=retry.done + len(matches),
            finished=len(matches) < ROWS_PER_STEP,
        )
        if kept:
            shared_values.put(tx, retry.mark, None if moved.finished else _read(moved))
    return moved


def _read(retry: BulkRetry) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(retry)
    return document
