import pytest

from kulanz.policy.document import Policy
from kulanz.policy.facts import BillingReason, Stamp, Status
from kulanz.policy.state import FREE, Access, Standing
from kulanz.queries.sentences import sentence
from kulanz.store.codec import change_document
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    HOUR,
    MONDAY,
    OTHER,
    PLEXO,
    PRO,
    SEATS,
    Stage,
    a_paying_account,
    a_subscription,
    a_success,
    terms,
)
from tests.replacing import replace


@pytest.mark.parametrize(
    ("status", "told", "plan"),
    [
        (Status.ON_TRIAL, {"trial_ends_at": MONDAY + 14 * DAY}, "professional"),
        (Status.ACTIVE, {}, "professional"),
        (Status.PAST_DUE, {}, "professional"),
        (Status.UNPAID, {}, "professional"),
        (Status.CANCELLED, {"ends_at": MONDAY + DAY}, "professional"),
        (Status.CANCELLED, {"ends_at": MONDAY}, FREE),
        (Status.EXPIRED, {"ends_at": MONDAY}, FREE),
        (Status.PAUSED, {"pause_mode": "free"}, "professional"),
        (Status.PAUSED, {"pause_mode": "void"}, FREE),
    ],
)
def test_each_status_gives_its_plan_or_none(status: Status, told, plan: str) -> None:
    account = Stage(now=MONDAY)

    account.hear(a_subscription(status, MONDAY, **told))

    assert account.state.plan == plan


def test_of_several_plans_the_highest_counts() -> None:
    account = Stage(now=MONDAY)

    account.hear(a_subscription(variant=ENTERPRISE), a_subscription(key=OTHER, variant=PRO))

    assert account.state.plan == "enterprise"


def test_add_ons_stand_beside_the_plan() -> None:
    account = Stage(now=MONDAY)

    account.hear(a_subscription(), a_subscription(key=OTHER, variant=SEATS))

    assert (account.state.plan, account.state.add_ons) == ("professional", ("seats",))


def test_an_unmapped_variant_is_its_products_slug_just_above_free() -> None:
    account = Stage(now=MONDAY)

    account.hear(a_subscription(variant="lemonsqueezy:1", product="starter"))
    assert account.state.plan == "starter"
    account.hear(a_subscription(key=OTHER))

    assert account.state.plan == "professional"


def test_the_trial_gives_the_plan_and_costs_nothing_2() -> None:
    account = Stage(now=MONDAY)

    decision = account.hear(a_subscription(Status.ON_TRIAL, MONDAY, created_at=MONDAY, trial_ends_at=MONDAY + 14 * DAY))

    assert (account.state.plan, account.state.standing) == ("professional", Standing.GOOD)
    assert ("trial_end", MONDAY + 14 * DAY) in [(timer.kind, timer.due_at) for timer in account.state.timers]
    assert decision.principal is not None
    assert (decision.principal.rule, decision.principal.clause) == ("subscription.on_trial", "2")
    assert "plan.given" in [change.rule for change in decision.changes]


def test_a_trial_of_another_plan_is_none_that_the_clause_speaks_of_2() -> None:
    account = Stage(now=MONDAY)
    end = MONDAY + 14 * DAY
    account.hear(a_subscription(Status.ON_TRIAL, MONDAY, variant=ENTERPRISE, trial_ends_at=end))

    account.hear(
        a_subscription(Status.CANCELLED, MONDAY + DAY, variant=ENTERPRISE, trial_ends_at=end, ends_at=end),
        at=MONDAY + DAY,
    )
    account.wait(end)

    assert account.state.plan == FREE
    assert "2" not in {clause for _, clause in account.rules}


def test_a_trial_cancelled_in_time_runs_to_its_end_and_is_then_free_2() -> None:
    account = Stage(now=MONDAY)
    end = MONDAY + 14 * DAY
    account.hear(a_subscription(Status.ON_TRIAL, MONDAY, trial_ends_at=end, created_at=MONDAY))

    account.hear(
        a_subscription(Status.CANCELLED, MONDAY + DAY, trial_ends_at=end, ends_at=end, created_at=MONDAY),
        at=MONDAY + DAY,
    )
    assert account.state.plan == "professional"
    account.wait(end)

    assert account.state.plan == FREE
    assert ("plan.ended", "2") in account.rules


def test_a_trial_that_is_not_cancelled_bills_by_itself_and_goes_on_2() -> None:
    account = Stage(now=MONDAY)
    account.hear(a_subscription(Status.ON_TRIAL, MONDAY, trial_ends_at=MONDAY + 14 * DAY))

    account.hear(a_subscription(at=MONDAY + 14 * DAY), at=MONDAY + 14 * DAY)
    account.wait(MONDAY + 20 * DAY)

    assert account.state.plan == "professional"


def test_cancelling_keeps_access_to_the_end_of_the_period_4() -> None:
    account = a_paying_account()

    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=MONDAY + 20 * DAY), at=MONDAY)
    assert account.state.access is Access.FULL
    assert ("subscription.cancelled", "4") in account.rules
    account.wait(MONDAY + 20 * DAY - HOUR)
    assert account.state.access is Access.FULL
    account.wait(MONDAY + 20 * DAY)

    assert (account.state.access, account.state.standing) == (Access.FREE, Standing.GOOD)
    assert ("plan.ended", "4") in account.rules
    assert account.callbacks[-1] == "account.entitlement_changed"


