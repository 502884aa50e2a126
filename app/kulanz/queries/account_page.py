"""The console's page of one account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kulanz.documents import Account, Step, WaitCondition
from kulanz.errors import NotFoundError
from kulanz.formats.messages import PLAIN, Reader
from kulanz.policy.areas.addresses import Contact, contact
from kulanz.policy.book import Book
from kulanz.providers.dashboards import customer_page
from kulanz.queries import account_list, accounts
from kulanz.services import Services
from kulanz.store import accounts as stored
from kulanz.store import ledger, pages
from kulanz.store.outbox import EffectRow
from kulanz.store.pages import EventLine

STEPS = 50
RECENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCustomer:
    """A customer at a provider, and where the provider's own dashboard shows them."""

    provider: str
    id: str
    page: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """All data of the console's page about an account."""

    account: Account
    """The document of `GET /v1/accounts/<id>`."""
    why: tuple[str, ...]
    waits: tuple[WaitCondition, ...]
    """The conditions that hold something of it."""
    outlook: tuple[str, ...]
    steps: list[Step]
    """The newest decisions first."""
    earlier: int | None
    """The number of the decision that earlier ones come before; None: there are no earlier ones."""
    sequence: int
    """Number of the last decision: shows whether the account has changed since the page was read."""
    events: list[EventLine]
    effects: list[EffectRow]
    contact: Contact
    """The customer's name and address, as the reader may see them."""
    customers: tuple[ProviderCustomer, ...]


def account_page(
    services: Services,
    name: str,
    *,
    before: int | None = None,
    masked: bool = True,
    reader: Reader = PLAIN,
) -> AccountPage:
    """Return an account's dossier, with the steps before a decision; NotFoundError if there is no such account."""
    document = accounts.explanation(services, name, steps=0, reader=reader)
    with services.database.read() as conn:
        row = stored.answering(conn, name)
        if row is None:
            raise NotFoundError(f"no account {name!r}")
        last = row.seq if before is None else min(before - 1, row.seq)
        first = max(0, last - STEPS)
        steps = ledger.of_account(conn, row.id, first, last - first)
        book = account_list.book(services, row)
        return AccountPage(
            account=accounts.account_in(services, conn, row.id),
            why=document.why,
            waits=document.waits,
            outlook=accounts.changes_ahead(document),
            steps=[accounts.step(step, reader) for step in reversed(steps)],
            earlier=first + 1 if first else None,
            sequence=row.seq,
            events=pages.events(conn, account=row.id, limit=RECENT),
            effects=pages.effects_page(conn, account=row.id, limit=RECENT),
            contact=account_list.shown(contact(book), masked=masked),
            customers=tuple(_customers(book)),
        )


def _customers(book: Book) -> Iterator[ProviderCustomer]:
    """Yield the buyer of every purchase."""
    buyers = {record.seen.customer for record in book.subscriptions.values()}
    buyers |= {record.seen.customer for record in book.orders.values()}
    for key in sorted(buyers - {""}):
        provider, _, customer = key.partition(":")
        yield ProviderCustomer(provider=provider, id=customer, page=customer_page(key))
