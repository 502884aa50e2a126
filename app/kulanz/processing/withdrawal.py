"""The withdrawal of calls to the provider that wait for a person and that nothing wants any more."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime

from kulanz.crypto import places
from kulanz.policy.consequences.outcomes import reported, still_wanted
from kulanz.policy.facts import Fact, Outcome
from kulanz.processing.entry import Entry
from kulanz.runtime.clock import real_now
from kulanz.store import codec, outbox
from kulanz.store.database import Connection
from kulanz.store.outbox import EffectRow


class Withdrawal:
    """Collects the calls of one transaction's accounts that are withdrawn, and writes that in bulk."""

    def __init__(self, tx: Connection, now: datetime) -> None:
        self._tx = tx
        self._now = now
        self._rows: dict[str, EffectRow] = {}

    def facts(self, entry: Entry) -> list[Fact]:
        """Withdraw actions that an account no longer wants, and return the withdrawals as facts."""
        book, state = entry.account.book, entry.state
        if state is None or not (book.renewals or book.refund_requests):
            return []
        facts: list[Fact] = []
        for row in _waiting(self._tx, entry.row.id, self._rows):
            effect = codec.read_effect(row.kind, entry.key.open(row.payload, places.effect(row.account, row.id)))
            if not still_wanted(effect, state, book):
                self._rows[row.id] = row
                facts.extend(reported(effect, Outcome.WITHDRAWN, self._now, book))
        return facts

    def write(self) -> None:
        """Write it."""
        for row in self._rows.values():
            outbox.finish(self._tx, row.id, "withdrawn", attempts=row.attempts, done_at=real_now())


def _waiting(tx: Connection, account: str, withdrawn: Container[str]) -> Iterator[EffectRow]:
    """Yield the calls of an account that a person was to make or correct."""
    rows = [row for state in ("todo", "parked") for row in outbox.listing(tx, state, account)]
    yield from (row for row in rows if row.kind in outbox.PROVIDER_CALLS and row.id not in withdrawn)
