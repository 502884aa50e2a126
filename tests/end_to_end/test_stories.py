"""The main job through the front door: deliveries in, standing, mails, callbacks and cancellations out."""

from __future__ import annotations

import random
from datetime import datetime

from tests.end_to_end.instance import Instance, days
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


def bought(instance: Instance, start: datetime, **told: object) -> Purchase:
    """A customer who has paid for thirty days that end at `start`."""
    purchase = instance.purchase(began=start - days(30), **told)
    paid = start - days(30)
    first = subscription_payment_success(
        at=paid, purchase=purchase, id=purchase.invoice + 50, billing_reason="initial", created_at=paid
    )
    created = subscription_created(at=paid, purchase=purchase)
    instance.provider.add(created)
    instance.deliver_event(order_created(at=paid, purchase=purchase), first, created)
    return purchase


def fails(instance: Instance, purchase: Purchase, at: datetime) -> None:
    """The renewal fails and the provider calls the subscription past due."""
    instance.provider.change(purchase.subscription, status="past_due")
    instance.deliver_event(
        subscription_payment_failed(at=at, purchase=purchase),
        subscription_updated(at=at, purchase=purchase, status="past_due"),
    )


def test_who_wrote_to_support_before_a_chargeback_is_not_suspended_10(instance: Instance, start: datetime) -> None:
    wrote, called = bought(instance, start + days(20)), bought(instance, start + days(20))
    path = f"/v1/accounts/{wrote.account}/contacts"
    day = (start - days(3)).date().isoformat()

    noted = instance.post(
        path, {"channel": "mail", "date": day, "payment_id": str(wrote.order), "reason": "a question"}
    )
    wrong = [
        instance.post(path, {"channel": "mail", "date": "2031-01-01", "reason": "x"}).status_code,
        instance.post(path, {"channel": "pigeon", "reason": "x"}).status_code,
        instance.post(path, {"channel": "mail", "payment_id": "99", "reason": "x"}).status_code,
        instance.post(path, {"channel": "mail"}).status_code,
    ]
    instance.deliver_event(dispute_created(at=start, purchase=wrote), dispute_created(at=start, purchase=called))
    suspended = instance.account(called)
    recalled = ("--channel", "phone", "--date", day, "--reason", "asked about the invoice")
    instance.cli("account", "contact", str(called.account), *recalled)
    instance.settle()

    assert (noted.status_code, noted.json()["channel"], noted.json()["payment_id"]) == (201, "mail", str(wrote.order))
    assert wrong == [422, 422, 404, 422]
    assert (instance.account(wrote)["standing"], instance.account(wrote)["access"]) == ("good", "full")
    assert [item["id"] for item in instance.account(wrote)["contacts"]] == [noted.json()["id"]]
    assert suspended["standing"] == "suspended"
    assert (instance.account(called)["standing"], instance.account(called)["access"]) == ("good", "full")
    assert instance.run("replay", "--shuffle")[0] == 0


def test_a_failed_renewal_opens_seven_days_of_grace_and_a_second_failure_leaves_the_deadline(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)

    fails(instance, purchase, start)
    instance.advance_to(start + days(2))
    instance.deliver_event(subscription_payment_failed(at=start + days(2), purchase=purchase))

    account = instance.account(purchase)
    assert (account["standing"], account["access"], account["plan"]) == ("grace", "full", "professional")
    assert datetime.fromisoformat(account["grace_ends_at"]) == start + days(7)
    assert account["dunning_cases"][0]["failures"] == 2
    assert instance.callbacks_received(purchase).count("account.grace_started") == 1


def test_unpaid_after_seven_days_the_subscription_is_cancelled_and_the_account_is_on_the_free_plan(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)

    instance.advance_to(start + days(7))

    account = instance.account(purchase)
    assert (account["standing"], account["access"], account["plan"]) == ("on_hold", "free", "free")
    assert instance.mails(purchase) == ["grace_reminder", "grace_reminder", "grace_warning", "downgraded"]
    assert instance.callbacks_received(purchase).count("account.downgraded") == 1
    assert instance.callbacks_received(purchase).count("account.grace_warning") == 1
    assert instance.provider.calls.count(f"DELETE /v1/subscriptions/{purchase.subscription}") == 1


