"""The search for accounts: by an id or a part of it, words of a name or mail address, or an id of the provider's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kulanz.processing import search_words
from kulanz.providers import PROVIDERS
from kulanz.providers.naming import ACCOUNT_ID
from kulanz.services import Services
from kulanz.store import account_list, accounts, bindings, search_index
from kulanz.store.database import Connection

MOST = search_index.MOST
KINDS_OF_OBJECT = ("subscription", "customer", "order")
_ID = re.compile(ACCOUNT_ID, re.ASCII)


def search(services: Services, text: str, *, masked: bool = False) -> list[str]:
    """Return the ids of the accounts that a text may mean, the likeliest first; at most 50.

    Where names and addresses are `masked`, parts of them find nothing: they could be guessed letter by letter.
    """
    services.vault.prepare()
    found: dict[str, None] = {}
    with services.database.read() as conn:
        for names in _named(services, conn, text.strip(), masked=masked):
            known = accounts.these(conn, names)
            for name in names:
                row = known.get(name)
                if row is None or row.alias_of is not None or "-" in name:  # It may be a customer's, or an older name.
                    row = accounts.answering(conn, name)
                if row is not None:
                    found[row.id] = None
            if len(found) >= MOST:
                break
    return [*found][:MOST]


def _named(services: Services, conn: Connection, text: str, *, masked: bool) -> Iterator[list[str]]:
    """Yield the accounts that a text may name, way by way, the surest first."""
    if not text:
        return
    vault, is_id = services.vault, _ID.fullmatch(text) is not None
    if is_id:
        yield [text]
    yield [*bindings.find(conn, _keys(text)).values()]
    yield search_index.find(conn, search_words.invoice_digest(vault, text.rpartition(":")[2]))
    if "@" in text:
        yield search_index.find(conn, search_words.address_digest(vault, text))
    if is_id:
        yield account_list.beginning(conn, text, MOST)
    if not masked:
        yield search_index.find_all(conn, search_words.word_digests(vault, text))
    if is_id and len(text) >= search_words.SHORTEST:
        yield account_list.containing(conn, text, MOST)


def _keys(text: str) -> list[str]:
    """Return the possible binding keys of a provider's object; people type its number, or copy a key from a page."""
    kinds = [f"{provider}:{kind}:{text}" for provider in PROVIDERS for kind in KINDS_OF_OBJECT]
    provider, _, number = text.partition(":")
    written = [f"{provider}:{kind}:{number}" for kind in KINDS_OF_OBJECT if number and ":" not in number]
    return [*kinds, *written, text, f"dispute:{text}"]
