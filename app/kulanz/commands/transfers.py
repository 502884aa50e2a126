"""Bank transfers reported by a person, checked against the account's debts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from kulanz.commands.matching import matched
from kulanz.errors import InvalidInputError, RefusedError
from kulanz.policy.assess import assess
from kulanz.policy.calendar.time import aware
from kulanz.policy.facts.collecting import PaymentRecorded
from kulanz.policy.state import Account, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransfer:
    """A transfer, in minor units of its currency."""

    id: str
    amount: int
    currency: str
    received: datetime | date | None
    """A timestamp, or a day in the account's own zone; None: now."""
    reference: str | None
    invoice: str | None
    transaction: str | None
    another_account: str | None = None
    """Another account that owes the invoice named by the reference, when this account has none."""


def recorded(money: BankTransfer, account: Account, terms: Terms, actor: str, now: datetime) -> PaymentRecorded:
    """Return the fact of a transfer, or raise the reason why it cannot be recorded.

    A known transaction of the bank is the same fact again, independent of later payments.
    """
    transfer = account.book.transfers.get(money.id)
    if transfer is not None and transfer.told is not None:
        if (transfer.told.amount, transfer.told.currency) != (money.amount, money.currency):
            raise RefusedError("transaction_id: recorded already with another amount or currency")
        return transfer.told
    received_at = _received_at(money.received, account.zone(terms), now)
    state = assess(account.book, terms, account.zone(terms), now)
    shares = matched(
        state,
        account.book,
        amount=money.amount,
        currency=money.currency,
        invoice=money.invoice,
        reference=money.reference,
    )
    if money.another_account is not None and money.invoice is None:
        shares = ()  # A person is asked: it may be the other's money.
    return PaymentRecorded(
        id=money.id,
        at=now,
        received_at=received_at,
        amount=money.amount,
        currency=money.currency,
        actor=actor,
        shares=shares,
        reference=money.reference,
        transaction=money.transaction,
        another_account=money.another_account,
    )


def _received_at(received: datetime | date | None, zone: str, now: datetime) -> datetime:
    if received is None:
        return now
    stated = received if isinstance(received, datetime) else datetime.combine(received, time(), ZoneInfo(zone))
    at = aware(stated)
    if at > now:
        raise InvalidInputError("received_at: that is in the future")
    return at
