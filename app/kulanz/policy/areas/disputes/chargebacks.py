"""A chargeback: suspension at once, a hold with its own release, the time of deletion (DOMAIN section 4, plexo 10)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from kulanz.policy.areas import bounces, full_refunds
from kulanz.policy.areas.dunning.notices import asked_for
from kulanz.policy.areas.reach.purchases import Purchase, Purchases, Reach, by_operator
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Dispute, Order
from kulanz.policy.document import Policy
from kulanz.policy.document.rules import DisputeRules
from kulanz.policy.facts import ContactNoted, DisputeSeen, DisputeStatus, OrderStatus, OwnFact, Stamp
from kulanz.policy.state import Access, Chargeback, Hold, Moment, Owner, State, Terms, Timer

DELETION = "data_deletion_notice"
CONTESTED = frozenset({DisputeStatus.OPENED, DisputeStatus.UNDER_REVIEW})
_GONE = frozenset({DisputeStatus.LOST, DisputeStatus.ACCEPTED})
_UNDECIDED = CONTESTED | {DisputeStatus.INQUIRY}
_RISING = tuple(DisputeStatus)
ANSWER_REMINDER = timedelta(days=2)
"""How long before an answer is due operators are told."""
LONGEST = timedelta(days=120)
"""How long after its last word a dispute that takes nothing stops dunning; Paddle has no word for a lost one."""


@dataclass(frozen=True, slots=True)
class _Disputed:
    """A dispute, with the purchases that it may be about."""

    dispute: Dispute
    purchases: tuple[Purchase, ...]

    @property
    def purchase(self) -> Purchase | None:
        """The purchase of the dispute, where it names it or there is no other."""
        return self.purchases[0] if len(self.purchases) == 1 else None


def known(book: Book, terms: Terms) -> dict[str, Dispute]:
    """Return every dispute: those sent as such, orders called fraudulent, and refunds where the policy says so."""
    matches = dict(book.disputes)
    for order in book.orders.values():
        if order.fraudulent_at is not None:
            _add(matches, _of_order(order, order.fraudulent_at))
    refunds = full_refunds.full(book)
    for refund in full_refunds.unrequested(refunds, tuple(matches.values()), book) if refunds else ():
        if _rule(refund, book, terms) == "suspend":
            _add(matches, _of_refund(refund))
    return matches


def chargebacks(book: Book, moment: Moment, draft: State) -> list[Chargeback]:
    """Return every dispute as it counts now; the draft says what the subscriptions give before any hold."""
    disputes = known(book, moment.terms)
    if not disputes:
        return []
    purchases = Purchases.of(book, moment.terms.catalogue, draft)
    found = [_Disputed(dispute, purchases.about(dispute)) for _, dispute in sorted(disputes.items())]
    contested = {
        disputed.purchase.name
        for disputed in found
        if disputed.purchase and _is_active(disputed.dispute, _policy(disputed.dispute, book, moment.terms).dispute)
    }
    return [_chargeback(disputed, purchases, contested, moment) for disputed in found]


def hold(chargeback: Chargeback) -> Hold:
    """Return the hold of a chargeback."""
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
    """Return since when a contested dispute stops the clock of a subscription's dunning (DOMAIN section 3)."""
    reaching = (
        chargeback.contested_since
        for chargeback in chargebacks
        if chargeback.contested_since is not None and _freezes(chargeback, subscription)
    )
    return min(reaching, default=None)


def timers(chargebacks: Iterable[Chargeback], book: Book, moment: Moment) -> Iterator[Timer]:
    """Yield when a chargeback has to be looked at again: its silence, notices before its data may go, and that day."""
    disputes = known(book, moment.terms)
    for chargeback in chargebacks:
        yield from _answer_timers(chargeback, moment)
        if chargeback.contested_since is not None and not chargeback.holds:
            yield Timer("dispute_silent", chargeback.key, _silent_at(disputes[chargeback.key]))
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
        for topic in _alerts_about(chargeback, moment):
            yield chargeback.key, topic
    for refund in _unrequested(book, moment.terms):
        if _rule(refund, book, moment.terms) == "review":
            yield refund.payment, "unrequested_refund"


def _alerts_about(chargeback: Chargeback, moment: Moment) -> Iterator[str]:
    if chargeback.answer_by is not None and chargeback.answer_by - ANSWER_REMINDER <= moment.at:
        yield "dispute_answer_due"
    if chargeback.status == DisputeStatus.INQUIRY:
        yield "dispute_inquiry"
    elif chargeback.status == DisputeStatus.PREVENTED and chargeback.policy.dispute.unrequested_full_refund == "review":
        yield "unrequested_refund"
    elif chargeback.active and not chargeback.holds:
        yield "dispute_needs_review"
        if chargeback.decided_at is None and chargeback.contested_since is None:
            yield "dispute_silent"
    elif chargeback.holds and (chargeback.claim or _is_limited(chargeback)):
        yield "dispute_claim"
    if chargeback.deletion_eligible_at is not None and chargeback.deletion_eligible_at <= moment.at:
        yield "data_deletion_eligible"


