import pytest

from kulanz.policy.facts import DisputeStatus, Outcome, OverrideKind
from kulanz.policy.state import Access, CaseState, Standing
from tests.policy.stories import (
    DAY,
    HOUR,
    MONDAY,
    NEXT_INVOICE,
    a_dispute,
    a_failure,
    a_paying_account,
    a_success,
    an_override,
    in_grace,
    on_hold,
    plexo_but,
    terms,
)

EXTEND, WAIVE, REINSTATE, SUSPEND, EXEMPT = (
    OverrideKind.EXTEND_GRACE,
    OverrideKind.WAIVE,
    OverrideKind.REINSTATE,
    OverrideKind.SUSPEND,
    OverrideKind.EXEMPT,
)


def test_grace_is_extended_and_warned_of_again_before_the_new_end() -> None:
    account = in_grace()
    account.wait(MONDAY + 6 * DAY)

    account.hear(an_override(EXTEND, account.now, MONDAY + 20 * DAY))
    assert account.case.deadline == MONDAY + 20 * DAY
    account.wait(MONDAY + 20 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert account.mails.count("grace_warning") == 2


def test_an_extension_counts_whatever_the_providers_clock_says() -> None:
    account = a_paying_account(now=MONDAY - DAY)
    account.hear(a_failure(MONDAY))

    account.hear(an_override(EXTEND, MONDAY - DAY, MONDAY + 20 * DAY))

    assert account.case.deadline == MONDAY + 20 * DAY


def test_an_extension_is_no_extension_of_a_later_case() -> None:
    account = in_grace()
    account.hear(an_override(EXTEND, account.now, MONDAY + 60 * DAY))
    account.hear(a_success(MONDAY + DAY), at=MONDAY + DAY)

    account.hear(a_failure(MONDAY + 30 * DAY, key=NEXT_INVOICE), at=MONDAY + 30 * DAY)

    assert account.case.deadline == MONDAY + 37 * DAY


def test_an_extension_earlier_than_the_deadline_shortens_nothing() -> None:
    account = in_grace()

    account.hear(an_override(EXTEND, account.now, MONDAY + DAY))

    assert account.case.deadline == MONDAY + 7 * DAY


@pytest.mark.parametrize("now", [MONDAY - DAY, MONDAY + DAY], ids=["clock behind the provider's", "clock ahead"])
def test_a_waived_case_is_void_and_not_paid(now) -> None:
    account = a_paying_account(now=now)
    account.hear(a_failure(MONDAY))

    account.hear(an_override(WAIVE, now))
    account.wait(MONDAY + 40 * DAY)

    assert account.case.state is CaseState.VOID
    assert account.state.standing is Standing.GOOD
    assert account.state.plan == "professional"
    assert ("dunning.closed_void", "6.1") in account.rules
    assert account.mails == []
    assert "account.recovered" not in account.callbacks


def test_a_waived_hold_is_released_and_the_renewal_resumed() -> None:
    account = on_hold()

    account.hear(an_override(WAIVE, account.now))

    assert account.state.plan == "professional"
    assert len(account.resumed) == 1


def test_a_waiver_is_none_for_the_next_invoice() -> None:
    account = in_grace()
    account.hear(an_override(WAIVE, MONDAY + DAY), at=MONDAY + DAY)

    account.hear(a_failure(MONDAY + 30 * DAY, key=NEXT_INVOICE), at=MONDAY + 30 * DAY)

    assert [case.state for case in account.state.cases if case.open] == [CaseState.GRACE]


def test_a_waiver_covers_another_failure_of_the_same_invoice() -> None:
    account = in_grace()
    account.hear(an_override(WAIVE, MONDAY + DAY), at=MONDAY + DAY)

    account.hear(a_failure(MONDAY + 3 * DAY), at=MONDAY + 3 * DAY)

    assert not any(case.open for case in account.state.cases)


@pytest.mark.parametrize("behind", [0 * DAY, 3 * DAY])
def test_a_reinstated_account_has_its_plan_back_until_the_override_ends(behind) -> None:
    account = a_paying_account(now=MONDAY - behind)
    account.hear(a_dispute(DisputeStatus.OPENED, MONDAY))
    assert account.state.access is Access.NONE

    account.hear(an_override(REINSTATE, account.now, MONDAY + 10 * DAY))
    assert (account.state.plan, account.state.standing) == ("professional", Standing.GOOD)
    assert account.callbacks.count("account.reinstated") == 1
    account.wait(MONDAY + 10 * DAY)

    assert account.state.access is Access.NONE


def test_a_reinstatement_lifts_a_dunning_hold_and_its_end_is_explained() -> None:
    account = on_hold()

    account.hear(an_override(REINSTATE, account.now, MONDAY + 60 * DAY))
    account.wait(MONDAY + 59 * DAY)
    assert account.state.plan == "professional"
    account.wait(MONDAY + 60 * DAY)

    assert account.state.plan == "free"
    assert "override.ended" in [rule for rule, _ in account.rules]


def test_a_reinstatement_lifts_no_hold_that_comes_later() -> None:
    account = on_hold()
    account.hear(an_override(REINSTATE, account.now, MONDAY + 60 * DAY))

    account.hear(a_dispute(DisputeStatus.OPENED, MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.state.access is Access.NONE


def test_an_operator_suspends_for_a_time() -> None:
    account = a_paying_account(now=MONDAY)

    account.hear(an_override(SUSPEND, MONDAY, MONDAY + 3 * DAY))
    assert (account.state.standing, account.state.access) == (Standing.SUSPENDED, Access.NONE)
    account.wait(MONDAY + 3 * DAY)

    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")
    assert account.callbacks[-2:] == ["account.suspended", "account.reinstated"]


def test_an_exempt_account_is_not_put_on_hold_until_the_exemption_ends_with_a_warning_of_its_own() -> None:
    account = in_grace()
    account.hear(an_override(EXEMPT, account.now, MONDAY + 30 * DAY))

    account.wait(MONDAY + 30 * DAY - HOUR)
    assert account.case.state is CaseState.GRACE
    account.wait(MONDAY + 30 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    warned = [at for at, effect in account.done if getattr(effect, "notice", "") == "grace_warning"]
    assert warned == [MONDAY + 28 * DAY]


def test_an_exemption_holds_for_a_case_that_begins_later_and_for_a_grace_of_zero_days() -> None:
    for rules in (terms(), terms(plexo_but(grace="0d", reminders=()))):
        account = a_paying_account(terms=rules)
        account.hear(an_override(EXEMPT, account.now, MONDAY + 30 * DAY))

        account.hear(a_failure(), at=MONDAY)
        account.wait(MONDAY + 29 * DAY)

        assert account.state.plan == "professional"


def test_a_legal_hold_restricts_nothing() -> None:
    account = a_paying_account(now=MONDAY)

    account.hear(an_override(OverrideKind.LEGAL_HOLD, MONDAY, MONDAY + 100 * DAY))

    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")
    assert {timer.kind for timer in account.state.timers} == {"renewal_overdue", "override_end"}


@pytest.mark.parametrize("kind", list(OverrideKind))
def test_every_override_has_a_line_of_its_own(kind: OverrideKind) -> None:
    account = in_grace(mail=Outcome.DONE)

    decision = account.hear(an_override(kind, account.now, MONDAY + 30 * DAY))

    (change,) = [change for change in decision.changes if change.rule == f"override.{kind}"]
    assert change.detail["actor"] == "ada"
    assert change.detail["reason"] == "goodwill"


def test_the_same_override_heard_twice_decides_nothing() -> None:
    account = in_grace()
    override = an_override(EXTEND, account.now, MONDAY + 20 * DAY)
    account.hear(override)

    decision = account.hear(override)

    assert not decision.changed
