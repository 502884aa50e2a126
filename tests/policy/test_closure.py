"""An organisation goes, and its data with it: plexo 13, the end of a chargeback (plexo 10), retention (BAO), I9."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kulanz.policy import facts as f
from kulanz.policy.areas.closure import retention
from kulanz.policy.book import Book
from kulanz.policy.document import Policy
from kulanz.policy.document.closure import RecordClass
from kulanz.policy.facts import DisputeStatus, Outcome, OverrideKind, Status
from kulanz.policy.state import Access, Decision, Standing
from tests.policy.closure_scenarios import DISPUTE, SCENARIOS, is_closed, obstacles, rules, run
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    PLEXO,
    SUB,
    Stage,
    a_dispute,
    a_paying_account,
    a_subscription,
    an_override,
    in_grace,
    on_hold,
    terms,
)
from tests.replacing import replace

OPENED, WON, LOST = DisputeStatus.OPENED, DisputeStatus.WON, DisputeStatus.LOST
SEVEN_YEARS = RecordClass(basis="BAO § 132", years=7)


def asked_to_be_deleted(stage: Stage, at: datetime = MONDAY, **told) -> Decision:
    request = f.ClosureRequested(**{"id": "cl_1", "at": at, "actor": "shop", "reason": "we stop", **told})
    return stage.hear(request, at=at)


def cancelled(at: datetime = MONDAY, ends_at: datetime = MONDAY + 20 * DAY) -> f.SubscriptionSeen:
    return a_subscription(Status.CANCELLED, at, ends_at=ends_at)


def lost(**stage) -> Stage:
    """An account that lost a chargeback: opened on MONDAY, lost ten days later."""
    account = a_paying_account(**stage)
    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)
    account.hear(cancelled())
    account.hear(a_dispute(LOST, MONDAY + 10 * DAY), at=MONDAY + 10 * DAY)
    return account


def test_an_active_subscription_is_cancelled_first_and_nothing_is_deleted_while_it_runs_13() -> None:
    account = a_paying_account()

    decision = asked_to_be_deleted(account)

    assert decision.principal is not None
    assert (decision.principal.rule, decision.principal.clause) == ("closure.requested", "13")
    assert account.cancelled == [SUB]
    assert obstacles(account) == ("subscription_runs",)
    assert account.state.plan == "professional"
    assert "account.data_deletion_due" not in account.callbacks


def test_when_the_period_has_run_out_the_product_is_told_and_then_the_account_is_closed_13() -> None:
    account = a_paying_account()
    asked_to_be_deleted(account)
    account.hear(cancelled())

    account.wait(MONDAY + 20 * DAY - HOUR)
    assert not is_closed(account)
    account.wait(MONDAY + 20 * DAY)

    assert is_closed(account)
    assert (account.state.plan, account.state.access) == ("free", Access.NONE)
    assert account.callbacks[-2:] == ["account.data_deletion_due", "account.closed"]
    assert ("closure.erased", "13") in account.rules
    assert account.state.timers == ()


def test_without_a_subscription_it_goes_at_once_13() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.EXPIRED, MONDAY - DAY, ends_at=MONDAY - DAY), at=MONDAY - DAY)

    asked_to_be_deleted(account)

    assert is_closed(account)
    assert account.cancelled == []


def test_a_closure_gives_no_refund_by_itself_13() -> None:
    account = a_paying_account()
    asked_to_be_deleted(account)

    assert not [rule for rule, _ in account.rules if rule.startswith("refund")]


def test_who_stays_after_all_keeps_the_subscription() -> None:
    account = a_paying_account()
    asked_to_be_deleted(account)
    account.hear(cancelled())

    account.hear(f.ClosureWithdrawn(id="cl_1", at=MONDAY + DAY, actor="shop"), at=MONDAY + DAY)

    assert account.state.deletions == ()
    assert account.resumed == [SUB]
    account.wait(MONDAY + 40 * DAY)
    assert not is_closed(account)


def test_a_deletion_asked_for_in_grace_ends_dunning_as_a_cancellation_does() -> None:
    account = in_grace()
    asked_to_be_deleted(account, at=MONDAY + DAY)

    assert obstacles(account) == ("subscription_runs",)
    account.wait(MONDAY + 6 * DAY)
    assert (account.state.plan, account.mails) == ("professional", [])
    account.wait(MONDAY + 7 * DAY)
    assert is_closed(account)
    assert ("dunning.closed_voluntarily", "4") in account.rules


def test_a_case_on_hold_comes_to_its_end_before_anything_is_deleted() -> None:
    account = on_hold()
    asked_to_be_deleted(account, at=MONDAY + 8 * DAY)

    assert obstacles(account) == ("subscription_runs", "case_open")
    account.wait(MONDAY + 36 * DAY)
    assert account.state.standing is Standing.ON_HOLD
    account.wait(MONDAY + 60 * DAY)
    assert is_closed(account)


def test_the_product_has_to_take_the_news_before_anything_is_closed() -> None:
    account = a_paying_account(callback=None)
    asked_to_be_deleted(account)
    account.hear(cancelled())
    account.wait(MONDAY + 25 * DAY)

    assert not is_closed(account)
    (closure_case,) = account.state.deletions
    fact = f.DeletionAnnounced(
        subject="cl_1", asked_at=closure_case.record.last_announced.at, at=MONDAY + 26 * DAY, outcome=Outcome.DONE
    )
    account.hear(fact, at=MONDAY + 26 * DAY)

    assert is_closed(account)


def test_where_no_product_is_told_of_anything_nobody_waits_for_it() -> None:
    account = a_paying_account(terms=replace(terms(), notifies=False), callback=None)
    asked_to_be_deleted(account)
    account.hear(cancelled())

    account.wait(MONDAY + 20 * DAY)

    assert is_closed(account)


def test_the_policy_may_ask_for_an_operator_s_approval() -> None:
    account = a_paying_account(terms=terms(rules(closure="approval")))
    asked_to_be_deleted(account)
    account.hear(cancelled())
    account.wait(MONDAY + 21 * DAY)

    assert obstacles(account) == ("approval",)
    assert "data_deletion_needs_approval" in account.alerts
    account.hear(f.DeletionApproved(subject="cl_1", at=MONDAY + 22 * DAY, actor="anna"), at=MONDAY + 22 * DAY)

    assert is_closed(account)
    assert ("closure.approved", "13") in account.rules


@pytest.mark.parametrize("obstacle", ["legal_hold", "dispute_open"])
def test_nothing_under_a_legal_hold_or_an_open_dispute_is_destroyed_i9(obstacle: str) -> None:
    account = a_paying_account()
    asked_to_be_deleted(account)
    account.hear(cancelled())
    if obstacle == "legal_hold":
        account.hear(an_override(OverrideKind.LEGAL_HOLD, MONDAY, MONDAY + 90 * DAY))
    else:
        account.hear(a_dispute(OPENED, MONDAY))

    account.wait(MONDAY + 60 * DAY)

    assert obstacle in obstacles_of(account, "cl_1")
    assert not is_closed(account)


def test_when_the_legal_hold_ends_the_deletion_goes_on() -> None:
    account = a_paying_account()
    asked_to_be_deleted(account)
    account.hear(cancelled())
    account.hear(an_override(OverrideKind.LEGAL_HOLD, MONDAY, MONDAY + 90 * DAY))

    account.wait(MONDAY + 90 * DAY)

    assert is_closed(account)


def test_an_announcement_that_is_still_on_the_way_is_withdrawn_by_a_legal_hold_and_made_again() -> None:
    account = a_paying_account(callback=None)
    asked_to_be_deleted(account)
    account.hear(cancelled())
    account.wait(MONDAY + 21 * DAY)
    (closure_case,) = account.state.deletions
    first = closure_case.record.last_announced.at
    account.hear(an_override(OverrideKind.LEGAL_HOLD, MONDAY + 22 * DAY, MONDAY + 30 * DAY), at=MONDAY + 22 * DAY)
    withdrawn = {"subject": "cl_1", "asked_at": first, "at": account.now, "outcome": Outcome.WITHDRAWN}
    account.hear(f.DeletionAnnounced(**withdrawn))

    account.callback = Outcome.DONE
    account.wait(MONDAY + 30 * DAY)

    assert is_closed(account)
    assert account.callbacks.count("account.data_deletion_due") == 2


def test_a_lost_chargeback_lets_data_go_after_its_notices_and_with_an_approval_10() -> None:
    account = lost()

    account.wait(MONDAY + 50 * DAY)
    assert account.mails.count("data_deletion_notice") == 3
    assert obstacles(account) == ("approval",)
    assert not is_closed(account)
    account.hear(f.DeletionApproved(subject=DISPUTE, at=MONDAY + 51 * DAY, actor="anna"), at=MONDAY + 51 * DAY)

    assert is_closed(account)
    assert account.callbacks[-2:] == ["account.data_deletion_due", "account.closed"]
    assert ("closure.erased", "10") in account.rules


def test_the_policy_may_let_them_go_by_themselves_10() -> None:
    account = lost(terms=terms(rules(dispute="automatic")))

    account.wait(MONDAY + 40 * DAY - 2 * HOUR)
    assert not is_closed(account)
    account.wait(MONDAY + 41 * DAY)

    assert is_closed(account)


def test_a_chargeback_that_is_open_deletes_nothing_however_long_it_takes_10() -> None:
    account = a_paying_account(terms=terms(rules(dispute="automatic")))
    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)

    account.wait(MONDAY + 200 * DAY)

    assert not is_closed(account)


def test_a_chargeback_that_is_won_after_all_deletes_nothing_10() -> None:
    account = lost(terms=terms(rules(dispute="automatic")))
    account.hear(a_dispute(WON, MONDAY + 30 * DAY), at=MONDAY + 30 * DAY)

    account.wait(MONDAY + 200 * DAY)

    assert not is_closed(account)
    assert account.state.deletions == ()


def test_notices_that_never_arrived_hold_the_deletion_up_and_operators_are_told_10() -> None:
    account = lost(terms=terms(rules(dispute="automatic")), mail=Outcome.FAILED)

    account.wait(MONDAY + 100 * DAY)

    assert not is_closed(account)
    assert obstacles(account) == ("notice_undelivered",)
    assert "data_deletion_notice_undelivered" in account.alerts


def test_a_loss_that_becomes_known_late_still_gives_the_customer_the_whole_time_10() -> None:
    account = a_paying_account(terms=terms(rules(dispute="automatic")))
    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)
    account.hear(cancelled())
    learned = MONDAY + 100 * DAY
    account.hear(a_dispute(LOST, MONDAY + 10 * DAY), at=learned)

    account.wait(learned + 29 * DAY)
    assert not is_closed(account)
    account.wait(learned + 30 * DAY)

    assert is_closed(account)


def test_retention_runs_to_the_end_of_the_calendar_year_in_the_account_s_zone() -> None:
    at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)

    assert retention.until(SEVEN_YEARS, at, "UTC") == datetime(2034, 1, 1, tzinfo=UTC)
    assert retention.until(SEVEN_YEARS, at, "Europe/Vienna") == datetime(2034, 12, 31, 23, tzinfo=UTC)
    assert retention.until(RecordClass(basis="x", years=0), at, "UTC") == datetime(2027, 1, 1, tzinfo=UTC)


def test_what_a_class_keeps_is_told_by_class_basis_and_end() -> None:
    account = in_grace()

    (settled,) = retention.retained(account.account.book, PLEXO.retention, "UTC", account.now)

    assert (settled.kind, settled.basis) == ("settlements", "BAO § 132")
    assert settled.until == datetime(2034, 1, 1, tzinfo=UTC)
    assert {record["invoice"] for record in settled.records} == {"lemonsqueezy:1100000", "lemonsqueezy:1134999"}


def test_whatever_kind_a_record_is_it_is_kept_with_its_year_and_can_be_written_down() -> None:
    account = in_grace()
    account.hear(an_override(OverrideKind.EXEMPT, MONDAY, MONDAY + DAY), a_dispute(OPENED, MONDAY))
    account.wait(MONDAY + 6 * DAY)
    every = dict.fromkeys(retention.CLASSES, SEVEN_YEARS)

    retained_recordses = retention.retained(account.account.book, replace(PLEXO.retention, **every), "UTC", account.now)

    assert {retained_records.kind for retained_records in retained_recordses} == set(retention.CLASSES)
    assert all(json.loads(json.dumps(retained_records.records, default=str)) for retained_records in retained_recordses)
    assert retention.number(account.account.book, replace(PLEXO.retention, **every), "UTC") > 4


def test_a_class_without_a_basis_keeps_nothing() -> None:
    account = in_grace()
    nothing = replace(PLEXO.retention, settlements=RecordClass())

    assert retention.retained(account.account.book, nothing, "UTC", account.now) == ()
    assert retention.ends_at(account.account.book, nothing, "UTC") is None


def ended(policy: Policy, **stage) -> Stage:
    """An account whose subscription expired in March 2026."""
    account = a_paying_account(terms=terms(policy), **stage)
    account.hear(a_subscription(Status.EXPIRED, MONDAY, ends_at=MONDAY), at=MONDAY)
    return account


def test_records_are_destroyed_seven_years_after_the_end_of_their_year_by_a_timer() -> None:
    account = ended(rules(destroy="automatic", settlements=SEVEN_YEARS))
    end = datetime(2034, 1, 1, tzinfo=UTC)

    assert ("retention_end", end) in [(timer.kind, timer.due_at) for timer in account.state.timers]
    account.wait(end - HOUR)
    assert not is_closed(account)
    account.wait(end)

    assert is_closed(account)
    assert account.rules[-1][0] == "retention.destroyed"
    assert "account.data_deletion_due" not in account.callbacks


def test_a_subscription_that_runs_has_no_end_of_retention() -> None:
    account = a_paying_account(terms=terms(rules(destroy="automatic", settlements=SEVEN_YEARS)))

    assert "retention_end" not in {timer.kind for timer in account.state.timers}
    account.wait(datetime(2040, 1, 1, tzinfo=UTC))
    assert not is_closed(account)


def test_a_legal_hold_keeps_records_beyond_their_time_i9() -> None:
    account = ended(rules(destroy="automatic", settlements=SEVEN_YEARS))
    almost = datetime(2033, 12, 1, tzinfo=UTC)
    account.hear(an_override(OverrideKind.LEGAL_HOLD, almost, almost + 100 * DAY), at=almost)

    account.wait(almost + 99 * DAY)
    assert not is_closed(account)
    account.wait(almost + 100 * DAY)

    assert is_closed(account)


def test_where_a_person_destroys_there_is_no_timer() -> None:
    account = ended(rules(destroy="approval", settlements=SEVEN_YEARS))

    assert "retention_end" not in {timer.kind for timer in account.state.timers}
    account.wait(datetime(2040, 1, 1, tzinfo=UTC))
    assert not is_closed(account)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(SCENARIOS)
def test_no_story_destroys_what_must_be_kept_or_is_waited_for_i9(scenario) -> None:
    assert run(scenario).broken == []


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(SCENARIOS, st.randoms(use_true_random=False))
def test_closures_come_out_the_same_in_any_order_and_any_number_of_times_i1(scenario, chance: random.Random) -> None:
    stage = run(scenario)
    mixed = [*stage.heard, *stage.heard[: len(stage.heard) // 2]]
    chance.shuffle(mixed)

    assert Book().with_facts(mixed) == stage.account.book


def obstacles_of(account: Stage, subject: str) -> tuple[str, ...]:
    return next(closure_case.obstacles for closure_case in account.state.deletions if closure_case.subject == subject)
