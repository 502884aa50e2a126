"""The upgrade to one owner for every purchase, of purchases that earlier versions recorded for several accounts.

Nothing is decided here. Each account that has such a purchase notes until when it keeps it: for the policy's whole
final warning from now on. The owner is computed from all that is recorded of the purchase.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from kulanz.crypto import places
from kulanz.policy.areas.keeping.area import SHARED_END
from kulanz.policy.book.purchases import Purchase
from kulanz.policy.facts import KeptAfterUpgrade
from kulanz.privacy import statements
from kulanz.processing import outbox
from kulanz.processing.entry import Entry, opened
from kulanz.processing.moving import purchase_named
from kulanz.processing.ownership import Owners, Ownership, kind_of, read, root, write
from kulanz.queries import ownership
from kulanz.queries.replay import recorded
from kulanz.queries.replay.owners import OwnersCheck
from kulanz.services import Services
from kulanz.store import accounts, bindings, codec, journal, shared_values, timers
from kulanz.store.bindings import BindingRow
from kulanz.store.database import Connection
from kulanz.store.journal import JournalRow
from kulanz.store.timers import TimerRow

_NAME = "shared_purchases_noted"
_KIND = KeptAfterUpgrade.__name__


def note(services: Services) -> int:
    """Note the purchases that several accounts have, and return how many; it may be stopped and runs again then."""
    with services.database.read() as conn:
        if shared_values.get(conn, _NAME):
            return 0
    services.vault.prepare()
    shared = ownership.shared(services)
    for names in sorted(set(shared.values())):
        _note(services, names, {purchase for purchase, holders in shared.items() if holders == names})
    with services.database.write() as tx:
        shared_values.put(tx, _NAME, "done")
    return len(shared)


def _note(services: Services, names: Sequence[str], shared: Collection[Purchase]) -> None:
    with services.database.write() as tx:
        heard = _heard(services, tx, names)
        keys = [key for key in heard if kind_of(key) != "customer" and purchase_named(key) in shared]
        keys = [key for key in keys if root(key, heard.get) == key]
        customers = {value.customer.key for key in keys if (value := heard[key]).customer is not None}
        bindings.lock_keys(tx, customers)
        for row in bindings.rows(tx, keys):
            known = read(row.claims) if row.claims is not None else Ownership(base=row.account)
            heard[row.key] = heard[row.key].join(known)
        owner_of = {key: owner for key in keys if (owner := heard.owner(key)) is not None}
        bindings.save(tx, [_row(key, owner, heard[key]) for key, owner in owner_of.items()])
        for account_row in accounts.lock(tx, names, services.vault.new_data_key).values():
            _keep(services, tx, opened(account_row, services.vault), owner_of)
        for key, account in owner_of.items():
            outbox.alert(services, tx, topic="purchase_shared", subject=key, account=account)


def _heard(services: Services, conn: Connection, names: Sequence[str]) -> Owners:
    """Return the statements about owners in all recorded events of some accounts."""
    check = OwnersCheck(services)
    rows = [row for name in names if (row := accounts.exactly(conn, name)) is not None]
    recorded.news(services, conn, [each for row in rows if (each := recorded.opened(services, row))], check.hear)
    return check.heard


def _row(key: str, account: str, value: Ownership) -> BindingRow:
    return BindingRow(key, account, write(value), value.customer.key if value.customer is not None else None, None)


def _keep(services: Services, tx: Connection, entry: Entry, keys: Collection[str]) -> None:
    """Note in an account that it keeps these purchases, with the timer of their end; nothing else changes."""
    name, book, now = entry.row.id, entry.account.book, services.clock.now(tx)
    wanted = [key for key in keys if key not in book.kept]
    if not wanted:
        return
    until = _end(services, tx, entry, now)
    facts = [KeptAfterUpgrade(subject=key, until=until, at=now) for key in wanted]
    place, seq = places.fact(name, _KIND, now), entry.row.seq or None
    sealed = [entry.key.seal(codec.encode(fact), place) for fact in facts]
    journal.append(tx, [JournalRow(name, now, _KIND, fact, seq) for fact in sealed])
    noted = entry.key.seal(codec.pack_book(book.with_facts(facts)), places.book(name))
    accounts.save(tx, [msgspec.structs.replace(entry.row, book=noted)])
    statements.restate(services.vault, tx, [name])
    ends = [TimerRow(name, SHARED_END, key, until) for key in wanted]
    timers.replace(tx, {name: [*timers.of_account(tx, name), *ends]})


def _end(services: Services, tx: Connection, entry: Entry, now: datetime) -> datetime:
    """Return the end of the policy's final warning, were it sent now."""
    terms = services.terms(tx, now).under(entry.account.book, now)
    return terms.current.dunning.final_warning.after(now, entry.account.zone(terms))
