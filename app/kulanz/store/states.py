"""The state of a row in a statement: written out, as partial indexes need it, so never a word from outside."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import TextClause, text

from kulanz.errors import InvalidInputError


def literally(state: str, states: Collection[str], *, ended: str) -> TextClause:
    """Return the condition of being in a state; indexes leave out what has `ended`.

    InvalidInputError for what is none of the states.
    """
    if state not in states:
        raise InvalidInputError(f"state: one of {', '.join(states)}")
    return text(f"state = '{state}'" if state == ended else f"state = '{state}' AND state <> '{ended}'")
