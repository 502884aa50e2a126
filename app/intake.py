"""The receiving path: verify a delivery, make it durable together with whoever waits, answer, and only then ring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from threading import Event, Thread
from time import sleep

from app import metrics
from app.config import Settings
from app.errors import MalformedPayloadError
from app.group_commit import GroupCommit
from app.logs import log
from app.providers import Glance, Provider
from app.services import Services
from app.store import inbox, marks
from app.store.inbox import NewEvent, Recorded

PATIENCE = 3.5
"""Seconds that a delivery waits for its commit; the contract allows four for the whole answer."""
PROBE_PATIENCE = 1.0
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


_PROBED = Recorded(id=0, known=True, state="")


class Intake:
    """Takes deliveries in. One for a process; its threads start with the first delivery, so after any fork."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._endpoints = _endpoints(services.settings, services.providers)
        self._commits = GroupCommit[_Row | None, Recorded](self._write, name="intake")
        self._ringer = Ringer(services.bell.ring)

    def knows(self, endpoint: str) -> bool:
        """Whether anything may be delivered there."""
        return endpoint in self._endpoints

    def accept(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a delivery to a known endpoint: with 200 only for what is verified and on stable storage."""
        place = self._endpoints[endpoint]
        if place.provider.verify(headers, body, place.secrets) is None:
            return Answer(status=401, document={"error": "invalid_signature"})
        digest = sha256(body).digest()
        sealed = partial(NewEvent, provider=endpoint, sha256=digest, body=self._services.vault.seal(body))
        try:
            glance = place.provider.glance(body)
        except MalformedPayloadError as error:
            return self._quarantine(sealed, digest, error.detail)
        objection = place.objection(glance)
        return self._record(
            partial(
                sealed,
                name=_printable(glance.name),
                delivery_key=glance.delivery_key,
                content_key=glance.content_key,
                lane=glance.lane,
                state="ignored" if objection else "received",
                reason=objection,
                mode=_mode(glance),
            ),
            lambda recorded: Answer(status=200, document={"status": _status(recorded)} | _identity(recorded, digest)),
        )

    def ready(self) -> bool:
        """Whether a delivery could be made durable now; tried by a write on the very path that deliveries take."""
        try:
            self._commits.submit(None, seconds=PROBE_PATIENCE)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next delivery would meet it too
            log.warning("intake.not_ready", error=type(error).__name__)
            return False
        return True

    def close(self) -> None:
        """End the threads; what waits is written first."""
        self._commits.close()
        self._ringer.close()

    def _quarantine(self, sealed: _Row, digest: bytes, detail: str) -> Answer:
        row = partial(
            sealed,
            name="",
            delivery_key=sha256(b"quarantined" + digest).digest(),
            content_key=None,
            lane=0,
            state="quarantined",
            reason=detail,
            mode="",
        )
        malformed = {"error": "malformed_payload", "detail": detail}
        return self._record(row, lambda recorded: Answer(status=400, document=malformed | _identity(recorded, digest)))

    def _record(self, row: _Row, answer: Callable[[Recorded], Answer]) -> Answer:
        try:
            return answer(self._commits.submit(row, seconds=PATIENCE))
        except Exception as error:  # noqa: BLE001 - the sender tries again whatever it was; operators see its class
            log.warning("intake.unwritten", error=type(error).__name__)
            return Answer(status=503, document={"error": "storage_unavailable"}, retry_after=RETRY_AFTER)

    def _write(self, rows: Sequence[_Row | None]) -> Sequence[Recorded]:
        """Record the rows in one transaction, in order; a None only asks whether that is possible."""
        with self._services.database.write() as tx:
            now = self._services.clock.now(tx)
            events = [row(received_at=now) for row in rows if row]
            recorded = inbox.record(tx, events, now) if events else []
            if len(events) < len(rows):
                marks.put(tx, "ready", now.isoformat())
        metrics.COMMIT_ROWS.observe(len(rows))
        if any(event.state == "received" for event in recorded):
            self._ringer.ring()
        remaining = iter(recorded)
        return [next(remaining) if row else _PROBED for row in rows]


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
        while not self._closed:
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


def _status(recorded: Recorded) -> str:
    if recorded.known:
        return "duplicate"
    return "ignored" if recorded.state == "ignored" else "accepted"


def _identity(recorded: Recorded, digest: bytes) -> dict[str, str]:
    return {"event": f"evt_{recorded.id}", "sha256": digest.hex()}


def _printable(name: str) -> str:
    """Return a name from outside as every database and terminal can take it."""
    short = name[:LONGEST_NAME]
    return short if short.isprintable() else "".join(char if char.isprintable() else "?" for char in short)
