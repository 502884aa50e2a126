"""The receiving path: verify a delivery, make it durable together with whoever waits, answer, and only then ring."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from threading import Event, Thread
from time import sleep

import msgspec

from kulanz.config import Settings
from kulanz.errors import MalformedPayloadError, StorageUnavailableError, detail_of
from kulanz.ingest.group_commit import GroupCommit
from kulanz.ingest.secret_usage import Uses
from kulanz.ingest.spooling import Standby
from kulanz.providers import Glance, Provider
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import inbox, secret_use, shared_values
from kulanz.store.inbox import NewEvent, Recorded, event_id, spooled_id
from kulanz.store.spool import Spool
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log

PATIENCE = 3.5
"""Seconds that a delivery waits to be written somewhere; the contract allows four for the whole answer."""
DATABASE_PATIENCE = 2.0
"""Seconds of them for the database, where there is a spool beside it."""
PROBE_PATIENCE = 1.0
MEBIBYTE = 1024 * 1024
RETRY_AFTER = 5
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender of a delivery is told (CONTRACT section 3)."""

    status: int
    document: dict[str, str]
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One configured place of delivery: whose words it speaks, and whose events act."""

    provider: Provider
    secrets: Sequence[bytes]
    mode: str
    store_ids: frozenset[str]

    def objection(self, glance: Glance) -> str | None:
        """Return why nobody acts on this event; None if somebody does."""
        if not glance.recognised:
            return "nobody acts on this kind of event"
        if self.mode not in {"any", _mode(glance)}:
            return f"sent in {_mode(glance)} mode"
        if self.store_ids and glance.store not in self.store_ids:
            return "sent by a store that is not ours"
        return None


_Row = Callable[..., NewEvent]
"""A new event that lacks only the time of its arrival, which is read in the transaction that records it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """How an event is called that is on stable storage, and the word for what became of it."""

    event: str
    status: str


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A verified delivery: what to keep of it, and what to answer once that is kept."""

    row: _Row
    digest: bytes
    malformed: str | None = None
    """What is wrong with its body, which is kept in quarantine."""

    def answer(self, kept: _Kept) -> Answer:
        identity = {"event": kept.event, "sha256": self.digest.hex()}
        if self.malformed is None:
            return Answer(status=200, document={"status": kept.status} | identity)
        return Answer(status=400, document={"error": "malformed_payload", "detail": self.malformed} | identity)


_UNWRITTEN = Answer(status=503, document={"error": "storage_unavailable"}, retry_after=RETRY_AFTER)
_PROBED = Recorded(id=0, known=True, state="")


class Intake:
    """Takes deliveries in. One for a process; its threads start with the first delivery, so after any fork."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._endpoints = _endpoints(services.settings, services.providers)
        self._uses = Uses(services.vault, {name: place.secrets for name, place in self._endpoints.items()})
        self._commits = GroupCommit[_Row | None, Recorded](self._write, name="intake")
        self._standby = _standby(services, self._write_events)
        self._ringer = Ringer(services.bell.ring)

    def begin(self) -> None:
        """Bring back what an earlier process left in the spool; without this, the first trouble with a write does."""
        if self._standby is not None:
            self._standby.stir()

    def knows(self, endpoint: str) -> bool:
        """Whether anything may be delivered there."""
        return endpoint in self._endpoints

    def accept(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a delivery to a known endpoint: with 200 only for what is verified and on stable storage."""
        delivery = self._read(endpoint, headers, body)
        if isinstance(delivery, Answer):
            return delivery
        if self._standby is None or not self._standby.away:
            try:
                return delivery.answer(_recorded(self._commits.submit(delivery.row, seconds=self._patience)))
            except Exception as error:  # noqa: BLE001 - whatever it was, the delivery may be kept elsewhere
                self._note(error)
        return self._stand_by(delivery)

    async def receive(self, endpoint: str, headers: Mapping[str, str], body: bytes, aside: Executor) -> Answer:
        """Answer as `accept` does; nothing blocks here but what is done `aside`, where the database fails."""
        delivery = self._read(endpoint, headers, body)
        if isinstance(delivery, Answer):
            return delivery
        if self._standby is None or not self._standby.away:
            try:
                return delivery.answer(_recorded(await self._commits.awaited(delivery.row, seconds=self._patience)))
            except Exception as error:  # noqa: BLE001 - as above
                self._note(error)
        return await get_running_loop().run_in_executor(aside, self._stand_by, delivery)

    def ready(self) -> bool:
        """Whether a delivery could be made durable now; tried by a write on the very path that deliveries take."""
        if self._standby is not None and self._standby.away:
            return self._standby.ready()
        return self._database_is_there() or (self._standby is not None and self._standby.ready())

    def _database_is_there(self) -> bool:
        try:
            self._commits.submit(None, seconds=PROBE_PATIENCE)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next delivery would meet it too
            log.warning("intake.not_ready", error=type(error).__name__, detail=detail_of(error))
            return False
        return True

    def close(self) -> None:
        """End the threads; what waits is written first."""
        self._commits.close()
        if self._standby is not None:
            self._standby.close()
        self._ringer.close()

    def _read(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> _Delivery | Answer:
        """Verify a delivery and say what is to be kept of it, or refuse it."""
        place = self._endpoints[endpoint]
        secret = place.provider.verify(headers, body, place.secrets)
        if secret is None:
            return Answer(status=401, document={"error": "invalid_signature"})
        self._uses.see(endpoint, secret)
        digest = sha256(body).digest()
        sealed = partial(NewEvent, provider=endpoint, sha256=digest, body=self._services.vault.seal(body))
        try:
            glance = place.provider.glance(body)
        except MalformedPayloadError as error:
            return _Delivery(_quarantined(sealed, digest, error.detail), digest, malformed=error.detail)
        objection = place.objection(glance)
        row = partial(
            sealed,
            name=_printable(glance.name),
            delivery_key=glance.delivery_key,
            content_key=glance.content_key,
            lane=glance.lane,
            state="ignored" if objection else "received",
            reason=objection,
            mode=_mode(glance),
        )
        return _Delivery(row, digest)

    @property
    def _patience(self) -> float:
        return PATIENCE if self._standby is None else DATABASE_PATIENCE

    def _note(self, error: Exception) -> None:
        """Remember that the database did not take a delivery; operators see the class of what it was."""
        if self._standby is None:
            log.warning("intake.unwritten", error=type(error).__name__, detail=detail_of(error))
            return
        log.warning("intake.stands_by", error=type(error).__name__, detail=detail_of(error))
        self._standby.away = isinstance(error, StorageUnavailableError)

    def _stand_by(self, delivery: _Delivery) -> Answer:
        """Keep a delivery beside the database; where that cannot be either, the sender tries again."""
        if self._standby is None:
            return _UNWRITTEN
        event = delivery.row(received_at=real_now())
        try:
            self._standby.keep(event, seconds=PATIENCE - DATABASE_PATIENCE)
        except Exception as error:  # noqa: BLE001 - the sender tries again whatever it was
            log.warning("intake.unwritten", error=type(error).__name__)
            return _UNWRITTEN
        metrics.SPOOLED.inc()
        key = event.content_key or event.delivery_key
        return delivery.answer(_Kept(spooled_id(key), "ignored" if event.state == "ignored" else "accepted"))

    def _write(self, rows: Sequence[_Row | None]) -> Sequence[Recorded]:
        """Record the rows in one transaction, in order; a None only asks whether that is possible."""
        used = self._uses.due()
        with self._services.database.write() as tx:
            secret_use.note(tx, used)
            now = self._services.clock.now(tx)
            events = [row(received_at=now) for row in rows if row]
            recorded = inbox.record(tx, events, now) if events else []
            if len(events) < len(rows):
                shared_values.put(tx, "ready", now.isoformat())
        metrics.COMMIT_ROWS.observe(len(rows))
        self._announce(recorded)
        remaining = iter(recorded)
        return [next(remaining) if row else _PROBED for row in rows]

    def _write_events(self, events: Sequence[NewEvent]) -> None:
        """Record what lay in the spool as if it came now, but for the time of its arrival; nothing: see if we could."""
        if not events:
            self._write([None])
            return
        with self._services.database.write() as tx:
            stands_at = self._services.clock.test_time(tx)
            arrived = (
                [msgspec.structs.replace(event, received_at=stands_at) for event in events] if stands_at else events
            )
            recorded = inbox.record(tx, arrived, stands_at or real_now())
        self._announce(recorded)

    def _announce(self, recorded: Sequence[Recorded]) -> None:
        if any(event.state == "received" for event in recorded):
            self._ringer.ring()


class Ringer:
    """Rings a bell from a thread of its own, so that no answer waits for it; rings that come together are one."""

    PAUSE = 0.01
    """Seconds between two rings: a burst costs a hundred rings a second at most, a single event none of it."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._wanted = Event()
        self._thread: Thread | None = None
        self._closed = False

    def ring(self) -> None:
        """Ask for a ring and return at once. Called by one thread only."""
        self._wanted.set()
        if self._thread is None or not self._thread.is_alive():
            self._closed = False
            self._thread = Thread(target=self._run, name="ringer", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ring once more, then end the thread."""
        self._closed = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._wanted.is_set() or not self._closed:
            self._wanted.wait()
            self._wanted.clear()
            self._ring()
            sleep(self.PAUSE)


def _endpoints(settings: Settings, providers: Mapping[str, Provider]) -> Mapping[str, Endpoint]:
    """Return the endpoints that have a secret; the others do not exist.

    Stripe says of each event which mode it is of, as Lemon Squeezy does. The others do not: theirs always act.
    """
    mode, stores, nobody = settings.lemonsqueezy_mode, settings.lemonsqueezy_store_ids, frozenset[str]()
    places = {
        "lemonsqueezy": (settings.lemonsqueezy_webhook_secrets, mode, stores),
        "stripe": (settings.stripe_webhook_secrets, mode, nobody),
        "paddle": (settings.paddle_webhook_secrets, "any", nobody),
        "standard": (settings.standard_webhook_secrets, "any", nobody),
    }
    return {
        name: Endpoint(
            provider=providers[name],
            secrets=tuple(secret.encode() for secret in secrets),
            mode=acting,
            store_ids=store_ids,
        )
        for name, (secrets, acting, store_ids) in places.items()
        if secrets
    }


def _mode(glance: Glance) -> str:
    return "test" if glance.test_mode else "live"


def _standby(services: Services, record: Callable[[Sequence[NewEvent]], None]) -> Standby | None:
    limit = services.settings.spool * MEBIBYTE
    return Standby(Spool(services.settings.data_dir / "spool", limit), services.vault, record) if limit else None


def _recorded(recorded: Recorded) -> _Kept:
    fresh = "ignored" if recorded.state == "ignored" else "accepted"
    return _Kept(event_id(recorded.id), "duplicate" if recorded.known else fresh)


def _quarantined(sealed: _Row, digest: bytes, detail: str) -> _Row:
    return partial(
        sealed,
        name="",
        delivery_key=sha256(b"quarantined" + digest).digest(),
        content_key=None,
        lane=0,
        state="quarantined",
        reason=detail,
        mode="",
    )


def _printable(name: str) -> str:
    """Return a name from outside as every database and terminal can take it."""
    short = name[:LONGEST_NAME]
    return short if short.isprintable() else "".join(char if char.isprintable() else "?" for char in short)
