"""Ownership: the joined claims to one object of a provider, and the account that follows from them (DOMAIN 1).

A value is a join-semilattice of everything that events and operators said, so any order of the same events gives the
same owners. `owner` reads it together with the values of the objects that it points to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

import msgspec

Lookup = Callable[[str], "Ownership | None"]
_DEPTH = 6
"""Objects within objects: a charge of an invoice of a subscription of an order is the deepest that there is."""


class Claim(msgspec.Struct, frozen=True, order=True, array_like=True):
    """A statement about an object's owner; the newest by the provider's time, rank and digest counts."""

    at: datetime
    rank: int
    digest: str
    account: str
    """Empty: no account is named. The newest link without one takes earlier links back."""


class Payment(msgspec.Struct, frozen=True, array_like=True):
    """A payment of a subscription: the first one may name the account where nothing else does."""

    at: datetime
    key: str
    account: str


class Customer(msgspec.Struct, frozen=True, order=True, array_like=True):
    """The provider's customer of an object, by the newest snapshot."""

    at: datetime
    key: str
    fallback: str
    """The account where nothing better is known: `lemonsqueezy-3083767`."""


T = TypeVar("T", Claim, Customer, str)


class Ownership(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything known about the owner of one object: a state-based CRDT."""

    seen: bool = False
    """Whether an event of its own made it known; others merely mention it."""
    charge: bool = False
    """A payment of an unknown object: alone, it belongs to the only account that its customer has."""
    link: Claim | None = None
    """The newest link of an operator."""
    signed: Claim | None = None
    stated: Claim | None = None
    """The newest claim without the merchant's signature."""
    first_payment: Payment | None = None
    first_seen: Claim | None = None
    """The oldest snapshot, with the account that its customer named then."""
    order: str | None = None
    within: tuple[str, ...] = ()
    """The objects that it is a payment of: then it has no owner of its own."""
    customer: Customer | None = None
    named: tuple[Claim, ...] = ()
    """For a customer: since when its own record names an account, or none; the earliest statement for each."""
    base: str | None = None
    """The account that earlier versions bound it to."""

    def join(self, other: Ownership) -> Ownership:
        """Join: return the merged knowledge of both."""
        return Ownership(
            seen=self.seen or other.seen,
            charge=self.charge or other.charge,
            link=_newest(self.link, other.link),
            signed=_newest(self.signed, other.signed),
            stated=_newest(self.stated, other.stated),
            first_payment=_first_payment(self.first_payment, other.first_payment),
            first_seen=_oldest(self.first_seen, other.first_seen),
            order=_newest(self.order, other.order) or None,
            within=tuple(sorted({*self.within, *other.within})) if self.within or other.within else (),
            customer=_newest(self.customer, other.customer),
            named=_earliest(self.named, other.named) if self.named or other.named else (),
            base=_newest(self.base, other.base) or None,
        )

    @property
    def is_name(self) -> bool:
        """Whether this is another name of a payment, which only leads from the payment to its checkout."""
        return self.order is not None and self == Ownership(order=self.order)

    @property
    def claimed(self) -> str | None:
        """The account that the object itself names: by an operator, with a signature, or without one."""
        words = (self.link, self.signed, self.stated)
        return next((word.account for word in words if word is not None and word.account), None)

    @property
    def mentioned(self) -> str | None:
        """The account that its first payment names, or that its customer named in its oldest snapshot."""
        words = (self.first_payment, self.first_seen)
        return next((word.account for word in words if word is not None and word.account), None)


def root(key: str, lookup: Lookup) -> str:
    """Return the object that this one is a payment of, as far as known; the object itself if it is no payment."""
    for _ in range(_DEPTH):
        value = lookup(key)
        known = [whole for whole in value.within if _is_whole(lookup(whole))] if value else []
        if not known:
            return key
        key = min(known)
    return key


def owner(key: str, lookup: Lookup, of_customer: Callable[[str, Ownership], str | None]) -> str | None:
    """Return the account of an object; `of_customer` answers where nothing of its own names one."""
    key = root(key, lookup)
    value = lookup(key)
    if value is None:
        return None
    named = value.claimed or value.base or _of_order(value, lookup) or value.mentioned or _of_record(value, lookup)
    return named or (of_customer(key, value) if value.customer is not None else None)


def _is_whole(value: Ownership | None) -> bool:
    return value is not None and not value.is_name


def _of_order(value: Ownership, lookup: Lookup) -> str | None:
    names = [name.order for whole in value.within if (name := lookup(whole)) is not None]
    for key in filter(None, (value.order, *names)):
        order = lookup(key)
        if order is not None and not order.within and (account := order.claimed or order.base):
            return account
    return None


def _of_record(value: Ownership, lookup: Lookup) -> str | None:
    """Return the account that the customer's own record named when the object was made; later changes move nothing."""
    record = lookup(value.customer.key) if value.customer is not None and value.first_seen is not None else None
    if record is None or value.first_seen is None:
        return None
    before = [claim for claim in record.named if claim.at <= value.first_seen.at]
    return max(before).account or None if before else None


class Owners(dict[str, Ownership]):
    """Owners of all objects that depend on each other, by their keys."""

    def __init__(self, *, join_by_customer: bool = False) -> None:
        super().__init__()
        self._join_by_customer = join_by_customer
        self._by_customers: dict[str, list[str]] | None = None

    def __setitem__(self, key: str, value: Ownership) -> None:
        """Know an object's value."""
        super().__setitem__(key, value)
        self._by_customers = None

    def owner(self, key: str) -> str | None:
        """Return the account of an object or a customer; None where nothing is known of it."""
        if kind_of(key) == "customer":
            return self._owner_of_customer(key)
        return owner(key, self.get, self.by_customer)

    def by_customer(self, key: str, value: Ownership) -> str | None:
        """Return the account of an unnamed object: with what was bought with it, by a link, or a provisional one."""
        customer = value.customer
        if customer is None:
            return None
        bound = self.get(customer.key, Ownership())
        linked = bound.link.account if bound.link is not None else None
        return self._bought_with(key, customer) or linked or bound.base or self._joined(value, customer)

    def _bought_with(self, order: str, customer: Customer) -> str | None:
        """Return the one account that the subscriptions bought with an order name."""
        bought = (self[key] for key in self.purchases(customer.key))
        return _only(value.claimed for value in bought if value.order == order)

    def _joined(self, value: Ownership, customer: Customer) -> str:
        """Return the one account of a customer, for a payment of something unknown or where the settings say so."""
        purchases = self.purchases(customer.key)
        account = None
        if _is_loose(value):
            account = _only(self.owner(key) for key in purchases if not _is_loose(self[key]))
        elif self._join_by_customer:
            account = _only(owner(key, self.get, lambda *_: None) for key in purchases)
        return account or customer.fallback

    def _owner_of_customer(self, key: str) -> str | None:
        value = self[key]
        linked = value.link.account if value.link is not None else None
        return linked or value.base or (value.customer.fallback if value.customer is not None else None)

    def purchases(self, customer: str) -> list[str]:
        """Return a customer's purchases and loose charges."""
        if self._by_customers is None:
            self._by_customers = {}
            for key, value in self.items():
                if value.customer is not None and kind_of(key) != "customer" and root(key, self.get) == key:
                    self._by_customers.setdefault(value.customer.key, []).append(key)
        return self._by_customers.get(customer, [])


def kind_of(key: str) -> str:
    """Return the kind of object that a key names: `customer` of `lemonsqueezy:customer:1`."""
    return key.split(":", 2)[1]


def _only(names: Iterable[str | None]) -> str | None:
    """Return the account that all of these name, where they name one."""
    named = {account for account in names if account is not None}
    return named.pop() if len(named) == 1 else None


def _is_loose(value: Ownership) -> bool:
    """Whether this payment belongs to no known purchase: a charge, or a payment known only by a refund or dispute."""
    return value.base is None and (value.charge or not value.seen)


def read(stored: bytes) -> Ownership:
    """Return a stored value."""
    return _DECODER.decode(stored)


def write(value: Ownership) -> bytes:
    """Return a value as it is stored."""
    return _ENCODER.encode(value)


def _newest(ours: T | None, theirs: T | None) -> T | None:
    """Return the value that exists; of two, the later or greater."""
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return max(ours, theirs)


def _oldest(ours: Claim | None, theirs: Claim | None) -> Claim | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return min(ours, theirs)


def _earliest(ours: tuple[Claim, ...], theirs: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """Return the earliest statement for each account."""
    earliest: dict[str, Claim] = {}
    for claim in sorted((*ours, *theirs)):
        earliest.setdefault(claim.account, claim)
    return tuple(sorted(earliest.values()))


def _first_payment(ours: Payment | None, theirs: Payment | None) -> Payment | None:
    """Return the earlier one; of two statements on the same payment the one that names an account."""
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    if (ours.at, ours.key) == (theirs.at, theirs.key):
        return max(ours, theirs, key=lambda payment: payment.account)
    return min(ours, theirs, key=lambda payment: (payment.at, payment.key))


_DECODER = msgspec.json.Decoder(Ownership)
_ENCODER = msgspec.json.Encoder()
