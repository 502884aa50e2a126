from datetime import timedelta
from functools import partial

import pytest

from kulanz.policy import facts as f
from kulanz.policy.consequences import effects
from kulanz.policy.effects import Notify, SendMail
from kulanz.policy.facts import BillingReason, DisputeStatus, InvoiceStatus, OrderStatus, OverrideKind, Stamp, Status
from kulanz.policy.state import Access, CaseState, Standing
from tests.policy.policy_changes import VARIANTS, with_versions
from tests.policy.stories import (
    DAY,
    HOUR,
    INVOICE,
    MONDAY,
    ORDER,
    SUB,
    Stage,
    a_dispute,
    a_failure,
    a_paying_account,
    a_refund,
    a_subscription,
    a_success,
    an_invoice,
    an_order,
    an_override,
    in_grace,
    plexo_but,
    terms,
    told_by_operator,
)

OPENED, WON, LOST = DisputeStatus.OPENED, DisputeStatus.WON, DisputeStatus.LOST


def disputed(**stage) -> Stage:
    """An account whose owner disputed a payment on MONDAY; the renewal was stopped, and the provider says so."""
    account = a_paying_account(**stage)
    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)
    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=MONDAY + 20 * DAY))
    return account


def test_a_chargeback_suspends_the_account_at_once_10() -> None:
    account = a_paying_account()

    decision = account.hear(a_dispute(OPENED, MONDAY, fee=1500, fee_currency="USD"), at=MONDAY)

    assert account.state.standing is Standing.SUSPENDED
    assert (account.state.plan, account.state.access) == ("free", Access.NONE)
    assert effects.entitlement(account.account)["allows"] == ["login", "export", "explain"]
    assert decision.principal is not None
    assert (decision.principal.rule, decision.principal.clause) == ("dispute.suspended", "10")
    assert decision.principal.detail["fee"] == 1500
    assert account.cancelled == [SUB]
    assert account.mails == ["suspended"]
    assert account.callbacks[-2:] == ["account.suspended", "account.dispute_opened"]


def test_a_chargeback_that_comes_before_its_subscription_is_told_when_there_is_an_address() -> None:
    account = Stage()
    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)

    account.hear(a_subscription(Status.ACTIVE, MONDAY), at=MONDAY)
    account.wait(MONDAY + DAY)

    assert account.state.standing is Standing.SUSPENDED
    assert account.mails == ["suspended"]


def test_an_address_that_comes_with_the_outcome_of_a_chargeback_tells_of_the_suspension_at_once() -> None:
    account = Stage()
    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)

    account.hear(a_dispute(LOST, MONDAY + DAY), a_subscription(Status.ACTIVE, MONDAY), at=MONDAY + DAY)

    assert account.mails[0] == "suspended"


def test_the_data_may_go_thirty_days_after_the_opening_10() -> None:
    account = disputed()

    assert account.state.deletion_eligible_at == MONDAY + 30 * DAY
    assert ("data_deletion_eligible", MONDAY + 30 * DAY) in [
        (timer.kind, timer.due_at) for timer in account.state.timers
    ]


def test_operators_are_told_when_the_data_may_go() -> None:
    account = disputed()

    account.wait(MONDAY + 30 * DAY)

    assert "data_deletion_eligible" in account.alerts


def test_an_inquiry_takes_nothing_and_operators_are_alerted() -> None:
    account = a_paying_account()

    account.hear(a_dispute(DisputeStatus.INQUIRY, MONDAY), at=MONDAY)

    assert account.state.standing is Standing.GOOD
    assert account.state.deletion_eligible_at is None
    assert (account.mails, account.cancelled) == ([], [])
    assert account.alerts == ["dispute_inquiry"]
    assert "account.dispute_opened" not in account.callbacks


