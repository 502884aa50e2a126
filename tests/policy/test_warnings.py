from kulanz.policy.calendar.time import Span
from kulanz.policy.consequences.outcomes import still_wanted
from kulanz.policy.effects import SendMail
from kulanz.policy.facts import Outcome, OverrideKind, Status
from kulanz.policy.state import CaseState, Standing
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    OTHER,
    Stage,
    a_failure,
    a_paying_account,
    a_subscription,
    a_success,
    an_override,
    in_grace,
    plexo_but,
    terms,
)


def mailed(account: Stage) -> list[tuple[str, int, float]]:
    """Each notice with its step and the days since MONDAY."""
    return [
        (effect.notice, effect.step, (at - MONDAY) / DAY) for at, effect in account.done if isinstance(effect, SendMail)
    ]


def test_reminders_go_out_after_two_and_four_days_and_the_warning_on_the_fifth() -> None:
    account = in_grace()

    account.wait(MONDAY + 6 * DAY)

    assert mailed(account) == [("grace_reminder", 1, 2), ("grace_reminder", 2, 4), ("grace_warning", 1, 5)]


def test_reminders_and_warning_go_out_once_each_also_where_two_are_due_at_the_same_instant() -> None:
    account = in_grace(terms=terms(plexo_but(reminders=(Span(days=3), Span(days=5)))))

    account.wait(MONDAY + 6 * DAY)

    assert mailed(account) == [("grace_reminder", 1, 3), ("grace_reminder", 2, 5), ("grace_warning", 1, 5)]
    assert account.callbacks.count("account.grace_reminder") == 2
    assert account.callbacks.count("account.grace_warning") == 1


