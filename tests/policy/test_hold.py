import pytest

from kulanz.policy import document
from kulanz.policy import facts as f
from kulanz.policy.effects import ResumeSubscription, SendMail
from kulanz.policy.facts import BillingReason, DisputeStatus, InvoiceStatus, Outcome, OverrideKind, Status
from kulanz.policy.state import Access, CaseState, Situation, Standing
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    HOUR,
    MONDAY,
    NEXT_INVOICE,
    OTHER,
    SEATS,
    SUB,
    Stage,
    a_dispute,
    a_failure,
    a_paying_account,
    a_subscription,
    a_success,
    an_invoice,
    an_override,
    in_grace,
    on_hold,
    plexo_but,
    terms,
)
from tests.replacing import replace

BITRIX24 = document.parse(document.preset("bitrix24"), version=1)


def test_unpaid_after_seven_days_the_subscription_is_cancelled_and_the_account_is_free_6_2() -> None:
    account = in_grace()

    account.wait(MONDAY + 7 * DAY)

    assert account.case.state is CaseState.ON_HOLD
    assert (account.state.standing, account.state.plan) == (Standing.ON_HOLD, "free")
    assert account.cancelled == [SUB]
    assert account.callbacks.count("account.downgraded") == 1
    assert account.mails[-1] == "downgraded"
    assert ("dunning.hold_placed", "6.2") in account.rules


def test_nothing_is_taken_a_moment_before_the_deadline() -> None:
    account = in_grace()

    account.wait(MONDAY + 7 * DAY - HOUR)

    assert account.state.plan == "professional"
    assert account.cancelled == []


def test_a_policy_that_only_holds_cancels_nothing() -> None:
    account = on_hold(terms=terms(plexo_but(on_grace_end="hold_only")))

    assert account.case.state is CaseState.ON_HOLD
    assert account.cancelled == []


def test_a_late_payment_releases_the_hold_and_takes_our_cancellation_back() -> None:
    account = on_hold()
    account.hear(a_subscription(Status.CANCELLED, MONDAY + 7 * DAY, ends_at=MONDAY + 30 * DAY))

    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.state.cases == ()
    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")
    assert account.resumed == [SUB]
    assert account.mails[-1] == "recovered"
    assert {timer.kind for timer in account.state.timers} <= {"renewal_overdue"}


def test_the_add_ons_come_back_with_the_plan() -> None:
    rules = terms(plexo_but(hold_access="none"))
    account = a_paying_account(terms=rules)
    account.hear(a_subscription(key=OTHER, variant=SEATS))
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 7 * DAY)
    assert account.state.add_ons == ()

    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.state.add_ons == ("seats",)


