"""Projection of what waits for a person by an account's last decision: the alerts that still hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.policy.areas import areas_for
from kulanz.policy.state import Account, Moment, State, Terms
from kulanz.policy.topics import is_listed
from kulanz.store.todos import TodoRow, todo_id


def waiting(account: Account, state: State, terms: Terms, now: datetime) -> list[TodoRow]:
    """Return what waits, each matter since its alert."""
    return list({row.id: row for row in _rows(account, state, terms, now)}.values())


def _rows(account: Account, state: State, terms: Terms, now: datetime) -> Iterator[TodoRow]:
    if state.closed_at is not None:
        return
    book, own = account.book, terms.under(account.book, now)
    moment = Moment(own, account.zone(own), now)
    for area in areas_for(book, "alerts"):
        for subject, topic in area.alerts(state, book, moment):
            told = book.alerts.get(f"{subject}|{topic}")
            if told is not None and is_listed(topic):
                yield TodoRow(
                    id=todo_id(topic, account.id, subject),
                    account=account.id,
                    topic=topic,
                    subject=subject,
                    since=told.at,
                    by_policy=True,
                )
