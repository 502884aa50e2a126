"""The purchase that a fact is about: a fact moves with it when the purchase gets another owner (DOMAIN section 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from kulanz.policy import facts as f
from kulanz.policy.book import Book
from kulanz.policy.facts import Fact


class Kind(StrEnum):
    """Kind of a purchase: paid repeatedly, or once."""

    SUBSCRIPTION = "subscription"
    ORDER = "order"


class Purchase(NamedTuple):
    """A subscription or order, by its key among the facts."""

    kind: Kind
    key: str


Subjects = Mapping[str, Purchase]
"""The purchase of everything that a fact, a notice or an effect may name."""


def subjects(book: Book) -> Subjects:
    """Return the purchase of every name in a book; where two objects share a name, the subscription has it."""
    known = dict(_objects(book))
    # Consequences name objects, so they come after them; a dispute may be about a refund request's payment.
    known.update(_disputes(book, known))
    known.update((key, known[item.seen.payment]) for key, item in book.warnings.items() if item.seen.payment in known)
    for key, request in book.refund_requests.items():
        if request.requested is not None and request.requested.payment in known:
            known[key] = known[request.requested.payment]
    for key, transfer in book.transfers.items():
        if transfer.told is not None and (paid := _of_transfer(transfer.told, known)) is not None:
            known[key] = paid
    for key, add_on in book.add_ons.items():
        if add_on.booked is not None:
            names = (key, *(part.part for part in add_on.parts))
            known.update(dict.fromkeys(names, Purchase(Kind.SUBSCRIPTION, add_on.booked.subscription)))
    return known


def _objects(book: Book) -> Iterator[tuple[str, Purchase]]:
    """Yield every object, and the disputes that an order or a refund is read as; of two the later yield counts."""
    for key in book.orders:
        provider, _, number = key.partition(":")
        for name in (key, f"{provider}:order-{number}", f"{provider}:refund-{number}"):
            yield name, Purchase(Kind.ORDER, key)
    for key, licence in book.licences.items():
        yield key, Purchase(Kind.ORDER, licence.seen.order or key)
    for subscription, invoices in book.invoices.items():
        for key in invoices.known:
            provider, _, number = key.partition(":")
            for name in (key, f"{provider}:refund-{number}"):
                yield name, Purchase(Kind.SUBSCRIPTION, subscription)
    for key in book.subscriptions:
        yield key, Purchase(Kind.SUBSCRIPTION, key)


def _disputes(book: Book, known: Subjects) -> Iterator[tuple[str, Purchase]]:
    for key, dispute in book.disputes.items():
        purchase = _of_dispute(dispute.seen, known)
        if purchase is not None:
            yield key, purchase


def purchase_of(name: str, known: Subjects) -> Purchase | None:
    """Return the purchase of a name: of an object, or of a dunning case, whose key begins with its subscription."""
    if name in known:
        return known[name]
    case_of = name.partition("@")[0] if "@" in name else name.rpartition(":")[0]
    purchase = known.get(case_of)
    return purchase if purchase is not None and purchase == Purchase(Kind.SUBSCRIPTION, case_of) else None


def of_fact(fact: Fact, known: Subjects) -> Purchase | None:
    """Return the purchase that a fact is about; None: it is about the account, and stays there."""
    return _ABOUT[type(fact)](fact, known)


def _of_dispute(seen: f.DisputeSeen, known: Subjects) -> Purchase | None:
    if seen.subscription is not None:
        return Purchase(Kind.SUBSCRIPTION, seen.subscription)
    names = [name for name in (seen.payment, seen.order) if name is not None]
    told = next((known[name] for name in names if name in known), None)
    return told or (Purchase(Kind.ORDER, names[0]) if names else None)


def _subscription(attribute: str) -> Callable[[Any, Subjects], Purchase | None]:
    return lambda fact, _: Purchase(Kind.SUBSCRIPTION, getattr(fact, attribute))


def _named(attribute: str) -> Callable[[Any, Subjects], Purchase | None]:
    return lambda fact, known: purchase_of(getattr(fact, attribute), known)


def _of_invoice(fact: Any, _: Subjects) -> Purchase:
    return Purchase(Kind.SUBSCRIPTION, fact.invoice.subscription)


def _of_licence(fact: f.LicenceSeen, _: Subjects) -> Purchase:
    return Purchase(Kind.ORDER, fact.order or fact.key)


def _of_transfer(fact: f.PaymentRecorded, _: Subjects) -> Purchase | None:
    """Return the one subscription that a transfer pays; one that pays several is the account's."""
    paid = {share.subscription for share in fact.shares}
    return Purchase(Kind.SUBSCRIPTION, paid.pop()) if len(paid) == 1 else None


