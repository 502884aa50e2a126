"""The sum of all facts of an account: records that join in any order, any number of times (DOMAIN section 2, I1).

Every record is a join-semilattice: `join` is commutative, associative and idempotent, so the book of an account is the
same whatever order its facts came in. Nothing here decides; `app.policy.assess` reads the book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Protocol, Self, TypeVar

from app.policy import facts as f
from app.policy.facts import Fact, Outcome, Stamp, Status

_UNPAID = frozenset({Status.PAST_DUE, Status.UNPAID})
_RUNNING = frozenset({Status.ON_TRIAL, Status.ACTIVE})
_OUTCOMES = {outcome: rank for rank, outcome in enumerate(Outcome)}


class Record(Protocol):
    """What the book keeps of one object."""

    def join(self, other: Self) -> Self:
        """Return the least record that knows what both know."""
        ...


R = TypeVar("R", bound=Record)
S = TypeVar("S", f.SubscriptionSeen, f.InvoiceSeen, f.OrderSeen, f.LicenceSeen, f.DisputeSeen)
O = TypeVar("O", datetime, Stamp, str)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The newest snapshot of a subscription under one variant: what was paid for before a change of plan."""

    variant: str
    product: str
    stamp: Stamp
    renews_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscription: its newest snapshot, and what older ones said that still counts."""

    seen: f.SubscriptionSeen
    running: Stamp | None
    """The newest snapshot in which it ran and was paid for (`active`, `on_trial`)."""
    marks: tuple[tuple[Stamp, Status], ...]
    """Later snapshots in which it did not run so, oldest first."""
    terms: tuple[Term, ...]

    @classmethod
    def of(cls, seen: f.SubscriptionSeen) -> Subscription:
        """Return what one snapshot tells."""
        runs = seen.status in _RUNNING
        term = Term(variant=seen.variant, product=seen.product, stamp=seen.stamp, renews_at=seen.renews_at)
        return cls(
            seen=seen,
            running=seen.stamp if runs else None,
            marks=() if runs else ((seen.stamp, seen.status),),
            terms=(term,),
        )

    def join(self, other: Subscription) -> Subscription:
        """Keep the newer snapshot, the newest run, and the marks after it."""
        running = _newest(self.running, other.running)
        marks = self.marks if self.marks == other.marks else tuple(sorted({*self.marks, *other.marks}))
        if running is not None and marks and marks[0][0] < running:
            marks = tuple(mark for mark in marks if mark[0] > running)
        return Subscription(
            seen=_newer(self.seen, other.seen),
            running=running,
            marks=marks,
            terms=_join_terms(self.terms, other.terms),
        )

    @property
    def unpaid_marks(self) -> tuple[datetime, ...]:
        """The times since the last run at which the provider called it `past_due` or `unpaid`, oldest first."""
        return tuple(stamp.at for stamp, status in self.marks if status in _UNPAID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One invoice: its newest snapshot, when charges for it failed, and when one succeeded."""

    seen: f.InvoiceSeen
    failures: tuple[datetime, ...] = ()
    paid_at: datetime | None = None
    refunded: int = 0
    """The highest cumulative amount that the provider reported."""

    def join(self, other: Invoice) -> Invoice:
        """Keep the newer snapshot, every failure, the latest success and the highest refund."""
        return Invoice(
            seen=_newer(self.seen, other.seen),
            failures=_union(self.failures, other.failures),
            paid_at=_newest(self.paid_at, other.paid_at),
            refunded=max(self.refunded, other.refunded),
        )

    @property
    def paid(self) -> bool:
        """Whether money for it has arrived (I10), whatever happened to the money since."""
        return self.paid_at is not None or self.seen.status in {f.InvoiceStatus.PAID, f.InvoiceStatus.PARTIAL_REFUND}

    @property
    def void(self) -> bool:
        """Whether nothing is owed for it any more although it may never have been paid."""
        return self.seen.status in {f.InvoiceStatus.VOID, f.InvoiceStatus.REFUNDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order: its newest snapshot, and since when the provider calls it fraudulent."""

    seen: f.OrderSeen
    fraudulent_at: datetime | None = None
    refunded: int = 0

    def join(self, other: Order) -> Order:
        """Keep the newer snapshot, the first call of fraud and the highest refund."""
        return Order(
            seen=_newer(self.seen, other.seen),
            fraudulent_at=_oldest(self.fraudulent_at, other.fraudulent_at),
            refunded=max(self.refunded, other.refunded),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """One licence key: its newest snapshot, and the most activations ever seen."""

    seen: f.LicenceSeen
    activations: int = 0

    def join(self, other: Licence) -> Licence:
        """Keep the newer snapshot; what was activated once stays activated."""
        return Licence(seen=_newer(self.seen, other.seen), activations=max(self.activations, other.activations))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One chargeback: its newest snapshot, when it was opened, and every status that it had."""

    seen: f.DisputeSeen
    opened_at: datetime
    marks: tuple[tuple[Stamp, f.DisputeStatus], ...]

    def join(self, other: Dispute) -> Dispute:
        """Keep the newer snapshot, the earliest opening and every status."""
        return Dispute(
            seen=_newer(self.seen, other.seen),
            opened_at=min(self.opened_at, other.opened_at),
            marks=_union(self.marks, other.marks),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLog:
    """What we promised and did in one dunning case."""

    promised: datetime | None = None
    held_at: datetime | None = None
    verified: bool = False
    exhausted_at: datetime | None = None
    waived_at: datetime | None = None
    into: str | None = None
    """The case of an invoice that this one, opened by a snapshot, turned out to be."""

    def join(self, other: CaseLog) -> CaseLog:
        """Keep the latest promise and the latest of each act."""
        return CaseLog(
            promised=_newest(self.promised, other.promised),
            held_at=_newest(self.held_at, other.held_at),
            verified=self.verified or other.verified,
            exhausted_at=_newest(self.exhausted_at, other.exhausted_at),
            waived_at=_newest(self.waived_at, other.waived_at),
            into=_newest(self.into, other.into),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Something that we asked for once: when, and what became of it."""

    at: datetime
    outcome: Outcome
    outcome_at: datetime
    seen: datetime | None = None

    def join(self, other: Asked) -> Asked:
        """Keep the first time of asking and the outcome that ranks highest."""
        best = max(self, other, key=lambda asked: (_OUTCOMES[asked.outcome], -asked.outcome_at.timestamp()))
        return Asked(
            at=min(self.at, other.at),
            outcome=best.outcome,
            outcome_at=best.outcome_at,
            seen=_newest(self.seen, other.seen),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """When the provider was asked for one subscription and what it answered; None: no answer."""

    asked: tuple[datetime, ...] = ()
    answers: tuple[tuple[datetime, str], ...] = ()
    """The status in each answer, an empty text where there was none."""

    def join(self, other: Looks) -> Looks:
        """Keep every question and every answer."""
        return Looks(asked=_union(self.asked, other.asked), answers=_union(self.answers, other.answers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An operator's exception; the same id is the same exception."""

    set: f.OverrideSet

    def join(self, other: Override) -> Override:
        """Keep the later word under one id."""
        return max(self, other, key=lambda one: (one.set.at, one.set.until or one.set.at, one.set.reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """When operators were told about one topic of one subject."""

    at: datetime

    def join(self, other: Told) -> Told:
        """Keep the first time."""
        return min(self, other, key=lambda told: told.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The newest language, time zone and country that were named, each with the time when."""

    words: tuple[tuple[str, datetime, str], ...] = ()

    def join(self, other: Address) -> Address:
        """Keep the newest word of each name."""
        newest: dict[str, tuple[datetime, str]] = {}
        for name, at, word in (*self.words, *other.words):
            newest[name] = max(newest.get(name, (at, word)), (at, word))
        return Address(words=tuple(sorted((name, at, word) for name, (at, word) in newest.items())))

    def word(self, name: str) -> str | None:
        """Return the newest word under a name."""
        return next((word for known, _, word in self.words if known == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All that is known of one account, by the key of each object."""

    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    invoices: Mapping[str, Invoice] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    licences: Mapping[str, Licence] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    cases: Mapping[str, CaseLog] = field(default_factory=dict)
    notices: Mapping[str, Asked] = field(default_factory=dict)
    """By `subject|kind|step`."""
    stops: Mapping[str, Asked] = field(default_factory=dict)
    """Cancellations of ours, by `subscription|cause|step`."""
    resumes: Mapping[str, Asked] = field(default_factory=dict)
    """Our taking them back, by `subscription|step`."""
    looks: Mapping[str, Looks] = field(default_factory=dict)
    overrides: Mapping[str, Override] = field(default_factory=dict)
    alerts: Mapping[str, Told] = field(default_factory=dict)
    """By `subject|topic`."""
    addresses: Mapping[str, Address] = field(default_factory=dict)
    signed: Mapping[str, Told] = field(default_factory=dict)
    """Customers whose claim to the account the merchant signed, and since when."""

    def with_facts(self, facts: Iterable[Fact]) -> Book:
        """Return the book that knows these facts too, in whatever order they are given."""
        return reduce(lambda book, fact: book.join(page(fact)), facts, self)

    def join(self, other: Book) -> Book:
        """Return the book that knows what both know."""
        changed = {}
        for family in _FAMILIES:
            theirs = getattr(other, family)
            if theirs:
                changed[family] = _join_maps(getattr(self, family), theirs)
        return replace(self, **changed) if changed else self

    def word(self, name: str) -> str | None:
        """Return the account's own `locale`, `timezone` or `country`, if one is known."""
        address = self.addresses.get("account")
        return address.word(name) if address else None


_FAMILIES = tuple(Book.__dataclass_fields__)


def page(fact: Fact) -> Book:
    """Return the book that knows one fact only."""
    match fact:
        case f.SubscriptionSeen():
            return Book(
                subscriptions={fact.key: Subscription.of(fact)},
                addresses=_addresses(fact.stamp.at, locale=fact.locale, timezone=fact.timezone),
                signed=_signed(fact.customer if fact.signed else None, fact.stamp.at),
            )
        case f.InvoiceSeen():
            return Book(invoices={fact.key: Invoice(seen=fact, refunded=fact.refunded)})
        case f.PaymentFailed(invoice=seen):
            return Book(invoices={seen.key: Invoice(seen=seen, failures=(fact.at,), refunded=seen.refunded)})
        case f.PaymentSucceeded(invoice=seen):
            return Book(invoices={seen.key: Invoice(seen=seen, paid_at=fact.at, refunded=seen.refunded)})
        case f.PaymentRefunded(invoice=seen):
            return Book(invoices={seen.key: Invoice(seen=seen, refunded=seen.refunded)})
        case f.OrderSeen():
            fraudulent_at = fact.stamp.at if fact.status is f.OrderStatus.FRAUDULENT else None
            return Book(
                orders={fact.key: Order(seen=fact, fraudulent_at=fraudulent_at, refunded=fact.refunded)},
                signed=_signed(fact.customer if fact.signed else None, fact.stamp.at),
            )
        case f.LicenceSeen():
            return Book(licences={fact.key: Licence(seen=fact, activations=fact.activations)})
        case f.DisputeSeen():
            marks = ((fact.stamp, fact.status),)
            return Book(
                disputes={fact.key: Dispute(seen=fact, opened_at=fact.opened_at, marks=marks)},
                signed=_signed(fact.customer if fact.signed else None, fact.stamp.at),
            )
        case f.AddressKnown():
            return Book(addresses=_addresses(fact.at, locale=fact.locale, timezone=fact.timezone, country=fact.country))
        case _:
            return _own_page(fact)


def _own_page(fact: f.OwnFact) -> Book:
    match fact:
        case f.DeadlinePromised():
            return Book(cases={fact.case: CaseLog(promised=fact.deadline)})
        case f.CaseJoined():
            return Book(cases={fact.case: CaseLog(into=fact.into)})
        case f.HoldPlaced():
            return Book(cases={fact.case: CaseLog(held_at=fact.at, verified=fact.verified)})
        case f.CaseExhausted():
            return Book(cases={fact.case: CaseLog(exhausted_at=fact.at)})
        case f.CaseWaived():
            return Book(cases={fact.case: CaseLog(waived_at=fact.at)})
        case f.NoticeReported():
            asked = Asked(at=fact.at, outcome=fact.outcome, outcome_at=fact.at)
            return Book(notices={f"{fact.subject}|{fact.kind}|{fact.step}": asked})
        case f.RenewalStopped():
            asked = Asked(at=fact.at, outcome=fact.outcome, outcome_at=fact.at, seen=fact.seen)
            return Book(stops={f"{fact.subscription}|{fact.cause}|{fact.step}": asked})
        case f.RenewalResumed():
            asked = Asked(at=fact.at, outcome=fact.outcome, outcome_at=fact.at)
            return Book(resumes={f"{fact.subscription}|{fact.step}": asked})
        case f.SubscriptionLookedUp(asked=True):
            return Book(looks={fact.subscription: Looks(asked=(fact.at,))})
        case f.SubscriptionLookedUp():
            return Book(looks={fact.subscription: Looks(answers=((fact.at, fact.status or ""),))})
        case f.OverrideSet():
            return Book(overrides={fact.id: Override(set=fact)})
        case f.OperatorsAlerted():
            return Book(alerts={f"{fact.subject}|{fact.topic}": Told(at=fact.at)})


def _addresses(at: datetime, **words: str | None) -> dict[str, Address]:
    known = tuple(sorted((name, at, word) for name, word in words.items() if word))
    return {"account": Address(words=known)} if known else {}


def _signed(customer: str | None, at: datetime) -> dict[str, Told]:
    return {customer: Told(at=at)} if customer else {}


def _join_maps(ours: Mapping[str, R], theirs: Mapping[str, R]) -> dict[str, R]:
    joined = dict(ours)
    for key, record in theirs.items():
        known = joined.get(key)
        joined[key] = record if known is None else known.join(record)
    return joined


def _join_terms(ours: tuple[Term, ...], theirs: tuple[Term, ...]) -> tuple[Term, ...]:
    newest = {term.variant: term for term in ours}
    for term in theirs:
        known = newest.get(term.variant)
        if known is None or known.stamp < term.stamp:
            newest[term.variant] = term
    return tuple(sorted(newest.values(), key=lambda term: term.variant))


def _newer(ours: S, theirs: S) -> S:
    if ours.stamp == theirs.stamp:
        return max(ours, theirs, key=repr)
    return ours if ours.stamp > theirs.stamp else theirs


def _union(ours: tuple[V, ...], theirs: tuple[V, ...]) -> tuple[V, ...]:
    if ours == theirs or not theirs:
        return ours
    return tuple(sorted({*ours, *theirs}))  # type: ignore[type-var]  # every element here is ordered


def _newest(ours: O | None, theirs: O | None) -> O | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return max(ours, theirs)


def _oldest(ours: O | None, theirs: O | None) -> O | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return min(ours, theirs)
