"""The resolver of owners: the account of every object that a batch of events touches (DOMAIN section 1).

An event goes to the account of its purchase; its payments, refunds and disputes go with that, not with the account
that their own custom data name. Claims are joined per object (`ownership`), so the order of events decides nothing. An
object whose owner changes moves: `moves` says from where to where.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kulanz.policy.facts import (
    ChargebackWarned,
    CustomerSeen,
    DisputeSeen,
    Fact,
    InvoiceSeen,
    LicenceSeen,
    OrderSeen,
    PaymentFailed,
    PaymentLinked,
    PaymentRefunded,
    PaymentSucceeded,
    RefundSeen,
    Stamp,
    SubscriptionSeen,
)
from kulanz.processing.ownership import Claim, Customer, Owners, Ownership, Payment, kind_of, read, root, write
from kulanz.providers import Routing
from kulanz.store import accounts, bindings
from kulanz.store.bindings import BindingRow
from kulanz.store.database import Connection

_BILLED = (PaymentFailed, PaymentSucceeded, PaymentRefunded)
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_UNKNOWN = Ownership()


class Move(NamedTuple):
    """An object whose owner changed."""

    key: str
    old: str
    new: str


class AccountResolver:
    """Resolves the accounts of a batch of events; the bindings are read once and written once.

    Call `hear` for every event, then `settle`, then `account_of`.
    """

    def __init__(self, tx: Connection, routings: Sequence[Routing], *, join_by_customer: bool = False) -> None:
        self._tx = tx
        self._kept = kept(tx, {routing.kept_claim for routing in routings if routing.kept_claim is not None})
        self._stored: dict[str, BindingRow] = {}
        self._values = Owners(join_by_customer=join_by_customer)
        self._owners: dict[str, str] = {}
        self._closed: dict[str, bool] = {}
        self._load(set(filter(None, (key for routing in routings for key in _keys(routing)))))
        self.newly_known: set[str] = set()
        """The objects that this batch is the first to know by events of their own."""
        self.moves: list[Move] = []
        self.refused: list[tuple[str, str]] = []
        """Objects whose newest claim names a closed account, with that account: they stay where they are."""

    def is_known(self, key: str | None) -> bool:
        """Whether an event about the object itself was seen."""
        return key is not None and _is_known(self._values.get(key))

    def keeps(self, routing: Routing) -> bool:
        """Whether an event names an account by an id that it has from before."""
        return routing.kept_claim in self._kept

    def hear(self, routing: Routing, facts: Iterable[Fact]) -> None:
        """Join what an event says of its objects."""
        claim = routing.claim or (routing.kept_claim if self.keeps(routing) else None)
        for key, value in said(routing, claim, facts):
            self._join(key, value)

    def link(self, key: str, at: datetime, digest: str, account: str) -> None:
        """Join an operator's link of an object or a customer; an empty account takes links back."""
        provider, kind, number = key.split(":", 2)
        customer = Customer(_NO_TIME, key, f"{provider}-{number}") if kind == "customer" else None
        earlier = self._values.get(key, _UNKNOWN).link
        # A person's word is newer than every one before it, even within one moment of the clock.
        rank = earlier.rank + 1 if earlier is not None and earlier.at >= at else 0
        at = max(at, earlier.at) if earlier is not None else at
        self._join(key, Ownership(link=Claim(at, rank, digest, account), customer=customer))

    def settle(self) -> None:
        """Compute every owner and the objects that moved; `hear` must not be called afterwards."""
        self._load_payments()
        for key in [key for key in self._values if key not in self._owners]:
            account = self._values.owner(key)
            if account is None:
                continue
            stored = self._stored.get(key)
            if stored is not None and account != stored.account and self._is_closed(account):
                self.refused.append((key, account))
                account = stored.account
            self._owners[key] = account
            if stored is not None and account != stored.account and kind_of(key) != "customer":
                self.moves.append(Move(key, stored.account, account))

    def account_of(self, routing: Routing, facts: Iterable[Fact] = ()) -> str | None:
        """Return the account of an event, after `settle`."""
        facts = tuple(facts)
        if routing.customer is not None and any(isinstance(fact, CustomerSeen) for fact in facts):
            return next(iter(self.accounts_of_customer(routing.customer)), None) or self._of_no_object(routing)
        purchase = purchase_of(routing, facts)
        keys = (purchase, routing.subscription, routing.order)
        owned = next((self._owners[key] for key in keys if key is not None and key in self._owners), None)
        return owned or self._of_no_object(routing)

    def lookup(self, routing: Routing) -> str | None:
        """Return the account of an event as far as it is known, without recording the event."""
        for key in (routing.subscription, routing.order):
            if key is not None and self.is_known(key):
                return self._values.owner(key)
        return self._of_no_object(routing)

    def owner(self, routing: Routing) -> str | None:
        """Return the account that an event is surely about: of its subscription or order, or claimed by the event."""
        known = (key for key in (routing.subscription, routing.order) if key is not None and self.is_known(key))
        owned = next(filter(None, map(self._values.owner, known)), None)
        return owned or routing.claim or (routing.kept_claim if self.keeps(routing) else None)

    def accounts_of_customer(self, customer: str) -> list[str]:
        """Return every account that has a purchase of a customer, after `settle`."""
        return sorted({self._owners[key] for key in self._values.purchases(customer) if key in self._owners})

    def customers_told(self) -> dict[str, set[str]]:
        """Return the customers that have an event of their own, each with the accounts that may know them."""
        told = [(key, value) for key, value in self._values.items() if value.seen and kind_of(key) == "customer"]
        return {
            key: {*self.accounts_of_customer(key), *([value.customer.fallback] if value.customer else [])}
            for key, value in told
        }

    def unnamed(self) -> Iterator[tuple[str, str]]:
        """Yield each provisional account and the only account that its customer's other purchases name."""
        for customer in {value.customer for value in self._values.values() if value.customer is not None}:
            owners = set(self.accounts_of_customer(customer.key))
            others = owners - {customer.fallback} or self._of_record(customer)
            if customer.fallback in owners and len(others) == 1:
                yield customer.fallback, min(others)

    def _of_record(self, customer: Customer) -> set[str]:
        """Return the account that a customer's own record names in its newest version."""
        record = self._values.get(customer.key, _UNKNOWN).named
        return {max(record).account} - {"", customer.fallback} if record else set()

    def purchase(self, key: str) -> str:
        """Return the purchase that an object is a payment of; the object itself if it is no payment."""
        return root(key, self._values.get)

    def write(self) -> None:
        """Record what was learned."""
        changed = [self._row(key) for key in self._owners]
        bindings.save(self._tx, [row for row in changed if row != self._stored.get(row.key)])

    def _row(self, key: str) -> BindingRow:
        value = self._values[key]
        whole = value.order if value.is_name and value.order else root(key, self._values.get)
        if whole != key:
            return BindingRow(key, self._owners[key], write(value), None, whole)
        customer = value.customer.key if value.customer is not None and kind_of(key) != "customer" else None
        return BindingRow(key, self._owners[key], write(value), customer, None)

    def _of_no_object(self, routing: Routing) -> str | None:
        """Return the account of an event that is about no purchase, or about none that is known yet."""
        claim = routing.claim or (routing.kept_claim if self.keeps(routing) else None)
        if claim is not None:
            return claim
        if routing.customer is not None and routing.fallback is not None:
            customer = Customer(_NO_TIME, routing.customer, routing.fallback)
            return self._values.by_customer("", Ownership(customer=customer))
        return routing.fallback

    def _join(self, key: str, value: Ownership) -> None:
        known = self._values.get(key)
        joined = value if known is None else known.join(value)
        if value.seen and not self.is_known(key):
            self.newly_known.add(key)
        self._values[key] = joined

    def _load(self, keys: set[str]) -> None:
        """Read objects, their customers' other purchases, and the objects they pay for, under the customers' locks."""
        customers = {key for key in keys if kind_of(key) == "customer"}
        if any(kind_of(key) != "customer" for key in keys):
            rows = bindings.rows(self._tx, keys)
            # A payment may turn out to be of a purchase whose customer it does not name.
            rows += bindings.rows(self._tx, {row.whole for row in rows if row.whole is not None} - keys)
            customers |= {row.customer for row in rows if row.customer is not None}
        bindings.lock_keys(self._tx, customers)
        rows = [*bindings.rows(self._tx, keys | customers), *bindings.of_customers(self._tx, customers)]
        while rows:
            for row in rows:
                self._add(row)
            pointed = {key for value in self._values.values() for key in (*value.within, value.order) if key}
            rows = bindings.rows(self._tx, pointed - self._stored.keys() - keys)
            keys |= pointed

    def _load_payments(self) -> None:
        """Read the payments of every purchase that may move."""
        for row in bindings.of_wholes(self._tx, [key for key in self._values if self._may_move(key)]):
            if row.key not in self._values:
                self._add(row)

    def _may_move(self, key: str) -> bool:
        stored = self._stored.get(key)
        return stored is not None and kind_of(key) != "customer" and self._values.owner(key) != stored.account

    def _add(self, row: BindingRow) -> None:
        self._stored[row.key] = row
        self._values[row.key] = _value(row)

    def _is_closed(self, account: str) -> bool:
        if account not in self._closed:
            row = accounts.get(self._tx, account)
            self._closed[account] = row is not None and row.key is None
        return self._closed[account]


