"""The sum of all facts of an account, the same in whatever order they came (DOMAIN section 2, I1).

Nothing here decides; `app.policy.assess` reads the book.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from app.policy import facts as f
from app.policy.add_ons.records import AddOnLog
from app.policy.add_ons.records import entries as add_on_entries
from app.policy.approvals.records import Proposal
from app.policy.cancelling.records import CancellationNotice
from app.policy.cancelling.records import entries as cancelling_entries
from app.policy.closure.records import Deletion
from app.policy.closure.records import entries as closure_entries
from app.policy.collecting.records import Collection, Debtor, Mandate, Transfer
from app.policy.collecting.records import entries as collecting_entries
from app.policy.credit.records import CreditPot
from app.policy.credit.records import entries as credit_entries
from app.policy.deeds import (
    Address,
    Asked,
    CaseLog,
    Lifted,
    Looks,
    Notices,
    Override,
    Renewals,
    Told,
    Turn,
)
from app.policy.facts import Fact
from app.policy.joining import join_maps
from app.policy.moving.records import Move
from app.policy.moving.records import entries as move_entries
from app.policy.quick import changed, quick
from app.policy.records import Customer, Dispute, Invoice, Invoices, Licence, Order, Subscription
from app.policy.refunding.records import LicenceLog, RefundLog, Refunds
from app.policy.refunding.records import entries as refund_entries
from app.policy.versions.records import Agreement, Pin

NOTHING = CaseLog()
NO_NOTICES = Notices(sent={})


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All that is known of one account, by the key of each object."""

    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    invoices: Mapping[str, Invoices] = field(default_factory=dict)
    """By subscription, then by invoice: `invoice` finds one by its own key."""
    orders: Mapping[str, Order] = field(default_factory=dict)
    licences: Mapping[str, Licence] = field(default_factory=dict)
    customers: Mapping[str, Customer] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    cases: Mapping[str, CaseLog] = field(default_factory=dict)
    notices: Mapping[str, Notices] = field(default_factory=dict)
    """By the case, dispute or subscription that they are about."""
    renewals: Mapping[str, Renewals] = field(default_factory=dict)
    """What we asked the provider to do, by subscription."""
    looks: Mapping[str, Looks] = field(default_factory=dict)
    overrides: Mapping[str, Override] = field(default_factory=dict)
    lifted: Mapping[str, Lifted] = field(default_factory=dict)
    """By hold."""
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    """The account's own terms, which replace the general policy for a period."""
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    """Exceptions that a second person has to approve, made or not."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """By the case or dispute to which a later version was applied."""
    deletions: Mapping[str, Deletion] = field(default_factory=dict)
    """By the closure, chargeback or other reason for which data may go."""
    alerts: Mapping[str, Told] = field(default_factory=dict)
    """By `subject|topic`."""
    addresses: Mapping[str, Address] = field(default_factory=dict)
    signed: Mapping[str, Told] = field(default_factory=dict)
    """Customers whose claim to the account the merchant signed, and since when."""
    debtors: Mapping[str, Debtor] = field(default_factory=dict)
    """Who owes, under one key."""
    collections: Mapping[str, Collection] = field(default_factory=dict)
    """Debts that were handed over, or proposed to be."""
    mandates: Mapping[str, Mandate] = field(default_factory=dict)
    """What may be debited directly."""
    transfers: Mapping[str, Transfer] = field(default_factory=dict)
    """Money that came outside the provider."""
    add_ons: Mapping[str, AddOnLog] = field(default_factory=dict)
    """Booked in quantities beside a subscription; those that a provider bills are subscriptions."""
    refunds: Mapping[str, Refunds] = field(default_factory=dict)
    """By payment, where the provider tells each refund by itself."""
    refund_requests: Mapping[str, RefundLog] = field(default_factory=dict)
    licence_logs: Mapping[str, LicenceLog] = field(default_factory=dict)
    credit: Mapping[str, CreditPot] = field(default_factory=dict)
    """Prepaid, by what it is for."""
    moves: Mapping[str, Move] = field(default_factory=dict)
    """From the cloud to on-premise."""
    cancellations: Mapping[str, CancellationNotice] = field(default_factory=dict)
    """By notice to staff or a partner."""

    def with_facts(self, facts: Iterable[Fact]) -> Book:
        """Return the book that knows these facts too, in whatever order they are given."""
        pages: dict[str, dict[str, Any]] = {}
        for fact in facts:
            for family, key, record in _entries(fact):
                if family not in pages:
                    pages[family] = dict(getattr(self, family))
                known = pages[family].get(key)
                pages[family][key] = record if known is None else known.join(record)
        return changed(self, **pages) if pages else self

    def join(self, other: Book) -> Book:
        """Return the book that knows what both know."""
        theirs = {family: getattr(other, family) for family in _FAMILIES}
        joined = {name: join_maps(getattr(self, name), pages) for name, pages in theirs.items() if pages}
        return changed(self, **joined)

    def invoice(self, key: str) -> Invoice | None:
        """Return an invoice by its own key."""
        return next((one.known[key] for one in self.invoices.values() if key in one.known), None)

    def case(self, key: str) -> CaseLog:
        """Return what we did in a case, which may be nothing."""
        return self.cases.get(key, NOTHING)

    def notices_about(self, subject: str) -> Notices:
        """Return the notices about a subject, which may be none."""
        return self.notices.get(subject, NO_NOTICES)

    def word(self, name: str) -> str | None:
        """Return the account's own `locale`, `timezone` or `country`, if one is known."""
        address = self.addresses.get("account")
        word = address.words.get(name) if address else None
        return word[1] if word else None


