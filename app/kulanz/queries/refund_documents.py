"""Documents of requests for refunds, and of licences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.documents.purchases import Developer, Licence, PolicyVersion, RefundDossier, RefundRequest
from kulanz.policy.areas.refunds.payments import in_use, payments
from kulanz.policy.book import Book
from kulanz.policy.facts import LicenceStatus
from kulanz.policy.state import Moment, State
from kulanz.policy.state.refunds import Payment, Refund
from kulanz.queries import values

STATUTORY_RIGHTS = "Statutory rights are not affected."


def refund_request(account: str, refund: Refund, now: datetime) -> RefundRequest:
    """Return a request's document in the API (CONTRACT section 3), without personal data."""
    payment, answer = refund.payment, refund.answer
    return RefundRequest.of(
        refund,
        id=refund.key,
        account_id=account,
        verdict=answer.verdict,
        verdict_clause=refund.verdict_clause or None,
        clause=answer.clause or None,
        why=answer.why,
        developer=Developer.of(refund.developer) if refund.developer else None,
        refundable_amount=answer.refundable,
        refunded_amount=payment.refunded,
        currency=payment.currency,
        decimals=values.decimals(payment.currency, payment.decimals),
        payment_id=values.own_id(payment.key),
        subscription_id=values.own_id(payment.subscription),
        licence_ids=tuple(key.partition(":")[2] for key in payment.licences),
        late=refund.is_late(now),
        statutory_withdrawal_until=refund.statutory_until,
        statutory_rights=STATUTORY_RIGHTS,
        differs_from_account=refund.differs,
        decision_reason=refund.decision_reason or None,
        policy=PolicyVersion.of(refund.policy),
    )


def dossier(request: RefundRequest, book: Book) -> RefundDossier:
    """Return a request with the customer's statements (plexo 9.1)."""
    log = book.refund_requests.get(request.id)
    fact = log.asked if log else None
    said = {
        name: (getattr(fact, name) or None) if fact else None for name in ("reason", "contact_email", "organisation")
    }
    return RefundDossier.of(request, **said)


def licences(state: State, book: Book, moment: Moment) -> Iterator[Licence]:
    """Yield the licences of an account, in the order of their ids."""
    paid = {licence: payment for payment in payments(book) for licence in payment.licences} if book.licences else {}
    held = {licence for refund in state.refunds for licence in refund.payment.licences if _is_held(refund, state)}
    for key, record in sorted(book.licences.items()):
        seen, log, payment = record.seen, book.licence_logs.get(key), paid.get(key)
        provider, _, ident = key.partition(":")
        yield Licence.of(
            seen,
            provider=provider,
            id=ident,
            order_id=values.own_id(seen.order),
            activations=record.activations,
            deployed=log is not None and log.deployed is not None,
            in_use=in_use(key, book),
            disabled=seen.status is LicenceStatus.DISABLED,
            held=key in held,
            refundable_until=None if in_use(key, book) else _refundable_until(payment, moment),
        )


def _refundable_until(payment: Payment | None, moment: Moment) -> datetime | None:
    rules = moment.terms.at(payment.at).refund if payment else None
    if payment is None or rules is None or rules.licences == "none" or not payment.left(base_only=rules.base_only):
        return None
    return rules.licence_window.last_moment(payment.at, moment.zone).replace(microsecond=0)


def _is_held(refund: Refund, state: State) -> bool:
    return any(hold.source == refund.key for hold in state.holds)
