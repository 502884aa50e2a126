"""Moves purchases between accounts: events, journal and outgoing actions, encrypted with the new account's key.

1. Lock both accounts, in the transaction that changed the owner.
2. Decrypt each event and journal entry of the old account with its key, and translate it into facts.
3. If it is about a moved object, encrypt it with the new account's key and change its account.
4. Do the same with unfinished outgoing actions and with letters.
5. Rebuild both books from the divided facts.

Afterwards erasing the old account destroys nothing that the new one needs for a replay, and erasing the new one
destroys everything of the purchase.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kulanz.crypto import places
from kulanz.crypto.vault import DataKey
from kulanz.errors import KulanzError
from kulanz.policy.book import Book
from kulanz.policy.book.purchases import Kind, Purchase, Subjects, of_fact, purchase_of, subjects
from kulanz.policy.facts import Fact
from kulanz.processing.account_resolver import purchase_of as object_of
from kulanz.processing.entry import Entry
from kulanz.processing.search_words import digests
from kulanz.services import Services
from kulanz.store import accounts, case_index, codec, erasing, inbox, journal, outbox, search_index
from kulanz.store.database import Connection
from kulanz.store.inbox import Event

_UNFINISHED = frozenset({"pending", "todo", "parked", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Result of a move: the moved facts, and the book of the facts that stayed."""

    left: Book
    facts: tuple[Fact, ...]


def move(services: Services, tx: Connection, source: Entry, target: Entry, keys: Collection[str]) -> Moved:
    """Give everything about some objects to another account; both accounts are locked, and saved by the caller."""
    purchases = frozenset(map(purchase_named, keys))
    known = subjects(source.account.book)
    parts = _Parts(services, tx, source, target, frozenset(keys), purchases, known)
    staying, going = parts.split()
    parts.move_effects()
    parts.move_unapplied()
    for kind, key, state in case_index.of_account(tx, source.row.id):
        if kind != case_index.COLLECTION and purchase_of(key, known) in purchases:
            if state == case_index.RECOVERED:  # No book keeps it: the other account would not list it.
                case_index.give(tx, source.row.id, target.row.id, kind, key)
            case_index.drop(tx, source.row.id, kind, key)
    left = Book().with_facts(staying)
    search_index.forget(tx, source.row.id)
    search_index.add(tx, {(each, source.row.id) for each in digests(services.vault, staying, Book())})
    return Moved(left=left, facts=tuple(going))


@dataclass(frozen=True, slots=True)
class _Parts:
    """A move in progress."""

    services: Services
    tx: Connection
    source: Entry
    target: Entry
    keys: frozenset[str]
    purchases: frozenset[Purchase]
    known: Subjects

    def split(self) -> tuple[list[Fact], list[Fact]]:
        """Move events and facts; return all facts that stayed, and all that went."""
        names = {self.source.row.id: self.source.key}
        for kin in accounts.kin(self.tx, [self.source.row.id]):
            if kin.key is not None:
                names[kin.id] = self.services.vault.data_key(kin.key, kin.id)
        staying: list[Fact] = []
        going: list[Fact] = []
        for event in inbox.of_accounts(self.tx, [*names]):
            self._event(event, names[event.account or ""], staying, going)
        self._journal(names, staying, going)
        return staying, going

    def move_effects(self) -> None:
        """Move unfinished outgoing actions, and every letter, because letters hold personal data."""
        for row in list(outbox.of_account(self.tx, self.source.row.id)):
            is_kept = row.state in _UNFINISHED or row.kind in erasing.PERSONAL_EFFECT_KINDS
            if is_kept and row.payload and self._is_about(row.subject):
                plain = self.source.key.open(row.payload, places.effect(row.account, row.id))
                payload = self.target.key.seal(plain, places.effect(self.target.row.id, row.id))
                outbox.give(self.tx, row.id, self.target.row.id, payload)

    def move_unapplied(self) -> None:
        """Let unapplied events hold back the other account's dunning; their bodies are bound to no account yet."""
        for event in inbox.unapplied_of(self.tx, self.source.row.id):
            try:
                provider = self.services.providers[event.provider]
                place = places.event(event.provider, event.delivery_key)
                payload = provider.decode(self.services.vault.open(event.body, place))
            except KulanzError:  # Parked for just that error: its owner cannot be read now either.
                continue
            routing = provider.route(payload, self.services.account_naming)
            if self.keys.intersection((routing.subscription, routing.order)):
                inbox.concern(self.tx, event.id, self.source.row.id, self.target.row.id)

    def _event(self, event: Event, key: DataKey, staying: list[Fact], going: list[Fact]) -> None:
        provider = self.services.providers[event.provider]
        body = key.open(event.body, places.event(event.provider, event.delivery_key, event.account))
        payload, naming = provider.decode(body), self.services.account_naming
        content = event.content_key or provider.peek(body).content_key
        facts = provider.translate(event.name, payload, content.hex(), naming)
        if object_of(provider.route(payload, naming), facts) in self.keys:
            going.extend(facts)
            place = places.event(event.provider, event.delivery_key, self.target.row.id)
            inbox.give(self.tx, event.id, self.target.row.id, self.target.key.seal(body, place))
        else:
            staying.extend(facts)

    def _journal(self, names: dict[str, DataKey], staying: list[Fact], going: list[Fact]) -> None:
        moved = []
        for number, row in journal.numbered(self.tx, [*names]):
            written = names[row.account].open(row.fact, places.fact(row.account, row.kind, row.at))
            fact = codec.read_fact(row.kind, written)
            if of_fact(fact, self.known) in self.purchases:
                going.append(fact)
                place = places.fact(self.target.row.id, row.kind, row.at)
                moved.append((number, self.target.row.id, self.target.key.seal(written, place)))
            else:
                staying.append(fact)
        journal.give(self.tx, moved)

    def _is_about(self, subject: str) -> bool:
        return purchase_of(subject, self.known) in self.purchases


def purchase_named(key: str) -> Purchase:
    """Return the purchase of a binding's key: `lemonsqueezy:subscription:1` is `lemonsqueezy:1` among the facts."""
    provider, kind, number = key.split(":", 2)
    return Purchase(Kind.SUBSCRIPTION if kind == "subscription" else Kind.ORDER, f"{provider}:{number}")
