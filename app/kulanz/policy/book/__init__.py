"""The sum of all facts of an account, the same in any order of arrival (DOMAIN section 2, I1): a state-based CRDT.

Nothing here decides; `kulanz.policy.assess` reads the book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace as evolve

from kulanz.policy.book.add_ons import AddOnLog
from kulanz.policy.book.approvals import Proposal
from kulanz.policy.book.cancellations import CancellationNotice
from kulanz.policy.book.closure import Deletion
from kulanz.policy.book.collections import Collection, Debtor, Mandate, Transfer
from kulanz.policy.book.contacts import Contact
from kulanz.policy.book.credit import CreditPot
from kulanz.policy.book.filing import entries
from kulanz.policy.book.joining import join_maps
from kulanz.policy.book.keeping import Kept
from kulanz.policy.book.migrations import Move
from kulanz.policy.book.own import (
    AddressLog,
    CaseLog,
    FirstTime,
    LiftedHold,
    Lookups,
    NoticeLog,
    OverrideRecord,
    RenewalLog,
)
from kulanz.policy.book.provider import (
    Customer,
    Dispute,
    FraudWarning,
    Invoice,
    Invoices,
    Licence,
    Order,
    PaymentLink,
    Subscription,
)
from kulanz.policy.book.refunds import LicenceLog, RefundLog, Refunds
from kulanz.policy.book.versions import Agreement, Pin
from kulanz.policy.facts import Fact

NO_CASE_LOG = CaseLog()
NO_NOTICES = NoticeLog(sent={})


class Book(Struct, frozen=True, kw_only=True):
    """The merged facts of one account, by the key of each object."""

    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    invoices: Mapping[str, Invoices] = field(default_factory=dict)
    """By subscription, then by invoice: `invoice` finds one by its own key."""
    orders: Mapping[str, Order] = field(default_factory=dict)
    licences: Mapping[str, Licence] = field(default_factory=dict)
    customers: Mapping[str, Customer] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    warnings: Mapping[str, FraudWarning] = field(default_factory=dict)
    """Warnings of chargebacks that are not there yet."""
    cases: Mapping[str, CaseLog] = field(default_factory=dict)
    notices: Mapping[str, NoticeLog] = field(default_factory=dict)
    """By the case, dispute or subscription that they are about."""
    renewals: Mapping[str, RenewalLog] = field(default_factory=dict)
    """What we asked the provider to do, by subscription."""
    looks: Mapping[str, Lookups] = field(default_factory=dict)
    overrides: Mapping[str, OverrideRecord] = field(default_factory=dict)
    lifted: Mapping[str, LiftedHold] = field(default_factory=dict)
    """By hold."""
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    """The account's own terms, which replace the general policy for a period."""
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    """Exceptions that a second person has to approve, made or not."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """By the case or dispute to which a later version was applied."""
    deletions: Mapping[str, Deletion] = field(default_factory=dict)
    """By the closure, chargeback or other reason for which data may go."""
    alerts: Mapping[str, FirstTime] = field(default_factory=dict)
    """By `subject|topic`."""
    addresses: Mapping[str, AddressLog] = field(default_factory=dict)
    signed: Mapping[str, FirstTime] = field(default_factory=dict)
    """Objects (`family|key`) of which the merchant signed the claim, and since when. Books from before have customers
    here, which prove nothing any more: a signature belongs to the purchase that carries it."""
    debtors: Mapping[str, Debtor] = field(default_factory=dict)
    """The debtor, under one key."""
    collections: Mapping[str, Collection] = field(default_factory=dict)
    """Debts that were handed over, or proposed for it."""
    mandates: Mapping[str, Mandate] = field(default_factory=dict)
    """Direct-debit mandates."""
    transfers: Mapping[str, Transfer] = field(default_factory=dict)
    """Money that came outside the provider."""
    add_ons: Mapping[str, AddOnLog] = field(default_factory=dict)
    """Booked in quantities beside a subscription; those that a provider bills are subscriptions."""
    refunds: Mapping[str, Refunds] = field(default_factory=dict)
    """By payment, where the provider sends each refund separately."""
    payment_links: Mapping[str, PaymentLink] = field(default_factory=dict)
    """By invoice: the money that paid it, where neither names the other."""
    refund_requests: Mapping[str, RefundLog] = field(default_factory=dict)
    licence_logs: Mapping[str, LicenceLog] = field(default_factory=dict)
    credit: Mapping[str, CreditPot] = field(default_factory=dict)
    """Prepaid, by what it is for."""
    moves: Mapping[str, Move] = field(default_factory=dict)
    """From the cloud to on-premise."""
    cancellations: Mapping[str, CancellationNotice] = field(default_factory=dict)
    """By notice to staff or a partner."""
    kept: Mapping[str, Kept] = field(default_factory=dict)
    """By purchase, or `plan`: rights that an earlier version gave, and today's rules do not."""
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    """With staff, before a chargeback or without one."""

    def with_facts(self, facts: Iterable[Fact]) -> Book:
        """Return the book that knows these facts too; their order does not matter."""
        pages: dict[str, dict[str, Any]] = {}
        for fact in facts:
            for family, key, record in entries(fact):
                page = pages.get(family)
                if page is None:
                    page = pages[family] = dict(getattr(self, family))
                existing = page.get(key)
                page[key] = record if existing is None else existing.join(record)
        return evolve(self, **pages) if pages else self

    def join(self, other: Book) -> Book:
        """Return the join of two books: the facts of both."""
        theirs = {family: getattr(other, family) for family in _FAMILIES}
        joined = {name: join_maps(getattr(self, name), pages) for name, pages in theirs.items() if pages}
        return evolve(self, **joined)

    def invoice(self, key: str) -> Invoice | None:
        """Return an invoice by its own key."""
        return next((invoices.known[key] for invoices in self.invoices.values() if key in invoices.known), None)

    def case(self, key: str) -> CaseLog:
        """Return our record of a case, which may be empty."""
        return self.cases.get(key, NO_CASE_LOG)

    def notices_about(self, subject: str) -> NoticeLog:
        """Return the notices about a subject, which may be empty."""
        return self.notices.get(subject, NO_NOTICES)

    def word(self, name: str) -> str | None:
        """Return the account's own `locale`, `timezone`, `country` or `organisation`, if one is known."""
        address = self.addresses.get("account")
        word = address.words.get(name) if address else None
        return word[1] if word else None


_FAMILIES = tuple(Book.__struct_fields__)
