import pytest

from kulanz.policy.book.own import FirstTime
from kulanz.policy.effects import SendMail
from kulanz.policy.facts import DisputeStatus, OrderStatus, Status
from kulanz.policy.state import Access, Standing
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    MONDAY,
    OTHER,
    OWNER,
    STRANGER,
    SUB,
    Stage,
    a_dispute,
    a_paying_account,
    a_subscription,
    a_success,
    an_order,
    plexo_but,
    terms,
    told_by_operator,
)
from tests.replacing import replace

OPENED = DisputeStatus.OPENED


def shared(**stage) -> Stage:
    """The owner's account, on which a stranger bought something under the same account id."""
    account = a_paying_account(**stage)
    account.hear(a_subscription(key=OTHER, customer=STRANGER, variant=ENTERPRISE, email="stranger@example.com"))
    return account


@pytest.mark.parametrize(
    "fact",
    [
        a_dispute(OPENED, MONDAY, customer=STRANGER),
        a_dispute(DisputeStatus.LOST, MONDAY, customer=STRANGER),
        an_order(OrderStatus.FRAUDULENT, MONDAY, customer=STRANGER),
    ],
)
def test_a_strangers_dispute_takes_nothing_from_the_accounts_own_buyer(fact) -> None:
    account = shared()

    account.hear(fact, at=MONDAY)

    assert (account.state.plan, account.state.access) == ("professional", Access.FULL)
    assert account.state.standing is Standing.GOOD
    assert account.state.deletion_eligible_at is None
    assert account.cancelled == [OTHER]
    assert "dispute_claim" in account.alerts
    assert "account.suspended" not in account.callbacks
    assert "owner@example.com" not in {effect.to for _, effect in account.done if isinstance(effect, SendMail)}


def test_a_strangers_dispute_does_not_reach_further_when_the_owners_subscription_ends() -> None:
    account = shared()
    account.hear(a_subscription(Status.CANCELLED, MONDAY, ends_at=MONDAY + 5 * DAY), at=MONDAY)
    account.hear(a_dispute(OPENED, MONDAY, customer=STRANGER))

    account.wait(MONDAY + 10 * DAY)

    assert account.state.standing is Standing.GOOD
    assert account.state.access is Access.FREE


def test_a_dispute_of_the_only_purchase_holds_the_whole_account() -> None:
    account = a_paying_account()
    account.hear(a_subscription(key=OTHER, variant=ENTERPRISE))

    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)

    assert account.state.access is Access.NONE
    assert sorted(account.cancelled) == [SUB, OTHER]


def test_a_subscription_that_ended_long_before_protects_nobody() -> None:
    account = shared()
    account.hear(a_subscription(Status.EXPIRED, MONDAY - 5 * DAY, ends_at=MONDAY - 5 * DAY), at=MONDAY - 5 * DAY)

    account.hear(a_dispute(OPENED, MONDAY, customer=STRANGER), at=MONDAY)

    assert account.state.access is Access.NONE


def test_who_came_first_decides_nothing() -> None:
    account = Stage()
    account.hear(a_subscription(key=OTHER, customer=STRANGER))
    account.hear(a_subscription(at=MONDAY), at=MONDAY)

    account.hear(a_dispute(OPENED, MONDAY, customer=STRANGER))

    assert account.state.plan == "professional"


def test_a_claim_that_the_merchant_signed_reaches_the_whole_account() -> None:
    account = shared()

    account.hear(a_dispute(OPENED, MONDAY, signed=True), at=MONDAY)

    assert account.state.access is Access.NONE
    assert account.cancelled == [SUB]


def test_a_subscription_that_the_merchant_signed_lets_its_buyers_dispute_reach_the_account() -> None:
    account = shared()
    account.hear(a_subscription(at=MONDAY - DAY, signed=True))

    account.hear(a_dispute(OPENED, MONDAY, customer=OWNER), at=MONDAY)

    assert account.state.access is Access.NONE


def test_an_operator_reaches_the_whole_account() -> None:
    account = shared()

    account.hear(told_by_operator(OPENED, MONDAY), at=MONDAY)

    assert account.state.access is Access.NONE


def test_a_providers_dispute_of_nobody_we_know_reaches_nobody() -> None:
    account = shared()

    account.hear(a_dispute(OPENED, MONDAY, customer=None), at=MONDAY)

    assert account.state.plan == "enterprise"
    assert "dispute_claim" in account.alerts


@pytest.mark.parametrize("customer", [STRANGER, "lemonsqueezy:nobody"])
def test_a_strangers_dispute_takes_nothing_under_a_policy_of_single_subscriptions_either(customer: str) -> None:
    account = a_paying_account(terms=terms(plexo_but(dispute={"scope": "subscription"})))

    account.hear(a_dispute(OPENED, MONDAY, customer=customer), at=MONDAY)

    assert account.state.plan == "professional"


def test_a_strangers_dispute_freezes_only_their_own_case() -> None:
    account = shared()
    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)

    account.hear(a_dispute(OPENED, MONDAY, customer=STRANGER))

    assert account.case.frozen_since is None


def test_a_failure_touches_only_its_own_subscription() -> None:
    account = shared()

    account.hear(a_subscription(Status.PAST_DUE, MONDAY, key=OTHER, customer=STRANGER, variant=ENTERPRISE), at=MONDAY)
    account.wait(MONDAY + 10 * DAY)

    assert account.state.plan == "professional"


