"""The dispatch of commands to their handlers, which return facts or raise why not (CONTRACT section 3)."""

from __future__ import annotations

import secrets
from datetime import datetime

from kulanz.commands import closing, extras, versions
from kulanz.commands import debts as about_debts
from kulanz.commands import exceptions as overruling
from kulanz.commands import refunds as refund_orders
from kulanz.commands.commands import (
    AgreeTerms,
    ApproveOverride,
    BookAddOn,
    CancelAddOn,
    CloseDispute,
    Closing,
    Command,
    DecideRefund,
    DeclineOverride,
    EndCredit,
    EndTerms,
    MarkDeployed,
    MoveCredit,
    NoteCancellation,
    NoteContact,
    OpenDispute,
    RecordMove,
    RequestRefund,
    SetOverride,
    SetsOrEnds,
)
from kulanz.errors import InvalidInputError, NotFoundError
from kulanz.formats.messages import message
from kulanz.policy.areas.disputes.chargebacks import known
from kulanz.policy.facts import DisputeSeen, DisputeStatus, Fact, Provenance, Stamp
from kulanz.policy.state import Account, Terms

_DISPUTE_ORDER = tuple(DisputeStatus)


def facts_of(
    order: Command, account: Account, terms: Terms, actor: str, now: datetime, *, signed_in: bool = False
) -> tuple[Fact, ...]:
    """Return a command's facts; raise the reason why it cannot be executed.

    `signed_in` says that the actor's name was authenticated; any other is a note and approves nothing.
    """
    if isinstance(order, Closing):
        return closing.facts_of(order, account, terms.under(account.book, now), actor, now)
    return _of_a_living_account(order, account, terms, actor, now, signed_in=signed_in)


def _of_a_living_account(
    order: SetsOrEnds, account: Account, terms: Terms, actor: str, now: datetime, *, signed_in: bool
) -> tuple[Fact, ...]:
    match order:
        case OpenDispute():
            return (_open_dispute(order, actor, now),)
        case CloseDispute():
            return (_close_dispute(order, account, terms.under(account.book, now), actor, now),)
        case SetOverride() | ApproveOverride() | DeclineOverride():
            return overruling.facts_of(order, account, terms, actor, now, signed_in=signed_in)
        case RequestRefund() | DecideRefund() | MarkDeployed():
            return refund_orders.facts_of(order, account, terms, actor, now)
        case AgreeTerms() | EndTerms():
            facts: tuple[Fact, ...] = (versions.agreement(order, account, terms, actor, now),)
        case (
            BookAddOn() | CancelAddOn() | MoveCredit() | EndCredit() | RecordMove() | NoteCancellation() | NoteContact()
        ):
            facts = (extras.fact_of(order, account, terms, actor, now),)
        case _:
            facts = (about_debts.fact_of(order, account, terms, actor, now, signed_in=signed_in),)
    return facts


def _open_dispute(order: OpenDispute, actor: str, now: datetime) -> DisputeSeen:
    return DisputeSeen(
        key=f"operator:{secrets.token_hex(8)}",
        stamp=Stamp(now, _DISPUTE_ORDER.index(DisputeStatus.OPENED)),
        status=DisputeStatus.OPENED,
        opened_at=now,
        amount=order.amount,
        currency=order.currency,
        payment=order.payment,
        fee=order.fee,
        fee_currency=order.fee_currency,
        reason=order.reason,
        reference=order.reference,
        actor=actor,
        provenance=Provenance.OPERATOR,
        answer_by=order.answer_by,
    )


def _close_dispute(order: CloseDispute, account: Account, terms: Terms, actor: str, now: datetime) -> DisputeSeen:
    dispute = known(account.book, terms).get(order.dispute)
    if dispute is None:
        raise NotFoundError(message("no dispute {dispute}", dispute=repr(order.dispute)))
    if order.outcome in {DisputeStatus.INQUIRY, DisputeStatus.OPENED, DisputeStatus.UNDER_REVIEW}:
        raise InvalidInputError(message("{outcome} is not how a dispute ends", outcome=order.outcome))
    seen = dispute.seen
    return DisputeSeen(
        key=seen.key,
        stamp=_after(seen.stamp, _DISPUTE_ORDER.index(order.outcome), now),
        status=order.outcome,
        opened_at=dispute.opened_at,
        amount=seen.amount,
        currency=seen.currency,
        customer=seen.customer,
        order=seen.order,
        subscription=seen.subscription,
        payment=seen.payment,
        fee=seen.fee,
        fee_currency=seen.fee_currency,
        reason=seen.reason,
        reference=seen.reference,
        actor=actor,
        signed=seen.signed,
        provenance=seen.provenance,
        answer_by=seen.answer_by,
        answered=seen.answered,
    )


def _after(fact: Stamp, rank: int, now: datetime) -> Stamp:
    """Return the stamp of a person's statement, which is newer than all known ones, even within the same second."""
    if now > fact.at:
        return Stamp(now, rank)
    return Stamp(fact.at, max(rank, fact.rank + 1))
