from datetime import timedelta

import pytest

from kulanz.policy.decide import decide
from kulanz.policy.effects import Notify
from kulanz.policy.facts import BillingReason, InvoiceStatus, Outcome, Status
from kulanz.policy.state import Access, Account, CaseState, Standing
from tests.policy.stories import (
    DAY,
    HOUR,
    INVOICE,
    MONDAY,
    NEXT_INVOICE,
    OTHER,
    SUB,
    Stage,
    a_failure,
    a_paying_account,
    a_refund,
    a_subscription,
    a_success,
    an_invoice,
    in_grace,
    plexo_but,
    terms,
)


def test_a_failed_renewal_opens_seven_days_of_grace_with_full_access_6_1() -> None:
    account = a_paying_account()

    decision = account.hear(a_failure(), at=MONDAY)

    assert account.state.standing is Standing.GRACE
    assert (account.state.plan, account.state.access) == ("professional", Access.FULL)
    assert account.state.grace_ends_at == MONDAY + 7 * DAY
    assert decision.principal is not None
    assert (decision.principal.rule, decision.principal.clause) == ("dunning.grace_started", "6.1")
    assert account.callbacks[-1] == "account.grace_started"


def test_the_provider_mails_on_each_failure_so_the_start_of_grace_is_not_mailed_twice() -> None:
    account = in_grace()

    assert "grace_started" not in account.mails


def test_the_start_of_grace_is_mailed_where_the_provider_does_not() -> None:
    account = in_grace(terms=terms(plexo_but(provider_sends_failure_mail=False)))

    assert account.mails == ["grace_started"]


def test_reminders_and_the_final_warning_are_scheduled_when_grace_begins() -> None:
    account = in_grace()

    assert sorted((timer.kind, timer.due_at - MONDAY) for timer in account.state.timers) == [
        ("grace_end", 7 * DAY),
        ("grace_reminder", 2 * DAY),
        ("grace_reminder", 4 * DAY),
        ("grace_warning", 5 * DAY),
    ]


