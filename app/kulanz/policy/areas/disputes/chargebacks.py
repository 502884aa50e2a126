"""A chargeback: suspension at once, a hold with a release of its own, when data may go (DOMAIN section 4, plexo 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kulanz.policy.areas.disputes import full_refunds
from kulanz.policy.areas.dunning.notices import asked_for
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Dispute, Order, Subscription
from kulanz.policy.document.rules import DisputeRules
from kulanz.policy.facts import DisputeSeen, DisputeStatus, OrderStatus, OwnFact, Provenance, Stamp
from kulanz.policy.state import Access, Chargeback, Grant, Hold, Moment, Owner, State, Terms, Timer

DELETION = "data_deletion_notice"
CONTESTED = frozenset({DisputeStatus.OPENED, DisputeStatus.UNDER_REVIEW})
_GONE = frozenset({DisputeStatus.LOST, DisputeStatus.ACCEPTED})
_RISING = tuple(DisputeStatus)


def known(book: Book, terms: Terms) -> dict[str, Dispute]:
    """Return every dispute: those told as such, orders called fraudulent, and refunds where the policy says so."""
    matches = dict(book.disputes)
    for order in book.orders.values():
        if order.fraudulent_at is not None:
            _add(matches, _of_order(order, order.fraudulent_at))
    for refund in full_refunds.unrequested(full_refunds.full(book), tuple(matches.values()), book):
        if _rule(refund, book, terms) == "suspend":
            _add(matches, _of_refund(refund))
    return matches


def chargebacks(book: Book, terms: Terms, zone: str, given: Iterable[Grant]) -> list[Chargeback]:
    """Return every dispute as it counts now; `given` is what the subscriptions give before any hold."""
    disputes = known(book, terms)
    if not disputes:
        return []
    giving = {grant.subscription for grant in given if grant.add_on is None}
    return [_chargeback(dispute, book, terms, zone, giving) for _, dispute in sorted(disputes.items())]


def hold(chargeback: Chargeback) -> Hold:
    """Return the restriction that a chargeback is."""
    return Hold(
        key=f"dispute:{chargeback.key}",
        owner=Owner.DISPUTE,
        source=chargeback.key,
        since=chargeback.opened_at,
        scope="account" if chargeback.whole else "subscription",
        subscriptions=chargeback.subscriptions,
        access=Access.NONE,
        counts=not chargeback.claim,
    )


def frozen_since(chargebacks: Iterable[Chargeback], subscription: str) -> datetime | None:
    """Return since when a dispute stops the clock of a subscription's dunning (DOMAIN section 3)."""
    reaching = (
        chargeback.opened_at
        for chargeback in chargebacks
        if chargeback.active and (chargeback.whole or subscription in chargeback.subscriptions)
    )
    return min(reaching, default=None)


def timers(chargebacks: Iterable[Chargeback], book: Book, moment: Moment) -> Iterator[Timer]:
    """Yield when a chargeback has to be looked at again: notices before its data may go, and that day."""
    for chargeback in chargebacks:
        if chargeback.deletion_eligible_at is None or chargeback.deletion_eligible_at <= moment.at:
            continue
        yield Timer("data_deletion_eligible", chargeback.key, chargeback.deletion_eligible_at)
        for step, due_at in _deletion_notices(chargeback, moment.zone):
            if due_at > moment.at and book.notices_about(chargeback.key).get(DELETION, step) is None:
                yield Timer("data_deletion_notice", f"{chargeback.key}|{step}", due_at)


