"""The console's page of one account, and the search by which it is found."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kulanz.errors import NotFoundError
from kulanz.processing import projections
from kulanz.providers import PROVIDERS
from kulanz.providers.naming import ACCOUNT_ID
from kulanz.queries import accounts
from kulanz.queries.views import JsonDocument
from kulanz.services import Services
from kulanz.store import accounts as stored
from kulanz.store import bindings, email_index, ledger, pages
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection
from kulanz.store.outbox import EffectRow
from kulanz.store.pages import EventLine

STEPS = 50
RECENT = 10
SEARCH_NEIGHBOURS = 200
_ID = re.compile(ACCOUNT_ID, re.ASCII)
KINDS_OF_OBJECT = ("subscription", "customer", "order")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """All that a person sees of an account at once."""

    account: JsonDocument
    """As `GET /v1/accounts/<id>` answers it."""
    why: list[str]
    waits: list[JsonDocument]
    """The conditions that hold something of it."""
    outlook: list[str]
    steps: list[JsonDocument]
    """The newest decisions first."""
    earlier: int | None
    """The number of the decision that earlier ones come before; None: there are no earlier ones."""
    sequence: int
    """The number of the last decision: whether something has changed since somebody looked."""
    events: list[EventLine]
    effects: list[EffectRow]


def account_page(services: Services, name: str, *, before: int | None = None) -> AccountPage:
    """Return an account's dossier, with the steps before a decision; NotFoundError if there is no such account."""
    document = accounts.explanation(services, name, steps=False)
    with services.database.read() as conn:
        row = stored.answering(conn, name)
        if row is None:
            raise NotFoundError(f"no account {name!r}")
        last = row.seq if before is None else min(before - 1, row.seq)
        first = max(0, last - STEPS)
        steps = ledger.of_account(conn, row.id, first, last - first)
        return AccountPage(
            account=accounts.account_in(services, conn, row.id),
            why=document["why"],
            waits=document["waits"],
            outlook=accounts.changes_ahead(document),
            steps=[accounts.step(step) for step in reversed(steps)],
            earlier=first + 1 if first else None,
            sequence=row.seq,
            events=pages.events(conn, account=row.id, limit=RECENT),
            effects=pages.effects_page(conn, account=row.id, limit=RECENT),
        )


def search(services: Services, text: str) -> list[AccountRow]:
    """Return the accounts that a text may mean: an id or its beginning, a mail address, an id of the provider's."""
    services.vault.prepare()
    with services.database.read() as conn:
        names = _named(services, conn, text.strip())
        rows = [stored.answering(conn, name) for name in names]
    return list({row.id: row for row in rows if row is not None}.values())


def _named(services: Services, conn: Connection, text: str) -> list[str]:
    if not text:
        return []
    matches = [text] if _ID.fullmatch(text) and stored.answering(conn, text) else []
    matches += bindings.find(conn, _keys(text)).values()
    if "@" in text:
        matches += email_index.find(conn, projections.fingerprint(services.vault, text))
    near = pages.accounts_page(conn, after=text, limit=SEARCH_NEIGHBOURS) if _ID.fullmatch(text) else []
    return [*matches, *(line.id for line in near if line.id.startswith(text))]


def _keys(text: str) -> list[str]:
    """Return what the provider's object may be bound by; people type its number, or copy a key from a page."""
    kinds = [f"{provider}:{kind}:{text}" for provider in PROVIDERS for kind in KINDS_OF_OBJECT]
    provider, _, number = text.partition(":")
    written = [f"{provider}:{kind}:{number}" for kind in KINDS_OF_OBJECT if number and ":" not in number]
    return [*kinds, *written, text, f"dispute:{text}"]
