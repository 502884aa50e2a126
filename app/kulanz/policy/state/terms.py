"""Inputs of a decision beside the facts: the catalogue of plans, policy versions, the situation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

from msgspec import Struct

from kulanz.policy.book import Book
from kulanz.policy.calendar.working_days import Calendar, weekdays
from kulanz.policy.document import Policy
from kulanz.policy.facts import SubscribedItem, TermsAgreed

FREE = "free"
_LIFETIME = "lifetime:"
Line = tuple[tuple[datetime, Policy], ...]
"""Policy versions, each with the instant from which it is in force, rising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The merchant's plans: which plan a provider's variant is, and which plan is higher (`KULANZ_PLANS`)."""

    variants: Mapping[str, str] = field(default_factory=dict)
    """`provider:variant` → plan, or `addon:<name>`."""
    order: Mapping[str, int] = field(default_factory=dict)
    """Rising; `free` is below all and a plan that is not listed just above it."""
    add_ons: Mapping[str, str] = field(default_factory=dict)
    """`addon:<name>` → `<name>`, for every one that is listed."""
    lifetimes: Mapping[str, str] = field(default_factory=dict)
    """`provider:variant` → the plan that an order of it gives for good; a subscription to it gives nothing by this."""

    @classmethod
    def of(cls, pairs: tuple[tuple[str, str], ...]) -> Catalogue:
        """Build the catalogue from the setting's pairs, the last plan being the highest."""
        plans = dict.fromkeys(plan.removeprefix(_LIFETIME) for _, plan in pairs if not plan.startswith("addon:"))
        lifetimes = {key: plan.removeprefix(_LIFETIME) for key, plan in pairs if plan.startswith(_LIFETIME)}
        return cls(
            variants={key: plan for key, plan in pairs if key not in lifetimes},
            lifetimes=lifetimes,
            order={plan: rank for rank, plan in enumerate(plans, start=2)},
            add_ons={plan: plan.removeprefix("addon:") for _, plan in pairs if plan.startswith("addon:")},
        )

    def plan(self, variant: str, product: str) -> str:
        """Return the plan or `addon:<name>` of a variant; an unmapped one is the slug of its product (never `free`)."""
        existing = self.variants.get(variant)
        if existing is not None:
            return existing
        if not variant:
            return FREE
        return product if product and product != FREE else f"product-{variant.rpartition(':')[2]}"

    def plan_of(self, bought: Sequence[SubscribedItem]) -> str:
        """Return the plan that items give together, or `addon:<name>` where they give none."""
        return self.counting(bought)[0][0]

    def counting(self, bought: Sequence[SubscribedItem]) -> list[tuple[str, SubscribedItem]]:
        """Return the items that count, each under its plan or `addon:<name>`: first the plan, then every add-on.

        Of the plans that are named the highest counts; where none is, the first item that is not named. The order in
        which a provider lists the items says nothing else.
        """
        if len(bought) == 1:
            return [(self.plan(bought[0].variant, bought[0].product), bought[0])]
        plans: list[tuple[str, SubscribedItem]] = []
        add_ons: list[tuple[str, SubscribedItem]] = []
        for item in bought:
            plan = self.plan(item.variant, item.product)
            (add_ons if plan in self.add_ons else plans).append((plan, item))
        named = [(plan, item) for plan, item in plans if item.variant in self.variants]
        if named:
            plans = [max(named, key=lambda entry: (self.rank(entry[0]), entry[1].ends_at is None, repr(entry[1])))]
        return [*plans[:1], *sorted(add_ons, key=repr)]

    def rank(self, plan: str) -> tuple[int, str]:
        """Return the plan's height; two unlisted plans are ordered by name so that the answer never wavers."""
        return (0, "") if plan == FREE else (self.order.get(plan, 1), plan)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Inputs of a decision beside the facts: policy versions, the catalogue, the available channels."""

    policies: Line
    """With the instant from which each is in force, rising; never empty."""
    catalogue: Catalogue = field(default_factory=Catalogue)
    timezone: str = "UTC"
    country: str = "AT"
    """The country of the working days for accounts that have none of their own."""
    calendar: Calendar = weekdays
    can_look: frozenset[str] = frozenset()
    """Providers with an API key: they are asked before access is taken."""
    notifies: bool = True
    """Whether the merchant's product gets callbacks (`CALLBACK_URL`)."""
    versions: Mapping[int, Policy] = field(default_factory=dict, repr=False)
    """Every document by its number, those of single accounts too."""

    @cached_property
    def current(self) -> Policy:
        """The newest policy."""
        return self.policies[-1][1]

    def at(self, instant: datetime) -> Policy:
        """Return the version in force at an instant, or the first one for what began before it."""
        stored_policy = self.policies[0][1]
        for effective_from, policy in self.policies:
            if effective_from <= instant:
                stored_policy = policy
        return stored_policy

    def of(self, subject: str, began: datetime, book: Book) -> Policy:
        """Return the version that a case or dispute is pinned to: the one it began under, or a more lenient one."""
        pin = book.pins.get(subject) if book.pins else None
        if pin is None or pin.began < began:
            return self.at(began)
        return self.versions.get(pin.version) or self.at(began)

    def by(self, now: datetime) -> Terms:
        """Return the terms without the versions that are not in force yet, so that `current` is the one that is."""
        if self.policies[-1][0] <= now:
            return self
        line = tuple(policy for policy in self.policies if policy[0] <= now)
        return replace(self, policies=line or self.policies[:1])

    def working_days(self, book: Book) -> Callable[[date], bool]:
        """Return the working-day calendar of an account's country."""
        country = book.word("country") or self.country
        return lambda day: self.calendar(country, day)

    def under(self, book: Book, now: datetime) -> Terms:
        """Return the terms of one account by now: agreements of its own replace the general policy."""
        if not book.agreements:
            return self.by(now)
        line = _overlaid(self, [agreement.agreed for agreement in book.agreements.values()])
        return replace(self, policies=line).by(now)


