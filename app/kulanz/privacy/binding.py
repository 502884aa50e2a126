"""Binds values encrypted by earlier versions to their place, one account per transaction; it can be resumed.

An account's wrapped key shows the progress: once it is bound, everything encrypted with it is bound.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kulanz.crypto import places
from kulanz.crypto.vault import DataKey, Vault
from kulanz.errors import UnreadableError
from kulanz.privacy import statements
from kulanz.services import Services
from kulanz.store import accounts, archive, inbox, journal, outbox
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

ACCOUNTS_PER_PAGE = 200
ARCHIVE_PAGE = 200


def bind(services: Services, moved: Callable[[int], None]) -> int:
    """Bind every account and all archived records; values that fail verification stay unchanged. Return how many."""
    try:
        services.vault.prepare()
    except UnreadableError:
        return 0
    return _accounts(services, moved) + _archive(services, moved)


def _accounts(services: Services, moved: Callable[[int], None]) -> int:
    done, after = 0, ""
    while names := _page(services, after):
        for name in names:
            if _attempt(services, name):
                done += 1
                moved(1)
        after = names[-1]
    return done


def _page(services: Services, after: str) -> list[str]:
    with services.database.read() as conn:
        return accounts.unbound(conn, after, ACCOUNTS_PER_PAGE)


def _attempt(services: Services, name: str) -> int:
    try:
        with services.database.write() as tx:
            return _bind_account(services.vault, tx, name)
    except UnreadableError:
        return 0


def _bind_account(vault: Vault, tx: Connection, name: str) -> int:
    """Encrypt everything of an account for its place; return the number of wrapped keys, none for an erased account."""
    row = accounts.lock_exactly(tx, name)
    if row is None or not statements.is_stated(vault, row):
        return 0
    if row.key is None:
        accounts.state(tx, [msgspec.structs.replace(row, signature=statements.mac(vault, row))])
        return 0
    old = vault.data_key(row.key, name)
    wrapped = vault.rewrap(row.key, places.data_key(name), bound=True)
    new = vault.data_key(wrapped, name)
    _contents(tx, name, old, new)
    place = places.book(name)
    book = None if row.book is None else new.seal(old.open(row.book, place), place)
    bound: AccountRow = msgspec.structs.replace(row, key=wrapped, book=book)
    accounts.save(tx, [bound if accounts.is_blank(bound) else statements.stated(vault, bound)])
    return 1


def _contents(tx: Connection, name: str, old: DataKey, new: DataKey) -> None:
    def again(sealed: bytes, place: bytes) -> bytes:
        return sealed if Vault.has_sealed(sealed) or not sealed else new.seal(old.open(sealed, place), place)

    inbox.reseal(tx, name, lambda provider, key, body: again(body, places.event(provider, key, name)))
    journal.reseal(tx, name, lambda row: again(row.fact, places.fact(name, row.kind, row.at)))
    for effect in list(outbox.of_account(tx, name)):
        outbox.reseal(tx, effect.id, again(effect.payload, places.effect(name, effect.id)))


def _archive(services: Services, moved: Callable[[int], None]) -> int:
    vault, done, after = services.vault, 0, 0
    while True:
        with services.database.write() as tx:
            rows = archive.page(tx, after, ARCHIVE_PAGE)
            unbound = [row for row in rows if not vault.is_bound(row.key)]
            number = sum(_bind_records(vault, tx, row) for row in unbound)
        if not rows:
            return done
        if number:
            done += number
            moved(number)
        after = rows[-1].id


def _bind_records(vault: Vault, tx: Connection, row: archive.KeptRecords) -> int:
    named = (row.account, row.kind, row.kept_until)
    place, body_place = places.archive_key(*named), places.archive(*named)
    try:
        plain = vault.unwrap(row.key, place).open(row.body, body_place)
        wrapped = vault.rewrap(row.key, place, bound=True)
    except UnreadableError:
        return 0
    archive.reseal(tx, row.id, wrapped, vault.unwrap(wrapped, place).seal(plain, body_place))
    return 1
