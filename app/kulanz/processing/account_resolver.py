"""Whose event it is: the account that custom data names, or what we know of the provider's own objects.

An event that names no account belongs to where its subscription, order or customer is, else to an account of the
provider's customer (`lemonsqueezy-3083767`). When an event of that customer names an account, the provisional one
becomes another name of it; a customer who names two accounts joins neither to the other (CONTRACT section 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kulanz.providers import Routing
from kulanz.store import accounts, bindings
from kulanz.store.database import Connection


class AccountResolver:
    """The bindings that a batch of events touches, read once and written once."""

    def __init__(self, tx: Connection, routings: Sequence[Routing]) -> None:
        self._tx = tx
        self._kept = kept(tx, {routing.kept_claim for routing in routings if routing.kept_claim is not None})
        keys = {key for routing in routings for key in (routing.subscription, routing.order, routing.customer)}
        self._bound = bindings.find(tx, {key for key in keys if key is not None})
        self._new: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        """Provisional accounts that turned out to be another, by their old id."""

    @property
    def newly_bound(self) -> frozenset[str]:
        """The objects that this batch is the first to know."""
        return frozenset(self._new)

    def is_bound(self, key: str | None) -> bool:
        """Whether a provider's object is bound to an account."""
        return key is not None and key in self._bound

    def resolve(self, routing: Routing, *, is_snapshot: bool) -> str | None:
        """Return the account of an event, and remember it for the objects that the event names.

        `shows`: the event is a snapshot of its subscription, which only that makes known; others merely mention one.
        """
        account = self.lookup(routing)
        if account is None:
            return None
        for key in _keys(routing):
            bound = self._bound.get(key)
            if bound is None and (is_snapshot or key != routing.subscription):
                self.bind(key, account)
            elif bound is not None and bound == routing.fallback and bound != account:
                self._rename(bound, account)
        return account

    def bind(self, key: str, account: str) -> None:
        """Remember whose object this is."""
        if key not in self._bound:
            self._bound[key] = self._new[key] = account

    def write(self) -> None:
        """Record what was learned."""
        for old, new in self.renamed.items():
            bindings.move(self._tx, old, new)
        if self._new:
            bindings.bind(self._tx, {key: self.renamed.get(account, account) for key, account in self._new.items()})

    def lookup(self, routing: Routing) -> str | None:
        """Return the account of an event as far as we know."""
        if routing.claim is not None:
            return routing.claim
        if self.keeps(routing):
            return routing.kept_claim
        for key in (routing.subscription, routing.order, routing.customer):
            if key is not None and key in self._bound:
                return self._bound[key]
        return routing.fallback

    def owner(self, routing: Routing) -> str | None:
        """Return the account that an event is surely about: of its subscription or order, or claimed by the event."""
        bound = (self._bound.get(key) for key in (routing.subscription, routing.order) if key is not None)
        owner = next((account for account in bound if account is not None), None)
        return owner or routing.claim or (routing.kept_claim if self.keeps(routing) else None)

    def keeps(self, routing: Routing) -> bool:
        """Whether an event names an account by an id that it has from before."""
        return routing.kept_claim in self._kept

    def _rename(self, old: str, new: str) -> None:
        self.renamed[old] = new
        for key, account in self._bound.items():
            if account == old:
                self._bound[key] = new


def kept(conn: Connection, names: Iterable[str]) -> frozenset[str]:
    """Return the names that accounts have already."""
    return frozenset(name for name in names if accounts.exactly(conn, name) is not None)


def _keys(routing: Routing) -> list[str]:
    return [key for key in (routing.subscription, routing.order, routing.customer) if key is not None]
