"""An account in a transaction: its row, opened with its key, and its decisions so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from kulanz.crypto import places
from kulanz.crypto.vault import DataKey, Vault
from kulanz.policy.book import Book
from kulanz.policy.state import Access, Account, Standing, State
from kulanz.store import codec
from kulanz.store.accounts import AccountRow
from kulanz.store.timers import TimerRow

_BLANK = Book()


@dataclass(slots=True)
class Entry:
    """An account that is locked in this transaction."""

    row: AccountRow
    """The row as read, with the current end of its chain of decisions."""
    key: DataKey
    account: Account
    signed_at: int
    """Number of decisions that the stored signature covers."""
    state: State | None = None
    """State decided in this transaction; None: no decision was made."""
    look_again: tuple[str, datetime] | None = None
    """The kind and due time of the timer that checks again an account that waits for facts."""
    alerted_before: bool = False
    """Whether operators had been alerted of anything about it when it was read."""

    @property
    def alerted(self) -> bool:
        """Whether operators were ever alerted of anything about it: only then something may wait for a person."""
        return self.alerted_before or bool(self.account.book.alerts)

    @property
    def erased(self) -> bool:
        """Whether the account was closed for good: its key is destroyed."""
        return self.row.key is None

    @property
    def closed(self) -> bool:
        """Whether a decision of this transaction has closed the account."""
        return self.state is not None and self.state.closed_at is not None

    def stored(self) -> AccountRow:
        """Return the row that is stored."""
        account, state = self.account, self.state
        return msgspec.structs.replace(
            self.row,
            book=self.key.seal(codec.pack_book(account.book), places.book(self.row.id)),
            standing=str(account.standing),
            plan=account.plan,
            access=str(account.access),
            grace_ends_at=state.grace_ends_at if state else None,
            deletion_eligible_at=state.deletion_eligible_at if state else None,
            version=account.version,
            decided_at=account.decided_at,
        )

    def timers(self) -> list[TimerRow]:
        """Return the time of the account's next check."""
        due = self.state.timers if self.state else ()
        rows = [TimerRow(self.row.id, timer.kind, timer.subject, timer.due_at) for timer in due]
        if self.look_again is not None and not self.closed:
            kind, due_at = self.look_again
            rows.append(TimerRow(self.row.id, kind, "", due_at))
        return rows


def opened(row: AccountRow, vault: Vault) -> Entry:
    """Return the entry of a row that was locked."""
    key = vault.data_key(row.key or vault.new_data_key(row.id), row.id)
    account = account_of(row, key)
    signed_at = row.seq if row.signature else 0
    return Entry(row, key, account, signed_at=signed_at, alerted_before=bool(account.book.alerts))


def account_of(row: AccountRow, key: DataKey | None) -> Account:
    """Return a stored account, decrypted with its key; an account without a key gets an empty book."""
    return Account(
        id=row.id,
        book=_book(row, key),
        plan=row.plan,
        access=Access(row.access),
        standing=Standing(row.standing),
        version=row.version,
        sequence=row.seq,
        decided_at=row.decided_at,
    )


def _book(row: AccountRow, key: DataKey | None) -> Book:
    if row.book is None or key is None:
        return _BLANK
    return codec.unpack_book(key.open(row.book, places.book(row.id)))