def known(tx: Connection, keys: Collection[str]) -> set[str]:
    """Return the objects about which an event was seen; a claim on an object is bound before that."""
    return {row.key for row in bindings.rows(tx, keys) if _is_known(_value(row))}


def kept(conn: Connection, names: Iterable[str]) -> frozenset[str]:
    """Return the names that accounts have already."""
    return frozenset(name for name in names if accounts.exactly(conn, name) is not None)


def _value(row: BindingRow) -> Ownership:
    return read(row.claims) if row.claims is not None else Ownership(base=row.account)


def _is_known(value: Ownership | None) -> bool:
    return value is not None and (value.seen or value.base is not None)


def purchase_of(routing: Routing, facts: Iterable[Fact]) -> str | None:
    """Return the object that an event is about; None if there is none."""
    if routing.checkout is not None:
        return routing.subscription
    for fact in facts:
        match fact:
            case SubscriptionSeen() | PaymentFailed() | PaymentSucceeded() | PaymentRefunded() | InvoiceSeen():
                return routing.subscription
            case OrderSeen() | LicenceSeen() | PaymentLinked():
                return routing.order
            case DisputeSeen() | RefundSeen() | ChargebackWarned():
                return routing.order or routing.subscription
            case _:
                pass
    return None


def said(routing: Routing, claim: str | None, facts: Iterable[Fact]) -> Iterator[tuple[str, Ownership]]:
    """Yield an event's statements about each object; `claim` is the account that it may name."""
    facts = tuple(facts)
    stamp = next((stamp for fact in facts if (stamp := _stamp_of(fact)) is not None), Stamp(at=_NO_TIME))
    customer = _customer(routing, stamp)
    if routing.customer is not None and customer is not None:
        yield routing.customer, Ownership(customer=customer)
    if routing.checkout is not None and claim is not None:
        yield from _checked_out(routing, routing.checkout, claim, customer)
    word = _Word(routing, stamp, claim, customer)
    for fact in facts:
        yield from word.on(fact)


