"""Simulates another policy on recorded history and open cases, beside the present one. Writes nothing.

For the command line and the console: `simulate` yields the accounts that would differ, `Totals` sums them up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kulanz.policy import backtest, document
from kulanz.policy.areas.refunds.rulings import Reversal, Ruling
from kulanz.policy.backtest import Divergence, Scene
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.document import Policy
from kulanz.policy.state import Access, Terms
from kulanz.queries.replay import recorded
from kulanz.services import Services
from kulanz.store import accounts, policies
from kulanz.store.accounts import AccountRow

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_RANK = {access: rank for rank, access in enumerate((Access.NONE, Access.FREE, Access.FULL))}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """An account with a different outcome."""

    account: str
    divergence: Divergence
    ahead: bool
    """Whether it would be so from a time that is yet to come."""


@dataclass(slots=True, kw_only=True)
class Totals:
    """Sums of all differences."""

    accounts: int = 0
    erased: int = 0
    """Accounts whose keys were destroyed: they cannot be simulated."""
    differing: int = 0
    losing: int = 0
    """Accounts that would have less access at some time."""
    gaining: int = 0
    lost: timedelta = timedelta()
    gained: timedelta = timedelta()
    owed_by_losing: dict[str, int] = field(default_factory=dict)
    """Amounts due at the first difference, by currency, in minor units."""
    owed_by_gaining: dict[str, int] = field(default_factory=dict)
    refunds: int = 0
    """Requests for a refund that would have been answered otherwise."""
    refundable_more: dict[str, int] = field(default_factory=dict)
    """Additional refunds that would be possible, by currency, in minor units."""
    refundable_less: dict[str, int] = field(default_factory=dict)

    def add(self, divergence: Divergence) -> None:
        """Count one account that differs."""
        self.differing += 1
        self.losing += bool(divergence.lost)
        self.gaining += bool(divergence.gained)
        self.lost += divergence.lost
        self.gained += divergence.gained
        if divergence.stands_otherwise:
            owed = self.owed_by_losing if divergence.lost else self.owed_by_gaining
            for currency, amount in divergence.owed:
                owed[currency] = owed.get(currency, 0) + amount
        for reversal in divergence.refunds:
            self._add_refund(reversal)

    def _add_refund(self, reversal: Reversal) -> None:
        self.refunds += 1
        growth, currency = reversal.would_be.refundable - reversal.was.refundable, reversal.was.currency
        sums = self.refundable_more if growth > 0 else self.refundable_less
        if growth:
            sums[currency] = sums.get(currency, 0) + abs(growth)


def simulate(
    services: Services, text: str, totals: Totals, progress: Callable[[int, int], None] | None = None
) -> Iterator[SimulationResult]:
    """Yield every account that would differ under a document, in the order of their ids; fill `totals`.

    Raises PolicyError with every problem of the document before anything is read. `progress` is called after each page
    with the number of accounts checked and of all accounts. No more than a page of accounts is in memory at a time.
    """
    policy = document.parse(text)
    with services.database.read() as conn:
        now, number = services.clock.now(conn), accounts.count(conn)
        old = services.all_terms(conn)
        new = _terms(old, replace(policy, version=policies.newest(conn) + 1))
    tables = backtest.touched((each for _, each in old.policies), policy)
    for conn, rows in recorded.pages(services):
        recorded_accounts = [
            recorded_account for row in rows if (recorded_account := _readable(services, row, totals)) is not None
        ]
        concerned = [
            recorded_account
            for recorded_account in recorded_accounts
            if backtest.may_differ(recorded_account.book, tables)
        ]
        stated = recorded.news(services, conn, concerned) if concerned else {}
        for recorded_account in concerned:
            story = backtest.story(stated[recorded_account.row.id], recorded_account.book)
            divergence = backtest.compare(story, old, new, now)
            if divergence is not None:
                totals.add(divergence)
                yield SimulationResult(
                    account=recorded_account.row.id, divergence=divergence, ahead=divergence.at > now
                )
        totals.accounts += len(recorded_accounts)
        if progress is not None:
            progress(totals.accounts + totals.erased, number)


def report(finding: SimulationResult) -> dict[str, Any]:
    """Return a finding as the command line and the console show it."""
    divergence = finding.divergence
    return {
        "account_id": finding.account,
        "at": rfc3339(divergence.at),
        "ahead": finding.ahead,
        "rule": divergence.cause[0],
        "clause": divergence.cause[1] or None,
        "was": _standing(divergence.was),
        "would_be": _standing(divergence.would_be),
        "now": _standing(divergence.now[0]),
        "would_be_now": _standing(divergence.now[1]),
        "hours_lost": _hours(divergence.lost),
        "hours_gained": _hours(divergence.gained),
        "owed": [{"currency": currency, "amount": amount} for currency, amount in divergence.owed],
        "refund_requests": [_reversal(each) for each in divergence.refunds],
    }


def sum_up(totals: Totals) -> dict[str, Any]:
    """Return the totals as the command line and the console show them."""
    return {
        "accounts": totals.accounts,
        "erased": totals.erased,
        "differing": totals.differing,
        "losing_access": totals.losing,
        "gaining_access": totals.gaining,
        "hours_lost": _hours(totals.lost),
        "hours_gained": _hours(totals.gained),
        "owed_by_losing": totals.owed_by_losing,
        "owed_by_gaining": totals.owed_by_gaining,
        "refund_requests_differing": totals.refunds,
        "refundable_more": totals.refundable_more,
        "refundable_less": totals.refundable_less,
    }


def _readable(services: Services, row: AccountRow, totals: Totals) -> recorded.RecordedAccount | None:
    if row.decided_at is None:
        totals.accounts += 1
        return None
    recorded_account = recorded.opened(services, row)
    totals.erased += recorded_account is None
    return recorded_account


def _terms(old: Terms, policy: Policy) -> Terms:
    """Return terms under which a policy has always been in force; accounts keep their own agreements."""
    return replace(old, policies=((_ALWAYS, policy),), versions={**old.versions, policy.version: policy})


def _standing(scene: Scene) -> dict[str, str]:
    return {"standing": str(scene.standing), "plan": scene.plan, "access": str(scene.access)}


def _reversal(reversal: Reversal) -> dict[str, Any]:
    return {
        "id": reversal.was.request,
        "at": rfc3339(reversal.was.at),
        "payment_id": reversal.was.payment.partition(":")[2],
        "currency": reversal.was.currency,
        "was": _ruling(reversal.was),
        "would_be": _ruling(reversal.would_be),
    }


def _ruling(ruling: Ruling) -> dict[str, Any]:
    return {
        "verdict": str(ruling.verdict),
        "clause": ruling.clause or None,
        "refundable_amount": ruling.refundable,
        "decide_by": rfc3339(ruling.decide_by),
        "pay_by": rfc3339(ruling.pay_by) if ruling.pay_by else None,
    }


def _hours(span: timedelta) -> int:
    return round(span / timedelta(hours=1))
