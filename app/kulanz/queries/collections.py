"""Documents of debts that were handed over, and of their debtors."""

from __future__ import annotations

from datetime import datetime

from kulanz.documents.debts import CollectionOfAccount, Debtor
from kulanz.errors import InvalidInputError
from kulanz.policy.consequences.effects import rfc3339
from kulanz.queries import accounts, debts
from kulanz.queries.views import Page, view
from kulanz.services import Services
from kulanz.store import case_index
from kulanz.store.case_index import COLLECTION


def account_of_collection(services: Services, collection: str) -> str:
    """Return the account of a debt that was handed over, or proposed for it."""
    return accounts.bound(services, f"collection:{collection}", f"no hand-over {collection!r}")


def collection(services: Services, ident: str) -> CollectionOfAccount:
    """Return one hand-over, with its account."""
    document = accounts.account_document(services, account_of_collection(services, ident))
    stated = next(item for item in document.collections if item.id == ident)
    return CollectionOfAccount.of(stated, account_id=document.account_id)


def collections(
    services: Services, *, only_open: bool, after: str | None = None, limit: int = 50
) -> Page[CollectionOfAccount]:
    """Return hand-overs of all accounts, the newest first; `after` is the time, account and id of the last one."""
    with services.database.read() as conn:
        rows = case_index.page(conn, COLLECTION, only_open=only_open, after=_place(after), limit=limit + 1)
        books = {row.account: view(services, conn, row.account).account.book for row in rows[:limit]}
    items = [
        CollectionOfAccount.of(other_collection, account_id=row.account)
        for row in rows[:limit]
        for other_collection in debts.collections(books[row.account])
        if other_collection.id == row.key
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(items=items, after=f"{rfc3339(last.opened_at)}|{last.account}|{last.key}" if last else None)


def debtor(services: Services, name: str) -> Debtor:
    """Return the debtor's data, which are personal."""
    with services.database.read() as conn:
        account = view(services, conn, name).account
    return debts.debtor_in_full(account.id, account.book)


def _place(after: str | None) -> tuple[datetime, str, str] | None:
    if after is None:
        return None
    try:
        at, *account, key = after.split("|")  # An account's id may hold the sign.
        return datetime.fromisoformat(at), "|".join(account), key
    except ValueError as error:
        raise InvalidInputError("cursor: it is not one that this list gave out") from error
