"""No question that is asked all the time reads a whole table, however many rows are done with."""

from typing import Any

import pytest
from sqlalchemy import Executable, event
from sqlalchemy.engine import Connection

from app.store import accounts, bindings, claims, inbox, journal, ledger, outbox, timers
from app.store.database import Database
from tests.store.rows import NOW

_QUESTIONS: dict[str, tuple[Executable, dict[str, Any]]] = {
    "claim": (claims._NEXT, {"now": NOW, "limit": 10}),
    "claim what is free": (claims._NEXT_FREE, {"now": NOW, "limit": 10, "busy": [1, 2]}),
    "claim a share": (claims._NEXT_OF_SHARE, {"now": NOW, "limit": 10, "busy": [1, 2], "workers": 2, "place": 1}),
    "crashed": (claims._CRASHED, {"crashed": [1, 2]}),
    "take": (inbox._TAKE, {"ids": [1, 2]}),
    "known": (inbox._KNOWN, {"deliveries": [b"1"], "contents": [b"2"]}),
    "rearmed": (inbox._REARMED, {"ids": [1], "at": NOW}),
    "wake": (inbox._WAKE, {"subscriptions": ["s", "t"]}),
    "waiting": (inbox._WAITING, {"before": NOW, "limit": 10}),
    "longest waiting": (inbox._OLDEST_WAITING, {}),
    "of account": (inbox._OF_ACCOUNT, {"account": "org_1", "after": 0}),
    "parked": (inbox._PARKED, {"accounts": ["org_1", "org_2"]}),
    "counts": (inbox._COUNTS, {}),
    "oldest": (inbox._OLDEST, {}),
    "lock": (accounts._LOCK, {"ids": ["org_1", "org_2"]}),
    "aliases": (accounts._ALIASES, {"account": "org_1"}),
    "find": (bindings._FIND, {"keys": ["a", "b"]}),
    "move": (bindings._MOVE, {"old": "a", "new": "b"}),
    "facts": (journal._OF_ACCOUNT, {"account": "org_1", "after": 0}),
    "decisions": (ledger._OF_ACCOUNT, {"account": "org_1", "after": 0, "limit": 10}),
    "brake": (ledger._PLACED, {"rule": "r", "since": NOW}),
    "due": (timers._DUE, {"now": NOW, "limit": 10}),
    "next due": (timers._NEXT, {}),
    "timers": (timers._OF_ACCOUNTS, {"accounts": ["org_1", "org_2"]}),
    "lease": (outbox._DUE, {"now": NOW, "limit": 10}),
    "finish": (
        outbox._FINISH,
        {"effect": "e", "state_": "done", "attempts_": 1, "error_": None, "next_": None, "done_": NOW},
    ),
    "effect counts": (outbox._COUNTS, {}),
    "untried": (outbox._UNTRIED, {"now": NOW}),
}


@pytest.mark.parametrize("question", _QUESTIONS)
def test_a_question_is_answered_by_an_index(database: Database, question: str) -> None:
    statement, parameters = _QUESTIONS[question]

    with database.write() as tx:
        plan = _plan(tx, statement, parameters)

    read_whole = [step for step in plan if _reads_a_whole_table(step)]
    assert read_whole == []


def _plan(tx: Connection, statement: Executable, parameters: dict[str, Any]) -> list[str]:
    """Ask the planner; PostgreSQL is told to avoid what it would rightly do with an empty table."""
    sql, values = _as_sent(tx, statement, parameters)
    if tx.dialect.name == "sqlite":
        return [row[-1] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return [row[0] for row in tx.exec_driver_sql(f"EXPLAIN {sql}", values)]


def _as_sent(tx: Connection, statement: Executable, parameters: dict[str, Any]) -> tuple[str, Any]:
    sent: list[tuple[str, Any]] = []

    def note(*arguments: Any) -> None:
        sent.append((arguments[2], arguments[3]))

    event.listen(tx, "before_cursor_execute", note)
    tx.execute(statement, parameters)
    event.remove(tx, "before_cursor_execute", note)
    return sent[0]


def _reads_a_whole_table(step: str) -> bool:
    whole = step.startswith("SCAN") and "json_each" not in step and "USING" not in step
    return whole or "Seq Scan" in step
