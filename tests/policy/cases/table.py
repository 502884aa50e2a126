"""The shape of a preset's table of cases: a clause, a situation in words, what happened, a question, the answer.

A row is data, so that a lawyer can read a table without reading Python:

    Row(
        clause="4",
        situation="the second month is asked back two days after it was paid",
        facts=(*A_FIRST_MONTH, on(MONDAY, a_success(MONDAY))),
        question=asks_back(INVOICE, at=MONDAY + 2 * DAY),
        answer={"verdict": "not_eligible", "clause": "4"},
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.ordering.commands import RequestRefund
from app.ordering.refunds import facts_of
from app.policy.facts import Fact
from app.policy.model import Terms
from tests.policy.stories import Stage

Happened = tuple[datetime, Fact]
Question = Callable[[Stage], Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case."""

    clause: str
    situation: str
    facts: tuple[Happened, ...]
    """In the order in which they are heard, each when it is."""
    question: Question
    answer: Mapping[str, object]
    """What has to be so; what a question answers beside that is left open."""


def on(at: datetime, *facts: Fact) -> tuple[Happened, ...]:
    """Return facts that are heard at an instant."""
    return tuple((at, fact) for fact in facts)


def asks_back(payment: str | None = None, *, at: datetime, **told: Any) -> Question:
    """Ask for the money of a payment back; `told` are further words of the request."""

    def ask(stage: Stage) -> Mapping[str, object]:
        stage.wait(at)
        order = RequestRefund(payment=payment, contact_email="owner@example.com", organisation="Bakery", **told)
        asked = facts_of(order, stage.account, stage.terms, "ada", stage.now)
        stage.hear(*asked)
        (one,) = stage.state.refunds
        return {
            "verdict": str(one.answer.verdict),
            "clause": one.answer.clause,
            "amount": one.answer.refundable,
            "why": one.answer.why,
            "state": str(one.state),
            "decide_by": one.decide_by,
            "pay_by": one.pay_by,
            "statutory": one.statutory_until,
        }

    return ask


def stands(at: datetime) -> Question:
    """Ask how the account stands at an instant, and by which clauses it came to that."""

    def ask(stage: Stage) -> Mapping[str, object]:
        stage.wait(at)
        state = stage.state
        return {
            "standing": str(state.standing),
            "plan": state.plan,
            "access": str(state.access),
            "clauses": tuple(dict.fromkeys(clause for _, clause in stage.rules if clause)),
            "rules": tuple(rule for rule, _ in stage.rules),
            "mails": tuple(stage.mails),
        }

    return ask


def answered(row: Row, terms: Terms) -> Mapping[str, object]:
    """Play a case and return the part of the answer that the row speaks of."""
    stage = Stage(terms=terms, now=row.facts[0][0])
    for at, fact in row.facts:
        stage.hear(fact, at=at)
    found = row.question(stage)
    return {name: found[name] for name in row.answer}


def name(row: Row) -> str:
    """Return what a row is called in a report."""
    return f"{row.clause}: {row.situation}"


def clauses(rows: Sequence[Row]) -> set[str]:
    """Return the clauses that a table has cases for."""
    return {row.clause for row in rows}
