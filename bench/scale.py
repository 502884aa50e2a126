"""The console and `/metrics` over a large inbox, and a bulk retry that is killed: `python -m bench.scale`."""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from flask.testing import FlaskClient
from sqlalchemy import text

from bench import machine
from bench.instances import KULANZ, ROOT
from kulanz.config import OpsUser, Settings
from kulanz.processing import search_words
from kulanz.queries import account_list
from kulanz.services import Services, build
from kulanz.store import migrate, search_index
from kulanz.store.account_list import AccountQuery, Sort
from kulanz.store.database import Connection, Database
from kulanz.web.application import create_app
from tests.servers import a_postgresql

GOAL_PAGE, GOAL_METRICS = 0.3, 0.1
"""Seconds at p95."""
TRIVIAL = "/livez"
PASSWORD = "of the bench"
KEY = "5c" * 32
RETRIED = 100_000
COMMON_WORD, RARE_WORD = "mailhouse", "cobalt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFigure:
    """Time of one page, in seconds."""

    page: str
    p50: float
    p95: float
    goal: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill, ask, print; return 1 where a goal is missed."""
    wish = _parser().parse_args(arguments)
    report: dict[str, object] = {"machine": machine.described(), "rows": wish.rows, "parked": wish.parked}
    met = True
    for dialect in wish.databases.split(","):
        with _filled(dialect, wish.rows, wish.parked) as (services, folder):
            figures = _asked(services, wish.times)
            retry = _retried(services, folder)
        report[dialect] = {"pages": [_told(page_figure) for page_figure in figures], "retry": retry}
        met &= all(page_figure.p95 <= page_figure.goal for page_figure in figures) and bool(retry["once_each"])
        _print(dialect, figures, retry)
    Path("bench/scale.json").write_text(json.dumps(report, indent=2) + "\n")
    return 0 if met else 1


@contextmanager
def _filled(dialect: str, rows: int, parked: int) -> Iterator[tuple[Services, Path]]:
    with tempfile.TemporaryDirectory(prefix="kulanz-scale-") as name, _a_database(dialect, Path(name)) as url:
        settings = Settings(
            data_dir=Path(name),
            database_url=url,
            lemonsqueezy_webhook_secrets=("secret of the bench",),
            encryption_keys=(bytes.fromhex(KEY),),
            ops_users=(OpsUser(name="ops", password=PASSWORD),),
        )
        services = build(settings)
        migrate.upgrade(services.database)
        with services.database.write() as tx:
            services.adopt_policy(tx)
        began = time.monotonic()
        _fill(services, rows, parked)
        if dialect == "postgresql":
            _settle(url)
        sys.stderr.write(f"{dialect}: {rows} events filled in {time.monotonic() - began:.0f} s\n")
        yield services, Path(name)
        services.close()


@contextmanager
def _a_database(dialect: str, folder: Path) -> Iterator[str]:
    if dialect == "sqlite":
        yield f"sqlite:///{folder / 'kulanz.db'}"
        return
    with a_postgresql() as server, server.a_database() as url:
        yield url


def _fill(services: Services, rows: int, parked: int) -> None:
    """Write rows by the database's own hand: a tenth as many accounts and effects, and a twentieth as many cases.

    A third of the accounts has a word in common with each other, and a word that few others have.
    """
    database, vault = services.database, services.vault
    sqlite = database.dialect == "sqlite"
    vault.prepare()
    common, rare = (search_words.word_digests(vault, word).pop() for word in (COMMON_WORD, RARE_WORD))
    with database.write() as tx:
        if not sqlite:
            tx.exec_driver_sql("SET LOCAL statement_timeout = 0")
        for statement in _statements(tx, rows, parked, sqlite=sqlite):
            tx.execute(text(statement))
        search_index.add(tx, ((common, f"org_{number}") for number in range(0, rows // 10, 3)))
        search_index.add(tx, ((rare, f"org_{number}") for number in range(0, rows // 10, 3_000)))
    with database.write() as tx:
        tx.exec_driver_sql("ANALYZE")


def _settle(url: str) -> None:
    """Run PostgreSQL's maintenance, which would come within minutes: it marks pages as all-visible."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM (ANALYZE) inbox")


