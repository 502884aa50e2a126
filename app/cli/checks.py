"""What `kulanz doctor` looks at: each check yields what it found, and what to do where that is not well."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from app import brake, host_time
from app.cli.doctor import Finding
from app.clock import real_now
from app.config import policy_text
from app.doorbell import QUEUES, connect
from app.errors import KulanzError
from app.policy import document
from app.services import Services
from app.spool import Spool
from app.store import inbox, marks, migrate, outbox, policies

PATIENCE = 5.0
OLD = timedelta(minutes=1)
CLOCK_SILENT = timedelta(minutes=5)
START_WORKERS = "start `kulanz worker` (or `kulanz up`)"


def database(services: Services) -> Iterator[Finding]:
    """Whether the database answers and has this version's shape, and our keys open it."""
    at, newest = migrate.current(services.database), migrate.head()
    yield Finding(
        "database",
        at == newest,
        f"{services.database.dialect}, at revision {at}",
        _if(at != newest, "run `kulanz migrate`"),
    )
    if at == newest:
        services.vault.fingerprint("doctor")
        yield Finding(
            "encryption keys", True, f"{len(services.settings.encryption_keys)} given; they open this database"
        )


def spool(services: Services) -> Iterator[Finding]:
    """Whether deliveries wait beside the database."""
    limit = services.settings.spool
    if not limit:
        yield Finding("spool", None, "off: while the database is away deliveries are answered 503")
        return
    waiting = Spool(services.settings.data_dir / "spool", limit).size()
    advice = "they are brought back by `kulanz web` while the database answers"
    yield Finding("spool", not waiting, f"{waiting} bytes of deliveries wait", _if(bool(waiting), advice))


def policy(services: Services) -> Iterator[Finding]:
    """Whether the policy in force is the one that the settings name."""
    with services.database.read() as conn:
        found = policies.in_force(policies.all(conn), services.clock.now(conn))
    try:
        configured = document.parse(policy_text(services.settings.policy))
    except OSError as error:
        yield Finding("policy", False, f"{services.settings.policy}: {_words(error)}", "check KULANZ_POLICY")
        return
    if found is None:
        yield Finding("policy", None, f"none in force yet; {configured.name} will be")
        return
    same = found.sha256 == configured.sha256
    detail = f"{found.name}, version {found.version}"
    yield Finding(
        "policy",
        same,
        detail,
        _if(not same, f"KULANZ_POLICY names another ({configured.name}): it counts only at the first start"),
    )


def host_clock(services: Services) -> Iterator[Finding]:
    """Whether the clock process lives, and the host's time is believed."""
    with services.database.read() as conn:
        jump, seen, test = host_time.jump(conn), marks.get(conn, host_time.LAST_SEEN), services.clock.test_time(conn)
    if jump:
        detail = f"the host's time went from {jump['last_seen']} to {jump['found']}: no timer fires"
        yield Finding("clock", False, detail, "check the host's time, then `kulanz clock accept`")
        return
    lives = seen is not None and real_now() - datetime.fromisoformat(seen) < CLOCK_SILENT
    standing = f"; the test clock stands at {test.isoformat()}" if test else ""
    yield Finding("clock", lives, f"last seen {seen or 'never'}{standing}", _if(not lives, "start `kulanz clock run`"))


def mass_downgrades(services: Services) -> Iterator[Finding]:
    """Whether the brake keeps accounts from losing access."""
    with services.database.read() as conn:
        found = brake.show(conn, services.clock.now(conn))
    since = f"on since {found.on_since.isoformat()}, {found.waiting} accounts wait" if found.on_since else "off"
    advice = "is the provider down, is the clock right? If all is well: `kulanz brake release`"
    yield Finding("brake", found.on_since is None, since, _if(found.on_since, advice))


def backlog(services: Services) -> Iterator[Finding]:
    """Whether events and effects are stuck."""
    with services.database.read() as conn:
        events, effects = inbox.counts(conn), outbox.counts(conn)
        oldest, now = inbox.oldest_received(conn), services.clock.now(conn)
    fresh = oldest is None or now - oldest < OLD
    yield Finding("inbox", fresh, f"{events.get('received', 0)} events to be applied", _if(not fresh, START_WORKERS))
    parked = events.get("parked", 0) + events.get("quarantined", 0)
    yield Finding(
        "parked events", not parked, str(parked), _if(parked, "`kulanz events list --state parked` (or quarantined)")
    )
    stuck = sum(effects.get(state, 0) for state in ("parked", "todo", "unknown"))
    yield Finding(
        "stuck effects", not stuck, str(stuck), _if(stuck, "`kulanz effects list --state parked` (or todo, unknown)")
    )