def _answer_timers(chargeback: Chargeback, moment: Moment) -> Iterator[Timer]:
    """Yield when operators are reminded of an answer, and until when the provider takes it."""
    if chargeback.answer_by is not None:
        due = (
            ("dispute_answer_reminder", chargeback.answer_by - ANSWER_REMINDER),
            ("dispute_answer_by", chargeback.answer_by),
        )
        yield from (Timer(kind, chargeback.key, at) for kind, at in due if at > moment.at)


def _is_limited(chargeback: Chargeback) -> bool:
    """Whether a dispute takes less than the policy's scope: then an operator may suspend the account."""
    return chargeback.policy.dispute.scope == "account" and not chargeback.whole


def _unrequested(book: Book, terms: Terms) -> list[full_refunds.FullRefund]:
    matches = full_refunds.full(book)
    return full_refunds.unrequested(matches, known(book, terms).values(), book) if matches else []


def _rule(refund: full_refunds.FullRefund, book: Book, terms: Terms) -> str:
    """Return the meaning of a refund by the version that it is pinned to."""
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
    """Read a full refund without a request as an opened dispute."""
    return Dispute.of(
        DisputeSeen(
            key=_key("refund", refund.payment),
            stamp=Stamp(refund.at, _RISING.index(DisputeStatus.OPENED)),
            status=DisputeStatus.OPENED,
            opened_at=refund.at,
            amount=refund.amount,
            currency=refund.currency,
            customer=refund.customer or None,
            subscription=refund.subscription,
            payment=refund.payment,
            reason="unrequested_refund",
        )
    )


def _key(kind: str, payment: str) -> str:
    provider, _, number = payment.partition(":")
    return f"{provider}:{kind}-{number.rpartition(':')[2]}"


def _freezes(chargeback: Chargeback, subscription: str) -> bool:
    """Whether a dispute restricts a subscription or, where it takes nothing, is about it."""
    if not chargeback.holds:
        return subscription in chargeback.about
    return chargeback.whole or subscription in chargeback.subscriptions


def _policy(dispute: Dispute, book: Book, terms: Terms) -> Policy:
    return terms.of(dispute.seen.key, dispute.opened_at, book)


def _is_active(dispute: Dispute, rules: DisputeRules) -> bool:
    return _counted(dispute.seen.status, rules) in CONTESTED | _GONE and not bounces.replaces(dispute, rules)


def _chargeback(disputed: _Disputed, purchases: Purchases, contested: Collection[str], moment: Moment) -> Chargeback:
    dispute, seen, book = disputed.dispute, disputed.dispute.seen, purchases.book
    policy = _policy(dispute, book, moment.terms)
    rules = policy.dispute
    decided_at = _since(dispute, rules, _GONE)
    active = _is_active(dispute, rules)
    large = rules.review_above is not None and seen.amount > rules.review_above
    reviewed = large or bounces.is_reviewed(dispute, rules) or _contacted(dispute, book, moment.terms, moment.zone)
    holds = active and not reviewed
    since = _contested_since(dispute, rules)
    reach = _reach(disputed, purchases, contested, rules)
    restricted = _restricted(disputed, purchases, reach, rules)
    payment = seen.payment or seen.order
    eligible = holds and reach.whole
    return Chargeback(
        key=seen.key,
        status=seen.status,
        opened_at=dispute.opened_at,
        decided_at=decided_at,
        active=active,
        holds=holds,
        whole=reach.whole,
        claim=not reach.counts,
        subscriptions=restricted,
        concerned=_paid_for(payment, restricted, book),
        amount=seen.amount,
        currency=seen.currency,
        fee=seen.fee,
        fee_currency=seen.fee_currency,
        payment=payment,
        reason=seen.reason,
        policy=policy,
        deletion_eligible_at=(
            rules.deletion_after.after(decided_at or dispute.opened_at, moment.zone) if eligible else None
        ),
        purchase=disputed.purchase.name if disputed.purchase else None,
        contested_since=None if not active or (not holds and _is_silent(dispute, moment.at)) else since,
        decimals=full_refunds.decimals(payment, book),
        answer_by=seen.answer_by if seen.status in _UNDECIDED and not seen.answered else None,
        about=tuple(sorted(key for purchase in disputed.purchases for key in purchase.subscriptions)),
    )