def due(state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
    """Yield the notice of deletion that is due, the latest where several are."""
    for chargeback in state.chargebacks:
        due = [step for step, at in _deletion_notices(chargeback, moment.zone) if at <= moment.at]
        if due and book.notices_about(chargeback.key).get(DELETION, due[-1]) is None:
            yield asked_for(chargeback.key, DELETION, due[-1], moment.at)


def alerts(state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
    """Yield each subject and topic about chargebacks and refunds that operators must see."""
    for chargeback in state.chargebacks:
        if chargeback.status == DisputeStatus.INQUIRY:
            yield chargeback.key, "dispute_inquiry"
        elif (
            chargeback.status == DisputeStatus.PREVENTED
            and chargeback.policy.dispute.unrequested_full_refund == "review"
        ):
            yield chargeback.key, "unrequested_refund"
        elif chargeback.active and not chargeback.holds:
            yield chargeback.key, "dispute_needs_review"
        elif chargeback.holds and chargeback.claim:
            yield chargeback.key, "dispute_claim"
        if chargeback.deletion_eligible_at is not None and chargeback.deletion_eligible_at <= moment.at:
            yield chargeback.key, "data_deletion_eligible"
    for refund in _unrequested(book, moment.terms):
        if _rule(refund, book, moment.terms) == "review":
            yield refund.payment, "unrequested_refund"


def _unrequested(book: Book, terms: Terms) -> list[full_refunds.FullRefund]:
    matches = full_refunds.full(book)
    return full_refunds.unrequested(matches, known(book, terms).values(), book) if matches else []


def _rule(refund: full_refunds.FullRefund, book: Book, terms: Terms) -> str:
    """Return what a refund means by the version that it is pinned to."""
    return terms.of(_key("refund", refund.payment), refund.at, book).dispute.unrequested_full_refund


def _add(matches: dict[str, Dispute], inferred: Dispute) -> None:
    dispute = matches.get(inferred.seen.key)
    matches[inferred.seen.key] = dispute.join(inferred) if dispute else inferred


def _of_order(order: Order, fraudulent_at: datetime) -> Dispute:
    """Read `fraudulent` as an opened dispute, and a newer snapshot that is not as its withdrawal."""
    fraudulent = order.seen.status is OrderStatus.FRAUDULENT
    status = DisputeStatus.OPENED if fraudulent else DisputeStatus.WITHDRAWN
    seen = order.seen
    return Dispute.of(
        DisputeSeen(
            key=_key("order", seen.key),
            stamp=Stamp(fraudulent_at if fraudulent else seen.stamp.at, _RISING.index(status)),
            status=status,
            opened_at=fraudulent_at,
            amount=seen.total,
            currency=seen.currency,
            customer=seen.customer,
            order=seen.key,
            payment=seen.key,
            reason="fraudulent",
        )
    )


def _of_refund(refund: full_refunds.FullRefund) -> Dispute:
    """Read a full refund that nobody asked for as an opened dispute."""
    return Dispute.of(
        DisputeSeen(
            key=_key("refund", refund.payment),
            stamp=Stamp(refund.at, _RISING.index(DisputeStatus.OPENED)),
            status=DisputeStatus.OPENED,
            opened_at=refund.at,
            amount=refund.amount,
            currency=refund.currency,
            customer=refund.customer,
            subscription=refund.subscription,
            payment=refund.payment,
            reason="unrequested_refund",
        )
    )


def _key(kind: str, payment: str) -> str:
    provider, _, number = payment.partition(":")
    return f"{provider}:{kind}-{number.rpartition(':')[2]}"


def _chargeback(dispute: Dispute, book: Book, terms: Terms, zone: str, giving: set[str]) -> Chargeback:
    seen, policy = dispute.seen, terms.of(dispute.seen.key, dispute.opened_at, book)
    rules = policy.dispute
    decided_at = _decided_at(dispute, rules)
    active = _counted(seen.status, rules) in CONTESTED | _GONE
    large = rules.review_above is not None and seen.amount > rules.review_above
    holds = active and not large and not _contacted(dispute, book, terms, zone)
    own = _bought(seen, book)
    whole, claim = _reach(dispute, own, giving, book, rules)
    reached = _concerned(seen, own, book) if rules.scope == "subscription" else own
    payment = seen.payment or seen.order
    eligible = holds and whole
    return Chargeback(
        key=seen.key,
        status=seen.status,
        opened_at=dispute.opened_at,
        decided_at=decided_at,
        active=active,
        holds=holds,
        whole=whole,
        claim=claim,
        subscriptions=reached,
        concerned=_paid_for(payment, reached, book),
        amount=seen.amount,
        currency=seen.currency,
        fee=seen.fee,
        fee_currency=seen.fee_currency,
        payment=payment,
        reason=seen.reason,
        policy=policy,
        deletion_eligible_at=rules.deletion_after.after(decided_at or dispute.opened_at, zone) if eligible else None,
    )


def _contacted(dispute: Dispute, book: Book, terms: Terms, zone: str) -> bool:
    """Whether the customer had asked for that money shortly before: then operators decide (plexo 10).

    A chargeback that names no payment, or none that anything was told of, is taken to be about what was asked for.
    """
    opened = dispute.opened_at
    payments = {item for item in full_refunds.disputed(dispute, book) if full_refunds.heard_of(item, book)}
    for log in book.refund_requests.values():
        fact = log.requested
        if (
            fact is None
            or not fact.contact
            or not terms.at(fact.at).refund.contact_before.before(opened, zone) <= fact.at <= opened
        ):
            continue
        if not payments or full_refunds.payment_of(fact.payment, book) in payments:
            return True
    return False


def _counted(status: DisputeStatus, rules: DisputeRules) -> DisputeStatus:
    """Return the status that counts where the policy chooses: of a partial loss, and of a prevented dispute."""
    if status is DisputeStatus.PARTIALLY_LOST:
        return DisputeStatus.LOST if rules.partially_lost == "lost" else DisputeStatus.WON
    if status is DisputeStatus.PREVENTED:
        return DisputeStatus.OPENED if rules.unrequested_full_refund == "suspend" else DisputeStatus.WITHDRAWN
    return status


def _decided_at(dispute: Dispute, rules: DisputeRules) -> datetime | None:
    """Return when the present run of losing words began: a later copy of the loss moves no date."""
    since = None
    for stamp, status in dispute.marks:
        since = (since or stamp.at) if _counted(status, rules) in _GONE else None
    return since


def _customer(seen: DisputeSeen, book: Book) -> str | None:
    """Return who disputes: as told, or the buyer of what is disputed."""
    if seen.customer is not None:
        return seen.customer
    bought = book.subscriptions.get(seen.subscription or "")
    order = book.orders.get(seen.order or "")
    return bought.seen.customer if bought else order.seen.customer if order else None


def _bought(seen: DisputeSeen, book: Book) -> tuple[str, ...]:
    """Return the subscriptions that the disputing customer bought; all of them for an operator's word."""
    if _by_operator(seen):
        return tuple(sorted(book.subscriptions))
    customer = _customer(seen, book)
    return tuple(sorted(key for key, sub in book.subscriptions.items() if sub.seen.customer == customer))


def _by_operator(seen: DisputeSeen) -> bool:
    return seen.customer is None and seen.provenance is Provenance.OPERATOR


def _reach(
    dispute: Dispute, own: tuple[str, ...], giving: set[str], book: Book, rules: DisputeRules
) -> tuple[bool, bool]:
    """Return whether it reaches the whole account, and whether it is no more than a stranger's claim.

    Custom data comes from a checkout link that the buyer can edit, so a chargeback reaches the whole account only if
    everything that gave it a plan was bought by who disputes, or an operator or the merchant's signature says so.
    """
    seen = dispute.seen
    trusted = _by_operator(seen) or seen.customer in book.signed
    if rules.scope == "subscription":
        return False, not trusted and not own
    if trusted:
        return True, False
    gave = {key for key, sub in book.subscriptions.items() if key in giving or _gave(sub, dispute.opened_at)}
    whole = set(own) >= (gave or book.subscriptions.keys()) and _customer(seen, book) is not None
    return whole, not whole


def _gave(sub: Subscription, opened_at: datetime) -> bool:
    """Whether a subscription that gives nothing now gave something when the dispute began: time lends no reach."""
    return (sub.seen.ends_at or sub.seen.stamp.at) > opened_at


def _concerned(seen: DisputeSeen, own: tuple[str, ...], book: Book) -> tuple[str, ...]:
    """Return the disputed one of the customer's subscriptions, where the dispute names it or its payment."""
    named = seen.subscription or _billed(seen.payment, book)
    return (named,) if named in own and named is not None else own


def _paid_for(payment: str | None, own: tuple[str, ...], book: Book) -> tuple[str, ...]:
    """Return the subscription of a disputed payment, else all that the dispute reaches."""
    if payment is None:
        return own
    billed = _billed(payment, book)
    orders = full_refunds.keys_of(payment, book)
    paid = tuple(key for key in own if book.subscriptions[key].seen.order in orders)
    return (billed,) if billed else paid or own


def _billed(payment: str | None, book: Book) -> str | None:
    """Return the subscription that an invoice is of."""
    invoices = [invoice for key in full_refunds.keys_of(payment or "", book) if (invoice := book.invoice(key))]
    return invoices[0].seen.subscription if invoices else None


def _deletion_notices(chargeback: Chargeback, zone: str) -> Iterator[tuple[int, datetime]]:
    """Yield each step and time at which the customer is told that data may go; only after a loss is it certain."""
    if chargeback.decided_at is not None and chargeback.deletion_eligible_at is not None:
        for step, span in enumerate(chargeback.policy.dispute.deletion_notices, start=1):
            yield step, span.before(chargeback.deletion_eligible_at, zone)