def test_an_active_snapshot_newer_than_the_failure_recovers_too() -> None:
    account = on_hold(terms=terms(plexo_but(on_grace_end="hold_only")))

    account.hear(a_subscription(at=MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.state.standing is Standing.GOOD


@pytest.mark.parametrize(
    "echo",
    [
        (a_subscription(Status.CANCELLED, MONDAY + 7 * DAY, ends_at=MONDAY + 30 * DAY),),
        (
            a_subscription(
                Status.CANCELLED, MONDAY + 7 * DAY, ends_at=MONDAY + 30 * DAY, stamp=f.Stamp(MONDAY + 7 * DAY, 1)
            ),
        ),
        (a_subscription(Status.EXPIRED, MONDAY + 7 * DAY, ends_at=MONDAY + 7 * DAY),),
        (
            a_subscription(Status.CANCELLED, MONDAY + 7 * DAY, ends_at=MONDAY + 7 * DAY),
            a_subscription(Status.EXPIRED, MONDAY + 7 * DAY + HOUR, ends_at=MONDAY + 7 * DAY),
        ),
    ],
    ids=["cancelled", "updated", "expired", "cancelled then expired"],
)
def test_our_own_cancellation_coming_back_is_never_the_customers_will(echo: tuple[f.SubscriptionSeen, ...]) -> None:
    account = on_hold()

    account.hear(*echo, at=MONDAY + 7 * DAY + HOUR)
    assert account.case.state is CaseState.ON_HOLD
    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.state.plan == "professional"


def test_our_cancellation_may_come_back_before_we_know_that_it_succeeded() -> None:
    account = on_hold(cancel=None)
    cancel = next(
        effect for decision in account.decisions for effect in decision.effects if "cancel" in repr(effect)[:6].lower()
    )

    account.hear(
        a_subscription(Status.CANCELLED, MONDAY + 7 * DAY + HOUR, ends_at=MONDAY + 8 * DAY),
        a_subscription(Status.EXPIRED, MONDAY + 8 * DAY, ends_at=MONDAY + 8 * DAY),
        at=MONDAY + 8 * DAY,
    )
    account.cancel = Outcome.DONE
    account.carry_out([cancel])

    assert account.case.state is CaseState.ON_HOLD


def test_a_cancellation_that_found_the_customers_own_is_the_customers() -> None:
    account = on_hold(cancel=Outcome.REFUSED)
    account.hear(a_subscription(Status.CANCELLED, MONDAY + 6 * DAY, ends_at=MONDAY + 30 * DAY))

    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.resumed == []
    assert [timer.due_at for timer in account.state.timers] == [MONDAY + 30 * DAY]


def test_a_refused_resume_keeps_the_plan_to_the_end_of_the_period_paid_for() -> None:
    account = on_hold(resume=Outcome.REFUSED)
    account.hear(a_subscription(Status.EXPIRED, MONDAY + 7 * DAY, ends_at=MONDAY + 7 * DAY))

    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)
    assert account.state.plan == "professional"
    assert "resume_impossible" in account.alerts
    account.wait(MONDAY + 28 * DAY)
    assert account.state.plan == "professional"
    account.wait(MONDAY + 29 * DAY)

    assert account.state.plan == "free"


def test_a_trial_that_is_resumed_is_told_its_end_again() -> None:
    account = a_paying_account()
    trial = a_subscription(Status.ON_TRIAL, MONDAY, trial_ends_at=MONDAY + 14 * DAY)
    account.hear(trial, at=MONDAY)
    account.hear(a_dispute(DisputeStatus.OPENED, MONDAY + DAY), at=MONDAY + DAY)
    ends = {"ends_at": MONDAY + 14 * DAY, "trial_ends_at": MONDAY + 14 * DAY}
    account.hear(a_subscription(Status.CANCELLED, MONDAY + DAY, **ends))

    account.hear(a_dispute(DisputeStatus.WON, MONDAY + 2 * DAY), at=MONDAY + 2 * DAY)

    (resume,) = [effect for _, effect in account.done if isinstance(effect, ResumeSubscription)]
    assert resume.trial_ends_at == MONDAY + 14 * DAY


def test_after_a_resume_a_later_cancellation_is_the_customers_even_if_no_run_was_seen_between() -> None:
    account = on_hold()
    account.hear(a_subscription(Status.CANCELLED, MONDAY + 7 * DAY, ends_at=MONDAY + 30 * DAY))
    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)
    assert account.resumed == [SUB]

    account.hear(a_subscription(Status.CANCELLED, MONDAY + 12 * DAY, ends_at=MONDAY + 30 * DAY), at=MONDAY + 12 * DAY)
    account.wait(MONDAY + 30 * DAY)

    assert account.state.plan == "free"


def test_a_customer_who_cancels_on_hold_owes_still_and_is_not_resumed_when_they_pay() -> None:
    account = on_hold(terms=terms(plexo_but(on_grace_end="hold_only")))
    account.hear(a_subscription(Status.CANCELLED, MONDAY + 8 * DAY, ends_at=MONDAY + 30 * DAY), at=MONDAY + 8 * DAY)
    assert account.case.state is CaseState.ON_HOLD

    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.resumed == []
    assert account.state.plan == "professional"
    account.wait(MONDAY + 30 * DAY)
    assert account.state.plan == "free"