def _contacted(dispute: Dispute, book: Book, terms: Terms, zone: str) -> bool:
    """Whether the customer had asked for that money, or got in touch, shortly before: operators decide (plexo 10).

    A chargeback that names no payment, or an unknown one, is taken to be about the payment that was asked for.
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
    return any(
        not payments or noted.payment is None or full_refunds.payment_of(noted.payment, book) in payments
        for noted in (contact.noted for contact in book.contacts.values())
        if _is_recent(noted, opened, terms, zone)
    )


def _is_recent(noted: ContactNoted, opened: datetime, terms: Terms, zone: str) -> bool:
    """Whether staff were contacted shortly before a chargeback, or on its day; whole days count, to their ends."""
    span = terms.at(noted.contacted_at).refund.contact_before
    return noted.contacted_at <= opened <= span.last_moment(noted.contacted_at, zone)


def _counted(status: DisputeStatus, rules: DisputeRules) -> DisputeStatus:
    """Return the status that counts where the policy chooses: of a partial loss, and of a prevented dispute."""
    if status is DisputeStatus.PARTIALLY_LOST:
        return DisputeStatus.LOST if rules.partially_lost == "lost" else DisputeStatus.WON
    if status is DisputeStatus.PREVENTED:
        return DisputeStatus.OPENED if rules.unrequested_full_refund == "suspend" else DisputeStatus.WITHDRAWN
    return status


def _contested_since(dispute: Dispute, rules: DisputeRules) -> datetime | None:
    """Return since when a dispute is contested: from its opening, or from an appeal's own time."""
    since = _since(dispute, rules, CONTESTED)
    opens = _counted(dispute.marks[0][1], rules) in CONTESTED and since == dispute.marks[0][0].at
    return dispute.opened_at if opens else since


def _is_silent(dispute: Dispute, now: datetime) -> bool:
    """Whether a dispute has been silent for so long that its outcome is no longer expected."""
    return now >= _silent_at(dispute)


def _silent_at(dispute: Dispute) -> datetime:
    return max(dispute.opened_at, dispute.marks[-1][0].at) + LONGEST


def _since(dispute: Dispute, rules: DisputeRules, statuses: Collection[DisputeStatus]) -> datetime | None:
    """Return when the present run of equal statuses began: a later copy moves no date."""
    since = None
    for stamp, status in dispute.marks:
        since = (since or stamp.at) if _counted(status, rules) in statuses else None
    return since


def _reach(disputed: _Disputed, purchases: Purchases, contested: Collection[str], rules: DisputeRules) -> Reach:
    """Return how far a dispute reaches; one whose purchase is unknown takes nothing, unless it is trusted."""
    dispute, purchase = disputed.dispute, disputed.purchase
    whole = rules.scope == "account"
    signed = dispute.seen.signed or f"disputes|{dispute.seen.key}" in purchases.book.signed
    trusted = by_operator(dispute) or signed or (purchase is not None and purchase.signed)
    if trusted:
        return Reach(whole=whole, counts=True)
    if purchase is None:
        return Reach(whole=False, counts=not purchases.by_name and dispute.seen.customer is not None)
    return purchases.reach(purchase, dispute.opened_at, trusted=False, takes_all=whole, disputed=contested)


def _restricted(disputed: _Disputed, purchases: Purchases, reach: Reach, rules: DisputeRules) -> tuple[str, ...]:
    """Return the subscriptions whose renewal a dispute stops, and those it holds if it does not hold all."""
    purchase, subscriptions = disputed.purchase, purchases.book.subscriptions
    if by_operator(disputed.dispute) and (reach.whole or purchase is None):
        return tuple(sorted(subscriptions))
    bought = purchase.subscriptions if purchase else ()
    if reach.whole:
        customers = purchase.customers if purchase else {disputed.dispute.seen.customer}
        own = (key for key, sub in subscriptions.items() if sub.seen.customer in customers)
        return tuple(sorted({*bought, *own}))
    named = disputed.dispute.seen.subscription or _billed(disputed.dispute.seen.payment, purchases.book)
    return (named,) if rules.scope == "subscription" and named is not None and named in bought else bought


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
    """Yield each step and time of the notices that data may be deleted; only after a loss is it certain."""
    if chargeback.decided_at is not None and chargeback.deletion_eligible_at is not None:
        for step, span in enumerate(chargeback.policy.dispute.deletion_notices, start=1):
            at = span.before(chargeback.deletion_eligible_at, zone)
            yield step, chargeback.policy.notices.at_or_before(at, zone)