def _checked_out(
    routing: Routing, checkout: str, claim: str, customer: Customer | None
) -> Iterator[tuple[str, Ownership]]:
    """Yield a checkout's statements: about itself, and about the objects bought with it."""
    named = Claim(_NO_TIME, 0, "", claim)
    yield checkout, Ownership(signed=named) if routing.signed else Ownership(stated=named)
    if routing.subscription is not None:
        yield routing.subscription, Ownership(order=checkout, customer=customer)
    yield from ((part, Ownership(order=checkout)) for part in routing.parts)


@dataclass(frozen=True, slots=True)
class _Word:
    """The claims of an event about owners, for every kind of event."""

    routing: Routing
    stamp: Stamp
    claim: str | None
    customer: Customer | None

    def on(self, fact: Fact) -> Iterator[tuple[str, Ownership]]:
        """Yield an event's statement through one of its facts."""
        subscription, order = self.routing.subscription, self.routing.order
        match fact:
            case SubscriptionSeen() if subscription is not None:
                yield subscription, self._snapshot(order=order or None)
            case OrderSeen() if order is not None:
                within = tuple(sorted({*self.routing.within}))
                yield order, self._snapshot(within=within, charge=self.routing.is_charge)
            case LicenceSeen() if order is not None:
                yield order, self._snapshot()
            case PaymentFailed() | PaymentSucceeded() | PaymentRefunded() if subscription is not None:
                yield from self._payment(fact.invoice, subscription)
            case InvoiceSeen() if subscription is not None:
                yield from self._payment(fact, subscription)
            case PaymentLinked() if order is not None:
                yield from ((part, Ownership(within=(order,))) for part in self.routing.parts)
            case DisputeSeen() | RefundSeen() | ChargebackWarned():
                yield from self._loose()
            case CustomerSeen() if self.routing.customer is not None:
                named = self._claim(self.routing.customer_claim or "")
                yield self.routing.customer, Ownership(seen=True, named=(named,))
            case _:
                pass

    def _snapshot(self, **part: Any) -> Ownership:
        first = self._claim(self.routing.customer_claim or "")
        named = self._claim(self.claim) if self.claim is not None else None
        signed, stated = (named, None) if self.routing.signed else (None, named)
        return Ownership(seen=True, signed=signed, stated=stated, first_seen=first, customer=self.customer, **part)

    def _payment(self, invoice: InvoiceSeen, subscription: str) -> Iterator[tuple[str, Ownership]]:
        payment = Payment(invoice.created_at or self.stamp.at, invoice.key, self.claim or "")
        yield subscription, Ownership(first_payment=payment, customer=self.customer)
        order = self.routing.order
        for part in (*self.routing.parts, *([order] if order is not None else [])):
            yield part, Ownership(seen=part == order, within=(subscription,))

    def _loose(self) -> Iterator[tuple[str, Ownership]]:
        """Yield a refund's or dispute's statement about its payment; its claim counts after every other."""
        subscription, order = self.routing.subscription, self.routing.order
        if order is not None:
            within = (subscription,) if self.routing.is_payment and subscription is not None else ()
            loose = Payment(self.stamp.at, "", self.claim or "")
            yield order, Ownership(first_payment=loose, within=within, customer=self.customer)
        elif subscription is not None:
            yield subscription, Ownership(customer=self.customer)

    def _claim(self, account: str) -> Claim:
        return Claim(self.stamp.at, self.stamp.rank, self.stamp.digest, account)


def _customer(routing: Routing, stamp: Stamp) -> Customer | None:
    if routing.customer is None or routing.fallback is None:
        return None
    return Customer(stamp.at, routing.customer, routing.fallback)


def _stamp_of(fact: Fact) -> Stamp | None:
    stated = fact.invoice if isinstance(fact, _BILLED) else fact
    stamp: Stamp | None = getattr(stated, "stamp", None)
    return stamp


def _keys(routing: Routing) -> Iterator[str | None]:
    yield from (routing.subscription, routing.order, routing.customer, routing.checkout)
    yield from (*routing.within, *routing.parts)
