"""Purchases: an order with the subscriptions and licences bought with it, and how far acts about one reach.

Custom data comes from a checkout link that the buyer can edit. An act about a purchase therefore takes that purchase
and no more, unless an operator or the merchant's signature on that very purchase says otherwise (DOMAIN section 4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct

from kulanz.policy.areas import full_refunds, tenures
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Dispute
from kulanz.policy.facts import LicenceSeen, LicenceStatus, OrderStatus, Provenance, Status, SubscriptionSeen
from kulanz.policy.state import FREE, CaseState, Catalogue, State

_LIVE_LICENCES = frozenset({LicenceStatus.INACTIVE, LicenceStatus.ACTIVE})
_PAID_ORDERS = frozenset({OrderStatus.PAID, OrderStatus.PARTIAL_REFUND})
_BOUGHT_WITH = "bought with"
"""An order that is known only from what was bought with it."""
_NOT_PAID = frozenset({CaseState.ON_HOLD, CaseState.EXHAUSTED, CaseState.IN_COLLECTIONS})


_claim = attrgetter("seen.customer", "seen.signed")
_customer_of = attrgetter("seen.customer")


class Purchase(Struct, frozen=True, kw_only=True):
    """One order and what was bought with it; a subscription or licence without a known order stands alone."""

    name: str
    customers: frozenset[str]
    subscriptions: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    signed: bool = False
    """Whether the merchant signed the claim on it."""


class Reach(NamedTuple):
    """Reach of an act that takes something."""

    whole: bool
    """Whether it restricts the whole account, not only its purchase."""
    counts: bool
    """Whether it counts for the account's standing; otherwise it is a claim that operators see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """All purchases of an account, and what each of them gives at the moment of an assessment."""

    book: Book
    catalogue: Catalogue
    by_name: Mapping[str, Purchase]
    names: Mapping[tuple[str, str], str]
    """The purchase of each object, by its family in the book and its key."""
    giving: frozenset[str]
    """Subscriptions that give a plan now, before any hold, or would if their unpaid case did not bar them."""
    unpaid: frozenset[str]
    """Subscriptions whose grace is over."""

    @classmethod
    def of(cls, book: Book, catalogue: Catalogue, draft: State) -> Purchases:
        """Return the purchases of a book; the draft says what its subscriptions give, and which are unpaid."""
        names = dict(_names(book))
        keys: dict[str, dict[str, list[str]]] = {}
        for (family, key), name in names.items():
            keys.setdefault(name, {}).setdefault(family, []).append(key)
        return cls(
            book=book,
            catalogue=catalogue,
            by_name={name: _purchase(name, keys[name], book) for name in sorted(keys)},
            names=names,
            giving=frozenset(
                [
                    *(grant.subscription for grant in draft.grants if grant.add_on is None),
                    *(case.subscription for case in draft.cases if case.holds),
                ]
            ),
            unpaid=frozenset(case.subscription for case in draft.cases if case.state in _NOT_PAID),
        )

    def of_subscription(self, key: str) -> Purchase:
        """Return the purchase that a subscription is part of."""
        return self.by_name[self.names["subscriptions", key]]

    def about(self, dispute: Dispute) -> tuple[Purchase, ...]:
        """Return the purchase that a dispute is about; several where it names none and the customer has several."""
        seen = dispute.seen
        named = (seen.subscription, seen.order, seen.payment)
        if any(named):
            name = next(self._named(named), None)
            found = self.by_name[name] if name else None
            if found is not None and not self._is_bare(found):
                return (found,)
            return self._paid_with(found, found.customers if found else {seen.customer})
        if by_operator(dispute):
            return tuple(self.by_name.values())
        return tuple(purchase for purchase in self.by_name.values() if seen.customer in purchase.customers)

    def reach(
        self, purchase: Purchase, since: datetime, *, trusted: bool, takes_all: bool, disputed: Collection[str]
    ) -> Reach:
        """Return how far an act about a purchase reaches that began at a time.

        `trusted`: an operator or the merchant's signature says that the purchase belongs to the account.
        `takes_all`: the act takes all access where the purchase is all that the account has.
        """
        counts = trusted or self._all_of_its_customer(purchase, since)
        return Reach(whole=takes_all and counts and self._all_there_is(purchase, since, disputed), counts=counts)

    def _named(self, named: Iterable[str | None]) -> Iterator[str]:
        for key in named:
            for family in ("subscriptions", "orders", "invoices", _BOUGHT_WITH):
                for name in full_refunds.keys_of(key, self.book) if key else ():
                    if (family, name) in self.names:
                        yield self.names[family, name]

    def _paid_with(self, payment: Purchase | None, customers: Collection[str | None]) -> tuple[Purchase, ...]:
        """Return the purchase of a payment that names none: the customer's only one, if no order of it is known.

        A signature proves only its own payments, so a signed payment has to be named.
        """
        others = [item for item in self.by_name.values() if item.customers & set(customers) and not self._is_bare(item)]
        if len(others) == 1 and not others[0].orders and not others[0].signed and not (payment and payment.signed):
            return (others[0],)
        return (payment,) if payment else ()

    def _is_bare(self, purchase: Purchase) -> bool:
        """Whether a purchase is no more than a payment, as a Stripe charge whose invoice is not known."""
        orders = [self.book.orders[key].seen for key in purchase.orders]
        is_alone = not purchase.subscriptions and not purchase.licences
        return is_alone and not any(order.variant or order.product for order in orders)

    def _all_of_its_customer(self, purchase: Purchase, since: datetime) -> bool:
        """Whether all live purchases (if none is live: all that were ever made) have the customer of a purchase.

        A signature proves only its own purchase, so beside a signed purchase an unsigned one proves nothing.
        """
        everything = self.by_name.values()
        live = [item for item in everything if self._is_live(item, since)] or everything
        return all(item == purchase or (item.customers == purchase.customers and not item.signed) for item in live)

    def _all_there_is(self, purchase: Purchase, since: datetime, disputed: Collection[str]) -> bool:
        """Whether a purchase gave the account a plan, and nothing else is live, paid and undisputed."""
        if not any(self._gives(key, since) for key in purchase.subscriptions):
            return False
        others = (item for item in self.by_name.values() if item != purchase and item.name not in disputed)
        return not any(self._is_paid_for(item, since) for item in others)

    def _is_live(self, purchase: Purchase, since: datetime) -> bool:
        """Whether a purchase gives something now, or gave it when an act began: a delay does not extend the reach."""
        return any(self._gives(key, since) for key in purchase.subscriptions) or self._lasts(purchase)

    def _is_paid_for(self, purchase: Purchase, since: datetime) -> bool:
        """Whether a live purchase is paid; one in grace is, because its deadline was promised."""
        paid = (key for key in purchase.subscriptions if key not in self.unpaid and not self._is_free_trial(key))
        return any(self._gives(key, since) for key in paid) or self._lasts(purchase)

    def _is_free_trial(self, key: str) -> bool:
        sub = self.book.subscriptions[key]
        return sub.seen.status is Status.ON_TRIAL and not tenures.anything_paid(sub, self.book)

    def _gives(self, key: str, since: datetime) -> bool:
        if key in self.giving:
            return True
        seen = self.book.subscriptions[key].seen
        return (seen.ends_at or seen.stamp.at) > since and self._is_plan(self.catalogue.plan_of(seen.bought))

    def _lasts(self, purchase: Purchase) -> bool:
        """Whether a purchase is a licence in force, or a lifetime order of a plan."""
        orders = [self.book.orders[key].seen for key in purchase.orders]
        if any(order.status not in _PAID_ORDERS for order in orders):
            return False
        if any(self.book.licences[key].seen.status in _LIVE_LICENCES for key in purchase.licences):
            return True
        if purchase.subscriptions or purchase.licences:
            return False
        named = {**self.catalogue.variants, **self.catalogue.lifetimes}
        return any(self._is_plan(named.get(order.variant or "", FREE)) for order in orders)

    def _is_plan(self, plan: str) -> bool:
        return plan != FREE and plan not in self.catalogue.add_ons


