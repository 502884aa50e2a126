"""The main job through the front door: deliveries in, standing, mails, callbacks and cancellations out."""

from __future__ import annotations

import random
from datetime import datetime

from tests.lemonsqueezy import (
    Payload,
    Purchase,
    dispute_created,
    dispute_resolved,
    order_created,
    order_refunded,
    subscription_cancelled,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_payment_success,
    subscription_updated,
)
from tests.walk.house import House, days


def bought(house: House, start: datetime, **told: object) -> Purchase:
    """A customer who has paid for thirty days that end at `start`."""
    purchase = house.purchase(began=start - days(30), **told)
    paid = start - days(30)
    first = subscription_payment_success(
        at=paid, purchase=purchase, id=purchase.invoice + 50, billing_reason="initial", created_at=paid
    )
    created = subscription_created(at=paid, purchase=purchase)
    house.provider.add(created)
    house.tell(order_created(at=paid, purchase=purchase), first, created)
    return purchase


def fails(house: House, purchase: Purchase, at: datetime) -> None:
    """The renewal fails and the provider calls the subscription past due."""
    house.provider.change(purchase.subscription, status="past_due")
    house.tell(
        subscription_payment_failed(at=at, purchase=purchase),
        subscription_updated(at=at, purchase=purchase, status="past_due"),
    )


def test_a_failed_renewal_opens_seven_days_of_grace_and_a_second_failure_leaves_the_deadline(
    house: House, start: datetime
) -> None:
    purchase = bought(house, start)

    fails(house, purchase, start)
    house.advance_to(start + days(2))
    house.tell(subscription_payment_failed(at=start + days(2), purchase=purchase))

    account = house.account(purchase)
    assert (account["standing"], account["access"], account["plan"]) == ("grace", "full", "professional")
    assert datetime.fromisoformat(account["grace_ends_at"]) == start + days(7)
    assert account["dunning_cases"][0]["failures"] == 2
    assert house.heard(purchase).count("account.grace_started") == 1


def test_unpaid_after_seven_days_the_subscription_is_cancelled_and_the_account_is_on_the_free_plan(
    house: House, start: datetime
) -> None:
    purchase = bought(house, start)
    fails(house, purchase, start)

    house.advance_to(start + days(7))

    account = house.account(purchase)
    assert (account["standing"], account["access"], account["plan"]) == ("on_hold", "free", "free")
    assert house.mails(purchase) == ["grace_reminder", "grace_reminder", "grace_warning", "downgraded"]
    assert house.heard(purchase).count("account.downgraded") == 1
    assert house.heard(purchase).count("account.grace_warning") == 1
    assert house.provider.calls.count(f"DELETE /v1/subscriptions/{purchase.subscription}") == 1