def test_our_own_cancellation_that_comes_back_leaves_the_case_on_hold(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    instance.advance_to(start + days(7))

    ends = start + days(10)
    instance.deliver_event(subscription_cancelled(at=start + days(7), purchase=purchase, ends_at=ends))

    account = instance.account(purchase)
    assert (account["standing"], account["plan"]) == ("on_hold", "free")


def test_a_recovery_on_the_third_day_leaves_nothing_behind(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    instance.advance_to(start + days(3))

    instance.provider.change(purchase.subscription, status="active")
    instance.deliver_event(
        subscription_payment_recovered(at=start + days(3), purchase=purchase),
        subscription_payment_success(at=start + days(3), purchase=purchase),
        subscription_updated(at=start + days(3), purchase=purchase, status="active"),
    )
    instance.advance_to(start + days(8))

    account = instance.account(purchase)
    assert (account["standing"], account["plan"]) == ("good", "professional")
    assert {timer["kind"] for timer in account["timers"]} <= {"renewal_overdue"}
    assert instance.provider.calls.count(f"DELETE /v1/subscriptions/{purchase.subscription}") == 0
    assert instance.mails(purchase) == ["grace_reminder", "recovered"]


def test_a_payment_on_the_ninth_day_brings_the_paid_plan_back_and_takes_our_cancellation_back(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)
    fails(instance, purchase, start)
    instance.advance_to(start + days(7))
    instance.deliver_event(subscription_cancelled(at=start + days(7), purchase=purchase, ends_at=start + days(10)))
    instance.advance_to(start + days(9))

    instance.deliver_event(
        subscription_payment_success(at=start + days(9), purchase=purchase),
        subscription_payment_recovered(at=start + days(9), purchase=purchase),
    )

    account = instance.account(purchase)
    assert (account["standing"], account["plan"], account["access"]) == ("good", "professional", "full")
    assert f"PATCH /v1/subscriptions/{purchase.subscription}" in instance.provider.calls
    assert instance.callbacks_received(purchase)[-1] == "account.recovered"


def test_a_success_delivered_before_its_failure_opens_no_case(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)

    instance.deliver_event(subscription_payment_success(at=start + days(1), purchase=purchase))
    instance.deliver_event(subscription_payment_failed(at=start, purchase=purchase))

    account = instance.account(purchase)
    assert (account["standing"], account["dunning_cases"]) == ("good", [])
    assert {timer["kind"] for timer in account["timers"]} <= {"renewal_overdue"}


def test_a_story_told_in_any_order_and_twice_ends_the_same(instance: Instance, start: datetime) -> None:
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
        purchase = instance.purchase(began=start - days(30))
        stated = [*story(purchase), *story(purchase)]
        random.Random(seed).shuffle(stated)
        instance.deliver_event(*stated)
        account = instance.account(purchase)
        seen.append({key: account[key] for key in ("standing", "plan", "access", "dunning_cases", "timers")})

    assert seen == [seen[0]] * 6
    assert seen[0]["standing"] == "good"


def test_a_chargeback_suspends_at_once_and_a_won_one_releases_exactly_that(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)

    instance.deliver_event(dispute_created(at=start, purchase=purchase))
    suspended = instance.account(purchase)
    instance.advance_to(start + days(2))
    instance.deliver_event(dispute_resolved(at=start + days(2), purchase=purchase, status="won"))

    assert (suspended["standing"], suspended["access"], suspended["plan"]) == ("suspended", "none", "free")
    account = instance.account(purchase)
    assert (account["standing"], account["access"], account["holds"]) == ("good", "full", [])
    assert [
        kind
        for kind in instance.callbacks_received(purchase)
        if kind.startswith(("account.s", "account.r", "account.d"))
    ] == [
        "account.suspended",
        "account.dispute_opened",
        "account.reinstated",
    ]
    assert instance.mails(purchase) == ["suspended", "reinstated"]


def test_an_order_called_fraudulent_suspends_its_account(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)

    instance.deliver_event(order_refunded(at=start, purchase=purchase, status="fraudulent"))

    account = instance.account(purchase)
    assert (account["standing"], account["access"]) == ("suspended", "none")


def test_an_operator_opens_and_closes_a_chargeback_by_hand(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)

    opened = instance.cli(
        *("dispute", "open", str(purchase.account), "--amount", "4900", "--currency", "EUR"),
        *("--reason", "told by mail", "--json"),
    )
    instance.settle()
    suspended = instance.account(purchase)
    ident = suspended["disputes"][0]["id"]
    instance.cli("dispute", "close", ident, "--outcome", "won", "--json")
    instance.settle()

    assert opened
    assert (suspended["standing"], suspended["access"]) == ("suspended", "none")
    assert instance.account(purchase)["standing"] == "good"


def test_a_customer_who_had_cancelled_stays_cancelled_after_a_won_chargeback(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start)
    ends = start + days(20)
    instance.provider.change(purchase.subscription, status="cancelled", ends_at=ends, cancelled=True)
    instance.deliver_event(subscription_cancelled(at=start, purchase=purchase, ends_at=ends))

    instance.deliver_event(dispute_created(at=start + days(1), purchase=purchase))
    instance.deliver_event(dispute_resolved(at=start + days(2), purchase=purchase, status="won"))
    instance.advance_to(ends)

    account = instance.account(purchase)
    assert (account["plan"], account["access"], account["standing"]) == ("free", "free", "good")
    assert not [call for call in instance.provider.calls if call.startswith(("PATCH", "DELETE"))]


def test_a_strangers_chargeback_takes_nothing_from_the_accounts_own_buyer(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    stranger = bought(instance, start, account=purchase.account)

    instance.deliver_event(dispute_created(at=start, purchase=stranger))

    account = instance.account(purchase)
    assert (account["plan"], account["access"], account["standing"]) == ("professional", "full", "good")


def test_a_cancelled_subscription_gives_its_plan_to_the_end_of_the_period(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    ends = start + days(12)

    instance.deliver_event(subscription_cancelled(at=start, purchase=purchase, ends_at=ends))
    instance.advance_to(ends - days(1))
    before = instance.account(purchase)
    instance.advance_to(ends)

    assert (before["plan"], before["access"]) == ("professional", "full")
    after = instance.account(purchase)
    assert (after["plan"], after["access"], after["standing"]) == ("free", "free", "good")


def test_a_trial_gives_its_plan_and_cancelling_it_ends_it_with_the_trial(instance: Instance, start: datetime) -> None:
    purchase = instance.purchase(began=start)
    ends = start + days(14)
    instance.deliver_event(subscription_created(at=start, purchase=purchase, status="on_trial", trial_ends_at=ends))
    during = instance.account(purchase)
    (began,) = instance.get(f"/v1/accounts/{purchase.account}/timeline")["decisions"]

    instance.deliver_event(
        subscription_cancelled(at=start + days(1), purchase=purchase, ends_at=ends, trial_ends_at=ends, cancelled=True)
    )
    instance.advance_to(ends)

    assert during["plan"] == "professional"
    assert {timer["kind"] for timer in during["timers"]} == {"trial_end", "renewal_overdue"}
    assert (began["rule"], began["clause"]) == ("subscription.on_trial", "2")
    assert instance.account(purchase)["plan"] == "free"


def test_a_payment_for_a_subscription_nobody_has_heard_of_waits_for_it(instance: Instance, start: datetime) -> None:
    purchase = instance.purchase(began=start - days(30))
    instance.deliver_event(subscription_payment_failed(at=start, purchase=purchase))
    waiting = instance.cli("events", "list", "--state", "waiting", "--json")["events"]

    instance.deliver_event(subscription_created(at=start - days(30), purchase=purchase))

    assert [event["event_name"] for event in waiting] == ["subscription_payment_failed"]
    assert instance.account(purchase)["standing"] == "grace"


def test_of_two_subscriptions_only_the_unpaid_one_is_restricted(instance: Instance, start: datetime) -> None:
    unpaid = bought(instance, start, variant=47002)
    paid = instance.purchase(account=unpaid.account, customer=unpaid.customer, began=start - days(30))
    instance.provider.add(subscription_created(at=start - days(30), purchase=paid))
    instance.deliver_event(subscription_created(at=start - days(30), purchase=paid))

    fails(instance, unpaid, start)
    before = instance.account(unpaid)
    instance.advance_to(start + days(7))

    after = instance.account(unpaid)
    assert (before["plan"], after["plan"]) == ("enterprise", "professional")
    assert (after["access"], after["standing"]) == ("full", "on_hold")
    assert f"DELETE /v1/subscriptions/{paid.subscription}" not in instance.provider.calls
