"""Which version of the policy a refund request is judged by: the one it began under, or a more lenient one (6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kulanz.commands.commands import DecideRefund, RequestRefund
from kulanz.commands.refunds import facts_of
from kulanz.policy import facts as f
from kulanz.policy.areas.versions.applying import applicable
from kulanz.policy.calendar.time import Span
from kulanz.policy.document import Policy
from kulanz.policy.facts import BillingReason
from kulanz.policy.state.refunds import Refund
from tests.policy.stories import DAY, LONG_AGO, ORDER, PLEXO, Stage, a_subscription, a_success, terms
from tests.replacing import replace

FIRST = "lemonsqueezy:1100000"
TOO_LATE = LONG_AGO + 40 * DAY


def but(**refund: Any) -> Policy:
    """The default policy, as version 2, with other rules for refunds."""
    return replace(PLEXO, version=2, refund=replace(PLEXO.refund, **refund))


def refused() -> Stage:
    """A customer who asked for the money of a first payment back on day 40, which is too late for plexo."""
    account = Stage(now=LONG_AGO, terms=replace(terms(), versions={1: PLEXO}))
    account.hear(
        a_subscription(renews_at=LONG_AGO + 365 * DAY),
        a_success(LONG_AGO, key=FIRST, reason=BillingReason.INITIAL, created_at=LONG_AGO),
    )
    account.wait(TOO_LATE)
    order = RequestRefund(payment=ORDER, contact_email="a@b.c", organisation="Bakery")
    account.hear(*facts_of(order, account.account, account.terms, "ada", account.now))
    return account


def paid_and_then(policy: Policy) -> Stage:
    """A customer who paid under plexo and asks on day 20, when another version is in force."""
    account = Stage(now=LONG_AGO, terms=replace(terms(), versions={1: PLEXO}))
    first = {"key": FIRST, "reason": BillingReason.INITIAL, "created_at": LONG_AGO, "total": 2000, "tax": 333}
    account.hear(a_subscription(renews_at=LONG_AGO + 365 * DAY), a_success(LONG_AGO, **first))
    account.wait(LONG_AGO + 10 * DAY)
    comes_into_force(account, policy)
    account.wait(LONG_AGO + 20 * DAY)
    order = RequestRefund(payment=FIRST, contact_email="a@b.c", organisation="Bakery")
    account.hear(*facts_of(order, account.account, account.terms, "ada", account.now))
    return account


def comes_into_force(account: Stage, policy: Policy, after: timedelta = DAY) -> None:
    account.now += after
    line = (*account.terms.policies, (account.now, policy))
    account.terms = replace(account.terms, policies=line, versions={1: PLEXO, 2: policy})
    account.hear()


def applied(account: Stage) -> list[f.VersionApplied]:
    """Apply the version in force to what is open, as far as it may be."""
    facts = list(applicable(account.state, account.terms.current, account.now, "ada"))
    account.hear(*facts)
    return facts


def request_of(account: Stage) -> Refund:
    (refund,) = account.state.refunds
    return refund


@pytest.mark.parametrize("after", [timedelta(), DAY], ids=["in the same moment", "a day later"])
def test_a_request_keeps_the_version_that_it_was_made_under(after: timedelta) -> None:
    account = refused()

    comes_into_force(account, but(window=Span(days=60)), after)

    assert (request_of(account).policy.version, request_of(account).answer.verdict) == (1, "not_eligible")


def test_a_more_lenient_version_is_applied_to_an_open_request_and_judges_it_anew() -> None:
    account = refused()
    promised = request_of(account).decide_by
    comes_into_force(account, but(window=Span(days=60)))

    facts = applied(account)

    refund = request_of(account)
    assert [fact.subject for fact in facts] == [refund.key]
    assert (refund.policy.version, refund.answer.verdict, refund.answer.clause) == (2, "eligible", "3.1")
    assert refund.decide_by == promised
    assert ("policy.applied", "15") in account.rules
    assert ("refund.judged_anew", "3.1") in account.rules


@pytest.mark.parametrize(
    "policy",
    [
        but(window=Span(days=14)),
        but(window=Span(days=60), base_only=True, licences="none"),
        but(window_clause="13"),
        but(window=Span(days=60), delegated=("marketplace",)),
    ],
    ids=["stricter", "kinder here and stricter there", "the same in other words", "nobody can say which is kinder"],
)
def test_what_is_not_more_lenient_throughout_is_applied_to_no_request(policy: Policy) -> None:
    account = refused()
    comes_into_force(account, policy)

    assert applied(account) == []
    assert request_of(account).policy.version == 1


@pytest.mark.parametrize(
    ("policy", "amount", "version"),
    [(but(base_only=False), 2000, 2), (but(window=Span(days=14)), 1667, 1)],
    ids=["the request's gives tax back", "the request's gives nothing any more"],
)
def test_of_two_versions_the_one_that_gives_more_counts(policy: Policy, amount: int, version: int) -> None:
    refund = request_of(paid_and_then(policy))

    assert (refund.answer.verdict, refund.answer.refundable, refund.policy.version) == ("eligible", amount, version)


def test_what_was_decided_by_the_version_of_the_payment_stays_decided_by_it() -> None:
    account = paid_and_then(but(window=Span(days=14), pay_within=2))
    order = DecideRefund(request=request_of(account).key, approve=True)
    account.hear(*facts_of(order, account.account, account.terms, "ada", account.now))

    refund = request_of(account)

    assert (refund.policy.version, refund.pinned.version, refund.amount) == (1, 2, 1667)
    assert ("refund.version_of_payment", "15") in account.rules


def test_a_decided_request_is_moved_no_more() -> None:
    account = refused()
    order = DecideRefund(request=request_of(account).key, approve=False)
    account.hear(*facts_of(order, account.account, account.terms, "ada", account.now))
    comes_into_force(account, but(window=Span(days=60)))

    assert applied(account) == []
    assert request_of(account).state == "denied"


def test_the_money_is_promised_by_the_version_that_was_applied() -> None:
    account = refused()
    before = request_of(account)
    comes_into_force(account, but(window=Span(days=60), pay_within=2))
    applied(account)

    order = DecideRefund(request=before.key, approve=True)
    account.hear(*facts_of(order, account.account, account.terms, "ada", account.now))

    pay_by = request_of(account).pay_by
    assert pay_by is not None
    assert timedelta() < pay_by - account.now < 6 * DAY