def redis(services: Services) -> Iterator[Finding]:
    """Whether Redis answers, and a worker listens on each queue."""
    url = services.settings.redis_url
    if url is None:
        yield Finding("redis", None, "none: `kulanz up` starts a private one; workers ask the database every second")
        return
    try:
        with connect(url, timeout=PATIENCE) as client:
            workers = SimpleWorker.all(connection=client, serializer=JSONSerializer)
            alive = {
                name
                for worker in workers
                if worker.last_heartbeat and real_now() - worker.last_heartbeat < OLD
                for name in worker.queue_names()
            }
    except (RedisError, OSError) as error:
        yield Finding(
            "redis", False, type(error).__name__, "check REDIS_URL; meanwhile workers ask the database every second"
        )
        return
    yield Finding("redis", True, "answers")
    idle = [name for name in QUEUES if name not in alive]
    yield Finding("workers", not idle, f"{len(alive)} queues attended", _if(idle, START_WORKERS))


def mail(services: Services) -> Iterator[Finding]:
    """Whether the SMTP server can be reached."""
    url = services.settings.smtp_url
    if url is None:
        counts = services.settings.test_clock
        advice = _if(not counts, "set SMTP_URL: a mail in a file counts as not delivered, and warnings need delivery")
        yield Finding("mail", None if counts else False, f"written to {services.settings.data_dir / 'mail'}", advice)
        return
    parts = urlsplit(url)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    try:
        with kind(parts.hostname or "", parts.port or 0, timeout=PATIENCE) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("mail", False, f"{parts.hostname}: {_words(error)}", "check SMTP_URL")
        return
    yield Finding("mail", True, f"{parts.hostname} answers")


def callback(services: Services) -> Iterator[Finding]:
    """Whether the merchant's product can be reached; nothing is sent to it."""
    url = services.settings.callback_url
    if url is None:
        yield Finding("callbacks", None, "CALLBACK_URL is not set: the product polls /v1, or is not told")
        return
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "", port), timeout=PATIENCE).close()
    except OSError as error:
        yield Finding(
            "callbacks", False, f"{parts.hostname}: {_words(error)}", "check CALLBACK_URL, and that the product runs"
        )
        return
    yield Finding("callbacks", True, f"{parts.hostname} can be reached")


def provider(services: Services) -> Iterator[Finding]:
    """Whether the API key works, and is of the mode that the settings say."""
    client = services.clients.get("lemonsqueezy")
    if client is None:
        yield Finding(
            "lemonsqueezy", None, "no API key: what should be done there becomes a to-do, and nothing is looked up"
        )
        return
    try:
        mode = "test" if client.test_mode() else "live"
    except KulanzError as error:
        yield Finding("lemonsqueezy", False, error.detail, "check LEMONSQUEEZY_API_KEY; keys live one year")
        return
    fits = services.settings.lemonsqueezy_mode in {mode, "any"}
    advice = _if(not fits, f"LEMONSQUEEZY_MODE is {services.settings.lemonsqueezy_mode}")
    yield Finding("lemonsqueezy", fits, f"the key works, in {mode} mode", advice)


def secrets(services: Services) -> Iterator[Finding]:
    """Whether others may read the stored secrets."""
    for path in (services.settings.data_dir / "secrets.toml", Path(services.settings.data_dir)):
        with suppress(FileNotFoundError):
            private = not path.stat().st_mode & 0o077
            yield Finding(
                path.name,
                private,
                "private" if private else "others may read it",
                _if(not private, f"chmod go= {path}"),
            )


Check = Callable[[Services], Iterator[Finding]]
STORED: tuple[Check, ...] = (policy, host_clock, mass_downgrades, backlog)
OUTSIDE: tuple[Check, ...] = (spool, redis, mail, callback, provider, secrets)


def _if(condition: object, advice: str) -> str:
    return advice if condition else ""


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