def has_own_terms(book: Book, moment: datetime) -> bool:
    """Whether an agreement of its own replaces the general policy for an account at a moment (plexo 7)."""
    agreed = sorted((agreement.agreed for agreement in book.agreements.values()), key=_in_order)
    return _agreed_version(moment, agreed) != 0


def _overlaid(terms: Terms, agreed: list[TermsAgreed]) -> Line:
    """Return the line of versions with the agreements in place; of two for one time the one made later counts."""
    agreed = sorted(agreed, key=_in_order)
    moments = {at for at, _ in terms.policies} | {at for fact in agreed for at in (fact.at, fact.until)}
    return (terms.policies[0], *((at, _in_force(at, terms, agreed)) for at in sorted(moments)))


def _in_order(fact: TermsAgreed) -> tuple[datetime, str]:
    return fact.at, fact.id


def _in_force(moment: datetime, terms: Terms, agreed: list[TermsAgreed]) -> Policy:
    version = _agreed_version(moment, agreed)
    return terms.versions[version] if version else terms.at(moment)


def _agreed_version(moment: datetime, agreed: list[TermsAgreed]) -> int:
    """Return the version that was agreed for a moment; 0: none. The agreements are given the oldest first."""
    return next((fact.version for fact in reversed(agreed) if fact.at <= moment < fact.until), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The state of the outside world for one account during a decision."""

    parked: bool = False
    """A parked or waiting event may be a payment: dunning takes nothing and sends no notice meanwhile."""
    behind: bool = False
    """Deliveries that were acknowledged earlier are not applied yet: the same."""
    braked: bool = False
    """More accounts than the policy allows would lose access: operators decide (the circuit breaker)."""
    written_to: frozenset[str] = frozenset()
    """Addresses to which another account has written today: a reminder to them waits."""

    @property
    def facts_missing(self) -> bool:
        """Whether the account may have paid without our knowing yet."""
        return self.parked or self.behind


CALM = Situation()


class Moment(Struct, frozen=True):
    """The moment of a decision: when, by which terms, in which zone and in which situation."""

    terms: Terms
    zone: str
    at: datetime
    situation: Situation = CALM
