"""Handlers of commands about a debt: each returns its fact or raises why not."""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256

from kulanz.commands import collections, transfers
from kulanz.commands.commands import (
    AboutDebt,
    ApproveCollection,
    ApproveCreditReport,
    ChooseDelivery,
    GrantMandate,
    Handover,
    ProposeCollection,
    RecallCollection,
    RecordPayment,
    RevokeMandate,
    TellDebtor,
    VoidPayment,
)
from kulanz.errors import RefusedError
from kulanz.formats.messages import message
from kulanz.policy.areas.collections import voiding
from kulanz.policy.facts import Fact, PaymentRecorded
from kulanz.policy.state import Account, Terms


def fact_of(order: AboutDebt, account: Account, terms: Terms, actor: str, now: datetime, *, signed_in: bool) -> Fact:
    """Return the fact of a command about a debt; raise the reason why it cannot be executed.

    Only a name that was authenticated (`signed_in`) approves anything.
    """
    if isinstance(order, ApproveCollection | ApproveCreditReport) and not signed_in:
        raise RefusedError(message("an approval takes an authenticated name: give a token, or use the API"))
    match order:
        case RecordPayment():
            return _recorded(order, account, terms, actor, now)
        case VoidPayment(payment=ident, reason=reason):
            return voiding.voided(account, ident=ident, reason=reason, actor=actor, now=now)
        case TellDebtor():
            return collections.told(account, order.fields, actor=actor, now=now)
        case GrantMandate() | RevokeMandate() | ChooseDelivery():
            return _agreed(order, account, actor, now)
        case _:
            return _handover(order, account, terms, actor, now, signed_in=signed_in)


def _agreed(order: GrantMandate | RevokeMandate | ChooseDelivery, account: Account, actor: str, now: datetime) -> Fact:
    match order:
        case GrantMandate():
            ident = f"man_{secrets.token_hex(8)}"
            return collections.granted(ident=ident, by=order.by, reference=order.reference, actor=actor, now=now)
        case RevokeMandate():
            return collections.revoked(account, ident=order.mandate, actor=actor, now=now)
        case ChooseDelivery():
            return collections.delivered_by(account, order.by, now=now)


def _handover(order: Handover, account: Account, terms: Terms, actor: str, now: datetime, *, signed_in: bool) -> Fact:
    match order:
        case ProposeCollection():
            return collections.proposed(
                account,
                terms,
                ident=f"col_{secrets.token_hex(8)}",
                case=order.case,
                reason=order.reason,
                also=order.also,
                approves=signed_in,
                actor=actor,
                now=now,
            )
        case ApproveCollection(collection=ident):
            return collections.approved(account, terms, ident=ident, actor=actor, now=now)
        case RecallCollection(collection=ident, reason=reason):
            return collections.recalled(account, terms, ident=ident, reason=reason, actor=actor, now=now)
        case ApproveCreditReport(collection=ident):
            return collections.reported(account, terms, ident=ident, actor=actor, now=now)


def _recorded(order: RecordPayment, account: Account, terms: Terms, actor: str, now: datetime) -> PaymentRecorded:
    money = transfers.BankTransfer(
        id=_payment_id(order.transaction),
        amount=order.amount,
        currency=order.currency,
        received=order.received_at or order.received_on,
        reference=order.reference,
        invoice=order.invoice,
        transaction=order.transaction,
        another_account=order.another_account,
    )
    return transfers.recorded(money, account, terms, actor, now)


def _payment_id(transaction: str | None) -> str:
    return f"pay_{sha256(transaction.encode()).hexdigest()[:16] if transaction else secrets.token_hex(8)}"
