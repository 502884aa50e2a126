"""The move to another database: an interruptible copy, compared account by account before it counts."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kulanz.errors import RefusedError
from kulanz.formats.wording import how_many
from kulanz.privacy import audit, ledger_head
from kulanz.privacy.ledger_head import Head
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, copying, dump, migrate
from kulanz.store.database import Connection

AT_REST = timedelta(seconds=10)
"""Time without a report after which the old database counts as idle; workers report every 3 s, receivers every 1 s."""
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Contents of the new database, and the number of rows written this time."""

    accounts: int
    decisions: int
    rows: int
    written: int


def admit(services: Services, target: Services) -> int:
    """Return how many rows there are to move; RefusedError where they may not be written into the target."""
    if migrate.current(services.database) != migrate.head():
        raise RefusedError("this database is not at this version's revision: run `kulanz migrate` first")
    with services.database.read() as conn:
        rows = sum(dump.counts(conn).values())
    file = Path(target.settings.database_url.removeprefix("sqlite:///"))
    is_new = target.database.dialect == "sqlite" and not file.exists()  # To ask would make it.
    revision = None if is_new else migrate.current(target.database)
    if revision is None:
        return rows
    if revision != migrate.head():
        raise RefusedError("the other database is not empty, and of another version: take a new one")
    with target.database.read() as conn:
        begun, filled = copying.unfinished(conn), dump.counts(conn)
    if begun is None and filled:
        raise RefusedError("the other database is not empty: take a new one")
    if begun not in {None, services.vault.signer.public.hex()}:
        raise RefusedError("the other database holds the unfinished copy of another installation: take a new one")
    return rows


def move(services: Services, target: Services, *, actor: str, at_rest: timedelta = AT_REST) -> Moved:
    """Copy what the target lacks, compare both account by account, and verify the ledger of the copy.

    RefusedError where a process still works on the old database: copied rows stay, and the next move resumes.
    """
    admit(services, target)
    installation = services.vault.signer.public.hex()
    migrate.upgrade(target.database)
    with target.database.write() as tx:
        copying.begin(tx, installation)
    with services.database.snapshot() as conn:
        written = copying.make_alike(conn, target.database)
    _wait_for_rest(services, at_rest)
    with services.database.snapshot() as conn, target.database.snapshot() as copy:
        _require_alike(conn, copy)
        head = ledger_head.take(services, lambda: nullcontext(conn))
        rows = sum(dump.counts(conn).values())
    _require_whole(target, head)
    with target.database.write() as tx:
        dump.restart_numbers(tx)
        copying.finish(tx)
        detail = f"{services.database.dialect} to {target.database.dialect}, {how_many(rows, 'row')}"
        audit_log.record(tx, at=real_now(), actor=actor, act="moved the database", subject="ledger", detail=detail)
    return Moved(accounts=head.summary.accounts, decisions=head.summary.decisions, rows=rows, written=written)


def _wait_for_rest(services: Services, at_rest: timedelta) -> None:
    """Wait until nothing can have been at work; refuse where something still is."""
    with services.database.read() as conn:
        before = copying.last_heartbeat(conn)
    if before is None:
        return
    time.sleep(max(0.0, min(at_rest, before + at_rest - real_now()).total_seconds()))
    with services.database.read() as conn:
        if copying.last_heartbeat(conn) != before:
            raise RefusedError(
                "web or workers still run on this database: stop them, then repeat the command; it resumes here"
            )


def _require_alike(original: Connection, copy: Connection) -> None:
    found = list(copying.differences(original, copy))
    if not found:
        return
    names = sorted({each.account or each.table for each in found})
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    raise RefusedError(
        f"{how_many(len(found), 'row')} changed meanwhile ({', '.join(names[:_NAMED])}{more}):"
        " stop web, workers and clock, then repeat the command; it resumes here"
    )


def _require_whole(target: Services, head: Head) -> None:
    flawed = next((each for each in audit.verify(target, None, head) if each.flaw), None)
    if flawed is not None:
        raise RefusedError(f"the ledger of the copy is not whole: {flawed.account}: {flawed.flaw}")