def test_after_an_outage_of_forty_days_one_notice_goes_out_and_its_promise_is_kept() -> None:
    account = in_grace()

    account.jump(MONDAY + 40 * DAY)
    assert mailed(account) == [("grace_warning", 1, 40)]
    assert account.case.state is CaseState.GRACE
    assert account.case.deadline == MONDAY + 42 * DAY
    account.wait(MONDAY + 42 * DAY - HOUR)
    assert account.state.plan == "professional"
    account.wait(MONDAY + 42 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert account.mails == ["grace_warning", "downgraded"]


def test_a_failure_that_arrives_forty_days_late_is_one_notice_too() -> None:
    account = a_paying_account(terms=terms(plexo_but(provider_sends_failure_mail=False)))

    account.hear(a_failure(MONDAY), at=MONDAY + 40 * DAY)

    assert account.mails == ["grace_warning"]
    assert account.case.deadline == MONDAY + 42 * DAY


def test_an_outage_of_three_days_sends_the_reminder_late() -> None:
    account = in_grace()

    account.jump(MONDAY + 3 * DAY)

    assert mailed(account) == [("grace_reminder", 1, 3)]


def test_an_outage_that_ends_while_the_warning_is_still_in_time_moves_no_deadline() -> None:
    account = in_grace()

    account.jump(MONDAY + 5.5 * DAY)

    assert mailed(account) == [("grace_warning", 1, 5.5)]
    assert account.case.deadline == MONDAY + 7 * DAY


def test_a_reminder_that_waits_is_not_sent_once_the_deadline_that_it_names_has_moved() -> None:
    account = in_grace(mail=Outcome.FAILED)
    account.wait(MONDAY + 5 * DAY)
    waiting = [effect for _, effect in account.done if isinstance(effect, SendMail)]
    in_time = [still_wanted(effect, account.state, account.account.book) for effect in waiting]

    account.wait(MONDAY + 8 * DAY)

    too_late = [still_wanted(effect, account.state, account.account.book) for effect in waiting]
    assert [effect.notice for effect in waiting] == ["grace_reminder", "grace_reminder", "grace_warning"]
    assert (in_time, too_late) == ([True] * 3, [False] * 3)


def test_an_undelivered_warning_moves_the_deadline_and_after_three_operators_decide() -> None:
    account = in_grace(mail=Outcome.FAILED)

    account.wait(MONDAY + 30 * DAY)

    assert [entry for entry in mailed(account) if entry[0] == "grace_warning"] == [
        ("grace_warning", 1, 5),
        ("grace_warning", 2, 7),
        ("grace_warning", 3, 9),
    ]
    assert account.case.state is CaseState.GRACE
    assert account.case.deadline == MONDAY + 11 * DAY
    assert account.alerts == ["warning_cannot_be_delivered"]


def test_an_unknown_warning_counts_as_not_delivered_and_is_never_repeated() -> None:
    account = in_grace(mail=Outcome.UNKNOWN)

    account.wait(MONDAY + 8 * DAY)

    assert [entry for entry in mailed(account) if entry[0] == "grace_warning"] == [
        ("grace_warning", 1, 5),
        ("grace_warning", 2, 7),
    ]
    assert account.case.deadline == MONDAY + 9 * DAY


def test_a_warning_delivered_too_late_moves_the_deadline() -> None:
    account = in_grace(mail=None)
    account.wait(MONDAY + 6.5 * DAY)
    late = next(
        effect for _, effect in account.done if isinstance(effect, SendMail) and effect.notice == "grace_warning"
    )

    account.mail = Outcome.DONE
    account.carry_out([late])
    account.wait(MONDAY + 7 * DAY)

    assert account.case.state is CaseState.GRACE
    assert account.case.deadline == MONDAY + 9 * DAY


def test_after_three_undelivered_warnings_an_extension_begins_anew() -> None:
    account = in_grace(mail=Outcome.FAILED)
    account.wait(MONDAY + 12 * DAY)
    account.mail = Outcome.DONE

    account.hear(an_override(OverrideKind.EXTEND_GRACE, account.now, MONDAY + 20 * DAY))
    account.wait(MONDAY + 20 * DAY)

    assert mailed(account)[-2:] == [("grace_warning", 4, 18), ("downgraded", 1, 20)]
    assert account.case.state is CaseState.ON_HOLD


def test_a_warning_still_on_the_way_at_the_deadline_is_replaced_by_a_new_one() -> None:
    account = in_grace(mail=None)

    account.wait(MONDAY + 7 * DAY)

    assert account.case.state is CaseState.GRACE
    assert account.case.deadline == MONDAY + 9 * DAY


def test_where_the_callback_warns_its_delivery_counts_and_the_mails_does_not() -> None:
    by_callback = terms(plexo_but(warn_by="callback"))
    stage = in_grace(terms=by_callback, mail=Outcome.FAILED)
    untold = in_grace(terms=by_callback, callback=Outcome.FAILED)

    stage.wait(MONDAY + 7 * DAY)
    untold.wait(MONDAY + 7 * DAY)

    assert stage.case.state is CaseState.ON_HOLD
    assert untold.case.state is CaseState.GRACE


def test_a_queued_notice_is_not_sent_when_the_case_is_closed_before_it_goes() -> None:
    account = in_grace()
    account.now = MONDAY + 3 * DAY
    reminder = account._decided(()).effects
    account.hear(a_success(MONDAY + 3 * DAY))

    account.carry_out(reminder)

    assert "grace_reminder" not in account.mails
    assert "account.grace_reminder" not in account.callbacks


def test_the_all_good_notice_goes_out_only_if_a_notice_went_out() -> None:
    heard, unheard = in_grace(), in_grace()

    heard.hear(a_success(MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)
    unheard.hear(a_success(MONDAY + DAY), at=MONDAY + DAY)

    assert heard.mails == ["grace_reminder", "recovered"]
    assert unheard.mails == []
    assert unheard.callbacks[-1] == "account.recovered"


def test_the_all_good_notice_is_not_sent_after_notices_that_never_left() -> None:
    account = in_grace(mail=Outcome.FAILED)

    account.hear(a_success(MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)

    assert account.mails == ["grace_reminder"]


def test_mails_go_to_the_address_of_the_subscription_concerned_only() -> None:
    account = a_paying_account()
    account.hear(a_subscription(key=OTHER, customer="lemonsqueezy:9", email="other@example.com"))
    account.hear(a_failure(key="lemonsqueezy:77", subscription=OTHER), at=MONDAY)

    account.wait(MONDAY + 8 * DAY)

    assert {effect.to for _, effect in account.done if isinstance(effect, SendMail)} == {"other@example.com"}


def test_a_subscription_without_an_address_alerts_operators_and_is_not_put_on_hold() -> None:
    account = Stage(now=MONDAY)
    account.hear(a_subscription(email=None), a_failure())

    account.wait(MONDAY + 20 * DAY)

    assert account.state.standing is Standing.GRACE
    assert "no_mail_address" in account.alerts


def test_no_hold_ever_without_a_delivered_warning_whatever_the_provider_says() -> None:
    account = in_grace(mail=Outcome.FAILED)
    account.hear(a_subscription(Status.EXPIRED, MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)

    account.wait(MONDAY + 30 * DAY)

    assert account.state.plan == "professional"


def test_a_warning_that_always_arrives_a_moment_late_ends_with_operators_and_not_with_a_mail_a_day_for_ever() -> None:
    account = in_grace(mail=None)
    account.wait(MONDAY + 5 * DAY)

    for _ in range(12):
        account.wait(account.case.deadline)
        slow = [effect for _, effect in account.done if isinstance(effect, SendMail)][-1]
        account.mail = Outcome.DONE
        account.now += 25 * HOUR
        account.carry_out([slow])
        account.mail = None

    steps = {effect.step for _, effect in account.done if isinstance(effect, SendMail) and "warning" in effect.notice}
    assert steps == {1, 2, 3}


def test_where_the_warning_and_its_notice_are_equally_long_a_moment_of_delivery_does_not_repeat_it_for_ever() -> None:
    account = in_grace(terms=terms(plexo_but(final_warning="24h", warning_notice="24h")), mail=None)

    for _ in range(30):
        account.wait(account.now + 12 * HOUR)
        for _, effect in account.done[-3:]:
            if isinstance(effect, SendMail) and effect.notice == "grace_warning":
                account.mail = Outcome.DONE
                account.now += HOUR / 60
                account.carry_out([effect])
                account.mail = None

    assert account.case.state is CaseState.ON_HOLD
