"""Projection of an account's last decision to to-do items: the alerts that still hold."""

from __future__ import annotations

from collections.abc import Iterator

from kulanz.policy.areas import areas_for
from kulanz.policy.book import Book
from kulanz.policy.state import Moment, State
from kulanz.policy.topics import is_listed
from kulanz.store.todos import TodoRow, todo_id


def waiting(account: str, state: State, book: Book, moment: Moment) -> list[TodoRow]:
    """Return the to-do items of an account's state, each since its alert."""
    return list({row.id: row for row in _rows(account, state, book, moment)}.values())


def _rows(account: str, state: State, book: Book, moment: Moment) -> Iterator[TodoRow]:
    if state.closed_at is not None:
        return
    for area in areas_for(book, "alerts"):
        for subject, topic in area.alerts(state, book, moment):
            told = book.alerts.get(f"{subject}|{topic}")
            if told is not None and is_listed(topic):
                ident = todo_id(topic, account, subject)
                yield TodoRow(ident, account, topic, subject, told.at, by_policy=True)
