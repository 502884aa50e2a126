"""What we cancelled at the provider ourselves: it stays wanted while its cause stands, and is told as our own act."""

from __future__ import annotations

from typing import Any

from kulanz.policy import facts as f
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.facts import DisputeStatus, OverrideKind, Status
from kulanz.policy.state import Change
from kulanz.queries import sentences, story
from tests.policy.closure_scenarios import is_closed, request_closure
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    SUB,
    Stage,
    a_dispute,
    a_failure,
    a_paying_account,
    a_subscription,
    an_override,
    on_hold,
)

OVER = MONDAY + 20 * DAY


def leaving(**stage: Any) -> Stage:
    """An account that asks to be deleted on MONDAY; the provider reports our cancellation at once."""
    account = a_paying_account(**stage)
    account.wait(MONDAY)
    request_closure(account)
    account.hear(a_subscription(Status.CANCELLED, MONDAY + HOUR, ends_at=OVER), at=MONDAY + HOUR)
    return account


def cancellation(account: Stage) -> Change:
    changes = [change for decision in account.decisions for change in decision.changes]
    (given_change,) = [change for change in changes if change.rule.startswith("subscription.cancelled")]
    return given_change


def in_words(change: Change) -> str:
    return sentences.sentence({"rule": change.rule, "detail": dict(change.detail)})


def test_a_closure_that_runs_out_takes_nothing_back_and_alerts_nobody_13() -> None:
    account = leaving()

    account.wait(OVER + DAY)

    assert is_closed(account)
    assert (account.resumed, account.alerts) == ([], [])


def test_a_subscription_that_expires_ahead_of_its_end_is_not_resumed_for_who_asked_to_be_deleted_13() -> None:
    account = leaving(callback=None)

    account.hear(a_subscription(Status.EXPIRED, OVER - HOUR, ends_at=OVER), at=OVER - HOUR)
    account.wait(OVER + DAY)

    assert (account.resumed, account.alerts) == ([], [])


def test_a_deletion_that_waits_long_after_the_end_alerts_nobody_of_a_subscription_that_nobody_wants_back() -> None:
    account = leaving()
    account.hear(an_override(OverrideKind.LEGAL_HOLD, account.now, OVER + 60 * DAY))

    account.wait(OVER + 59 * DAY)

    assert not is_closed(account)
    assert (account.resumed, account.alerts) == ([], [])


def test_an_erasure_stops_what_could_be_charged_again_whether_it_gives_anything_now_or_not() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.PAUSED, MONDAY, pause_mode="void"), at=MONDAY)

    account.hear(f.AccountClosed(subject="er_1", cause="erasure", at=MONDAY + HOUR, actor="anna"), at=MONDAY + HOUR)

    assert account.cancelled == [SUB]


def test_who_stays_while_the_period_runs_has_the_cancellation_taken_back() -> None:
    account = leaving()

    account.hear(f.ClosureWithdrawn(id="cl_1", at=MONDAY + DAY, actor="shop"), at=MONDAY + DAY)

    assert account.resumed == [SUB]


def test_who_stays_when_the_period_is_over_is_seen_by_operators() -> None:
    account = leaving(callback=None)
    account.wait(OVER + DAY)

    account.hear(f.ClosureWithdrawn(id="cl_1", at=account.now, actor="shop"))

    assert account.resumed == []
    assert account.alerts == ["resume_impossible"]


def test_the_echo_of_a_cancellation_for_an_unpaid_renewal_names_the_clause_of_the_hold_6_2() -> None:
    account = on_hold()

    account.hear(a_subscription(Status.CANCELLED, MONDAY + 7 * DAY + HOUR, ends_at=OVER), at=MONDAY + 7 * DAY + HOUR)

    change = cancellation(account)
    assert (change.rule, change.clause) == ("subscription.cancelled_by_us", "6.2")
    assert "as we asked" in in_words(change)
    assert "Access stays" not in in_words(change)


def test_the_echo_of_a_cancellation_for_a_chargeback_names_its_clause_10() -> None:
    account = a_paying_account()
    account.hear(a_dispute(DisputeStatus.OPENED, MONDAY), at=MONDAY)

    account.hear(a_subscription(Status.CANCELLED, MONDAY + HOUR, ends_at=OVER), at=MONDAY + HOUR)

    assert (cancellation(account).rule, cancellation(account).clause) == ("subscription.cancelled_by_us", "10")


def test_the_echo_of_a_cancellation_for_a_closure_names_its_clause_13() -> None:
    account = leaving()

    assert (cancellation(account).rule, cancellation(account).clause) == ("subscription.cancelled_by_us", "13")


def test_a_customer_s_own_cancellation_keeps_its_clause_and_tells_to_when_access_stays_4() -> None:
    account = a_paying_account()

    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=OVER), at=MONDAY)

    change = cancellation(account)
    assert (change.rule, change.clause) == ("subscription.cancelled", "4")
    assert f"Access stays to {rfc3339(OVER)}" in in_words(change)


def test_a_customer_who_cancels_while_unpaid_is_told_the_deadline_that_was_quoted() -> None:
    account = a_paying_account()
    account.hear(a_failure(), at=MONDAY)
    account.hear(a_subscription(Status.PAST_DUE, MONDAY + HOUR), at=MONDAY + HOUR)

    account.hear(a_subscription(Status.CANCELLED, MONDAY + DAY, ends_at=OVER), at=MONDAY + DAY)

    assert f"Access stays to {rfc3339(MONDAY + 7 * DAY)}" in in_words(cancellation(account))


def test_no_access_is_promised_to_who_cancels_while_a_hold_takes_it() -> None:
    account = a_paying_account()
    account.hear(an_override(OverrideKind.SUSPEND, MONDAY, MONDAY + 90 * DAY), at=MONDAY)

    account.hear(a_subscription(Status.CANCELLED, MONDAY + HOUR, ends_at=OVER), at=MONDAY + HOUR)

    assert in_words(cancellation(account)) == f"Subscription {SUB} is cancelled. A hold has taken its access."


def test_what_a_hold_takes_is_not_told_as_given() -> None:
    account = on_hold()

    stated = [str(each) for each in story.reasons(account.state)]

    assert f"Subscription {SUB} would give the plan professional; a hold takes it." in stated
    assert not [line for line in stated if "gives the plan" in line]