def test_a_payment_before_our_cancellation_was_carried_out_withdraws_it() -> None:
    account = in_grace()
    account.wait(MONDAY + 7 * DAY - HOUR)
    account.now = MONDAY + 7 * DAY
    effects = account._decided(()).effects
    account.hear(a_success(MONDAY + 7 * DAY))

    account.carry_out(effects)

    assert account.cancelled == []
    assert account.resumed == []
    assert account.state.plan == "professional"


def test_a_hold_is_exhausted_after_thirty_days() -> None:
    account = on_hold()

    account.wait(MONDAY + 37 * DAY - HOUR)
    assert account.case.state is CaseState.ON_HOLD
    account.wait(MONDAY + 37 * DAY)

    assert account.case.state is CaseState.EXHAUSTED
    assert account.state.timers == ()
    assert account.state.plan == "free"


def test_a_hold_is_exhausted_when_the_provider_gives_the_subscription_up() -> None:
    account = on_hold(terms=terms(plexo_but(on_grace_end="hold_only")))

    account.hear(a_subscription(Status.EXPIRED, MONDAY + 14 * DAY), at=MONDAY + 14 * DAY)

    assert account.case.state is CaseState.EXHAUSTED


def test_a_payment_after_exhaustion_still_recovers() -> None:
    account = on_hold()
    account.wait(MONDAY + 40 * DAY)

    account.hear(a_success(MONDAY + 41 * DAY), at=MONDAY + 41 * DAY)

    assert account.state.cases == ()
    assert account.state.plan == "professional"


def test_releasing_one_hold_releases_no_other() -> None:
    account = on_hold()
    account.hear(a_dispute(DisputeStatus.OPENED, MONDAY + 8 * DAY), at=MONDAY + 8 * DAY)

    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert [hold.owner for hold in account.state.holds] == ["dispute"]
    assert account.state.standing is Standing.SUSPENDED


def test_while_an_event_of_the_account_is_parked_nothing_is_taken_and_operators_know() -> None:
    account = in_grace(situation=Situation(parked=True))

    account.wait(MONDAY + 8 * DAY)
    assert account.case.state is CaseState.GRACE
    assert account.alerts == ["hold_waits_for_parked_event"]
    assert account.times(SendMail) == []
    account.situation = Situation()
    account.wait(MONDAY + 9 * DAY)
    assert account.case.state is CaseState.GRACE
    assert len(account.times(SendMail)) == 1
    account.wait(MONDAY + 12 * DAY)

    assert account.case.state is CaseState.ON_HOLD


@pytest.mark.parametrize("situation", [Situation(parked=True), Situation(behind=True)])
def test_while_facts_are_missing_no_reminder_goes_out_and_no_case_on_hold_is_given_up(situation: Situation) -> None:
    warned, held = in_grace(), on_hold()
    warned.situation = held.situation = situation

    warned.wait(MONDAY + 6 * DAY)
    held.wait(MONDAY + 60 * DAY)

    assert warned.times(SendMail) == []
    assert held.case.state is CaseState.ON_HOLD


def test_a_case_that_waits_for_people_is_looked_at_ever_more_rarely() -> None:
    account = in_grace(situation=Situation(parked=True))
    account.wait(MONDAY + 7 * DAY)
    before = len(account.decisions)

    account.wait(MONDAY + 37 * DAY)

    assert 30 <= len(account.decisions) - before <= 40


def test_the_breaker_holds_everything_back_and_alerts() -> None:
    account = in_grace(situation=Situation(braked=True))

    account.wait(MONDAY + 8 * DAY)

    assert account.case.state is CaseState.GRACE
    assert account.alerts == ["mass_action_brake"]