def _statements(_: Connection, rows: int, parked: int, *, sqlite: bool) -> Iterator[str]:
    blob = "CAST({} AS BLOB)" if sqlite else "convert_to({}, 'UTF8')"
    body = "randomblob(400)" if sqlite else "convert_to(repeat(md5(i::text), 12), 'UTF8')"
    key = blob.format("'k' || ((i * 2654435761) % 4294967296) || '-' || i")
    at, empty, number = _at("i", rows, sqlite=sqlite), blob.format("''"), blob.format("CAST(i AS text)")
    state = f"CASE WHEN i % {rows // parked} = 0 THEN 'parked' WHEN i % 997 = 0 THEN 'ignored' ELSE 'handled' END"
    yield (
        "INSERT INTO inbox (id, provider, name, state, lane, mode, received_at, attempts, account, delivery_key,"
        f" content_key, sha256, body, reason) SELECT i, 'lemonsqueezy', 'subscription_updated', {state}, i % 32768,"
        f" 'live', {at}, 0, 'org_' || (i % {rows // 10}), {key}, {key}, {number}, {body},"
        f" CASE WHEN i % {rows // parked} = 0 THEN 'KeyError in reading.py:12' END FROM ({_numbers(rows, sqlite)}) n"
    )
    standing = "CASE WHEN i % 50 = 0 THEN 'grace' WHEN i % 99 = 0 THEN 'on_hold' ELSE 'good' END"
    yield (
        "INSERT INTO accounts (id, standing, plan, access, version, seq, head, decided_at, grace_ends_at)"
        f" SELECT 'org_' || i, {standing}, 'professional', 'full', 1, 0, {empty}, {at}, {at}"
        f" FROM ({_numbers(rows // 10, sqlite)}) n"
    )
    for kind, share in (("grace_end", 50), ("period_end", 2), ("renewal_overdue", 1)):
        yield (
            "INSERT INTO timers (account, kind, subject, due_at)"
            f" SELECT 'org_' || i, '{kind}', 'lemonsqueezy:' || i, {at} FROM ({_numbers(rows // 10, sqlite)}) n"
            f" WHERE i % {share} = 0"
        )
    yield (
        "INSERT INTO effects (id, account, kind, type, subject, step, payload, state, attempts, created_at,"
        f" next_attempt_at) SELECT 'ef_' || i, 'org_' || i, 'Notify', 'account.grace_started', 'x', 0, {number},"
        f" CASE WHEN i % 5 = 0 THEN 'parked' ELSE 'done' END, 1, {at}, {at} FROM ({_numbers(rows // 10, sqlite)}) n"
    )
    yield (
        "INSERT INTO matters (account, kind, key, state, opened_at, closed_at, amount, currency, policy_version,"
        " plan, step, deadline)"
        f" SELECT 'org_' || i, CASE WHEN i % 10 = 0 THEN 'dispute' ELSE 'case' END, 'k' || i,"
        " CASE WHEN i % 10 = 0 THEN 'opened' WHEN i % 3 = 0 THEN 'grace' ELSE 'recovered' END,"
        f" {at}, CASE WHEN i % 10 = 0 OR i % 3 = 0 THEN NULL ELSE {at} END, 4900, 'EUR', 1,"
        f" 'professional', 'reminder_' || (i % 3), CASE WHEN i % 10 <> 0 AND i % 3 = 0 THEN {at} END"
        f" FROM ({_numbers(rows // 20, sqlite)}) n"
    )


def _numbers(rows: int, sqlite: bool) -> str:  # noqa: FBT001
    if sqlite:
        return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n"
    return f"SELECT i FROM generate_series(1, {rows}) AS n(i)"


def _at(number: str, rows: int, *, sqlite: bool) -> str:
    """Return a time of the last 60 days, in the order of the numbers."""
    ago = f"(({rows} - {number}) * {60 * 86_400}.0 / {rows})"
    if sqlite:
        return f"strftime('%Y-%m-%dT%H:%M:%S', 'now', '-' || {ago} || ' seconds') || '.000000+00:00'"
    return f"now() - make_interval(secs => {ago})"


def _asked(services: Services, times: int) -> list[PageFigure]:
    client = create_app(services).test_client()
    client.post("/ops/login", data={"name": "ops", "password": PASSWORD})
    figures = [_figure(client, "a trivial page", [TRIVIAL], times)]
    figures += [_figure(client, name, paths, times) for name, paths in _pages(services).items()]
    figures.append(_figure(client, "overview", ["/ops/", "/ops/?by=year"], times, pause=0.2))
    return [*figures, _figure(client, "/metrics", ["/metrics"], times, goal=GOAL_METRICS, pause=0.2)]