def test_a_fraudulent_order_that_gave_no_plan_counts_and_makes_no_data_deletable() -> None:
    account = Stage(now=MONDAY)

    account.hear(an_order(OrderStatus.FRAUDULENT, MONDAY))

    assert (account.state.standing, account.state.access) == (Standing.SUSPENDED, Access.FREE)
    assert account.state.deletion_eligible_at is None


def test_a_stranger_who_wins_gets_only_their_own_back() -> None:
    account = shared()
    account.hear(a_dispute(OPENED, MONDAY, customer=STRANGER), at=MONDAY)

    account.hear(a_dispute(DisputeStatus.WON, MONDAY + DAY, customer=STRANGER), at=MONDAY + DAY)

    assert account.state.plan == "enterprise"
    assert account.resumed == [OTHER]
    assert "account.reinstated" not in account.callbacks


def test_a_dispute_that_names_no_purchase_of_a_customer_with_several_is_for_operators_to_decide() -> None:
    account = a_paying_account()
    account.hear(a_subscription(key=OTHER, order="lemonsqueezy:8", variant=ENTERPRISE))

    account.hear(a_dispute(OPENED, MONDAY), at=MONDAY)

    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "enterprise")
    assert (account.cancelled, account.alerts) == ([], ["dispute_claim"])


@pytest.mark.parametrize("named", [{"subscription": OTHER}, {"order": "lemonsqueezy:8"}])
def test_a_dispute_takes_the_purchase_that_it_names_and_leaves_the_other(named: dict[str, str]) -> None:
    account = a_paying_account()
    account.hear(a_subscription(key=OTHER, order="lemonsqueezy:8", variant=ENTERPRISE))

    account.hear(a_dispute(OPENED, MONDAY, **named), at=MONDAY)

    assert (account.state.standing, account.state.plan) == (Standing.SUSPENDED, "professional")
    assert (account.cancelled, account.alerts) == ([OTHER], ["dispute_claim"])


def test_what_a_trial_or_an_unpaid_subscription_gives_protects_no_account_from_its_own_dispute() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.ON_TRIAL, key=OTHER, order="lemonsqueezy:8"))

    account.hear(a_dispute(OPENED, MONDAY, subscription=SUB), at=MONDAY)

    assert account.state.access is Access.NONE


def test_a_trial_that_something_was_paid_for_protects_the_account_like_any_paid_subscription() -> None:
    account = a_paying_account()
    account.hear(a_subscription(Status.ON_TRIAL, key=OTHER, order="lemonsqueezy:8"))
    account.hear(a_success(MONDAY - DAY, subscription=OTHER, key="lemonsqueezy:1140009"))

    account.hear(a_dispute(OPENED, MONDAY, subscription=SUB), at=MONDAY)

    assert account.state.access is not Access.NONE


def test_the_signature_of_one_purchase_says_nothing_of_another_of_the_same_customer() -> None:
    account = Stage()
    account.hear(a_subscription(signed=True))
    account.hear(an_order(OrderStatus.PAID, MONDAY - DAY, key="lemonsqueezy:8", variant=None))

    account.hear(an_order(OrderStatus.FRAUDULENT, MONDAY, key="lemonsqueezy:8"), at=MONDAY)

    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")
    assert account.alerts == ["dispute_claim"]


def test_a_signed_customer_in_a_book_from_before_lends_no_reach() -> None:
    account = shared()
    old = replace(account.account.book, signed={STRANGER: FirstTime(at=MONDAY)})
    account.account = replace(account.account, book=old)

    account.hear(a_dispute(OPENED, MONDAY, customer=STRANGER), at=MONDAY)

    assert account.state.plan == "professional"


def test_a_claim_in_grace_is_known_to_operators_and_no_news_of_the_account() -> None:
    account = shared()
    own = {"key": OTHER, "customer": STRANGER, "variant": ENTERPRISE, "email": "stranger@example.com"}

    account.hear(a_subscription(Status.PAST_DUE, MONDAY, **own), at=MONDAY)
    account.wait(MONDAY + 8 * DAY)

    assert [topic for topic in account.alerts if topic != "renewal_overdue"] == ["dunning_claim"]
    assert (account.state.standing, account.state.plan) == (Standing.GOOD, "professional")
    assert set(account.callbacks) == {"account.entitlement_changed"}
    assert account.mails == ["grace_reminder", "grace_reminder", "grace_warning", "downgraded"]


def test_the_warning_of_a_claim_is_mailed_where_the_product_would_have_to_hear_it() -> None:
    account = shared(terms=terms(plexo_but(warn_by="callback")), callback=None)
    own = {"key": OTHER, "customer": STRANGER, "variant": ENTERPRISE, "email": "stranger@example.com"}

    account.hear(a_subscription(Status.PAST_DUE, MONDAY, **own), at=MONDAY)
    account.wait(MONDAY + 8 * DAY)

    assert account.state.plan == "professional"


def test_two_unpaid_subscriptions_of_one_customer_bar_the_account_where_unpaid_is_barred() -> None:
    account = a_paying_account(terms=terms(plexo_but(grace="0d", reminders=(), hold_access="none")))
    account.hear(a_subscription(key=OTHER, order="lemonsqueezy:8"))

    account.hear(a_subscription(Status.PAST_DUE, MONDAY), at=MONDAY)
    one = account.state.access
    account.hear(a_subscription(Status.PAST_DUE, MONDAY + DAY, key=OTHER, order="lemonsqueezy:8"), at=MONDAY + DAY)

    assert (one, account.state.access) == (Access.FULL, Access.NONE)
