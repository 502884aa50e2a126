"""Requests for refunds and licences as every outside sees them: frozen values in, plain documents out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kulanz.policy.areas.refunds.payments import in_use, payments
from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.facts import LicenceStatus
from kulanz.policy.state import Moment, State
from kulanz.policy.state.refunds import Payment, Refund
from kulanz.queries import values

JsonDocument = dict[str, Any]
STATUTORY_RIGHTS = "Statutory rights are not affected."


def refund_request(account: str, refund: Refund, now: datetime) -> JsonDocument:
    """Return a request's document in the API (CONTRACT section 3), without personal data."""
    payment = refund.payment
    return {
        "id": refund.key,
        "account_id": account,
        "state": str(refund.state),
        "verdict": str(refund.answer.verdict),
        "verdict_clause": refund.verdict_clause or None,
        "clause": refund.answer.clause or None,
        "why": refund.answer.why,
        "developer": {"name": refund.developer.name, "contact": refund.developer.contact} if refund.developer else None,
        "refundable_amount": refund.answer.refundable,
        "amount": refund.amount,
        "refunded_amount": payment.refunded,
        "currency": payment.currency,
        "decimals": values.decimals(payment.currency, payment.decimals),
        "payment_id": payment.key.partition(":")[2],
        "subscription_id": values.own_id(payment.subscription),
        "licence_ids": [key.partition(":")[2] for key in payment.licences],
        "requested_at": rfc3339(refund.requested_at),
        "decide_by": rfc3339(refund.decide_by),
        "pay_by": values.instant(refund.pay_by),
        "late": refund.is_late(now),
        "statutory_withdrawal_until": values.instant(refund.statutory_until),
        "statutory_rights": STATUTORY_RIGHTS,
        "differs_from_account": list(refund.differs),
        "decided_at": values.instant(refund.decided_at),
        "decided_by": refund.decided_by,
        "decision_reason": refund.decision_reason or None,
        "closed_at": values.instant(refund.closed_at),
        "policy": {"name": refund.policy.name, "version": refund.policy.version},
    }


def who_asked(book: Book, request: str) -> JsonDocument:
    """Return the customer's statements in a request (plexo 9.1)."""
    log = book.refund_requests.get(request)
    fact = log.asked if log else None
    return {
        "reason": (fact.reason or None) if fact else None,
        "contact_email": (fact.contact_email or None) if fact else None,
        "organisation": (fact.organisation or None) if fact else None,
    }


def licences(state: State, book: Book, moment: Moment) -> Iterator[JsonDocument]:
    """Yield the licences of an account, in the order of their ids."""
    paid = {licence: payment for payment in payments(book) for licence in payment.licences} if book.licences else {}
    held = {licence for refund in state.refunds for licence in refund.payment.licences if _is_held(refund, state)}
    for key, record in sorted(book.licences.items()):
        seen, log, payment = record.seen, book.licence_logs.get(key), paid.get(key)
        provider, _, ident = key.partition(":")
        yield {
            "provider": provider,
            "id": ident,
            "status": str(seen.status),
            "order_id": values.own_id(seen.order),
            "activations": record.activations,
            "activation_limit": seen.activation_limit,
            "deployed": log is not None and log.deployed is not None,
            "in_use": in_use(key, book),
            "disabled": seen.status is LicenceStatus.DISABLED,
            "held": key in held,
            "expires_at": values.instant(seen.expires_at),
            "refundable_until": None if in_use(key, book) else values.instant(_refundable_until(payment, moment)),
        }


def _refundable_until(payment: Payment | None, moment: Moment) -> datetime | None:
    rules = moment.terms.at(payment.at).refund if payment else None
    if payment is None or rules is None or rules.licences == "none" or not payment.left(base_only=rules.base_only):
        return None
    return rules.licence_window.last_moment(payment.at, moment.zone).replace(microsecond=0)


def _is_held(refund: Refund, state: State) -> bool:
    return any(hold.source == refund.key for hold in state.holds)
