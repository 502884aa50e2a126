"""After the restore of an older database: actions that may have been delivered since are held for a person.

The head of the ledger shows it. Everything that waits is held once, and then each outgoing action of a decision that
the head knows had been made before, until `kulanz ledger accept-restore`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import monotonic

import msgspec

from kulanz.errors import KulanzError
from kulanz.privacy import ledger_head
from kulanz.privacy.ledger_head import Head, Loss
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, outbox, shared_values
from kulanz.store.database import Connection
from kulanz.store.outbox import EffectRow
from kulanz.telemetry.logs import log

INTERVAL = timedelta(minutes=15)
"""The time between two heads."""
HELD = "the database was restored: it may have been carried out since; `kulanz ledger accept-restore`, then retry it"
_BEHIND_KEY = "ledger_behind"
_WINDOW_KEY = "ledger_behind_accounts"


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """Number of decisions that the database lacks compared with the head of its ledger."""

    head: str
    """Time of the head."""
    losses: int
    held: int
    """Number of outgoing actions that were waiting and are held."""


def behind(conn: Connection) -> Behind | None:
    """Return how far the database is behind; None if it is not, or was not checked yet."""
    value = shared_values.get(conn, _BEHIND_KEY)
    return msgspec.convert(value, Behind) if value is not None else None


def look(services: Services) -> list[Loss]:
    """Compare the database with the last head; if it is behind, hold all pending effects."""
    head = ledger_head.read(ledger_head.path_of(services))
    lost = [*ledger_head.losses(services, head)] if head is not None else []
    if head is not None and any(loss.account for loss in lost):
        _hold(services, head, lost)
    return lost


def at_start(services: Services) -> None:
    """Check before anything is delivered; a failed check is logged, and does not prevent the start."""
    try:
        look(services)
    except KulanzError as error:
        log.warning("ledger.head_unread", error=type(error).__name__, detail=error.detail)


def advance(services: Services) -> list[Loss]:
    """Put a new head in place of the last one; where that knows more than the database has, keep it and say so."""
    lost = look(services)
    if lost:
        log.error("ledger.rolled_back", losses=len(lost))
    else:
        ledger_head.renew(services)
    return lost


def without_held(services: Services, rows: Sequence[EffectRow]) -> Sequence[EffectRow]:
    """Return the leased effects that may be carried out; the others are held."""
    with services.database.read() as conn:
        if shared_values.get(conn, _BEHIND_KEY) is None:
            return rows
        window: Mapping[str, int] = shared_values.get(conn, _WINDOW_KEY) or {}
    held = [row for row in rows if (row.decision_seq or 0) <= window.get(row.account, -1)]
    with services.database.write() as tx:
        for row in held:
            outbox.finish(tx, row.id, "parked", attempts=row.attempts, error=HELD, done_at=real_now())
    ids = {row.id for row in held}
    return [row for row in rows if row.id not in ids]


def accept(services: Services, actor: str, reason: str, *, dry_run: bool = False) -> list[Loss]:
    """Begin a new head from the present database, after an honest restore, and record that; return the losses.

    A head that is not as it was signed is replaced too. Held effects stay so until an operator retries them.
    """
    try:
        head = ledger_head.read(ledger_head.path_of(services))
    except KulanzError:
        head = None
    lost = [*ledger_head.losses(services, head)] if head is not None else []
    if dry_run:
        return lost
    with services.database.write() as tx:
        for key in (_BEHIND_KEY, _WINDOW_KEY):
            shared_values.put(tx, key, None)
        act = f"accepted a restore ({len(lost)} lost)"
        audit_log.record(tx, at=real_now(), actor=actor, act=act, subject="ledger", detail=reason)
    ledger_head.renew(services)
    return lost


def _hold(services: Services, head: Head, lost: Sequence[Loss]) -> None:
    window = {loss.account: head.ends[loss.account][0] for loss in lost if loss.account}
    with services.database.write() as tx:
        if behind(tx) is not None:
            return
        held = outbox.park_pending(tx, HELD)
        found = Behind(head=head.summary.at.isoformat(), losses=len(lost), held=held)
        shared_values.put(tx, _BEHIND_KEY, msgspec.to_builtins(found))
        shared_values.put(tx, _WINDOW_KEY, window)
    log.error("ledger.behind", losses=len(lost), held=held, head=found.head)


class HeadLoop:
    """Takes a new head at intervals, in a thread of its own, as long as all that the last one knows is still there."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._next = float("-inf")
        self._thread: threading.Thread | None = None

    def tick(self) -> bool:
        """Start a run if it is due; return whether it was started."""
        if monotonic() < self._next or (self._thread is not None and self._thread.is_alive()):
            return False
        self._next = monotonic() + INTERVAL.total_seconds()
        self._thread = threading.Thread(target=self._attempt, name="ledger-head", daemon=True)
        self._thread.start()
        return True

    def wait(self) -> None:
        """Return the end of the running task."""
        if self._thread is not None:
            self._thread.join()

    def _attempt(self) -> None:
        try:
            advance(self._services)
        except KulanzError as error:
            log.warning("ledger.head_put_off", error=type(error).__name__, detail=error.detail)