def by_operator(dispute: Dispute) -> bool:
    """Whether a dispute is an operator's word, which reaches the whole account."""
    return dispute.seen.customer is None and dispute.seen.provenance is Provenance.OPERATOR


def has_one_buyer(book: Book) -> bool:
    """Whether one customer bought all that an account has, and no signature says more than that."""
    if book.signed:
        return False
    claims = {*map(_claim, book.subscriptions.values()), *map(_claim, book.orders.values())}
    buyers = {customer for customer, _ in claims}
    buyers.update(map(_customer_of, book.licences.values()))
    return len(buyers) == 1 and not any(signed for _, signed in claims)


def _names(book: Book) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the name of the purchase of every object: its order and buyer, or the object where no order is known."""
    bought = {key: _of_order(sub.seen) or f"subscription {key}" for key, sub in book.subscriptions.items()}
    for key, name in bought.items():
        yield ("subscriptions", key), name
    yield from _known_from(sub.seen for sub in book.subscriptions.values())
    yield from _known_from(licence.seen for licence in book.licences.values())
    billed: dict[str | None, str] = {}
    for subscription, name in bought.items():
        # An invoice of an unknown subscription shows no purchase.
        for key, invoice in book.invoices[subscription].known.items() if subscription in book.invoices else ():
            billed |= {key: name, invoice.seen.money or key: name}
            yield ("invoices", key), name
    for key, order in book.orders.items():
        yield ("orders", key), billed.get(key) or billed.get(order.seen.money) or f"{key} {order.seen.customer}"
    for key, licence in book.licences.items():
        yield ("licences", key), _of_order(licence.seen) or f"licence {key}"


def _known_from(sold: Iterable[SubscriptionSeen | LicenceSeen]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the orders that are known from what was bought with them."""
    for seen in sold:
        name = _of_order(seen)
        if name is not None and seen.order is not None:
            yield (_BOUGHT_WITH, seen.order), name


def _of_order(seen: SubscriptionSeen | LicenceSeen) -> str | None:
    """Return the name of the things bought with one order by one customer."""
    return f"{seen.order} {seen.customer}" if seen.order else None


def _purchase(name: str, keys: Mapping[str, list[str]], book: Book) -> Purchase:
    subscriptions = [book.subscriptions[key] for key in keys.get("subscriptions", ())]
    orders = [book.orders[key] for key in keys.get("orders", ())]
    licences = [book.licences[key] for key in keys.get("licences", ())]
    buyers = [[record.seen.customer for record in records] for records in (subscriptions, orders, licences)]
    is_signed = any(record.seen.signed for record in subscriptions) or any(record.seen.signed for record in orders)
    if book.signed and not is_signed:
        is_signed = any(f"{family}|{key}" in book.signed for family in keys for key in keys[family])
    return Purchase(
        name=name,
        customers=frozenset(next(filter(None, buyers), ())),
        subscriptions=tuple(sorted(keys.get("subscriptions", ()))),
        orders=tuple(sorted(keys.get("orders", ()))),
        licences=tuple(sorted(keys.get("licences", ()))),
        signed=is_signed,
    )
