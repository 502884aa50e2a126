"""Rebuilds the stored books from the recorded facts: a book is a cache, and a new version may keep more in it."""

from __future__ import annotations

import msgspec

from kulanz.crypto import places
from kulanz.policy.book import Book
from kulanz.privacy import statements
from kulanz.queries.replay.recorded import ACCOUNTS_PER_PAGE, RecordedAccount, news, opened
from kulanz.services import Services
from kulanz.store import accounts, codec, shared_values

FORM = 2
"""Of what a book keeps. 2: the history of each subscription's snapshots; no mails to operators."""
_NAME = "form_of_books"


def rebuild(services: Services) -> int:
    """Bring every book to today's form and return how many changed. Nothing is decided, so no state changes here.

    It may be stopped at any time and runs again then; once it is through, a note in the database spares the next run.
    """
    with services.database.read() as conn:
        if shared_values.get(conn, _NAME) == FORM:
            return 0
    changed = _rebuild_all(services)
    with services.database.write() as tx:
        shared_values.put(tx, _NAME, FORM)
    return changed


def _rebuild_all(services: Services) -> int:
    changed, after = 0, None
    while names := _ids(services, after):
        after, left = names[-1], names
        while left:  # Those that were decided about meanwhile are read again.
            outdated = _outdated(services, left)
            replaced = {account.row.id for account, book in outdated if _replaced(services, account, book)}
            changed += len(replaced)
            left = [account.row.id for account, _ in outdated if account.row.id not in replaced]
    return changed


def _ids(services: Services, after: str | None) -> list[str]:
    with services.database.read() as conn:
        return accounts.ids(conn, after, ACCOUNTS_PER_PAGE)


def _outdated(services: Services, names: list[str]) -> list[tuple[RecordedAccount, Book]]:
    """Return the accounts whose books are not what their facts give, with the books that they give."""
    with services.database.read() as conn:
        rows = [row for name in names if (row := accounts.exactly(conn, name)) is not None]
        stored = [account for row in rows if (account := opened(services, row)) is not None]
        recorded = news(services, conn, stored)
    books = [(account, Book().with_facts(each.fact for each in recorded[account.row.id])) for account in stored]
    return [(account, book) for account, book in books if book != account.book]


def _replaced(services: Services, account: RecordedAccount, book: Book) -> bool:
    """Store a book, unless the account was decided about since it was read."""
    name = account.row.id
    with services.database.write() as tx:
        row = accounts.lock(tx, [name], services.vault.new_data_key)[name]
        if row != account.row:
            return False
        sealed = account.key.seal(codec.pack_book(book), places.book(name))
        accounts.save(tx, [msgspec.structs.replace(row, book=sealed)])
        statements.restate(services.vault, tx, [name])
    return True
