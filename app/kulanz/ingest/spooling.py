"""Stores deliveries in the spool while the database is away, and writes them to the database when it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from threading import Event as Signal
from threading import Lock, Thread

import msgspec

from kulanz.crypto import places
from kulanz.crypto.vault import Vault
from kulanz.errors import StorageUnavailableError, detail_of
from kulanz.ingest.group_commit import GroupCommit
from kulanz.store.inbox.events import NewEvent
from kulanz.store.spool import Spool
from kulanz.telemetry.logs import log

DRAIN_BATCH = 250
RETRY_INTERVAL = 0.5
"""Seconds between two tries whether the database is back."""
IDLE_INTERVAL = 30.0
"""Seconds between two searches for the spool of a dead process, and between retries of refused records."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(NewEvent).decode


RecordEvents = Callable[[Sequence[NewEvent]], None]
"""Records events in the database, in order, or raises StorageUnavailableError; none: tries whether it could."""


class SpoolFallback:
    """The way round a database that is away. One for a process; its threads start when they are needed."""

    def __init__(self, spool: Spool, vault: Vault, record: RecordEvents) -> None:
        self._spool = spool
        self._vault = vault
        self._record = record
        self._commits = GroupCommit[bytes, None](self._append, name="spool")
        self._starting = Lock()
        self._thread: Thread | None = None
        self._woken = Signal()
        self._closing = Signal()
        self.database_away = False
        """Whether the database did not take the last write: the next delivery goes to the spool at once."""

    def store(self, event: NewEvent, *, seconds: float) -> None:
        """Put an event on stable storage beside the database; StorageUnavailableError where that cannot be."""
        try:
            self._commits.submit(self._vault.seal(_encode(event), places.SPOOL), seconds=seconds)
        finally:
            self.wake()

    def wake(self) -> None:
        """Wake the thread that drains the spool; start it if it does not run."""
        self._woken.set()
        with self._starting:
            if self._thread is None and not self._closing.is_set():
                self._thread = Thread(target=self._run, name="standby", daemon=True)
                self._thread.start()

    def ready(self) -> bool:
        """Whether an event could be kept here now."""
        try:
            self._spool.check()
        except StorageUnavailableError as error:
            log.warning("spool.not_ready", detail=error.detail)
            return False
        return True

    @property
    def empty(self) -> bool:
        """Whether everything that was accepted is in the database."""
        return not self.database_away and not self._spool.size()

    def identity(self) -> str:
        """Return the name of the spool, which outlives this process."""
        return self._spool.identity()

    def tell_left(self) -> None:
        """Log how much is left in the spool: this process ends, and perhaps its disk with it."""
        if waiting := self._spool.size():
            log.warning(
                "spool.left", bytes=waiting, detail="acknowledged deliveries: keep this disk until the spool is empty"
            )

    def close(self) -> None:
        """End the threads; undrained records stay in the spool."""
        with self._starting:
            self._closing.set()
        self._commits.close()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()
        self._spool.close()

    def _append(self, records: Sequence[bytes]) -> Sequence[None]:
        self._spool.append(records)
        return [None] * len(records)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            if self._drain_spool():
                self._woken.wait(IDLE_INTERVAL)
            else:
                self._closing.wait(RETRY_INTERVAL)

    def _drain_spool(self) -> bool:
        """Write all spooled deliveries to the database; False while the database does not take them."""
        try:
            if self.database_away or self._spool.size():
                self._record(())
            self._drain_segments()
            self.database_away = False
        except Exception as error:  # noqa: BLE001 - nothing may end the thread that keeps what was promised
            if not self.database_away:
                log.warning(
                    "spool.waiting", bytes=self._spool.size(), error=type(error).__name__, detail=detail_of(error)
                )
            self.database_away = True
            return False
        return True

    def _drain_segments(self) -> None:
        """Empty one segment after the other; records written meanwhile come last."""
        after = ""
        while (segment := self._spool.take(after)) is not None:
            with closing(segment):
                records = segment.records()
                refused = [each for batch in _batches(records) for each in self._record_or_return(batch)]
                segment.keep_only(refused)
            self.database_away = False
            after = segment.path.name
            log.info("spool.emptied", events=len(records) - len(refused), refused=len(refused))

    def _record_or_return(self, records: Sequence[bytes]) -> Sequence[bytes]:
        """Record events, and return those that the database refuses singly: they are tried again much later."""
        try:
            self._record([_decode(self._vault.open(record, places.SPOOL)) for record in records])
        except StorageUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad record must not hold up the others
            if len(records) == 1:
                log.error("spool.refused", error=type(error).__name__)
                return records
            return [refused for record in records for refused in self._record_or_return([record])]
        return ()


def _batches(records: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (records[first : first + DRAIN_BATCH] for first in range(0, len(records), DRAIN_BATCH))
