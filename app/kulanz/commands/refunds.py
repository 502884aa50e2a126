"""Handlers of refund requests and of decisions about them: each returns its facts or raises why not."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from kulanz.commands.commands import DecideRefund, MarkDeployed, RequestRefund
from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.formats.messages import Message, message
from kulanz.policy.areas.refunds.eligibility import judge, kindest
from kulanz.policy.areas.refunds.payments import named, payments
from kulanz.policy.areas.refunds.reading import RefundReader, promised_answer, promised_payment
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import Fact, LicenceDeployed, RefundAmended, RefundDecided, RefundRequested
from kulanz.policy.state import Account, Moment, Terms
from kulanz.policy.state.refunds import Payment, Refund, Verdict

RefundOrder = RequestRefund | DecideRefund | MarkDeployed


def facts_of(order: RefundOrder, account: Account, terms: Terms, actor: str, now: datetime) -> tuple[Fact, ...]:
    """Return a command's facts; raise the reason why it cannot be executed."""
    match order:
        case RequestRefund():
            return _requested(order, account, terms, actor, now)
        case DecideRefund():
            return _decided(order, account, terms, actor, now)
        case MarkDeployed():
            licence = _licence(order.licence, account.book)
            return (LicenceDeployed(licence=licence, at=now, actor=actor, reason=order.reason),)


def asked_before(order: RequestRefund, account: Account, terms: Terms, now: datetime) -> str | None:
    """Return the request that a command repeats: the open one for its payment, or an equal decided one."""
    payment = _payment(order, account.book, account.zone(terms), now)
    answering = _answering(order, payment, account, terms, now)
    return answering.key if answering else None


def payment_meant(order: RequestRefund, account: Account, terms: Terms, now: datetime) -> Payment:
    """Return a command's payment; raise the reason why it cannot be identified."""
    return _payment(order, account.book, account.zone(terms), now)


def _requested(
    order: RequestRefund, account: Account, terms: Terms, actor: str, now: datetime
) -> tuple[RefundRequested | RefundAmended, ...]:
    """Return the request, or its amendment of the open one; nothing for a repetition."""
    book, zone = account.book, account.zone(terms)
    payment = _payment(order, book, zone, now)
    readers = RefundReader.of(book, Moment(terms.under(book, now), zone, now))
    licence = None if order.licence is None else _licence(order.licence, book)
    answering = _answering(order, payment, account, terms, now)
    question = replace(
        readers.question(payment, now, order.reason, request=answering.key if answering else ""),
        licence=licence,
        refunded_elsewhere=order.refunded_elsewhere,
    )
    question = kindest(question, readers.versions(payment, now))
    most = judge(question).refundable or question.left
    _check_amount(order, payment.currency, max(most, answering.amount) if answering else most)
    if answering is not None:
        return _amended(order, answering, book, actor, now)
    fact = RefundRequested(
        id=f"rr_{secrets.token_hex(8)}",
        payment=payment.key,
        licence=licence,
        at=now,
        decide_by=promised_answer(now, book, readers.moment.terms, zone),
        refunded=payment.refunded + question.pending,
        amount=order.amount,
        contact=not question.disputed,
        reason=order.reason,
        contact_email=order.contact_email,
        organisation=order.organisation,
        actor=actor,
        refunded_elsewhere=order.refunded_elsewhere,
    )
    return (fact,)


def _decided(
    order: DecideRefund, account: Account, terms: Terms, actor: str, now: datetime
) -> tuple[RefundDecided, ...]:
    """Return the decision."""
    zone, own = account.zone(terms), terms.under(account.book, now)
    refund = assess(account.book, terms, zone, now).refund(order.request)
    if refund is None:
        raise NotFoundError(message("no refund request {request}", request=repr(order.request)))
    if not refund.undecided:
        raise RefusedError(message("the request is closed: it is {state}", state=Message(text=str(refund.state))))
    if order.approve:
        _check_approval(order, refund)
    elif order.amount is not None:
        raise InvalidInputError(message("amount: a request that is denied gives nothing back"))
    elif refund.answer.verdict is not Verdict.NOT_ELIGIBLE and not order.reason:
        raise InvalidInputError(message("reason: say why it is denied, as the policy does not refuse it"))
    decision = RefundDecided(
        request=refund.key,
        at=now,
        approved=order.approve,
        amount=_granted(order, refund),
        refunded=refund.payment.refunded,
        verdict=str(refund.answer.verdict),
        why=refund.answer.why,
        refundable=refund.answer.refundable,
        clause=_clause(order, refund),
        pay_by=promised_payment(now, refund.policy.refund, account.book, own, zone) if order.approve else None,
        actor=actor,
        reason=order.reason,
        turn=account.book.refund_requests[refund.key].next_turn,
        version=refund.policy.version,
        verdict_clause=refund.answer.clause,
    )
    return (decision,)


def _payment(order: RequestRefund, book: Book, zone: str, now: datetime) -> Payment:
    stored_payments = _named_payments(order, book, zone, now)
    if not stored_payments:
        raise NotFoundError(message("the account has no such payment"))
    if len(stored_payments) > 1:
        raise InvalidInputError(message("more than one payment is meant: name one by `payment_id`"))
    return stored_payments[0]