_FAMILIES = tuple(Book.__dataclass_fields__)
_CaseFact = f.DeadlinePromised | f.HoldPlaced | f.HoldProlonged | f.CaseExhausted | f.CaseWaived
_Entry = tuple[str, str, Any]
"""A family of the book, a key in it, and what one fact tells of that object."""
_FILED = (
    collecting_entries,
    add_on_entries,
    closure_entries,
    refund_entries,
    credit_entries,
    move_entries,
    cancelling_entries,
)
"""What each area of the policy files of its own facts."""


def _entries(fact: Fact) -> Iterator[_Entry]:
    match fact:
        case f.SubscriptionSeen():
            yield "subscriptions", fact.key, Subscription.of(fact)
            yield from _addressed(fact.stamp.at, locale=fact.locale, timezone=fact.timezone)
            yield from _signed(fact)
        case f.PaymentFailed(invoice=seen, at=at):
            yield "invoices", seen.subscription, Invoices.of(Invoice.of(seen, failed_at=at))
        case f.PaymentSucceeded(invoice=seen, at=at):
            yield "invoices", seen.subscription, Invoices.of(Invoice.of(seen, paid_at=at))
        case f.PaymentRefunded(invoice=seen) | (f.InvoiceSeen() as seen):
            yield "invoices", seen.subscription, Invoices.of(Invoice.of(seen))
        case f.OrderSeen():
            yield "orders", fact.key, Order.of(fact)
            yield from _signed(fact)
        case f.RefundSeen() | f.LicenceSeen():
            yield _of_a_sale(fact)
        case f.CustomerSeen():
            yield "customers", fact.key, Customer(seen=fact)
        case f.DisputeSeen():
            yield "disputes", fact.key, Dispute.of(fact)
            yield from _signed(fact)
        case f.AddressKnown():
            words = {"locale": fact.locale, "timezone": fact.timezone, "country": fact.country}
            yield from _addressed(fact.at, **words, delivery=fact.delivery)
        case _:
            yield from _own_entries(fact)


def _of_a_sale(fact: f.RefundSeen | f.LicenceSeen) -> _Entry:
    if isinstance(fact, f.RefundSeen):
        return "refunds", fact.payment, Refunds(seen=(fact,))
    return "licences", fact.key, Licence(seen=fact, activations=fact.activations)


def _own_entries(fact: f.OwnFact) -> Iterator[_Entry]:
    match fact:
        case f.NoticeReported():
            yield "notices", fact.subject, Notices(sent={f"{fact.kind}|{fact.step}": _asked(fact, fact.deadline)})
        case f.RenewalStopped():
            turn = Turn(step=fact.step, cause=fact.cause, asked=_asked(fact, fact.seen))
            yield "renewals", fact.subscription, Renewals(turns=(turn,))
        case f.RenewalResumed():
            turn = Turn(step=fact.step, cause=None, asked=_asked(fact, fact.seen))
            yield "renewals", fact.subscription, Renewals(turns=(turn,))
        case f.SubscriptionLookedUp():
            asked, answered = (fact.at, fact.known or fact.at), (fact.at, fact.status or "")
            looks = Looks(asked=(asked,)) if fact.asked else Looks(answers=(answered,))
            yield "looks", fact.subscription, looks
        case f.OverrideSet():
            yield "overrides", fact.id, Override(set=fact)
        case f.HoldLifted():
            yield "lifted", fact.hold, Lifted(until=fact.until)
        case f.OperatorsAlerted():
            yield "alerts", f"{fact.subject}|{fact.topic}", Told(at=fact.at)
        case f.CaseJoined():
            yield "cases", fact.into, CaseLog(absorbed=(fact.case,))
        case f.DeadlinePromised() | f.HoldPlaced() | f.HoldProlonged() | f.CaseExhausted() | f.CaseWaived():
            yield "cases", fact.case, _logged(fact)
        case _:
            yield from _entries_of_chapters(fact)


def _entries_of_chapters(fact: f.OwnFact) -> Iterator[_Entry]:
    match fact:
        case f.TermsAgreed():
            yield "agreements", fact.id, Agreement(agreed=fact)
        case f.VersionApplied():
            yield "pins", fact.subject, Pin(version=fact.version, began=fact.began, at=fact.at, chosen=bool(fact.actor))
        case f.OverrideAsked() | f.OverrideApproved() | f.OverrideDeclined():
            yield "proposals", fact.id, Proposal.of(fact)
        case _:
            yield from chain.from_iterable(filed(fact) for filed in _FILED)


def _logged(fact: _CaseFact) -> CaseLog:
    match fact:
        case f.DeadlinePromised():
            return CaseLog(promised=fact.deadline)
        case f.HoldPlaced():
            return CaseLog(held_for=fact.opened_at, held_at=fact.at, verified=fact.verified)
        case f.HoldProlonged():
            return CaseLog(hold_until=fact.until)
        case f.CaseExhausted():
            return CaseLog(exhausted_for=fact.opened_at, exhausted_at=fact.at)
        case f.CaseWaived():
            return CaseLog(waived_for=fact.opened_at)


def _asked(fact: f.NoticeReported | f.RenewalStopped | f.RenewalResumed, seen: datetime | None) -> Asked:
    return Asked(at=fact.at, outcome=fact.outcome, outcome_at=fact.at, seen=seen)


def _addressed(at: datetime, **words: str | None) -> Iterator[_Entry]:
    known = {name: (at, word) for name, word in words.items() if word}
    if known:
        yield "addresses", "account", Address(words=known)


def _signed(fact: f.SubscriptionSeen | f.OrderSeen | f.DisputeSeen) -> Iterator[_Entry]:
    if fact.signed and fact.customer:
        yield "signed", fact.customer, Told(at=fact.stamp.at)
