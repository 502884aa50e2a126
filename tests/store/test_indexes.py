"""No question that is asked all the time reads a whole table, however many rows are done with."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Executable, event, insert
from sqlalchemy.engine import Connection

from kulanz.store import (
    account_list,
    accounts,
    audit_log,
    bindings,
    case_index,
    console_sessions,
    inbox,
    journal,
    ledger,
    losses,
    outbox,
    pages,
    receipts,
    recovery,
    search_index,
    tables,
    timers,
)
from kulanz.store.account_list import AccountQuery, Place, Sort
from kulanz.store.database import Database
from kulanz.store.inbox import claims, recording
from kulanz.store.prepared import Prepared
from tests.store.rows import NOW

_QUESTIONS: dict[str, tuple[Executable | Prepared, dict[str, Any]]] = {
    "claim": (claims._NEXT, {"now": NOW, "limit": 10}),
    "claim what is free": (claims._NEXT_FREE, {"now": NOW, "limit": 10, "busy": [1, 2]}),
    "claim a share": (claims._NEXT_OF_SHARE, {"now": NOW, "limit": 10, "busy": [1, 2], "workers": 2, "place": 1}),
    "crashed": (claims._CRASHED, {"crashed": [1, 2]}),
    "take": (inbox._TAKE, {"ids": [1, 2]}),
    "known": (recording._KNOWN, {"deliveries": [b"1"], "contents": [b"2"]}),
    "rearmed": (recording._REARMED, {"ids": [1], "at": NOW}),
    "wake": (inbox._WAKE, {"subscriptions": ["s", "t"]}),
    "waiting": (inbox._WAITING, {"before": NOW, "limit": 10}),
    "longest waiting": (inbox._OLDEST_WAITING, {}),
    "of account": (inbox._OF_ACCOUNT, {"account": "org_1", "after": 0}),
    "parked": (inbox._PARKED, {"accounts": ["org_1", "org_2"]}),
    "concerning": (inbox._CONCERNING, {"keys": ["org_1", "org_2"]}),
    "received": (inbox._RECEIVED, {"limit": 10}),
    "first received": (inbox._FIRST_RECEIVED, {}),
    "last": (inbox._LAST, {}),
    "counts": (inbox._COUNTS, {}),
    "oldest": (inbox._OLDEST, {}),
    "lock": (accounts._LOCK, {"ids": ["org_1", "org_2"]}),
    "aliases": (accounts._ALIASES, {"account": "org_1"}),
    "find": (bindings._FIND, {"keys": ["a", "b"]}),
    "owners": (accounts._OWNERS, {"customer": "lemonsqueezy:customer:1"}),
    "objects of customers": (bindings._OF_CUSTOMERS, {"customers": ["a", "b"]}),
    "payments of purchases": (bindings._OF_WHOLES, {"wholes": ["a", "b"]}),
    "facts": (journal._OF_ACCOUNT, {"account": "org_1", "after": 0}),
    "decisions": (ledger._OF_ACCOUNT, {"account": "org_1", "after": 0, "limit": 10}),
    "receipts": (receipts._OF_ACCOUNT, {"account": "org_1", "after": 0}),
    "effects of one": (outbox._OF_ACCOUNT, {"account": "org_1", "after": 0}),
    "rules": (ledger._RULES, {"account": "org_1"}),
    "everyone": (accounts._EVERYONE, {"after": "org_1", "limit": 10}),
    "brake": (losses._COUNT, {"cause": "dunning", "since": NOW}),
    "due": (timers._DUE, {"now": NOW, "limit": 10}),
    "due before a mark": (timers._DUE_AND_NO_OTHER, {"until": NOW, "now": NOW, "limit": 10}),
    "next but one kind": (timers._NEXT_BUT, {"kind_": "held_back"}),
    "next due": (timers._NEXT, {}),
    "timers": (timers._OF_ACCOUNTS, {"accounts": ["org_1", "org_2"]}),
    "lease": (outbox._DUE, {"now": NOW, "limit": 10}),
    "finish": (
        outbox._FINISH,
        {"effect": "e", "state_": "done", "attempts_": 1, "error_": None, "next_": None, "done_": NOW},
    ),
    "effect counts": (outbox._COUNTS, {}),
    "untried": (outbox._UNTRIED, {"now": NOW}),
    "mail": (search_index._FIND, {"digest": b"1"}),
    "words": (search_index._FIND_ALL, {"digests": [b"1", b"2"], "number": 2}),
    "deadlines of accounts": (account_list._DEADLINES_OF, {"accounts": ["org_1", "org_2"]}),
    "what accounts owe": (account_list._OWED_OF, {"accounts": ["org_1", "org_2"]}),
    "what is owed": (account_list._OWING, {}),
    "at risk": (case_index._AT_RISK, {"kind": "case"}),
    "cases that began": (recovery._SUMS, {"since": NOW, "until": NOW}),
    "time to recovery": (recovery._WAITS, {"since": NOW, "until": NOW}),
    "failed by day": (recovery._DAYS["failed"], {"since": NOW, "until": NOW}),
    "recovered by day": (recovery._DAYS["recovered"], {"since": NOW, "until": NOW}),
    "lost by day": (recovery._DAYS["lost"], {"since": NOW, "until": NOW}),
    "access lost soon": (recovery._SOONEST["losing"][0], {"until": NOW, "limit": 9}),
    "sums lost soon": (recovery._SOONEST["losing"][1], {"until": NOW}),
    "warned soon": (recovery._SOONEST["warned"][0], {"until": NOW, "limit": 9}),
    "sums warned soon": (recovery._SOONEST["warned"][1], {"until": NOW}),
    "cases of accounts": (case_index._CASES_OF, {"accounts": ["org_1", "org_2"]}),
    "acts": (audit_log._BEFORE, {"limit": 10, "before": 9}),
    "acts about": (audit_log._ABOUT, {"limit": 10, "subject": "evt_1"}),
    "ended sessions": (console_sessions._ENDED, {"session": "s"}),
    "standings": (pages._STANDINGS, {}),
    "timers due": (pages._DUE, {"now": NOW}),
    "event from": (pages._FROM, {"number": 3}),
    "events between": (pages._BETWEEN, {"first": 1, "end": 9}),
    "retry some": (pages._next("parked", None), {"after": 1, "through": 9, "limit": 10}),
    "retry a group": (pages._next("parked", "why"), {"after": 1, "through": 9, "limit": 10}),
    "retry a group of effects": (outbox._between("parked", 1, 9, ("cancel", "404")), {}),
    "effects by reason": (pages._EFFECTS_BY_REASON.where(outbox.in_state("parked")), {"limit": 10}),
    "next attempt": (inbox._NEXT_ATTEMPT, {"number": 1}),
    "retry those": (pages._AGAIN, {"ids": [1], "was": "parked"}),
}
_A_PLACE = Place(account="org_1", text="free", at=NOW)


def accounts_by(conn: Connection, sort: Sort) -> object:
    return account_list.page(conn, AccountQuery(sort=sort), _A_PLACE, 10)


_PAGES: dict[str, Callable[[Connection], object]] = {
    "events": lambda conn: pages.events(conn, before=9, limit=10),
    "parked events": lambda conn: pages.events(conn, state="parked", before=9, limit=10),
    "events of an account": lambda conn: pages.events(conn, account="org_1", limit=10),
    "effects": lambda conn: pages.effects_page(conn, before="e", limit=10),
    "parked effects": lambda conn: pages.effects_page(conn, state="parked", limit=10),
    "effects of an account": lambda conn: pages.effects_page(conn, account="org_1", limit=10),
    "accounts": lambda conn: accounts_by(conn, Sort.ID),
    "accounts in grace": lambda conn: account_list.page(conn, AccountQuery(standing="grace"), _A_PLACE, 10),
    "accounts by plan": lambda conn: accounts_by(conn, Sort.PLAN),
    "accounts by deadline": lambda conn: accounts_by(conn, Sort.DEADLINE),
    "open disputes": lambda conn: case_index.page(conn, "dispute", only_open=True, after=None, limit=10),
    "disputes": lambda conn: case_index.page(conn, "dispute", only_open=False, after=(NOW, "a", "k"), limit=10),
}


@pytest.mark.parametrize("question", _QUESTIONS)
def test_a_question_is_answered_by_an_index(database: Database, question: str) -> None:
    statement, parameters = _QUESTIONS[question]

    with database.write() as tx:
        plan = _plan(tx, statement, parameters)

    read_whole = [step for step in plan if _reads_a_whole_table(step)]
    assert read_whole == []


@pytest.mark.parametrize("page", _PAGES)
def test_a_page_of_a_list_is_read_and_sorted_by_an_index(database: Database, page: str) -> None:
    with database.write() as tx:
        plan = _plan_of(tx, _PAGES[page])

    slow = [step for step in plan if _reads_a_whole_table(step) or _sorts(step)]
    assert slow == []


def test_whether_an_account_has_a_parked_event_is_found_by_the_account(database: Database) -> None:
    """Thousands may be parked, and every batch asks."""
    with database.write() as tx:
        tx.execute(insert(tables.inbox), [_parked(number) for number in range(1_000)])
        tx.exec_driver_sql("ANALYZE inbox")
        plan = _plan(tx, inbox._PARKED, {"accounts": ["org_1", "org_2"]})

    assert any("ix_inbox_parked" in step for step in plan), plan


def _parked(number: int) -> dict[str, Any]:
    key = b"%d" % number
    return {
        "provider": "lemonsqueezy",
        "name": "order_created",
        "state": "parked",
        "lane": 0,
        "mode": "live",
        "received_at": NOW,
        "attempts": 1,
        "account": f"org_{number}",
        "delivery_key": key,
        "sha256": key,
        "body": b"",
    }


def _plan_of(tx: Connection, page: Callable[[Connection], object]) -> list[str]:
    """Ask the planner about whatever a function sends."""
    sql, values = _sent(tx, lambda: page(tx))
    return _explained(tx, sql, values)


def _plan(tx: Connection, prepared: Executable | Prepared, parameters: dict[str, Any]) -> list[str]:
    """Ask the planner; PostgreSQL is told to avoid what it would rightly do with an empty table."""
    statement = prepared.statement if isinstance(prepared, Prepared) else prepared
    return _explained(tx, *_sent(tx, lambda: tx.execute(statement, parameters)))


def _explained(tx: Connection, sql: str, values: Any) -> list[str]:
    if tx.dialect.name == "sqlite":
        return [row[-1] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
    tx.exec_driver_sql("SET LOCAL enable_sort = off")
    return [row[0] for row in tx.exec_driver_sql(f"EXPLAIN {sql}", values)]


def _sent(tx: Connection, ask: Callable[[], object]) -> tuple[str, Any]:
    sent: list[tuple[str, Any]] = []

    def note(*arguments: Any) -> None:
        sent.append((arguments[2], arguments[3]))

    event.listen(tx, "before_cursor_execute", note)
    ask()
    event.remove(tx, "before_cursor_execute", note)
    return sent[-1]


def _reads_a_whole_table(step: str) -> bool:
    whole = step.startswith("SCAN") and "json_each" not in step and "USING" not in step and "anon_" not in step
    return whole or "Seq Scan" in step


def _sorts(step: str) -> bool:
    return "TEMP B-TREE" in step or step.lstrip(" ->").startswith("Sort ")