def _of_contact(fact: f.ContactNoted, known: Subjects) -> Purchase | None:
    return purchase_of(fact.payment, known) if fact.payment else None


def _of_account(_: Fact, __: Subjects) -> None:
    return None


_ABOUT: Mapping[type[Fact], Callable[[Any, Subjects], Purchase | None]] = {
    f.SubscriptionSeen: _subscription("key"),
    f.InvoiceSeen: _subscription("subscription"),
    f.PaymentFailed: _of_invoice,
    f.PaymentSucceeded: _of_invoice,
    f.PaymentRefunded: _of_invoice,
    f.OrderSeen: lambda fact, _: Purchase(Kind.ORDER, fact.key),
    f.LicenceSeen: _of_licence,
    f.RefundSeen: _named("payment"),
    f.PaymentLinked: _named("payment"),
    f.DisputeSeen: _of_dispute,
    f.ChargebackWarned: _named("payment"),
    f.DeadlinePromised: _named("case"),
    f.CaseJoined: _named("case"),
    f.HoldPlaced: _named("case"),
    f.HoldProlonged: _named("case"),
    f.CaseExhausted: _named("case"),
    f.CaseWaived: _named("case"),
    f.DunningPaused: _named("case"),
    f.HoldLifted: _named("source"),
    f.NoticeReported: _named("subject"),
    f.OperatorsAlerted: _named("subject"),
    f.VersionApplied: _named("subject"),
    f.SubscriptionLookedUp: _subscription("subscription"),
    f.RenewalStopped: _subscription("subscription"),
    f.RenewalResumed: _subscription("subscription"),
    f.CancellationNoted: _subscription("subscription"),
    f.ContactNoted: _of_contact,
    f.AddOnBooked: _subscription("subscription"),
    f.AddOnCancelled: _named("add_on"),
    f.AddOnInvoiced: _named("add_on"),
    f.RefundRequested: _named("payment"),
    f.RefundAmended: _named("request"),
    f.RefundDecided: _named("request"),
    f.RefundOrdered: _named("request"),
    f.RefundConfirmed: _named("request"),
    f.LicenceDeployed: _named("licence"),
    f.LicenceSwitchedOff: _named("licence"),
    f.PaymentRecorded: _of_transfer,
    f.PaymentVoided: _named("id"),
    **dict.fromkeys(
        (
            f.AccountClosed,
            f.AddressKnown,
            f.ClaimHandedOver,
            f.ClaimReported,
            f.ClosureRequested,
            f.ClosureWithdrawn,
            f.CollectionApproved,
            f.CollectionProposed,
            f.CollectionRecalled,
            f.CreditBooked,
            f.CreditEnded,
            f.CreditReportApproved,
            f.CustomerSeen,
            f.DebtorTold,
            f.DeletionAnnounced,
            f.DeletionApproved,
            f.MandateGranted,
            f.MandateRevoked,
            f.MovedToOnPremise,
            f.OverrideApproved,
            f.OverrideAsked,
            f.OverrideDeclined,
            f.OverrideSet,
            f.KeptAfterUpgrade,
            f.TermsAgreed,
        ),
        _of_account,
    ),
}
"""The way to the purchase, for every kind of fact."""