def test_a_cancellation_taken_back_in_time_ends_nothing_4() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=MONDAY + 20 * DAY), at=MONDAY)

    account.hear(a_subscription(at=MONDAY + 2 * DAY), at=MONDAY + 2 * DAY)
    account.wait(MONDAY + 25 * DAY)

    assert account.state.plan == "professional"


def downgraded(policy: Policy = PLEXO) -> Stage:
    account = Stage(now=MONDAY, terms=terms(policy))
    account.hear(a_subscription(at=MONDAY, variant=ENTERPRISE, renews_at=MONDAY + 30 * DAY))
    account.hear(a_subscription(at=MONDAY + DAY, variant=PRO, renews_at=MONDAY + 31 * DAY), at=MONDAY + DAY)
    return account


def test_a_downgrade_takes_effect_at_the_end_of_the_period_5_2() -> None:
    account = downgraded()

    assert account.state.plan == "enterprise"
    assert ("plan.downgrade_scheduled", "5.2") in account.rules
    account.wait(MONDAY + 30 * DAY)

    assert account.state.plan == "professional"
    assert ("plan.lowered", "5.2") in account.rules


@pytest.mark.parametrize("paid", [False, True])
def test_a_lower_plan_in_a_trial_is_told_as_paid_for_only_where_something_was_paid(*, paid: bool) -> None:
    account = Stage(now=MONDAY)
    trial = {"status": Status.ON_TRIAL, "renews_at": MONDAY + 14 * DAY, "trial_ends_at": MONDAY + 14 * DAY}
    account.hear(a_subscription(at=MONDAY, variant=ENTERPRISE, **trial))
    if paid:
        account.hear(a_success(MONDAY, reason=BillingReason.INITIAL, created_at=MONDAY))

    account.hear(a_subscription(at=MONDAY + DAY, variant=PRO, **trial), at=MONDAY + DAY)

    changes = (change for decision in account.decisions for change in decision.changes)
    lines = [sentence(change_document(change)) for change in changes if "downgrade" in change.rule]
    assert [("is paid for" in line) for line in lines] == [paid]


def test_an_upgrade_takes_effect_at_once_5_1() -> None:
    account = Stage(now=MONDAY)
    account.hear(a_subscription(at=MONDAY, renews_at=MONDAY + 30 * DAY))

    account.hear(a_subscription(at=MONDAY + DAY, variant=ENTERPRISE, renews_at=MONDAY + 30 * DAY), at=MONDAY + DAY)

    assert account.state.plan == "enterprise"
    assert ("plan.raised", "5.1") in account.rules


def test_a_policy_may_lower_at_once() -> None:
    at_once = replace(PLEXO, plan_change=replace(PLEXO.plan_change, downgrade="at_once"))

    assert downgraded(at_once).state.plan == "professional"


def test_a_downgrade_taken_back_leaves_the_higher_plan() -> None:
    account = downgraded()

    account.hear(
        a_subscription(at=MONDAY + 2 * DAY, variant=ENTERPRISE, renews_at=MONDAY + 30 * DAY), at=MONDAY + 2 * DAY
    )
    account.wait(MONDAY + 40 * DAY)

    assert account.state.plan == "enterprise"


def test_the_next_charge_attempt_of_an_unpaid_plan_keeps_no_higher_plan() -> None:
    account = Stage(now=MONDAY)
    account.hear(a_subscription(at=MONDAY - DAY, variant=ENTERPRISE, renews_at=MONDAY))
    account.hear(a_subscription(Status.PAST_DUE, MONDAY, variant=ENTERPRISE, renews_at=MONDAY + 4 * DAY))

    account.hear(a_subscription(at=MONDAY + DAY, variant=PRO, renews_at=MONDAY + 30 * DAY), at=MONDAY + DAY)

    assert account.state.plan == "professional"


def test_a_downgraded_subscription_that_expires_gives_nothing() -> None:
    account = downgraded()

    account.hear(a_subscription(Status.EXPIRED, MONDAY + 3 * DAY, variant=PRO), at=MONDAY + 3 * DAY)

    assert account.state.plan == FREE


def test_an_older_snapshot_changes_nothing() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.EXPIRED, MONDAY, ends_at=MONDAY), at=MONDAY)

    account.hear(a_subscription(at=MONDAY - DAY))

    assert account.state.plan == FREE


def test_at_a_tie_the_event_that_ranks_higher_counts() -> None:
    account = Stage(now=MONDAY)

    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=MONDAY), a_subscription(stamp=Stamp(MONDAY, 1)))

    assert account.state.plan == FREE


def test_the_version_of_the_entitlement_grows_with_its_changes_only() -> None:
    account = Stage(now=MONDAY)
    account.hear(a_subscription(), a_subscription(key=OTHER, variant=SEATS))
    version = account.account.version

    account.account = replace(account.account, add_ons=())
    decision = account.jump(MONDAY + DAY)

    assert account.account.version == version
    assert not decision.changed