@pytest.mark.parametrize("situation", [Situation(parked=True), Situation(braked=True)])
def test_a_grace_of_zero_days_waits_for_parked_events_and_the_breaker_too(situation: Situation) -> None:
    account = a_paying_account(terms=terms(plexo_but(grace="0d", reminders=())), situation=situation)

    account.hear(a_failure(), at=MONDAY)

    assert account.case.state is CaseState.GRACE
    assert account.alerts != []


def test_a_grace_of_zero_days_that_waits_for_the_facts_is_told_of_once_it_is_over() -> None:
    account = a_paying_account(terms=terms(plexo_but(grace="0d", reminders=())), situation=Situation(behind=True))

    account.hear(a_failure(), at=MONDAY)
    waiting = account.case.state, list(account.mails)
    account.situation = Situation()
    account.hear()

    assert waiting == (CaseState.GRACE, [])
    assert (account.case.state, account.mails) == (CaseState.ON_HOLD, ["downgraded"])
    assert "account.grace_started" not in account.callbacks


def test_many_accounts_behind_the_breaker_are_one_alert() -> None:
    stage, two = in_grace(situation=Situation(braked=True)), in_grace(situation=Situation(braked=True))
    two.account = replace(two.account, id="org_43")

    stage.wait(MONDAY + 7 * DAY)
    two.wait(MONDAY + 7 * DAY)

    assert stage.done[-1][1].id == two.done[-1][1].id


def test_two_unpaid_invoices_hold_the_subscription_until_both_are_paid() -> None:
    account = in_grace()
    account.hear(a_failure(MONDAY + DAY, key=NEXT_INVOICE), at=MONDAY + DAY)
    account.wait(MONDAY + 9 * DAY)

    account.hear(a_success(MONDAY + 9 * DAY))
    assert account.state.standing is Standing.ON_HOLD
    account.hear(a_success(MONDAY + 9 * DAY, key=NEXT_INVOICE))

    assert account.state.plan == "professional"
    assert account.resumed == [SUB]


def test_the_other_subscription_keeps_its_plan() -> None:
    account = a_paying_account()
    account.hear(a_subscription(key=OTHER, variant=ENTERPRISE))
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 7 * DAY)

    account.hear(a_success(MONDAY + 9 * DAY), at=MONDAY + 9 * DAY)

    assert account.state.plan == "enterprise"
    assert {grant.subscription for grant in account.state.grants} == {SUB, OTHER}


def test_a_first_charge_that_fails_bars_also_where_the_provider_calls_the_subscription_incomplete() -> None:
    account = Stage(now=MONDAY, terms=terms(BITRIX24))
    first = {"reason": BillingReason.INITIAL, "created_at": MONDAY}
    account.hear(a_subscription(Status.EXPIRED, MONDAY, created_at=MONDAY), a_failure(MONDAY, **first))
    barred = account.state
    account.wait(MONDAY + 40 * DAY)
    still = account.state
    at = MONDAY + 40 * DAY
    account.hear(an_invoice(at, InvoiceStatus.VOID, **first))

    assert (barred.standing, barred.access) == (Standing.ON_HOLD, Access.NONE)
    assert (still.standing, still.access) == (Standing.ON_HOLD, Access.NONE)
    assert (account.state.standing, account.state.access) == (Standing.GOOD, Access.FREE)


def test_a_reinstatement_lifts_the_bar_and_a_waiver_ends_it() -> None:
    account = a_paying_account(terms=terms(BITRIX24))
    account.hear(a_failure(), at=MONDAY)
    account.wait(MONDAY + 40 * DAY)
    at = account.now
    account.hear(an_override(OverrideKind.REINSTATE, at, at + 5 * DAY))
    lifted = account.state
    account.wait(at + 5 * DAY)
    barred = account.state
    account.hear(an_override(OverrideKind.WAIVE, account.now))

    assert (lifted.standing, lifted.access) == (Standing.GOOD, Access.FREE)
    assert (barred.standing, barred.access) == (Standing.ON_HOLD, Access.NONE)
    assert account.state.standing is Standing.GOOD