def test_a_second_failure_of_the_same_invoice_is_counted_and_does_not_move_the_deadline() -> None:
    account = in_grace()

    account.hear(a_failure(MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)

    assert account.case.failures == 2
    assert account.case.deadline == MONDAY + 7 * DAY


def test_the_same_failure_heard_twice_counts_once_and_decides_nothing() -> None:
    account = in_grace()

    decision = account.hear(a_failure())

    assert account.case.failures == 1
    assert not decision.changed


def test_a_success_known_before_its_failure_opens_no_case() -> None:
    account = a_paying_account()
    account.hear(a_success(MONDAY + HOUR), at=MONDAY + HOUR)

    account.hear(a_failure())

    assert account.state.cases == ()
    assert account.state.standing is Standing.GOOD


@pytest.mark.parametrize("reason", [BillingReason.INITIAL, BillingReason.UPDATED])
def test_a_failed_invoice_of_another_kind_opens_no_case_by_itself(reason: BillingReason) -> None:
    account = a_paying_account()

    account.hear(a_failure(reason=reason), at=MONDAY)

    assert account.state.cases == ()


def test_a_failure_whose_reason_is_unknown_counts_as_that_of_a_renewal() -> None:
    account = a_paying_account()

    account.hear(a_failure(MONDAY, reason=BillingReason.UNKNOWN), at=MONDAY)

    assert account.state.standing is Standing.GRACE


def test_a_policy_may_open_cases_on_other_invoices_too() -> None:
    account = a_paying_account(terms=terms(plexo_but(opens_on=("renewal", "updated"))))

    account.hear(a_failure(reason=BillingReason.UPDATED), at=MONDAY)

    assert account.case.state is CaseState.GRACE


def test_a_past_due_snapshot_opens_grace_although_the_failed_invoice_opens_none_by_itself() -> None:
    account = a_paying_account()
    account.hear(a_failure(reason=BillingReason.UPDATED), at=MONDAY)

    account.hear(a_subscription(Status.PAST_DUE, MONDAY + HOUR), at=MONDAY + HOUR)

    assert account.case.opened_at == MONDAY + HOUR


@pytest.mark.parametrize("status", [Status.UNPAID, Status.EXPIRED])
def test_the_plan_stays_to_the_quoted_deadline_whatever_the_provider_says(status: Status) -> None:
    account = in_grace()

    account.hear(a_subscription(status, MONDAY + 4 * DAY), at=MONDAY + 4 * DAY)
    account.wait(MONDAY + 7 * DAY - HOUR)

    assert account.state.plan == "professional"
    assert account.case.state is CaseState.GRACE


def test_unpaid_at_the_deadline_is_on_hold_and_expired_is_exhausted() -> None:
    unpaid, expired = in_grace(), in_grace()

    unpaid.hear(a_subscription(Status.UNPAID, MONDAY + 4 * DAY), at=MONDAY + 4 * DAY)
    expired.hear(a_subscription(Status.EXPIRED, MONDAY + 4 * DAY), at=MONDAY + 4 * DAY)
    unpaid.wait(MONDAY + 7 * DAY)
    expired.wait(MONDAY + 7 * DAY)

    assert (unpaid.case.state, unpaid.state.plan) == (CaseState.ON_HOLD, "free")
    assert (expired.case.state, expired.state.plan) == (CaseState.EXHAUSTED, "free")
    assert expired.state.standing is Standing.GOOD
    for account in (unpaid, expired):
        assert (account.mails[-1], account.callbacks.count("account.downgraded")) == ("downgraded", 1)


def test_a_customer_who_cancels_in_grace_is_asked_no_more_and_keeps_access_to_the_deadline() -> None:
    account = in_grace()

    account.hear(a_subscription(Status.CANCELLED, MONDAY + DAY, ends_at=MONDAY + 30 * DAY), at=MONDAY + DAY)
    assert account.case.state is CaseState.VOLUNTARY
    assert [timer.kind for timer in account.state.timers] == ["period_end"]
    account.wait(MONDAY + 7 * DAY - HOUR)
    assert account.state.plan == "professional"
    account.wait(MONDAY + 7 * DAY)

    assert account.state.plan == "free"
    assert account.state.standing is Standing.GOOD
    assert account.mails == []
    assert account.cancelled == []


def test_the_quoted_deadline_is_kept_when_customer_and_late_failure_arrive_together() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY + DAY), at=MONDAY + DAY)
    quoted = account.case.deadline

    account.hear(
        a_failure(MONDAY),
        a_subscription(Status.CANCELLED, MONDAY + 2 * DAY, ends_at=MONDAY + 30 * DAY),
        at=MONDAY + 2 * DAY,
    )

    assert account.case.state is CaseState.VOLUNTARY
    assert account.case.deadline == quoted


@pytest.mark.parametrize("status", [InvoiceStatus.VOID, InvoiceStatus.REFUNDED])
def test_a_voided_or_refunded_invoice_closes_its_case_as_void(status: InvoiceStatus) -> None:
    account = in_grace()

    decision = account.hear(an_invoice(MONDAY + DAY, status), at=MONDAY + DAY)

    assert account.state.cases == ()
    assert "dunning.closed_void" in [change.rule for change in decision.changes]
    assert account.state.standing is Standing.GOOD


def test_a_refund_of_a_failed_invoice_releases_its_hold() -> None:
    account = in_grace()
    account.wait(MONDAY + 8 * DAY)

    account.hear(a_refund(MONDAY + 8 * DAY))

    assert account.state.holds == ()


def test_two_unpaid_invoices_are_two_cases_with_a_deadline_each() -> None:
    account = in_grace()

    account.hear(a_failure(MONDAY + 5 * DAY, key=NEXT_INVOICE), at=MONDAY + 5 * DAY)

    assert sorted(case.deadline - MONDAY for case in account.state.cases) == [7 * DAY, 12 * DAY]
    assert account.state.grace_ends_at == MONDAY + 7 * DAY