def _named_payments(order: RequestRefund, book: Book, zone: str, now: datetime) -> list[Payment]:
    ways = [order.payment is not None, order.licence is not None, order.paid_on is not None]
    if sum(ways) != 1:
        raise InvalidInputError(
            message("name the payment one way: payment_id, licence_id, or transaction_date and amount")
        )
    existing_payments = payments(book)
    if order.payment is not None:
        return named(order.payment, existing_payments)
    if order.licence is not None:
        licence = _licence(order.licence, book)
        return [payment for payment in existing_payments if book.licences[licence].seen.order in payment.names]
    return _paid_that_day(order, existing_payments, zone, now)


def _paid_that_day(order: RequestRefund, existing_payments: list[Payment], zone: str, now: datetime) -> list[Payment]:
    day, local = order.paid_on, ZoneInfo(zone)
    if day is None or order.paid_amount is None:
        raise InvalidInputError(message("transaction_date: give the amount that was paid on that day, too"))
    if day > now.astimezone(local).date():
        raise InvalidInputError(message("transaction_date: it is in the future"))
    on_day = (
        payment for payment in existing_payments if day in (payment.at.astimezone(local).date(), payment.at.date())
    )
    return [payment for payment in on_day if payment.total == order.paid_amount]


def _licence(name: str, book: Book) -> str:
    matches = [key for key in sorted(book.licences) if name in (key, key.partition(":")[2])]
    if not matches:
        raise NotFoundError(message("the account has no licence {name}", name=repr(name)))
    return matches[0]


def _answering(order: RequestRefund, payment: Payment, account: Account, terms: Terms, now: datetime) -> Refund | None:
    """Return the request that answers an order; None: another amount or reason than was decided is a new one."""
    logs = account.book.refund_requests
    refunds = [
        refund
        for refund in assess(account.book, terms, account.zone(terms), now).refunds
        if refund.payment.key == payment.key and (fact := logs[refund.key].requested) and fact.add_on is None
    ]
    undecided = next((refund for refund in refunds if refund.undecided), None)
    return undecided or next((refund for refund in refunds if _is_same(order, refund, account.book)), None)


def _is_same(order: RequestRefund, refund: Refund, book: Book) -> bool:
    """Whether a command has the same content as a decided request; an empty reason is no other reason."""
    fact = book.refund_requests[refund.key].asked
    if fact is None or order.reason not in {"", fact.reason}:
        return False
    nothing_more = order.amount is None and refund.left == 0 and not refund.pending
    return _is_same_amount(order, fact, refund) or nothing_more


def _is_same_amount(order: RequestRefund, fact: RefundRequested, refund: Refund) -> bool:
    return order.amount == fact.amount or (fact.amount is None and order.amount == refund.amount)


def _amended(order: RequestRefund, refund: Refund, book: Book, actor: str, now: datetime) -> tuple[RefundAmended, ...]:
    """Return the changes that a command makes to an undecided request; nothing if it changes none."""
    fact = book.refund_requests[refund.key].asked
    reason = order.reason or (fact.reason if fact else "")
    if not refund.undecided or fact is None or (reason == fact.reason and _is_same_amount(order, fact, refund)):
        return ()
    amended = RefundAmended(
        request=refund.key,
        at=now,
        amount=order.amount,
        reason=reason,
        contact_email=order.contact_email,
        organisation=order.organisation,
        actor=actor,
    )
    return (amended,)


def _check_amount(order: RequestRefund, currency: str, most: int) -> None:
    if order.currency not in (None, currency):
        raise InvalidInputError(message("currency: the payment was made in {currency}", currency=currency))
    if order.amount is not None and not 0 < order.amount <= most:
        raise InvalidInputError(
            message(
                "amount: {amount} is more than can be refunded, which is {most} {currency}",
                amount=order.amount,
                most=most,
                currency=currency,
            )
        )


def _check_approval(order: DecideRefund, refund: Refund) -> None:
    if refund.disputed:
        raise RefusedError(message("a dispute about the payment is open or lost: the money would go back twice"))
    if refund.pending:
        raise RefusedError(message("another refund of the payment is on its way: decide once that money is back"))
    if refund.answer.verdict is not Verdict.ELIGIBLE and not order.reason:
        raise InvalidInputError(message("reason: say why it is granted, as the policy alone does not"))
    if not 0 < _granted(order, refund) <= refund.left:
        raise InvalidInputError(
            message(
                "amount: at most {left} {currency} is left of the payment",
                left=refund.left,
                currency=refund.payment.currency,
            )
        )
    if _granted(order, refund) != refund.amount and not order.reason:
        raise InvalidInputError(
            message(
                "reason: say why it is another amount than {refund} {currency}",
                refund=refund.amount,
                currency=refund.payment.currency,
            )
        )


def _granted(order: DecideRefund, refund: Refund) -> int:
    return (order.amount or refund.amount) if order.approve else 0


def _clause(order: DecideRefund, refund: Refund) -> str:
    """Return the clause of a decision: beyond the policy, a refund is granted as an exception."""
    if not order.approve or refund.answer.verdict is Verdict.ELIGIBLE:
        return refund.answer.clause
    return refund.policy.refund.exceptional_clause or refund.answer.clause