def _pages(services: Services) -> dict[str, list[str]]:
    """Return each list at its beginning and deep in it."""
    with services.database.read() as conn:
        newest = conn.execute(text("SELECT max(id) FROM inbox")).scalar_one()
    deep = [newest // share for share in (2, 5, 50)]
    lists = {"events": "", "parked events": "state=parked", "ignored events": "state=ignored"}
    pages = {
        name: [f"/ops/events?{query}", *(f"/ops/events?{query}&before={number}" for number in deep)]
        for name, query in lists.items()
    }
    pages["events of an account"] = ["/ops/events?account=org_77", "/ops/events?account=org_9999"]
    pages["count for a bulk retry"] = ["/ops/events/retry?state=parked"]
    pages["accounts"] = ["/ops/accounts", "/ops/accounts?after=org_5", "/ops/accounts?standing=grace&after=org_5"]
    for sort in Sort:
        pages[f"accounts by {sort}"] = _three_pages(services, sort)
    pages["accounts due within a week"] = ["/ops/accounts?due=7", "/ops/accounts?due=7&sort=amount&standing=grace"]
    pages["search for words"] = [f"/ops/accounts?q={query}" for query in (COMMON_WORD, f"{COMMON_WORD}+{RARE_WORD}")]
    pages["search for a part of an id"] = ["/ops/accounts?q=rg_77", "/ops/accounts?q=g_9999"]
    pages["effects"] = ["/ops/effects", "/ops/effects?state=parked", "/ops/effects?state=parked&before=ef_500"]
    pages["disputes"] = ["/ops/disputes", "/ops/disputes?show=all"]
    pages["log"] = ["/ops/log"]
    pages["recovery"] = ["/ops/recovery", "/ops/recovery.csv"]
    pages["the next days"] = ["/ops/ahead"]
    return pages


def _three_pages(services: Services, sort: Sort) -> list[str]:
    """Return a list at its beginning, a thousand accounts later, and in grace only."""
    query = f"/ops/accounts?sort={sort}"
    with services.database.read() as conn:
        _, after = account_list.places_after(conn, AccountQuery(sort=sort), None, 1_000)
    return [query, f"{query}&after={after}", f"{query}&standing=grace"]


def _figure(
    client: FlaskClient, name: str, paths: Sequence[str], times: int, *, goal: float = GOAL_PAGE, pause: float = 0.0
) -> PageFigure:
    client.get(paths[0])
    taken = [_timed(lambda path=path: client.get(path), pause) for _ in range(times) for path in paths]  # type: ignore[misc]
    return PageFigure(page=name, p50=statistics.median(taken), p95=statistics.quantiles(taken, n=20)[-1], goal=goal)


def _timed(ask: Callable[[], object], pause: float) -> float:
    time.sleep(pause)
    began = time.perf_counter()
    answer = ask()
    taken = time.perf_counter() - began
    status = getattr(answer, "status_code", None)
    if status != 200:
        raise SystemExit(f"a page answered {status}")
    return taken


def _retried(services: Services, folder: Path) -> dict[str, object]:
    """Retry 100,000 parked events, kill the command in the middle, and resume it."""
    database = services.database
    with database.write() as tx:
        last = tx.execute(
            text("SELECT id FROM inbox WHERE state = 'parked' AND state <> 'handled' ORDER BY id LIMIT 1 OFFSET :n"),
            {"n": RETRIED},
        ).scalar()
        if last is not None:
            tx.execute(
                text("UPDATE inbox SET state = 'ignored' WHERE state = 'parked' AND id >= :last"), {"last": last}
            )
        tx.execute(text("UPDATE inbox SET attempts = 3 WHERE state = 'parked'"))
    expected = _parked(database)
    environ = {
        "PATH": "/usr/bin:/bin",
        "DATABASE_URL": services.settings.database_url,
        "KULANZ_DATA_DIR": str(folder),
        "ENCRYPTION_KEYS": KEY,
    }
    began = time.monotonic()
    run = subprocess.Popen(
        [*KULANZ, "events", "retry", "--all", "--yes"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL
    )
    while _parked(database) > expected * 2 / 3 and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    killed = run.wait() == -signal.SIGKILL
    left = _parked(database)
    with database.write() as tx:  # Some of those that had their turn fail again: they must not have another.
        again = tx.execute(
            text(
                "UPDATE inbox SET state = 'parked' WHERE id IN"
                " (SELECT id FROM inbox WHERE state = 'received' AND state <> 'handled' LIMIT 500)"
            )
        ).rowcount
    second = subprocess.run(
        [*KULANZ, "events", "retry", "--all", "--yes", "--json"], cwd=ROOT, env=environ, check=True, capture_output=True
    )
    retried = json.loads(second.stdout)["retried"]
    return {
        "rows": expected,
        "killed_after": expected - left,
        "seconds": round(time.monotonic() - began, 1),
        "once_each": killed and retried == left and _parked(database) == again,
    }


def _parked(database: Database) -> int:
    with database.read() as conn:
        result = text("SELECT count(*) FROM inbox WHERE state = 'parked' AND state <> 'handled'")
        return int(conn.execute(result).scalar_one())


def _told(figure: PageFigure) -> dict[str, object]:
    return {"page": figure.page, "p50_ms": round(figure.p50 * 1e3, 1), "p95_ms": round(figure.p95 * 1e3, 1)}


def _print(dialect: str, figures: Sequence[PageFigure], retry: dict[str, object]) -> None:
    print(f"\n{dialect}: page, p50, p95, goal at p95 (ms)")
    for row in figures:
        mark = " " if row.p95 <= row.goal else "!"
        print(f"{mark} {row.page:26} {row.p50 * 1e3:8.1f} {row.p95 * 1e3:8.1f} {row.goal * 1e3:6.0f}")
    print(f"  retry --all, killed and taken up again: {retry}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--parked", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=30, help="how often each page is asked for")
    parser.add_argument("--databases", default="sqlite,postgresql")
    return parser


if __name__ == "__main__":
    sys.exit(main())
