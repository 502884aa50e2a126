"""Applies a resolver's results: locks accounts, moves purchases, copies customers to accounts with their purchases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from kulanz.policy.facts import CustomerSeen
from kulanz.processing import outbox
from kulanz.processing.account_resolver import AccountResolver
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import MOVED, UnitOfWork
from kulanz.providers import Routing
from kulanz.services import Services
from kulanz.store import accounts, bindings
from kulanz.store.database import Connection

_KNOWN = Cause(kind="ownership", name="customer_known")


def apply(
    services: Services,
    tx: Connection,
    unit_of_work: UnitOfWork,
    resolver: AccountResolver,
    names: Collection[str],
    *,
    cause: Cause = MOVED,
    reason: str | None = None,
) -> None:
    """Lock accounts, move objects with a new owner, and write the owners; must run before any decision."""
    wanted = {*names, *(move.old for move in resolver.moves), *(move.new for move in resolver.moves)}
    customers = [name for names_ in resolver.customers_told().values() for name in names_]
    unit_of_work.lock(wanted | {name for name in customers if accounts.exactly(tx, name) is not None})
    pairs: dict[tuple[str, str], list[str]] = {}
    for move in resolver.moves:
        if cause is MOVED and resolver.purchase(move.key) in unit_of_work.kept(move.old):
            continue  # Events take nothing of what was shared before its announced end; an operator may.
        pairs.setdefault((move.old, move.new), []).append(move.key)
    for (old, new), keys in sorted(pairs.items()):
        unit_of_work.move(old, new, keys, cause=cause, reason=reason)
    for name in sorted({name for pair in pairs for name in pair}):
        if not unit_of_work.is_erased(name):
            unit_of_work.decide(name, (), MOVED)
    _show(services, tx, resolver)
    resolver.write()


def link(services: Services, accounts_by_key: Mapping[str, str]) -> None:
    """Record operators' links of customers or purchases, and move the affected objects."""
    services.vault.prepare()
    with services.database.write() as tx:
        unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
        resolver = linked(services, tx, accounts_by_key, unit_of_work.now)
        apply(services, tx, unit_of_work, resolver, ())
        unit_of_work.save()


def linked(
    services: Services, tx: Connection, accounts_by_key: Mapping[str, str], now: datetime, digest: str = ""
) -> AccountResolver:
    """Return a resolver that contains links; `digest` is stored with them."""
    resolver = AccountResolver(
        tx, [_naming(key) for key in accounts_by_key], join_by_customer=services.settings.join_by_customer
    )
    for key, account in accounts_by_key.items():
        resolver.link(key, now, digest, account)
    resolver.settle()
    return resolver


def _naming(key: str) -> Routing:
    provider, kind, number = key.split(":", 2)
    if kind == "customer":
        return Routing(customer=key, fallback=f"{provider}-{number}")
    return Routing(subscription=key) if kind == "subscription" else Routing(order=key)


def end_sharing(
    tx: Connection, unit_of_work: UnitOfWork, ended: Sequence[tuple[str, str]], others: Collection[str]
) -> None:
    """Leave each purchase to its owner alone that an account was to keep until now; lock `others` with these."""
    owner_of = bindings.find(tx, {purchase for _, purchase in ended})
    unit_of_work.lock({*others, *owner_of.values()})
    for account, purchase in ended:
        owner = owner_of.get(purchase, account)
        is_over = purchase not in unit_of_work.kept(account)
        names = {account, owner}
        if len(names) == 1 or not is_over or any(map(unit_of_work.is_erased, names)):
            continue
        payments = [row.key for row in bindings.of_wholes(tx, [purchase])]
        unit_of_work.end_sharing(account, owner, purchase, [purchase, *payments])
        for name in sorted(names):
            unit_of_work.decide(name, (), MOVED)


def share_customers(unit_of_work: UnitOfWork, resolver: AccountResolver) -> None:
    """Let every account that has purchases of a customer know how to reach them, once the events are decided."""
    for customer, holders in resolver.customers_told().items():
        known = {name for name in holders if unit_of_work.has(name)}
        _share(unit_of_work, known, known.intersection(resolver.accounts_of_customer(customer)))


def _share(unit_of_work: UnitOfWork, holders: Collection[str], names: Collection[str]) -> None:
    books = {name: unit_of_work.account(name).book for name in sorted(holders) if not unit_of_work.is_erased(name)}
    known: dict[str, CustomerSeen] = {}
    for book in books.values():
        for key, customer in book.customers.items():
            if key not in known or known[key].stamp < customer.seen.stamp:
                known[key] = customer.seen
    for name in sorted(books.keys() & names):
        book = books[name]
        missing = [seen for key, seen in known.items() if key not in book.customers or book.customers[key].seen != seen]
        if missing:
            unit_of_work.decide(name, missing, _KNOWN)


def _show(services: Services, tx: Connection, resolver: AccountResolver) -> None:
    """Show operators possible links, and objects that a claim could not move."""
    for provisional, account in resolver.unnamed():
        outbox.alert(services, tx, topic="account_could_be_linked", subject=provisional, account=account)
    for key, account in resolver.refused:
        outbox.alert(services, tx, topic="account_claim_closed", subject=key, account=account)