def test_paying_one_of_two_unpaid_invoices_leaves_the_other() -> None:
    account = in_grace()
    account.hear(a_failure(MONDAY + 5 * DAY, key=NEXT_INVOICE), at=MONDAY + 5 * DAY)
    account.wait(MONDAY + 8 * DAY)

    account.hear(a_success(MONDAY + 8 * DAY))

    assert account.case.invoice == NEXT_INVOICE
    assert account.case.state is CaseState.GRACE
    assert account.state.plan == "professional"


def test_a_new_invoice_opens_a_new_case() -> None:
    account = in_grace()
    first = account.case.key
    account.hear(a_success(MONDAY + DAY), a_subscription(at=MONDAY + DAY), at=MONDAY + DAY)

    account.hear(a_failure(MONDAY + 30 * DAY, key=NEXT_INVOICE), at=MONDAY + 30 * DAY)

    assert account.case.key != first
    assert account.case.deadline == MONDAY + 37 * DAY


def test_of_two_subscriptions_only_the_unpaid_one_is_affected() -> None:
    account = a_paying_account()
    account.hear(a_subscription(key=OTHER, variant="lemonsqueezy:394421", email="other@example.com"))
    account.hear(a_failure(), at=MONDAY)

    account.wait(MONDAY + 10 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert account.state.plan == "enterprise"
    assert account.cancelled == [SUB]


def test_no_access_is_lost_by_past_due_alone() -> None:
    account = a_paying_account()

    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)

    assert account.state.access is Access.FULL


def test_a_grace_period_of_zero_days_takes_access_at_once_with_the_notice_in_the_same_step() -> None:
    rules = plexo_but(grace="0d", reminders=(), hold_access="none")
    account = a_paying_account(terms=terms(rules, api_key=True))

    decision = account.hear(a_failure(), at=MONDAY)

    assert account.case.state is CaseState.ON_HOLD
    assert (account.state.standing, account.state.access) == (Standing.ON_HOLD, Access.NONE)
    assert account.mails == ["downgraded"]
    assert decision.principal is not None
    assert decision.principal.rule == "dunning.hold_placed"
    assert "account.grace_started" not in account.callbacks


def test_a_providers_time_ahead_of_ours_is_taken_as_it_is() -> None:
    account = a_paying_account(now=MONDAY - 2 * DAY)

    account.hear(a_failure(MONDAY))

    assert account.now == MONDAY - 2 * DAY
    assert account.state.grace_ends_at == MONDAY + 7 * DAY


def test_a_failure_of_an_unknown_subscription_changes_nothing_until_it_appears() -> None:
    account = Stage(now=MONDAY)

    account.hear(a_failure())
    assert account.state.cases == ()
    account.hear(a_subscription())

    assert account.case.invoice == INVOICE


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        decide(Account(id="org_42"), (), terms(), MONDAY.replace(tzinfo=None))


def test_the_callback_of_the_start_carries_the_entitlement_and_the_reason() -> None:
    account = in_grace()

    (callback,) = [effect for _, effect in account.done if isinstance(effect, Notify) and "grace" in effect.type]

    assert callback.data["entitlement"]["plan"] == "professional"
    assert callback.data["reason"] == {"rule": "dunning.grace_started", "clause": "6.1"}
    assert callback.data["grace_ends_at"] == "2026-03-09T09:00:00Z"


def test_an_invoice_that_fails_again_goes_on_with_its_first_deadline_after_a_new_warning() -> None:
    account = in_grace()
    account.wait(MONDAY + 6 * DAY)
    account.hear(a_subscription(at=MONDAY + 6 * DAY))
    assert account.state.cases == ()

    account.hear(a_failure(MONDAY + 8 * DAY), at=MONDAY + 8 * DAY)
    assert account.case.opened_at == MONDAY + 8 * DAY
    assert account.case.deadline == MONDAY + 10 * DAY
    account.wait(MONDAY + 20 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert account.mails.count("grace_warning") == 2


def test_nothing_is_promised_twice() -> None:
    account = in_grace(mail=Outcome.DONE)

    decision = account.jump(account.now + timedelta(minutes=1))

    assert not decision.changed
