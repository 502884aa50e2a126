"""The stage of each debt, as the account and its letters show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kulanz.policy.areas.collections import handover, levels
from kulanz.policy.book import Book
from kulanz.policy.state import DebtStage, State


def pursued(state: State, book: Book) -> Iterator[DebtStage]:
    """Yield the debts about which a dunning letter went out."""
    for case in state.cases:
        if not (case.policy.dunning.levels or case.policy.collections.fields):
            continue
        step = levels.reached(case, book)
        rules, collection = levels.level(case, step), handover.current(case, book)
        if rules is not None or collection is not None:
            yield DebtStage(
                case=case.key,
                level=step,
                letter=rules.text if rules else None,
                fee=levels.fee(case, step),
                fees=levels.fees_due(case, book),
                collection=collection,
            )


def content(subject: str, state: State) -> dict[str, Any]:
    """Return the fields of the letters about a case that other notices do not have."""
    case, debt = state.case(subject), state.debt(subject)
    if case is None or debt is None:
        return {}
    return {
        "letter": debt.letter,
        "level": debt.level,
        "levels": len(case.policy.dunning.levels),
        "fee": debt.fee,
        "fees": debt.fees,
        "total_due": case.amount_due + debt.fees,
        "collections": bool(case.policy.collections.fields),
        "overdue_since": case.opened_at,
        "invoice": case.invoice.partition(":")[2] if case.invoice else None,
    }
