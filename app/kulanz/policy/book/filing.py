"""Files a fact in the book: returns the family, the key in it, and the record to join."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import chain
from typing import Any

from kulanz.policy import facts as f
from kulanz.policy.book.add_ons import entries as of_add_ons
from kulanz.policy.book.approvals import Proposal
from kulanz.policy.book.cancellations import entries as of_cancelling
from kulanz.policy.book.closure import entries as of_closure
from kulanz.policy.book.collections import entries as of_collecting
from kulanz.policy.book.contacts import entries as of_contacts
from kulanz.policy.book.credit import entries as of_credit
from kulanz.policy.book.keeping import entries as of_keeping
from kulanz.policy.book.migrations import entries as of_moving
from kulanz.policy.book.own import (
    AddressLog,
    CaseLog,
    FirstTime,
    LiftedHold,
    Lookups,
    NoticeLog,
    OverrideRecord,
    RenewalLog,
    RenewalStep,
    RequestLog,
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
from kulanz.policy.book.refunds import Refunds
from kulanz.policy.book.refunds import entries as of_refunding
from kulanz.policy.book.versions import Agreement, Pin
from kulanz.policy.effects import OPERATORS_NOTICE
from kulanz.policy.facts import Fact

BookEntry = tuple[str, str, Any]
_ENTRIES_BY_AREA: tuple[Callable[[Any], Iterable[BookEntry]], ...] = (
    of_collecting,
    of_add_ons,
    of_closure,
    of_refunding,
    of_credit,
    of_moving,
    of_cancelling,
    of_keeping,
    of_contacts,
)


def entries(fact: Fact) -> Iterable[BookEntry]:
    """Return the records in a fact, object by object."""
    return _FILED.get(type(fact), _of_an_area)(fact)


def _of_an_area(fact: Fact) -> Iterable[BookEntry]:
    """Return the records in a fact of another area of the policy: each area files its own."""
    return chain.from_iterable(filed(fact) for filed in _ENTRIES_BY_AREA)


def _subscription(fact: f.SubscriptionSeen) -> list[BookEntry]:
    seen = ("subscriptions", fact.key, Subscription.of(fact))
    return [
        seen,
        *_addressed(fact.stamp.at, locale=fact.locale, timezone=fact.timezone),
        *_signed("subscriptions", fact),
    ]


def _failed(fact: f.PaymentFailed) -> list[BookEntry]:
    return _invoice(fact.invoice, failed_at=fact.at)


def _succeeded(fact: f.PaymentSucceeded) -> list[BookEntry]:
    return _invoice(fact.invoice, paid_at=fact.at)


def _refunded(fact: f.PaymentRefunded) -> list[BookEntry]:
    return _invoice(fact.invoice)


def _invoice(seen: f.InvoiceSeen, **charged: datetime) -> list[BookEntry]:
    return [("invoices", seen.subscription, Invoices.of(Invoice.of(seen, **charged)))]


def _order(fact: f.OrderSeen) -> list[BookEntry]:
    return [("orders", fact.key, Order.of(fact)), *_signed("orders", fact)]


def _refund(fact: f.RefundSeen) -> list[BookEntry]:
    return [("refunds", fact.payment, Refunds(seen=(fact,)))]


def _linked(fact: f.PaymentLinked) -> list[BookEntry]:
    return [("payment_links", fact.payment, PaymentLink(money=(fact.money,)))]


def _licence(fact: f.LicenceSeen) -> list[BookEntry]:
    return [("licences", fact.key, Licence(seen=fact, activations=fact.activations))]


def _customer(fact: f.CustomerSeen) -> list[BookEntry]:
    return [("customers", fact.key, Customer(seen=fact))]


def _dispute(fact: f.DisputeSeen) -> list[BookEntry]:
    return [("disputes", fact.key, Dispute.of(fact)), *_signed("disputes", fact)]


def _warning(fact: f.ChargebackWarned) -> list[BookEntry]:
    return [("warnings", fact.key, FraudWarning(seen=fact))]


def _address(fact: f.AddressKnown) -> list[BookEntry]:
    words = {"locale": fact.locale, "timezone": fact.timezone, "country": fact.country}
    return _addressed(fact.at, **words, delivery=fact.delivery, organisation=fact.organisation)


def _addressed(at: datetime, **words: str | None) -> list[BookEntry]:
    existing = {name: (at, word) for name, word in words.items() if word}
    return [("addresses", "account", AddressLog(words=existing))] if existing else []


def _signed(family: str, fact: f.SubscriptionSeen | f.OrderSeen | f.DisputeSeen) -> list[BookEntry]:
    return [("signed", f"{family}|{fact.key}", FirstTime(at=fact.stamp.at))] if fact.signed else []


def _notice(fact: f.NoticeReported) -> list[BookEntry]:
    if fact.kind == OPERATORS_NOTICE:  # Journals of 0.1 have the outcomes of alerts.
        return []
    return [("notices", fact.subject, NoticeLog(sent={f"{fact.kind}|{fact.step}": _asked(fact, fact.deadline)}))]


def _stopped(fact: f.RenewalStopped) -> list[BookEntry]:
    turn = RenewalStep(step=fact.step, cause=fact.cause, asked=_asked(fact, fact.seen))
    return [("renewals", fact.subscription, RenewalLog(turns=(turn,)))]


def _resumed(fact: f.RenewalResumed) -> list[BookEntry]:
    turn = RenewalStep(step=fact.step, cause=None, asked=_asked(fact, fact.seen))
    return [("renewals", fact.subscription, RenewalLog(turns=(turn,)))]


def _asked(fact: f.NoticeReported | f.RenewalStopped | f.RenewalResumed, seen: datetime | None) -> RequestLog:
    return RequestLog(at=fact.at, outcome=fact.outcome, outcome_at=fact.at, seen=seen)


def _look(fact: f.SubscriptionLookedUp) -> list[BookEntry]:
    requested, answered = (fact.at, fact.known or fact.at), (fact.at, fact.status or "")
    looks = Lookups(asked=(requested,)) if fact.asked else Lookups(answers=(answered,))
    return [("looks", fact.subscription, looks)]


def _override(fact: f.OverrideSet) -> list[BookEntry]:
    return [("overrides", fact.id, OverrideRecord(set=fact))]


def _lifted(fact: f.HoldLifted) -> list[BookEntry]:
    return [("lifted", fact.hold, LiftedHold(until=fact.until))]


def _alert(fact: f.OperatorsAlerted) -> list[BookEntry]:
    return [("alerts", f"{fact.subject}|{fact.topic}", FirstTime(at=fact.at))]


def _joined(fact: f.CaseJoined) -> list[BookEntry]:
    return [("cases", fact.into, CaseLog(absorbed=(fact.case,)))]


def _promise(fact: f.DeadlinePromised) -> list[BookEntry]:
    return [("cases", fact.case, CaseLog(promised=fact.deadline))]


def _hold(fact: f.HoldPlaced) -> list[BookEntry]:
    return [("cases", fact.case, CaseLog(held_for=fact.opened_at, held_at=fact.at, verified=fact.verified))]


def _prolonged(fact: f.HoldProlonged) -> list[BookEntry]:
    return [("cases", fact.case, CaseLog(hold_until=fact.until))]


def _exhausted(fact: f.CaseExhausted) -> list[BookEntry]:
    return [("cases", fact.case, CaseLog(exhausted_for=fact.opened_at, exhausted_at=fact.at, verified=fact.verified))]


def _waived(fact: f.CaseWaived) -> list[BookEntry]:
    return [("cases", fact.case, CaseLog(waived_for=fact.opened_at))]


def _agreement(fact: f.TermsAgreed) -> list[BookEntry]:
    return [("agreements", fact.id, Agreement(agreed=fact))]


def _pin(fact: f.VersionApplied) -> list[BookEntry]:
    pin = Pin(version=fact.version, began=fact.began, at=fact.at, chosen=bool(fact.actor))
    return [("pins", fact.subject, pin)]


def _proposal(fact: f.OverrideAsked | f.OverrideApproved | f.OverrideDeclined) -> list[BookEntry]:
    return [("proposals", fact.id, Proposal.of(fact))]


_FILED: dict[type[Fact], Callable[[Any], Iterable[BookEntry]]] = {
    f.SubscriptionSeen: _subscription,
    f.PaymentFailed: _failed,
    f.PaymentSucceeded: _succeeded,
    f.PaymentRefunded: _refunded,
    f.InvoiceSeen: _invoice,
    f.OrderSeen: _order,
    f.RefundSeen: _refund,
    f.PaymentLinked: _linked,
    f.LicenceSeen: _licence,
    f.CustomerSeen: _customer,
    f.DisputeSeen: _dispute,
    f.ChargebackWarned: _warning,
    f.AddressKnown: _address,
    f.NoticeReported: _notice,
    f.RenewalStopped: _stopped,
    f.RenewalResumed: _resumed,
    f.SubscriptionLookedUp: _look,
    f.OverrideSet: _override,
    f.HoldLifted: _lifted,
    f.OperatorsAlerted: _alert,
    f.CaseJoined: _joined,
    f.DeadlinePromised: _promise,
    f.HoldPlaced: _hold,
    f.HoldProlonged: _prolonged,
    f.CaseExhausted: _exhausted,
    f.CaseWaived: _waived,
    f.TermsAgreed: _agreement,
    f.VersionApplied: _pin,
    f.OverrideAsked: _proposal,
    f.OverrideApproved: _proposal,
    f.OverrideDeclined: _proposal,
}
