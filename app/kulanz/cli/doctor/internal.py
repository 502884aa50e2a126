"""Checks of `kulanz doctor` inside this installation: each yields its finding, and advice where that is not well."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from kulanz.cli.doctor import external
from kulanz.cli.doctor.finding import Finding
from kulanz.config import environment, policy_text
from kulanz.config.sources import ENV_FILE, SECRETS_FILE
from kulanz.errors import StorageUnavailableError
from kulanz.formats.wording import how_many
from kulanz.ingest import secret_usage
from kulanz.ingest.event_rows import OTHER_MODE
from kulanz.ingest.receiver import MEBIBYTE
from kulanz.policy import document
from kulanz.privacy import ledger_head
from kulanz.processing import circuit_breaker, endpoints, facts_first, unknown_words
from kulanz.runtime import clock_guard, disks
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import inbox, migrate, outbox, policies, shared_values
from kulanz.store.spool import Spool

OLD = timedelta(minutes=1)
CLOCK_SILENT = timedelta(minutes=5)
_WORDS_SHOWN = 20
_EVENTS_LOOKED_AT = 20
NIGHTLY = timedelta(hours=36)
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
    """Whether deliveries wait beside the database, one could be kept there, and the disk lasts."""
    limit = services.settings.spool
    if not limit:
        yield Finding("spool", None, "off: while the database is away deliveries are answered 503")
        return
    folder = services.settings.data_dir / "spool"
    kept = Spool(folder, limit * MEBIBYTE)
    waiting = kept.size()
    advice = "they are brought back by `kulanz web` while the database answers"
    yield Finding("spool", not waiting, f"{waiting} bytes of deliveries wait", _if(bool(waiting), advice))
    if problem := _unwritable(kept, folder):
        advice = "let the user of `kulanz web` write to KULANZ_DATA_DIR, or set KULANZ_SPOOL=off"
        yield Finding("spool folder", False, f"{folder}: {problem}", advice)
    if reason := disks.why_short_lived(folder, environment()):
        advice = "deliveries that were acknowledged would be lost with it: another KULANZ_DATA_DIR, or KULANZ_SPOOL=off"
        yield Finding("spool disk", None, reason, advice)


def policy(services: Services) -> Iterator[Finding]:
    """Show the policy in force, with a note if the settings name another one, or an update has a newer preset."""
    with services.database.read() as conn:
        row = policies.in_force(policies.all(conn), services.clock.now(conn))
    try:
        configured = document.parse(policy_text(services.settings.policy))
    except OSError as error:
        yield Finding("policy", False, f"{services.settings.policy}: {_words(error)}", "check KULANZ_POLICY")
        return
    if row is None:
        yield Finding("policy", None, f"none in force yet; {configured.name} will be")
        return
    note = f"KULANZ_POLICY names another ({configured.name}): it counts only at the first start"
    if row.name == services.settings.policy in document.presets():
        note = (
            f"a newer preset is there: see `kulanz policy diff {row.version} {row.name}`, then `kulanz policy activate`"
        )
    other = row.sha256 != configured.sha256
    yield Finding("policy", True, f"{row.name}, version {row.version}", _if(other, note))


def host_clock(services: Services) -> Iterator[Finding]:
    """Whether the clock process lives, and the host's time is believed."""
    with services.database.read() as conn:
        jump, seen, test = (
            clock_guard.jump(conn),
            shared_values.get(conn, clock_guard.LAST_SEEN_KEY),
            services.clock.test_time(conn),
        )
    if jump:
        detail = f"the host's time went from {jump['last_seen']} to {jump['found']}: no timer fires"
        yield Finding("clock", False, detail, "check the host's time, then `kulanz clock accept`")
        return
    lives = seen is not None and real_now() - datetime.fromisoformat(seen) < CLOCK_SILENT
    standing = f"; the test clock stands at {_instant(test)}" if test else ""
    text = _instant(datetime.fromisoformat(seen) if seen is not None else None)
    yield Finding("clock", lives, f"last seen {text}{standing}", _if(not lives, "start `kulanz clock run`"))


