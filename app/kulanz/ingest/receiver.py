"""The receiver: verifies a delivery, makes it durable by group commit, answers, and only then wakes a worker."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from threading import Event, Thread
from time import sleep

import msgspec

from kulanz.errors import MalformedPayloadError, StorageUnavailableError, detail_of
from kulanz.ingest.event_rows import UnstampedEvent, endpoints, event_row, sealed_row
from kulanz.ingest.group_commit import GroupCommit
from kulanz.ingest.secret_usage import SecretUsage
from kulanz.ingest.spool_reports import REPORT_INTERVAL, TEST_INTERVAL, SpoolReports
from kulanz.ingest.spooling import SpoolFallback
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import inbox, secret_use, shared_values
from kulanz.store.inbox import NewEvent, RecordedEvent, event_id, spooled_id
from kulanz.store.spool import Spool
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log

DURABLE_TIMEOUT = 3.5
"""Seconds that a delivery waits to be written somewhere; the contract allows four for the whole answer."""
DATABASE_TIMEOUT = 2.0
"""Seconds of them for the database, where there is a spool beside it."""
PROBE_TIMEOUT = 1.0
MEBIBYTE = 1024 * 1024
RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResponse:
    """The answer to the sender of a delivery (CONTRACT section 3)."""

    status: int
    document: dict[str, str]
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """Id of an event on stable storage, and the status of its recording."""

    event: str
    status: str


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A verified delivery: the row to be stored, and the answer once that is stored."""

    row: UnstampedEvent
    digest: bytes
    malformed: str | None = None
    """Reason why the body is kept in quarantine."""

    def response(self, stored: _Stored) -> WebhookResponse:
        identity = {"event": stored.event, "sha256": self.digest.hex()}
        if self.malformed is None:
            return WebhookResponse(status=200, document={"status": stored.status} | identity)
        return WebhookResponse(status=400, document={"error": "malformed_payload", "detail": self.malformed} | identity)


_NOT_STORED = WebhookResponse(status=503, document={"error": "storage_unavailable"}, retry_after=RETRY_AFTER_SECONDS)
_PROBE_RESULT = RecordedEvent(id=0, known=True, state="")