@pytest.mark.parametrize("outcome", [WON, DisputeStatus.WITHDRAWN])
def test_won_or_withdrawn_releases_the_hold_and_resumes_the_renewal(outcome: DisputeStatus) -> None:
    account = disputed()

    account.hear(a_dispute(outcome, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)

    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")
    assert {timer.kind for timer in account.state.timers} <= {"renewal_overdue"}
    assert account.resumed == [SUB]
    assert account.mails[-1] == "reinstated"
    assert "account.reinstated" in account.callbacks


def test_won_after_the_period_has_ended_cannot_be_resumed_and_operators_see_it() -> None:
    account = disputed()

    account.hear(a_dispute(WON, MONDAY + 25 * DAY), at=MONDAY + 25 * DAY)

    assert account.resumed == []
    assert "resume_impossible" in account.alerts
    assert account.state.standing is Standing.GOOD


def test_a_cancellation_from_before_stays_a_cancellation_after_a_won_dispute() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.CANCELLED, MONDAY - DAY, ends_at=MONDAY + 20 * DAY), at=MONDAY - DAY)
    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)

    account.hear(a_dispute(WON, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)
    assert account.state.plan == "professional"
    account.wait(MONDAY + 20 * DAY)

    assert (account.cancelled, account.resumed) == ([], [])
    assert account.state.plan == "free"


@pytest.mark.parametrize("outcome", [LOST, DisputeStatus.ACCEPTED, DisputeStatus.PARTIALLY_LOST])
def test_lost_keeps_the_hold_and_moves_the_day_on_which_data_may_go(outcome: DisputeStatus) -> None:
    account = disputed()

    account.hear(a_dispute(outcome, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)
    account.hear(a_dispute(outcome, MONDAY + 12 * DAY, reason="a copy"), at=MONDAY + 12 * DAY)

    assert account.state.access is Access.NONE
    assert account.state.deletion_eligible_at == MONDAY + 40 * DAY
    assert account.mails[-1] == "data_deletion_notice"


def test_the_notices_of_deletion_go_out_thirty_seven_and_one_days_ahead() -> None:
    account = disputed()
    account.hear(a_dispute(LOST, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)

    account.wait(MONDAY + 50 * DAY)

    notices = [at for at, effect in account.done if isinstance(effect, SendMail) and "deletion" in effect.notice]
    assert notices == [MONDAY + 10 * DAY, MONDAY + 33 * DAY, MONDAY + 39 * DAY]


def test_a_policy_may_restore_after_a_partial_loss() -> None:
    account = disputed(terms=terms(plexo_but(dispute={"partially_lost": "restore"})))

    account.hear(a_dispute(DisputeStatus.PARTIALLY_LOST, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)

    assert account.state.standing is Standing.GOOD


def test_won_after_lost_and_back_are_legal_moves() -> None:
    account = disputed()

    account.hear(a_dispute(LOST, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)
    account.hear(a_dispute(WON, MONDAY + 12 * DAY), at=MONDAY + 12 * DAY)
    assert account.state.standing is Standing.GOOD
    account.hear(a_dispute(LOST, MONDAY + 14 * DAY), at=MONDAY + 14 * DAY)

    assert account.state.standing is Standing.SUSPENDED
    assert account.state.deletion_eligible_at == MONDAY + 44 * DAY
    assert account.mails.count("suspended") == 2


def test_back_and_forth_at_a_clock_that_stands_still_comes_to_rest() -> None:
    account = a_paying_account(now=MONDAY)

    for day, status in enumerate([OPENED, WON, LOST, WON, LOST]):
        account.hear(a_dispute(status, MONDAY + day * DAY))

    assert account.state.standing is Standing.SUSPENDED
    assert account.cancelled == [SUB] * 3
    assert account.resumed == [SUB] * 2


def test_an_older_word_of_a_dispute_changes_nothing() -> None:
    account = disputed()
    account.hear(a_dispute(WON, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)

    account.hear(a_dispute(LOST, MONDAY + 9 * DAY))

    assert account.state.standing is Standing.GOOD


def test_an_order_that_turns_fraudulent_is_a_chargeback() -> None:
    account = a_paying_account()

    account.hear(an_order(OrderStatus.FRAUDULENT, MONDAY), at=MONDAY)

    assert account.state.standing is Standing.SUSPENDED


def test_an_order_that_is_fraudulent_no_more_counts_as_withdrawn() -> None:
    account = a_paying_account()
    account.hear(an_order(OrderStatus.FRAUDULENT, MONDAY), at=MONDAY)

    account.hear(an_order(OrderStatus.PAID, MONDAY + DAY), at=MONDAY + DAY)

    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")


def test_an_operator_closes_a_chargeback_that_an_order_told_of() -> None:
    account = a_paying_account()
    account.hear(an_order(OrderStatus.FRAUDULENT, MONDAY), at=MONDAY)
    (key,) = [chargeback.key for chargeback in account.state.chargebacks]

    account.hear(told_by_operator(WON, MONDAY + DAY, key=key), at=MONDAY + DAY)

    assert account.state.standing is Standing.GOOD


def test_a_dispute_freezes_grace_and_the_remaining_time_is_kept() -> None:
    account = in_grace()
    account.hear(a_dispute(OPENED, MONDAY + DAY, opened_at=MONDAY + DAY), at=MONDAY + DAY)
    assert account.case.frozen_since == MONDAY + DAY
    assert {timer.kind for timer in account.state.timers} == {"data_deletion_eligible"}

    account.hear(a_dispute(WON, MONDAY + 20 * DAY, opened_at=MONDAY + DAY), at=MONDAY + 20 * DAY)

    assert account.case.deadline == MONDAY + 26 * DAY
    assert account.mails == ["suspended", "grace_reminder", "reinstated"]


def test_a_dispute_freezes_the_days_of_a_hold_too() -> None:
    account = in_grace()
    account.wait(MONDAY + 17 * DAY)
    opened = MONDAY + 17 * DAY
    account.hear(a_dispute(OPENED, opened, opened_at=opened))

    account.hear(a_dispute(WON, opened + 60 * DAY, opened_at=opened), at=opened + 60 * DAY)
    account.wait(opened + 80 * DAY - HOUR)
    assert account.case.state is CaseState.ON_HOLD
    account.wait(opened + 80 * DAY)

    assert account.case.state is CaseState.EXHAUSTED


def test_dunning_mail_that_was_queued_when_a_dispute_opened_is_not_sent() -> None:
    account = in_grace()
    account.now = MONDAY + 3 * DAY
    queued = account._decided(()).effects
    account.hear(a_dispute(OPENED, MONDAY + 3 * DAY))

    account.carry_out(queued)

    assert "grace_reminder" not in account.mails


def test_a_case_that_begins_under_a_dispute_gets_its_whole_grace_afterwards() -> None:
    account = disputed()
    account.hear(a_subscription(at=MONDAY + HOUR), at=MONDAY + HOUR)
    account.hear(a_failure(MONDAY + DAY), at=MONDAY + DAY)

    account.hear(a_dispute(WON, MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.case.deadline == MONDAY + 16 * DAY


def test_an_operators_reinstatement_under_a_dispute_does_not_start_the_clock_again() -> None:
    account = in_grace()
    account.hear(a_dispute(OPENED, MONDAY + 2 * DAY, opened_at=MONDAY + 2 * DAY), at=MONDAY + 2 * DAY)

    account.hear(an_override(OverrideKind.REINSTATE, account.now, MONDAY + 30 * DAY))
    account.wait(MONDAY + 20 * DAY)

    assert account.state.plan == "professional"
    assert account.case.state is CaseState.GRACE
    assert account.case.frozen_since is not None


def test_a_warning_before_the_freeze_is_repeated_for_the_later_deadline() -> None:
    account = in_grace()
    account.wait(MONDAY + 6 * DAY)
    opened = MONDAY + 6 * DAY
    account.hear(a_dispute(OPENED, opened, opened_at=opened))

    account.hear(a_dispute(WON, opened + 14 * DAY, opened_at=opened), at=opened + 14 * DAY)
    account.wait(opened + 20 * DAY)

    assert account.mails.count("grace_warning") == 2
    assert account.case.state is CaseState.ON_HOLD


def test_a_dispute_above_the_review_amount_is_left_to_operators() -> None:
    account = a_paying_account(terms=terms(plexo_but(dispute={"review_above": 1000})))

    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)

    assert account.state.standing is Standing.GOOD
    assert account.alerts == ["dispute_needs_review"]


def test_a_prevented_dispute_is_as_a_full_refund() -> None:
    account = disputed()

    account.hear(a_dispute(DisputeStatus.PREVENTED, MONDAY + DAY), at=MONDAY + DAY)

    assert account.state.standing is Standing.GOOD
    assert "unrequested_refund" in account.alerts


def test_a_policy_may_restrict_the_disputed_subscription_only() -> None:
    account = a_paying_account(terms=terms(plexo_but(dispute={"scope": "subscription"})))
    account.hear(a_subscription(key="lemonsqueezy:2", variant="lemonsqueezy:394421"))

    account.hear(a_dispute(OPENED, MONDAY, subscription="lemonsqueezy:2"), at=MONDAY)

    assert account.state.plan == "professional"
    assert account.cancelled == ["lemonsqueezy:2"]


def test_an_unrequested_full_refund_is_reviewed_and_takes_nothing() -> None:
    account = a_paying_account()

    account.hear(an_order(OrderStatus.REFUNDED, MONDAY, refunded=1999), at=MONDAY)

    assert account.state.standing is Standing.GOOD
    assert account.alerts == ["unrequested_refund"]


def test_an_order_and_the_first_invoice_are_the_same_money() -> None:
    account = a_paying_account()

    account.hear(an_order(OrderStatus.REFUNDED, MONDAY, refunded=1999), at=MONDAY)
    account.hear(a_refund(MONDAY, key="lemonsqueezy:1100000", reason=BillingReason.INITIAL))

    assert account.alerts == ["unrequested_refund"]


def test_a_policy_may_suspend_or_ignore_on_an_unrequested_full_refund() -> None:
    strict = a_paying_account(terms=terms(plexo_but(dispute={"unrequested_full_refund": "suspend"})))
    lax = a_paying_account(terms=terms(plexo_but(dispute={"unrequested_full_refund": "ignore"})))

    for account in (strict, lax):
        account.hear(an_order(OrderStatus.REFUNDED, MONDAY, refunded=1999), at=MONDAY)

    assert (strict.state.standing, strict.state.access) == (Standing.SUSPENDED, Access.NONE)
    assert (lax.state.standing, lax.alerts) == (Standing.GOOD, [])


def test_an_invoice_that_went_back_in_full_suspends_where_no_order_is_known() -> None:
    account = a_paying_account(terms=terms(plexo_but(dispute={"unrequested_full_refund": "suspend"})))

    account.hear(a_refund(MONDAY), at=MONDAY)

    (chargeback,) = account.state.chargebacks
    assert (chargeback.reason, chargeback.payment) == ("unrequested_refund", INVOICE)
    assert (account.state.standing, account.state.access) == (Standing.SUSPENDED, Access.NONE)
    assert account.cancelled == [SUB]


@pytest.mark.parametrize("went_back", [partial(an_order, OrderStatus.REFUNDED), a_refund])
@pytest.mark.parametrize("began", [MONDAY, MONDAY + HOUR])
def test_terms_agreed_on_once_a_refund_is_known_do_not_judge_it_anew(went_back, began) -> None:
    account = Stage(terms=with_versions(terms(plexo_but(dispute={"unrequested_full_refund": "suspend"}))), now=MONDAY)
    account.hear(went_back(began))

    account.hear(
        f.TermsAgreed(
            id="terms_1", version=VARIANTS[0].version, at=MONDAY, until=MONDAY + DAY, actor="ada", reason="a contract"
        )
    )
    account.wait(began)

    assert [chargeback.reason for chargeback in account.state.chargebacks] == ["unrequested_refund"]


@pytest.mark.parametrize("rule", ["review", "suspend"])
def test_a_partial_refund_changes_nothing(rule: str) -> None:
    account = a_paying_account(terms=terms(plexo_but(dispute={"unrequested_full_refund": rule})))

    account.hear(an_order(OrderStatus.PARTIAL_REFUND, MONDAY, refunded=500), at=MONDAY)
    account.hear(a_refund(MONDAY, 500, key="lemonsqueezy:1100000"))

    assert account.state.standing is Standing.GOOD
    assert account.alerts == []


@pytest.mark.parametrize("named", [{"order": ORDER}, {"payment": "lemonsqueezy:1100000"}, {"subscription": SUB}])
@pytest.mark.parametrize("status", [OPENED, LOST])
def test_a_full_refund_of_a_disputed_payment_is_its_outcome_and_no_second_case(status, named) -> None:
    account = a_paying_account()
    account.hear(a_dispute(status, MONDAY, **named), at=MONDAY)

    account.hear(a_refund(MONDAY + DAY, key="lemonsqueezy:1100000", reason=BillingReason.INITIAL), at=MONDAY + DAY)

    assert "unrequested_refund" not in account.alerts
    assert len(account.state.chargebacks) == 1


def test_operators_are_reminded_two_days_before_an_answer_is_due_and_the_deadline_is_a_timer() -> None:
    account = a_paying_account()
    due = MONDAY + 10 * DAY
    account.hear(a_dispute(OPENED, MONDAY, answer_by=due), at=MONDAY)
    timers = {timer.kind: timer.due_at for timer in account.state.timers}

    account.wait(due - 2 * DAY - HOUR)
    before = list(account.alerts)
    account.wait(due - 2 * DAY)
    account.wait(due + DAY)

    assert (timers["dispute_answer_reminder"], timers["dispute_answer_by"]) == (due - 2 * DAY, due)
    assert "dispute_answer_due" not in before
    assert account.alerts.count("dispute_answer_due") == 1
    assert not [timer for timer in account.state.timers if timer.kind.startswith("dispute_answer")]


@pytest.mark.parametrize("stated", [{"answered": True}, {"status": WON}], ids=["answered", "decided"])
def test_a_dispute_that_is_answered_or_decided_waits_for_no_answer(stated) -> None:
    account = a_paying_account()
    due = MONDAY + 10 * DAY
    account.hear(a_dispute(OPENED, MONDAY, answer_by=due), at=MONDAY)
    told = {"status": DisputeStatus.UNDER_REVIEW} | stated
    account.hear(a_dispute(told.pop("status"), MONDAY + DAY, answer_by=due, **told), at=MONDAY + DAY)

    account.wait(due)

    assert "dispute_answer_due" not in account.alerts
    assert account.state.chargebacks[0].answer_by is None


def test_operators_are_told_of_each_thing_once() -> None:
    account = a_paying_account()

    account.hear(a_dispute(DisputeStatus.INQUIRY, MONDAY), at=MONDAY)
    account.hear(a_dispute(DisputeStatus.INQUIRY, MONDAY + HOUR, reason="copy"), at=MONDAY + HOUR)

    assert account.alerts == ["dispute_inquiry"]


def test_the_mail_of_an_operators_dispute_goes_to_who_paid_the_disputed_payment() -> None:
    account = a_paying_account()
    account.hear(a_subscription(key="lemonsqueezy:1", customer="lemonsqueezy:9", email="another@example.com"))

    account.hear(told_by_operator(OPENED, MONDAY, payment="lemonsqueezy:1100000"), at=MONDAY)

    assert [effect.to for _, effect in account.done if isinstance(effect, SendMail)] == ["owner@example.com"]


def test_a_dispute_opened_and_won_within_the_same_second_ends_won() -> None:
    account = a_paying_account()

    account.hear(a_dispute(WON, MONDAY), at=MONDAY)
    account.hear(a_dispute(OPENED, MONDAY))

    assert account.state.standing is Standing.GOOD


def test_the_callback_of_a_suspension_says_what_stays_possible() -> None:
    account = disputed()

    (callback,) = [effect for _, effect in account.done if isinstance(effect, Notify) and "suspended" in effect.type]

    assert callback.data["entitlement"]["access"] == "none"
    assert callback.data["entitlement"]["allows"] == ["login", "export", "explain"]
    assert callback.data["data_deletion_eligible_at"] == effects.rfc3339(MONDAY + 30 * DAY)


def test_an_invoice_refunded_under_a_lost_dispute_stays_one_case() -> None:
    account = in_grace()
    account.hear(a_dispute(LOST, MONDAY + DAY), at=MONDAY + DAY)

    account.hear(an_invoice(MONDAY + 2 * DAY, status=InvoiceStatus.REFUNDED, refunded=1999), at=MONDAY + 2 * DAY)

    assert account.state.cases == ()
    assert account.state.standing is Standing.SUSPENDED


def test_a_stamp_orders_by_time_then_rank_then_digest() -> None:
    later = MONDAY + timedelta(seconds=1)

    assert Stamp(MONDAY, 9, "z") < Stamp(later, 0, "") < Stamp(later, 1, "") < Stamp(later, 1, "a")


def test_a_dispute_that_turns_out_to_be_about_one_purchase_gives_back_the_other_and_says_so() -> None:
    account = Stage(terms=terms(plexo_but(dispute={"scope": "subscription"})))
    account.hear(a_subscription(), a_subscription(key="lemonsqueezy:1", order="lemonsqueezy:8"))
    account.hear(told_by_operator(OPENED, MONDAY), at=MONDAY)
    taken = account.state.access

    decision = account.hear(a_dispute(OPENED, MONDAY + HOUR, order=ORDER), at=MONDAY + HOUR)

    assert (taken, account.state.access) == (Access.FREE, Access.FULL)
    assert decision.principal is not None
    assert (decision.principal.rule, decision.principal.clause) == ("dispute.reach_moved", "10")
    assert account.callbacks[-1] == "account.entitlement_changed"


@pytest.mark.parametrize("outcome", [LOST, DisputeStatus.ACCEPTED])
def test_a_dispute_that_is_decided_freezes_nothing_any_more(outcome: DisputeStatus) -> None:
    account = in_grace()
    told = {"opened_at": MONDAY + 2 * DAY}
    account.hear(a_dispute(OPENED, MONDAY + 2 * DAY, **told), at=MONDAY + 2 * DAY)

    account.hear(a_dispute(outcome, MONDAY + 9 * DAY, **told), at=MONDAY + 9 * DAY)

    assert account.case.frozen_since is None
    assert account.case.deadline == MONDAY + 14 * DAY


def test_a_dispute_that_was_left_to_operators_and_lost_freezes_no_later_failure() -> None:
    account = a_paying_account(terms=terms(plexo_but(dispute={"review_above": 1000})))
    account.hear(a_dispute(OPENED, MONDAY - 5 * DAY, opened_at=MONDAY - 5 * DAY), at=MONDAY - 5 * DAY)
    account.hear(a_dispute(LOST, MONDAY - DAY, opened_at=MONDAY - 5 * DAY), at=MONDAY - DAY)

    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 8 * DAY)

    assert account.state.standing is Standing.ON_HOLD


def test_a_dispute_that_takes_nothing_and_whose_outcome_is_never_told_freezes_for_four_months() -> None:
    account = a_paying_account(terms=terms(plexo_but(dispute={"review_above": 1000})))
    opened = MONDAY - 5 * DAY
    account.hear(a_dispute(OPENED, opened, opened_at=opened), at=opened)
    account.hear(a_failure(), at=MONDAY)

    account.wait(opened + 119 * DAY)
    frozen = account.case.frozen_since
    account.wait(opened + 120 * DAY)
    deadline = account.case.deadline
    account.wait(opened + 128 * DAY)

    assert frozen == MONDAY
    assert deadline == opened + 127 * DAY
    assert account.alerts[-1] == "dispute_silent"
    assert account.mails[-2:] == ["grace_warning", "downgraded"]


def test_an_appeal_freezes_from_its_own_time_and_an_inquiry_not_at_all() -> None:
    account = in_grace()
    told = {"opened_at": MONDAY - 20 * DAY}
    account.hear(a_dispute(DisputeStatus.INQUIRY, MONDAY - 20 * DAY, **told), at=MONDAY + DAY)
    inquired = account.case.frozen_since
    account.hear(a_dispute(LOST, MONDAY + DAY, **told))

    account.hear(a_dispute(OPENED, MONDAY + 2 * DAY, **told), at=MONDAY + 2 * DAY)

    assert inquired is None
    assert account.case.frozen_since == MONDAY + 2 * DAY


BOUNCED = {"reason": "insufficient_funds", "payment": "lemonsqueezy:1100000"}


def test_a_returned_debit_is_a_failed_payment_that_no_look_and_no_active_ends() -> None:
    account = a_paying_account(terms=terms(api_key=True), answer=Status.ACTIVE)

    account.hear(a_dispute(LOST, MONDAY, **BOUNCED), at=MONDAY)
    account.hear(a_subscription(Status.ACTIVE, MONDAY + DAY), at=MONDAY + DAY)
    in_grace = account.state.standing, account.state.plan, account.state.holds
    account.wait(MONDAY + 8 * DAY)

    assert in_grace == (Standing.GRACE, "professional", ())
    assert account.state.standing is Standing.ON_HOLD
    assert account.state.deletion_eligible_at is None


@pytest.mark.parametrize(
    ("word", "standing", "alerts"),
    [("dispute", Standing.SUSPENDED, []), ("review", Standing.GOOD, ["dispute_needs_review"])],
)
def test_a_policy_may_take_a_returned_debit_for_a_chargeback_or_leave_it_to_operators(word, standing, alerts) -> None:
    account = a_paying_account(terms=terms(plexo_but(dispute={"bounced": word})))

    account.hear(a_dispute(OPENED, MONDAY, **BOUNCED), at=MONDAY)

    assert (account.state.standing, account.alerts) == (standing, alerts)


@pytest.mark.parametrize(("total", "standing"), [(1999, Standing.GOOD), (1998, Standing.GRACE)])
def test_a_later_charge_of_that_customer_for_as_much_ends_the_case_of_a_returned_debit(total, standing) -> None:
    account = a_paying_account()
    account.hear(a_dispute(LOST, MONDAY, **BOUNCED), at=MONDAY)

    account.hear(a_success(MONDAY + DAY, total=total), at=MONDAY + DAY)

    assert account.state.standing is standing
