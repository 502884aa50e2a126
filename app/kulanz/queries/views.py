"""Views of accounts: the state as of the last decision, by the policy in force then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from msgspec.structs import replace as evolve

from kulanz.documents.standing import Link
from kulanz.errors import NotFoundError
from kulanz.policy.assess import assess
from kulanz.policy.state import Account, State, Terms
from kulanz.processing.entry import account_of
from kulanz.queries import closed, links
from kulanz.queries.closed import Ended
from kulanz.services import Services
from kulanz.store import accounts as stored
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T_co]):
    """Documents of a page, and the cursor of the next page; None: there is no next page."""

    items: Sequence[T_co]
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """An account as of its last decision."""

    account: Account
    state: State
    terms: Terms
    now: datetime
    links: tuple[Link, ...] = ()
    """The links by which purchases belong to it."""
    linkable_to: str | None = None
    """The account that its customer names elsewhere."""
    ended: Ended | None = None
    """For an erased account: the records that replace its destroyed data."""


def view(services: Services, conn: Connection, name: str) -> AccountView:
    """Return an account as of its last decision; NotFoundError if there is none of that name or alias."""
    row = stored.answering(conn, name)
    if row is None:
        raise NotFoundError(f"no account {name!r}")
    return of_row(services, conn, row)


def of_row(services: Services, conn: Connection, row: AccountRow) -> AccountView:
    """Return the account of a row as of its last decision."""
    account = account_of(row, services.vault.data_key(row.key, row.id) if row.key is not None else None)
    now = services.clock.now(conn)
    terms, as_of = services.terms(conn, now).under(account.book, now), row.decided_at or now
    state = assess(account.book, terms, account.zone(terms), as_of)
    return AccountView(
        account=evolve(account, add_ons=state.add_ons, quantities=state.quantities),
        state=state,
        terms=terms,
        now=now,
        ended=closed.ended(conn, row) if row.key is None else None,
    )


def with_links(conn: Connection, seen: AccountView) -> AccountView:
    """Return an account with its owners; polling products do not need them."""
    name = seen.account.id
    linkable_to = links.linkable_to(conn, name, seen.account.book)
    return replace(seen, links=links.links(conn, name), linkable_to=linkable_to)