def mass_downgrades(services: Services) -> Iterator[Finding]:
    """Whether the circuit breaker keeps accounts from losing access."""
    with services.database.read() as conn:
        breaker_status = circuit_breaker.status(conn, services.clock.now(conn))
    wait = how_many(breaker_status.waiting, "account waits", "accounts wait")
    since = f"on since {breaker_status.on_since.isoformat()}, {wait}" if breaker_status.on_since else "off"
    advice = "is the provider down, is the clock right? If all is well: `kulanz breaker release`"
    yield Finding("breaker", breaker_status.on_since is None, since, _if(breaker_status.on_since, advice))


def spools(services: Services) -> Iterator[Finding]:
    """Whether dunning waits for a receiver whose spool may hold deliveries."""
    with services.database.read() as conn:
        silent = facts_first.waited_for(conn)
    names = ", ".join(f"{row.id} (last seen {_instant(row.seen_at)})" for row in silent)
    detail = f"nothing is taken and no notice goes out before these report an empty spool: {names}"
    advice = "start `kulanz web` there; after 15 minutes dunning continues without it"
    yield Finding("receivers", not silent, detail if silent else "all report empty spools", _if(silent, advice))


def backlog(services: Services) -> Iterator[Finding]:
    """Whether events and effects are stuck."""
    with services.database.read() as conn:
        events, effects = inbox.counts(conn), outbox.counts(conn)
        oldest, now = inbox.oldest_received(conn), services.clock.now(conn)
    fresh = oldest is None or now - oldest < OLD
    left = how_many(events.get("received", 0), "event")
    yield Finding("inbox", fresh, f"{left} to be applied", _if(not fresh, START_WORKERS))
    for state in ("parked", "quarantined"):
        advice = f"`kulanz events list --state {state}`, then `events retry ID` or `events skip ID`"
        yield _stuck(f"{state} events", events.get(state, 0), advice)
    for state, word in (("parked", "parked"), ("todo", "to-do"), ("unknown", "unknown")):
        yield _stuck(f"{word} effects", effects.get(state, 0), f"`kulanz effects list --state {state}`")


def ledger(services: Services) -> Iterator[Finding]:
    """Whether the database has all that the last head of its ledger knows."""
    head = ledger_head.read(ledger_head.path_of(services))
    if head is None:
        yield Finding("ledger", None, "no head here: `kulanz clock run` takes one every quarter of an hour")
        return
    lost = [*ledger_head.losses(services, head)]
    taken = f"the head of {_instant(head.summary.at)}"
    with services.database.read() as conn:
        held = outbox.counts(conn).get("parked", 0)
    detail = (
        f"older than {taken}, which knows {how_many(len(lost), 'loss', 'losses')}; {held} outgoing actions are held"
    )
    advice = (
        "`kulanz ledger verify`; what was done since: `kulanz reconcile` asks the provider, and the mail server's log"
        " has the `message_id` of `kulanz effects list --state parked --json`; after an honest restore"
        " `kulanz ledger accept-restore --reason`, then `kulanz effects retry` for what was not done"
    )
    yield Finding("ledger", not lost, detail if lost else f"has all that {taken} knows", _if(lost, advice))
    if not services.vault.binds:
        yield Finding("encrypted contents", None, "not bound to their rows yet", "`kulanz secrets rotate`")


def nightly(services: Services) -> Iterator[Finding]:
    """Whether the provider was compared with lately."""
    settings = services.settings
    if settings.reconcile == "off" or (settings.lemonsqueezy_api_key or settings.stripe_api_key) is None:
        yield Finding("reconciliation", None, "off: KULANZ_RECONCILE is off, or there is no API key")
        return
    with services.database.read() as conn:
        mark, test = shared_values.get(conn, shared_values.RECONCILED_KEY) or {}, services.clock.test_time(conn)
    at = datetime.fromisoformat(mark["at"]) if "at" in mark else None
    late = at is None or real_now() - at > NIGHTLY
    if test is not None and late:
        yield Finding("reconciliation", None, "not while the test clock is set")
        return
    advice = "`kulanz clock run` does it every night; `kulanz reconcile` does it now, and says what is in the way"
    yield Finding("reconciliation", not late, f"last {_instant(at)}", _if(late, advice))


