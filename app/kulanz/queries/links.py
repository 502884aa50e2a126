"""Owners of purchases, shown beside an account's book: operators' links, and possible links."""

from __future__ import annotations

from datetime import datetime

from kulanz.documents.standing import Link
from kulanz.policy.book import Book
from kulanz.processing.ownership import read
from kulanz.providers.keys import Keys
from kulanz.store import bindings
from kulanz.store.database import Connection


def links(conn: Connection, account: str) -> tuple[Link, ...]:
    """Return the links by which purchases belong to an account, with the account that each links."""
    linked: dict[str, tuple[datetime, tuple[str, ...]]] = {}
    for row in bindings.of_account(conn, account):
        link = read(row.claims).link if row.claims is not None and row.whole is None else None
        if link is not None and link.account == account:
            at, objects = linked.get(link.digest, (link.at, ()))
            linked[link.digest] = max(at, link.at), (*objects, row.key)
    return tuple(Link(source=source, linked_at=at, objects=objects) for source, (at, objects) in sorted(linked.items()))


def linkable_to(conn: Connection, account: str, book: Book) -> str | None:
    """Return the account that the customer of an unnamed account names elsewhere, where that is one."""
    named = customer_named(account, book)
    if named is None:
        return None
    provider, _, customer = named.partition(":")
    key = Keys(provider).binding("customer", customer)
    others = {row.account for row in bindings.of_customers(conn, [key])} - {account}
    if not others:
        records = [read(row.claims).named for row in bindings.rows(conn, [key]) if row.claims is not None]
        others = {max(record).account for record in records if record} - {account, ""}
    return others.pop() if len(others) == 1 else None


def customer_named(account: str, book: Book) -> str | None:
    """Return the customer by whom an account is named for lack of another name; None for every other account."""
    customers = (
        *(record.seen.customer for record in book.subscriptions.values()),
        *(record.seen.customer for record in book.orders.values()),
        *(record.seen.customer for record in book.licences.values()),
    )
    return next((each for each in customers if each.replace(":", "-", 1) == account), None)