def test_our_own_cancellation_that_comes_back_leaves_the_case_on_hold(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    fails(house, purchase, start)
    house.advance_to(start + days(7))

    ends = start + days(10)
    house.tell(subscription_cancelled(at=start + days(7), purchase=purchase, ends_at=ends))

    account = house.account(purchase)
    assert (account["standing"], account["plan"]) == ("on_hold", "free")


def test_a_recovery_on_the_third_day_leaves_nothing_behind(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    fails(house, purchase, start)
    house.advance_to(start + days(3))

    house.provider.change(purchase.subscription, status="active")
    house.tell(
        subscription_payment_recovered(at=start + days(3), purchase=purchase),
        subscription_payment_success(at=start + days(3), purchase=purchase),
        subscription_updated(at=start + days(3), purchase=purchase, status="active"),
    )
    house.advance_to(start + days(8))

    account = house.account(purchase)
    assert (account["standing"], account["plan"], account["timers"]) == ("good", "professional", [])
    assert house.provider.calls.count(f"DELETE /v1/subscriptions/{purchase.subscription}") == 0
    assert house.mails(purchase) == ["grace_reminder", "recovered"]


def test_a_payment_on_the_ninth_day_brings_the_paid_plan_back_and_takes_our_cancellation_back(
    house: House, start: datetime
) -> None:
    purchase = bought(house, start)
    fails(house, purchase, start)
    house.advance_to(start + days(7))
    house.tell(subscription_cancelled(at=start + days(7), purchase=purchase, ends_at=start + days(10)))
    house.advance_to(start + days(9))

    house.tell(
        subscription_payment_success(at=start + days(9), purchase=purchase),
        subscription_payment_recovered(at=start + days(9), purchase=purchase),
    )

    account = house.account(purchase)
    assert (account["standing"], account["plan"], account["access"]) == ("good", "professional", "full")
    assert f"PATCH /v1/subscriptions/{purchase.subscription}" in house.provider.calls
    assert house.heard(purchase)[-1] == "account.recovered"


def test_a_success_delivered_before_its_failure_opens_no_case(house: House, start: datetime) -> None:
    purchase = bought(house, start)

    house.tell(subscription_payment_success(at=start + days(1), purchase=purchase))
    house.tell(subscription_payment_failed(at=start, purchase=purchase))

    account = house.account(purchase)
    assert (account["standing"], account["dunning_cases"], account["timers"]) == ("good", [], [])


def test_a_story_told_in_any_order_and_twice_ends_the_same(house: House, start: datetime) -> None:
    def story(purchase: Purchase) -> list[Payload]:
        return [
            order_created(at=start - days(30), purchase=purchase),
            subscription_created(at=start - days(30), purchase=purchase),
            subscription_payment_failed(at=start, purchase=purchase),
            subscription_updated(at=start, purchase=purchase, status="past_due"),
            subscription_payment_failed(at=start + days(3), purchase=purchase),
            subscription_payment_recovered(at=start + days(4), purchase=purchase),
            subscription_payment_success(at=start + days(4), purchase=purchase),
            subscription_updated(at=start + days(4), purchase=purchase, status="active"),
        ]

    seen = []
    for seed in range(6):
        purchase = house.purchase(began=start - days(30))
        told = [*story(purchase), *story(purchase)]
        random.Random(seed).shuffle(told)
        house.tell(*told)
        account = house.account(purchase)
        seen.append({key: account[key] for key in ("standing", "plan", "access", "dunning_cases", "timers")})

    assert seen == [seen[0]] * 6
    assert seen[0]["standing"] == "good"


def test_a_chargeback_suspends_at_once_and_a_won_one_releases_exactly_that(house: House, start: datetime) -> None:
    purchase = bought(house, start)

    house.tell(dispute_created(at=start, purchase=purchase))
    suspended = house.account(purchase)
    house.advance_to(start + days(2))
    house.tell(dispute_resolved(at=start + days(2), purchase=purchase, status="won"))

    assert (suspended["standing"], suspended["access"], suspended["plan"]) == ("suspended", "none", "free")
    account = house.account(purchase)
    assert (account["standing"], account["access"], account["holds"]) == ("good", "full", [])
    assert [kind for kind in house.heard(purchase) if kind.startswith(("account.s", "account.r", "account.d"))] == [
        "account.suspended",
        "account.dispute_opened",
        "account.reinstated",
    ]
    assert house.mails(purchase) == ["suspended", "reinstated"]


def test_an_order_called_fraudulent_suspends_its_account(house: House, start: datetime) -> None:
    purchase = bought(house, start)

    house.tell(order_refunded(at=start, purchase=purchase, status="fraudulent"))

    account = house.account(purchase)
    assert (account["standing"], account["access"]) == ("suspended", "none")


def test_an_operator_opens_and_closes_a_chargeback_by_hand(house: House, start: datetime) -> None:
    purchase = bought(house, start)

    opened = house.cli(
        *("dispute", "open", str(purchase.account), "--amount", "4900", "--currency", "EUR"),
        *("--reason", "told by mail", "--json"),
    )
    house.settle()
    suspended = house.account(purchase)
    ident = suspended["disputes"][0]["id"]
    house.cli("dispute", "close", ident, "--outcome", "won", "--json")
    house.settle()

    assert opened
    assert (suspended["standing"], suspended["access"]) == ("suspended", "none")
    assert house.account(purchase)["standing"] == "good"


def test_a_customer_who_had_cancelled_stays_cancelled_after_a_won_chargeback(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    ends = start + days(20)
    house.provider.change(purchase.subscription, status="cancelled", ends_at=ends, cancelled=True)
    house.tell(subscription_cancelled(at=start, purchase=purchase, ends_at=ends))

    house.tell(dispute_created(at=start + days(1), purchase=purchase))
    house.tell(dispute_resolved(at=start + days(2), purchase=purchase, status="won"))
    house.advance_to(ends)

    account = house.account(purchase)
    assert (account["plan"], account["access"], account["standing"]) == ("free", "free", "good")
    assert not [call for call in house.provider.calls if call.startswith(("PATCH", "DELETE"))]


def test_a_strangers_chargeback_takes_nothing_from_the_accounts_own_buyer(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    stranger = bought(house, start, account=purchase.account)

    house.tell(dispute_created(at=start, purchase=stranger))

    account = house.account(purchase)
    assert (account["plan"], account["access"], account["standing"]) == ("professional", "full", "good")


def test_a_cancelled_subscription_gives_its_plan_to_the_end_of_the_period(house: House, start: datetime) -> None:
    purchase = bought(house, start)
    ends = start + days(12)

    house.tell(subscription_cancelled(at=start, purchase=purchase, ends_at=ends))
    house.advance_to(ends - days(1))
    before = house.account(purchase)
    house.advance_to(ends)

    assert (before["plan"], before["access"]) == ("professional", "full")
    after = house.account(purchase)
    assert (after["plan"], after["access"], after["standing"]) == ("free", "free", "good")


def test_a_trial_gives_its_plan_and_cancelling_it_ends_it_with_the_trial(house: House, start: datetime) -> None:
    purchase = house.purchase(began=start)
    ends = start + days(14)
    house.tell(subscription_created(at=start, purchase=purchase, status="on_trial", trial_ends_at=ends))
    during = house.account(purchase)
    (began,) = house.get(f"/v1/accounts/{purchase.account}/timeline")["decisions"]

    house.tell(
        subscription_cancelled(at=start + days(1), purchase=purchase, ends_at=ends, trial_ends_at=ends, cancelled=True)
    )
    house.advance_to(ends)

    assert during["plan"] == "professional"
    assert {timer["kind"] for timer in during["timers"]} == {"trial_end"}
    assert (began["rule"], began["clause"]) == ("subscription.on_trial", "2")
    assert house.account(purchase)["plan"] == "free"


def test_a_payment_for_a_subscription_nobody_has_heard_of_waits_for_it(house: House, start: datetime) -> None:
    purchase = house.purchase(began=start - days(30))
    house.tell(subscription_payment_failed(at=start, purchase=purchase))
    waiting = house.cli("events", "list", "--state", "waiting", "--json")["events"]

    house.tell(subscription_created(at=start - days(30), purchase=purchase))

    assert [event["event_name"] for event in waiting] == ["subscription_payment_failed"]
    assert house.account(purchase)["standing"] == "grace"


def test_of_two_subscriptions_only_the_unpaid_one_is_restricted(house: House, start: datetime) -> None:
    unpaid = bought(house, start, variant=47002)
    paid = house.purchase(account=unpaid.account, customer=unpaid.customer, began=start - days(30))
    house.provider.add(subscription_created(at=start - days(30), purchase=paid))
    house.tell(subscription_created(at=start - days(30), purchase=paid))

    fails(house, unpaid, start)
    before = house.account(unpaid)
    house.advance_to(start + days(7))

    after = house.account(unpaid)
    assert (before["plan"], after["plan"]) == ("enterprise", "professional")
    assert (after["access"], after["standing"]) == ("full", "on_hold")
    assert f"DELETE /v1/subscriptions/{paid.subscription}" not in house.provider.calls