def secrets(services: Services) -> Iterator[Finding]:
    """Whether others may read the stored secrets."""
    for path in (services.settings.data_dir / SECRETS_FILE, services.settings.data_dir, Path(ENV_FILE)):
        with suppress(FileNotFoundError, PermissionError):
            private = not path.stat().st_mode & 0o077
            yield Finding(
                path.name,
                private,
                "private" if private else "others may read it",
                _if(not private, f"chmod go= {path}"),
            )


def webhook_secrets(services: Services) -> Iterator[Finding]:
    """Check the webhook secrets: used ones, removable ones, and removed ones that are still in use."""
    with services.database.read() as conn:
        uses = secret_usage.status(services, conn)
    now = real_now()
    for use in uses:
        when = f"last used {use.last_used:%Y-%m-%d %H:%M}Z" if use.last_used else "never used"
        if use.place is not None:
            advice = _if(secret_usage.objection(use, uses, now) is None, "it may be taken away")
            yield Finding(f"webhook secret {use.place} of {use.endpoint}", True, when, advice)
        elif use.in_use(now):
            advice = "put it back until a day after the provider stopped using it: its deliveries are refused"
            yield Finding(f"webhook secret of {use.endpoint}", False, f"{when}, and configured no longer", advice)


Check = Callable[[Services], Iterator[Finding]]


def words_of_providers(services: Services) -> Iterator[Finding]:
    """Whether a provider sends unknown values; no decision needs them, so this is a note."""
    with services.database.read() as conn:
        rows = unknown_words.lately(services, conn)
    yield Finding("unknown words", None if rows else True, "none" if not rows else how_many(len(rows), "word", "words"))
    for row in rows[:_WORDS_SHOWN]:
        found = f"{row.met.provider} {row.met.field}: {row.met.word} ({row.event}, {row.day})"
        yield Finding("unknown word", None, found, "no decision needs it; see docs/providers.md, or update Kulanz")


def other_mode(services: Services) -> Iterator[Finding]:
    """Whether events are ignored because the provider sends in another mode: usual in a trial with a test store."""
    with services.database.read() as conn:
        ignored = [event.reason for event in inbox.listing(conn, "ignored", None, _EVENTS_LOOKED_AT)]
    for mode, reason in OTHER_MODE.items():
        if reason in ignored:
            found = f"{ignored.count(reason)} of the last {how_many(len(ignored), 'ignored event')} were {reason}"
            yield Finding(f"{mode}-mode events", None, found, f"LEMONSQUEEZY_MODE={mode}, if they are to count")


def endpoint_problems(services: Services) -> Iterator[Finding]:
    """Whether a provider sends events that can have no effect with its endpoint's settings."""
    with services.database.read() as conn:
        problems = endpoints.lately(services, conn)
        accepted = endpoints.accounts_without_setting(services, conn)
    for row in problems:
        yield Finding(f"endpoint {row.provider}", False, f"{row.problem} (last on {row.day})", "see docs/providers.md")
    if accepted:
        advice = f"set STRIPE_ACCOUNT_IDS to {','.join(accepted)}, or to those of them that are yours"
        yield Finding("connected accounts", None, "accepted because they were before", advice)


DATABASE_CHECKS: tuple[Check, ...] = (
    policy,
    host_clock,
    mass_downgrades,
    spools,
    backlog,
    ledger,
    nightly,
    webhook_secrets,
    words_of_providers,
    other_mode,
    endpoint_problems,
)
OTHER_CHECKS: tuple[Check, ...] = (spool, *external.EXTERNAL_CHECKS, secrets)


def _unwritable(spool: Spool, folder: Path) -> str | None:
    """Return why a delivery could not be kept; a folder that is not there is not made, as it would be this user's."""
    if not folder.exists():
        above = disks.existing(folder)
        return None if os.access(above, os.W_OK | os.X_OK) else f"{above} cannot be written"
    try:
        spool.check()
    except StorageUnavailableError as error:
        return error.detail
    return None


def _stuck(name: str, count: int, advice: str) -> Finding:
    return Finding(name, not count, str(count), _if(count, advice))


def _if(condition: object, advice: str) -> str:
    return advice if condition else ""


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _instant(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else "never"
