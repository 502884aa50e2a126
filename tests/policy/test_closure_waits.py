"""What somebody still waits for is not destroyed: a refund that was asked for comes to its end first (plexo 9, 13)."""

from __future__ import annotations

import pytest

from kulanz.commands.closing import facts_of as closing_facts
from kulanz.commands.commands import DestroyRecords, EraseAccount
from kulanz.errors import RefusedError
from kulanz.policy import facts as f
from kulanz.policy.areas.dunning.notices import LATE
from kulanz.policy.document.closure import RecordClass
from kulanz.policy.facts import DisputeStatus, OrderStatus, Outcome, Status
from tests.policy.closure_scenarios import (
    DISPUTE,
    decide_refund,
    is_closed,
    obstacles,
    request_closure,
    request_refund,
    rules,
)
from tests.policy.stories import (
    DAY,
    LONG_AGO,
    MONDAY,
    Stage,
    a_dispute,
    a_paying_account,
    a_subscription,
    an_order,
    terms,
)

OVER = MONDAY + 20 * DAY


def leaving(**stage) -> Stage:
    """An account that asks for its money back, then to be deleted; its period ends twenty days after MONDAY."""
    account = a_paying_account(**stage)
    account.hear(an_order(OrderStatus.PAID, LONG_AGO, created_at=LONG_AGO))
    request_refund(account)
    request_closure(account)
    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=OVER), at=MONDAY)
    return account


def the_money_comes_back(account: Stage) -> None:
    account.hear(an_order(OrderStatus.REFUNDED, account.now, refunded=1999))


def test_a_request_that_nobody_has_decided_keeps_the_account() -> None:
    account = leaving()

    account.wait(OVER + 100 * DAY)

    assert obstacles(account) == ("refund_open",)
    assert not is_closed(account)
    assert len(account.state.refunds) == 1
    assert "account.data_deletion_due" not in account.callbacks


def test_once_it_is_denied_the_closure_goes_on_by_itself() -> None:
    account = leaving()
    account.wait(OVER + DAY)

    decide_refund(account, approve=False)

    assert is_closed(account)
    assert account.callbacks[-3:] == ["refund.decided", "account.data_deletion_due", "account.closed"]
    assert account.mails == ["refund_decided"]


def test_an_answer_that_cannot_be_mailed_holds_the_deletion_up_for_no_more_than_a_mail_s_way() -> None:
    account = leaving(mail=None)
    account.wait(OVER + DAY)

    decide_refund(account, approve=False)
    assert obstacles(account) == ("notice_period",)
    account.wait(OVER + DAY + LATE)

    assert is_closed(account)


def test_an_approved_one_keeps_the_account_until_the_provider_says_that_the_money_went_back() -> None:
    account = leaving()
    decide_refund(account, approve=True)

    account.wait(OVER + DAY)
    assert obstacles(account) == ("refund_open",)
    the_money_comes_back(account)

    assert is_closed(account)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.UNKNOWN])
def test_one_that_the_provider_did_not_carry_out_keeps_the_account(outcome: Outcome) -> None:
    account = leaving()
    account.hear(*_decided_and(account, outcome))

    account.wait(OVER + DAY)

    assert obstacles(account) == ("refund_open",)
    assert not is_closed(account)


def test_one_whose_approval_lapsed_is_to_be_decided_again_before_anything_goes() -> None:
    account = leaving()
    account.hear(*_decided_and(account, Outcome.WITHDRAWN))

    account.wait(OVER + DAY)
    assert obstacles(account) == ("refund_open",)
    decide_refund(account, approve=False)

    assert is_closed(account)


def test_one_that_is_asked_while_the_product_is_told_holds_the_deletion_up() -> None:
    account = a_paying_account(callback=None)
    account.hear(an_order(OrderStatus.PAID, LONG_AGO, created_at=LONG_AGO))
    request_closure(account)
    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=OVER), at=MONDAY)
    account.wait(OVER)
    (closure_case,) = account.state.deletions
    announced = closure_case.record.last_announced

    request_refund(account)
    account.hear(
        f.DeletionAnnounced(
            subject=closure_case.subject, asked_at=announced.at, at=account.now, outcome=Outcome.WITHDRAWN
        )
    )
    account.callback = Outcome.DONE
    account.wait(OVER + 30 * DAY)
    assert not is_closed(account)
    decide_refund(account, approve=False)

    assert is_closed(account)


def test_data_go_after_a_lost_chargeback_only_when_what_was_asked_for_is_decided_10() -> None:
    account = a_paying_account(terms=terms(rules(dispute="automatic")))
    account.hear(an_order(OrderStatus.PAID, LONG_AGO, created_at=LONG_AGO))
    account.hear(a_dispute(DisputeStatus.OPENED, MONDAY), at=MONDAY)
    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=OVER))
    account.hear(a_dispute(DisputeStatus.LOST, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)
    request_refund(account)

    account.wait(MONDAY + 100 * DAY)
    assert [closure_case.subject for closure_case in account.state.deletions] == [DISPUTE]
    assert obstacles(account) == ("refund_open",)
    decide_refund(account, approve=False)

    assert is_closed(account)


def test_records_are_not_destroyed_by_their_timer_while_a_request_is_open() -> None:
    kept_for_no_year = RecordClass(basis="x", years=0)
    account = a_paying_account(
        terms=terms(rules(destroy="automatic", settlements=kept_for_no_year, interactions=kept_for_no_year))
    )
    account.hear(an_order(OrderStatus.PAID, LONG_AGO, created_at=LONG_AGO))
    request_refund(account)
    account.hear(a_subscription(Status.EXPIRED, MONDAY, ends_at=MONDAY), at=MONDAY)

    account.wait(MONDAY + 800 * DAY)
    assert not is_closed(account)
    with pytest.raises(RefusedError, match="in use"):
        closing_facts(DestroyRecords(), account.account, account.terms, "anna", account.now)
    decide_refund(account, approve=False)
    account.wait(MONDAY + 1600 * DAY)

    assert is_closed(account)


def test_who_erases_at_once_decides_what_was_asked_for_first() -> None:
    account = leaving()
    order = EraseAccount(reason="Art. 17")
    (refund,) = account.state.refunds

    with pytest.raises(RefusedError, match=refund.key):
        closing_facts(order, account.account, account.terms, "anna", account.now)
    decide_refund(account, approve=True)
    (closed,) = closing_facts(order, account.account, account.terms, "anna", account.now)

    assert isinstance(closed, f.AccountClosed)


def _decided_and(account: Stage, outcome: Outcome) -> list[f.OwnFact]:
    """A person said yes, and this became of the order to the provider."""
    (refund,) = account.state.refunds
    yes = f.RefundDecided(
        request=refund.key,
        at=account.now,
        approved=True,
        amount=refund.amount,
        refunded=0,
        verdict=str(refund.answer.verdict),
        why=refund.answer.why,
        refundable=refund.answer.refundable,
        clause=refund.answer.clause,
        pay_by=None,
        actor="ada",
    )
    return [yes, f.RefundOrdered(request=refund.key, at=account.now, outcome=outcome)]