class Receiver:
    """Takes deliveries in. One for a process; its threads start with the first delivery, so after any fork."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._endpoints = endpoints(services.settings, services.providers)
        self._secret_usage = SecretUsage(
            services.vault, {name: place.secrets for name, place in self._endpoints.items()}
        )
        self._commits = GroupCommit[UnstampedEvent | None, RecordedEvent](self._write, name="intake")
        self._fallback = _spool_fallback(services, self._write_events)
        self._debouncer = Debouncer(services.notifier.notify)
        self.reports = SpoolReports(
            services.database,
            self._fallback,
            interval=TEST_INTERVAL if services.settings.test_clock else REPORT_INTERVAL,
            answered=services.notifier.notify,
        )

    def begin(self) -> None:
        """Write deliveries of an earlier process's spool to the database; else the first failed write does this."""
        if self._fallback is not None:
            self._fallback.wake()
            self.reports.start()

    def knows(self, endpoint: str) -> bool:
        """Whether anything may be delivered there."""
        return endpoint in self._endpoints

    def accept(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        """Answer a delivery to a known endpoint: with 200 only after it is verified and on stable storage."""
        delivery = self._read(endpoint, headers, body)
        if isinstance(delivery, WebhookResponse):
            return delivery
        with self._failures_noted():
            if self._uses_database():
                return delivery.response(_recorded(self._commits.submit(delivery.row, seconds=self._database_timeout)))
        return self._spool(delivery)

    async def receive(self, endpoint: str, headers: Mapping[str, str], body: bytes, aside: Executor) -> WebhookResponse:
        """Coroutine version of `accept`; blocking work runs `aside`, only when the database fails."""
        delivery = self._read(endpoint, headers, body)
        if isinstance(delivery, WebhookResponse):
            return delivery
        with self._failures_noted():
            if self._uses_database():
                stored = await self._commits.awaited(delivery.row, seconds=self._database_timeout)
                return delivery.response(_recorded(stored))
        return await get_running_loop().run_in_executor(aside, self._spool, delivery)

    def ready(self) -> bool:
        """Whether a delivery could be made durable now; tried by a write on the very path that deliveries take."""
        if self._fallback is not None and self._fallback.database_away:
            return self._fallback.ready()
        return self._database_accepts_writes() or (self._fallback is not None and self._fallback.ready())

    def _database_accepts_writes(self) -> bool:
        try:
            self._commits.submit(None, seconds=PROBE_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - the next delivery would meet the same error
            log.warning("receiver.not_ready", error=type(error).__name__, detail=detail_of(error))
            return False
        return True

    def leave(self) -> None:
        """Sign off before the process ends: an empty spool is expected no more, and what is left in it is logged."""
        if self._fallback is None:
            return
        if self._fallback.empty:
            self.reports.close(timeout=2.0)  # The database may be away: an end takes less than 10 seconds.
        else:
            self._fallback.tell_left()

    def close(self) -> None:
        """End the threads, after the submitted rows are written."""
        self._commits.close()
        self.reports.close()
        if self._fallback is not None:
            self._fallback.close()
        self._debouncer.close()

    def _read(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> _Delivery | WebhookResponse:
        """Verify a delivery and return the row to be stored, or refuse it."""
        provider_endpoint = self._endpoints[endpoint]
        secret = provider_endpoint.provider.verify(headers, body, provider_endpoint.secrets)
        if secret is None:
            return WebhookResponse(status=401, document={"error": "invalid_signature"})
        self._secret_usage.note(endpoint, secret)
        self.reports.start()
        digest, vault = sha256(body).digest(), self._services.vault
        try:
            header = provider_endpoint.provider.peek(body)
        except MalformedPayloadError as error:
            quarantined = sealed_row(vault, endpoint, sha256(b"quarantined" + digest).digest(), body)
            return _Delivery(_quarantined(quarantined, error.detail), digest, malformed=error.detail)
        return _Delivery(event_row(vault, endpoint, provider_endpoint, header, body), digest)

    @property
    def _database_timeout(self) -> float:
        return DURABLE_TIMEOUT if self._fallback is None else DATABASE_TIMEOUT

    def _uses_database(self) -> bool:
        return self._fallback is None or not self._fallback.database_away

    @contextmanager
    def _failures_noted(self) -> Iterator[None]:
        """Continue after the block on any error: the delivery may be kept elsewhere."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as above
            self._note_failure(error)

    def _note_failure(self, error: Exception) -> None:
        """Record that the database did not take a delivery; operators see the class of the error."""
        if self._fallback is None:
            log.warning("receiver.not_stored", error=type(error).__name__, detail=detail_of(error))
            return
        log.warning("receiver.spools", error=type(error).__name__, detail=detail_of(error))
        self._fallback.database_away = isinstance(error, StorageUnavailableError)

    def _spool(self, delivery: _Delivery) -> WebhookResponse:
        """Keep a delivery beside the database; where that cannot be either, the sender tries again."""
        if self._fallback is None:
            return _NOT_STORED
        event = delivery.row(received_at=real_now())
        try:
            self._fallback.store(event, seconds=DURABLE_TIMEOUT - DATABASE_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - the sender tries again after any error
            log.warning("receiver.not_stored", error=type(error).__name__)
            return _NOT_STORED
        metrics.SPOOLED.inc()
        key = event.content_key or event.delivery_key
        return delivery.response(_Stored(spooled_id(key), "ignored" if event.state == "ignored" else "accepted"))

    def _write(self, rows: Sequence[UnstampedEvent | None]) -> Sequence[RecordedEvent]:
        """Record the rows in one transaction, in order; a None only asks whether that is possible."""
        used = self._secret_usage.due()
        self._services.vault.prepare()
        with self._services.database.write() as tx:
            secret_use.note(tx, used)
            now = self._services.clock.now(tx)
            events = [row(received_at=now) for row in rows if row]
            recorded = inbox.record(tx, events, now) if events else []
            if len(events) < len(rows):
                shared_values.put(tx, "ready", now.isoformat())
        metrics.COMMIT_ROWS.observe(len(rows))
        self._notify(recorded)
        remaining = iter(recorded)
        return [next(remaining) if row else _PROBE_RESULT for row in rows]

    def _write_events(self, events: Sequence[NewEvent]) -> None:
        """Record deliveries from the spool with their original arrival time; without deliveries, test the database."""
        if not events:
            self._write([None])
            return
        with self._services.database.write() as tx:
            stands_at = self._services.clock.test_time(tx)
            arrived = (
                [msgspec.structs.replace(event, received_at=stands_at) for event in events] if stands_at else events
            )
            recorded = inbox.record(tx, arrived, stands_at or real_now())
        self._notify(recorded)

    def _notify(self, recorded: Sequence[RecordedEvent]) -> None:
        if any(event.state == "received" for event in recorded):
            self._debouncer.trigger()


class Debouncer:
    """Debounces wake-up signals: a thread of its own sends them, and those wanted at the same moment are one."""

    INTERVAL = 0.01
    """Seconds between two signals: a burst costs a hundred a second at most, and a single event does not wait."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._wanted = Event()
        self._thread: Thread | None = None
        self._closed = False

    def trigger(self) -> None:
        """Ask for a signal and return at once. Called by one thread only."""
        self._wanted.set()
        if self._thread is None or not self._thread.is_alive():
            self._closed = False
            self._thread = Thread(target=self._run, name="debouncer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Send a signal that is still wanted, then end the thread."""
        self._closed = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._wanted.is_set() or not self._closed:
            self._wanted.wait()
            self._wanted.clear()
            self._action()
            sleep(self.INTERVAL)


def _spool_fallback(services: Services, record: Callable[[Sequence[NewEvent]], None]) -> SpoolFallback | None:
    limit = services.settings.spool * MEBIBYTE
    return SpoolFallback(Spool(services.settings.data_dir / "spool", limit), services.vault, record) if limit else None


def _recorded(recorded: RecordedEvent) -> _Stored:
    fresh = "ignored" if recorded.state == "ignored" else "accepted"
    return _Stored(event_id(recorded.id), "duplicate" if recorded.known else fresh)


def _quarantined(sealed: UnstampedEvent, detail: str) -> UnstampedEvent:
    return partial(
        sealed,
        name="",
        content_key=None,
        lane=0,
        state="quarantined",
        reason=detail,
        mode="",
    )
