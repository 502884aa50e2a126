"""No act reaches further than what was bought: strangers, claims and signatures through the front door."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.end_to_end.instance import Instance, an_instance_on_its_database, days
from tests.end_to_end.test_stories import bought, fails
from tests.lemonsqueezy import (
    Purchase,
    dispute_created,
    dispute_resolved,
    license_key_created,
    order_created,
    order_refunded,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)

ACCOUNT_SECRET = "a-secret-for-account-ids"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    settings = {"KULANZ_ACCOUNT_SECRET": ACCOUNT_SECRET}
    with an_instance_on_its_database(request, tmp_path_factory, **settings) as instance:
        yield instance


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that bars access at once where a renewal is unpaid."""
    with an_instance_on_its_database(request, tmp_path_factory, KULANZ_POLICY="bitrix24") as instance:
        yield instance


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def requiring(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance to which a name without a signature is none."""
    settings = {"KULANZ_ACCOUNT_SECRET": ACCOUNT_SECRET, "KULANZ_REQUIRE_SIGNED_ACCOUNTS": "1"}
    with an_instance_on_its_database(request, tmp_path_factory, **settings) as instance:
        yield instance


def begin(instance: Instance) -> datetime:
    """A moment later than every story before."""
    instance.end_stories()
    shown = datetime.fromisoformat(instance.cli("clock", "show", "--json")["now"]).replace(microsecond=0)
    instance.cli("clock", "set", shown.isoformat())
    instance.provider.now = shown
    return shown


def signed(account: str | None) -> dict[str, str]:
    digest = hmac.new(ACCOUNT_SECRET.encode(), str(account).encode(), "sha256").hexdigest()
    return {"account_id": str(account), "account_sig": digest}


def standing(instance: Instance, account: Purchase) -> tuple[str, str, str]:
    shown = instance.account(account)
    return shown["standing"], shown["access"], shown["plan"]


def rules(instance: Instance, account: Purchase) -> list[str]:
    stated = instance.get(f"/v1/accounts/{account.account}/timeline?limit=500")["decisions"]
    return [change["rule"] for item in stated for change in item["changes"]]


UNTOUCHED = ("good", "full", "professional")


def test_a_strangers_unpaid_renewal_bars_nothing_of_the_account_that_it_names(strict: Instance) -> None:
    start = begin(strict)
    victim = bought(strict, start)
    stranger = bought(strict, start, account=victim.account)
    strict.deliver_event(subscription_payment_success(at=start, purchase=victim))

    fails(strict, stranger, start)

    assert standing(strict, victim) == UNTOUCHED
    assert "alert.dunning_claim" in rules(strict, victim)
    assert not {"account.grace_started", "account.downgraded"} & set(strict.callbacks_received(victim))
    assert strict.mails(stranger) == ["downgraded"]


def test_a_strangers_grace_and_downgrade_are_no_news_of_the_account_that_they_name(instance: Instance) -> None:
    start = begin(instance)
    victim = bought(instance, start)
    stranger = bought(instance, start, account=victim.account)
    instance.deliver_event(subscription_payment_success(at=start, purchase=victim))

    fails(instance, stranger, start)
    in_grace, shown = standing(instance, victim), instance.account(victim)
    why = instance.cli("account", "explain", str(victim.account), "--json")["why"]
    instance.advance_to(start + days(8))

    assert in_grace == standing(instance, victim) == UNTOUCHED
    assert [case["claim"] for case in shown["dunning_cases"]] == [True]
    assert "It is a stranger's claim" in " ".join(why)
    told = {"account.grace_started", "account.grace_warning", "account.grace_reminder", "account.downgraded"}
    assert not told & set(instance.callbacks_received(victim))
    assert "downgraded" in instance.mails(stranger)
    assert f"DELETE /v1/subscriptions/{stranger.subscription}" in instance.provider.calls


def test_what_a_stranger_added_and_did_not_pay_is_lost_and_said_to_be(instance: Instance) -> None:
    start = begin(instance)
    victim = bought(instance, start)
    stranger = bought(instance, start, account=victim.account, variant=47002)
    instance.deliver_event(subscription_payment_success(at=start, purchase=victim))
    added = standing(instance, victim)

    fails(instance, stranger, start)
    instance.advance_to(start + days(8))

    assert added == ("good", "full", "enterprise")
    assert standing(instance, victim) == UNTOUCHED
    told = [type_ for type_ in instance.callbacks_received(victim) if type_ != "ops.alert"]
    assert told[-1] == "account.entitlement_changed"


def test_a_strangers_fraudulent_order_takes_nothing_from_an_account_that_has_only_a_licence(
    instance: Instance,
) -> None:
    start = begin(instance)
    victim = instance.purchase(began=start)
    instance.deliver_event(
        order_created(at=start, purchase=victim, total=500_000), license_key_created(at=start, purchase=victim)
    )
    before = instance.account(victim)
    stranger = instance.purchase(account=victim.account, began=start, variant=1)

    instance.deliver_event(order_created(at=start + days(0), purchase=stranger, total=100, status="fraudulent"))
    instance.advance_to(start + days(40))

    after = instance.account(victim)
    assert (after["standing"], after["access"]) == (before["standing"], before["access"]) == ("good", "free")
    assert after["data_deletion_eligible_at"] is None
    assert [dispute["claim"] for dispute in after["disputes"]] == [True]
    assert "alert.dispute_claim" in rules(instance, victim)
    assert "account.suspended" not in instance.callbacks_received(victim)


def test_a_signature_proves_its_own_purchase_and_nothing_else_of_that_customer(instance: Instance) -> None:
    start = begin(instance)
    victim = instance.purchase(began=start - days(30))
    named = signed(victim.account)
    paid = subscription_payment_success(at=start, purchase=victim, custom_data=named)
    instance.deliver_event(subscription_created(at=start, purchase=victim, custom_data=named), paid)
    other = replace(instance.purchase(), customer=victim.customer, account=victim.account, variant=1)

    for custom_data in ({}, {"account_id": victim.account}):
        instance.deliver_event(
            order_created(
                at=start,
                purchase=replace(other, order=other.order + len(custom_data)),
                total=100,
                status="fraudulent",
                custom_data=custom_data,
            )
        )

    assert standing(instance, victim) == UNTOUCHED
    assert f"DELETE /v1/subscriptions/{victim.subscription}" not in instance.provider.calls
    assert "account.suspended" not in instance.callbacks_received(victim)


def test_an_unsigned_order_of_the_same_customer_takes_nothing_where_names_have_to_be_signed(
    requiring: Instance,
) -> None:
    start = begin(requiring)
    victim = requiring.purchase(began=start - days(30))
    named = signed(victim.account)
    paid = subscription_payment_success(at=start, purchase=victim, custom_data=named)
    requiring.deliver_event(subscription_created(at=start, purchase=victim, custom_data=named), paid)
    other = replace(requiring.purchase(), customer=victim.customer, account=None, variant=1)

    for custom_data in ({}, {"account_id": str(victim.account)}):
        order = replace(other, order=other.order + len(custom_data))
        fraud = order_created(at=start, purchase=order, total=100, status="fraudulent", custom_data=custom_data)
        requiring.deliver_event(fraud)

    assert standing(requiring, victim) == UNTOUCHED
    assert f"DELETE /v1/subscriptions/{victim.subscription}" not in requiring.provider.calls


def test_a_signed_purchase_that_is_disputed_reaches_the_whole_account(instance: Instance) -> None:
    start = begin(instance)
    victim = instance.purchase(began=start - days(30))
    named = signed(victim.account)
    instance.deliver_event(
        order_created(at=start, purchase=victim, custom_data=named),
        subscription_created(at=start, purchase=victim, custom_data=named),
    )
    other = instance.purchase(began=start, account=victim.account)
    instance.deliver_event(subscription_created(at=start, purchase=other))

    instance.deliver_event(dispute_created(at=start, purchase=victim, created_at=start, custom_data=named))

    assert standing(instance, victim)[:2] == ("suspended", "none")


def test_a_customer_with_two_paid_purchases_who_disputes_one_keeps_the_other(instance: Instance) -> None:
    start = begin(instance)
    first = bought(instance, start)
    second = bought(instance, start, account=first.account, customer=first.customer, variant=47002)
    instance.deliver_event(subscription_payment_success(at=start, purchase=first))

    instance.deliver_event(dispute_created(at=start, purchase=second, created_at=start))

    assert standing(instance, first) == ("suspended", "full", "professional")
    assert instance.account(first)["data_deletion_eligible_at"] is None
    assert "alert.dispute_claim" in rules(instance, first)
    assert f"DELETE /v1/subscriptions/{first.subscription}" not in instance.provider.calls


def test_a_refund_takes_what_it_paid_for_and_an_expiry_its_own_subscription(instance: Instance) -> None:
    start = begin(instance)
    victim = bought(instance, start)
    stranger = bought(instance, start, account=victim.account, variant=47002)
    instance.deliver_event(subscription_payment_success(at=start, purchase=victim))

    instance.deliver_event(
        order_refunded(at=start, purchase=stranger),
        subscription_updated(at=start, purchase=stranger, status="expired", ends_at=start),
    )

    assert standing(instance, victim) == UNTOUCHED


def test_an_operators_word_reaches_the_whole_account(instance: Instance) -> None:
    start = begin(instance)
    victim = bought(instance, start)
    bought(instance, start, account=victim.account)
    instance.deliver_event(subscription_payment_success(at=start, purchase=victim))

    words = ["dispute", "open", str(victim.account), "--amount", "4900", "--currency", "EUR", "--reason", "by phone"]
    instance.cli(*words)
    instance.settle()

    assert standing(instance, victim)[:2] == ("suspended", "none")


def denied(instance: Instance, purchase: Purchase, start: datetime) -> None:
    """The first payment is asked back, and an operator says no."""
    form: dict[str, Any] = {"account_id": purchase.account, "payment_id": str(purchase.order)}
    form |= {"contact_email": purchase.email, "organisation": "A bakery"}
    asked = instance.post("/v1/refund-requests", form)
    assert asked.status_code in (200, 201), asked.text
    answer = instance.post(f"/v1/refund-requests/{asked.json()['id']}/deny", {"reason": "too late"})
    assert answer.status_code == 200, answer.text
    instance.settle()


def test_a_chargeback_that_was_lost_without_a_hold_freezes_no_later_failure(instance: Instance) -> None:
    start = begin(instance)
    purchase = bought(instance, start)
    denied(instance, purchase, start)
    instance.advance_to(start + days(1))
    instance.deliver_event(dispute_created(at=start + days(1), purchase=purchase, created_at=start + days(1)))
    fails(instance, purchase, start + days(1))
    contested = instance.account(purchase)["dunning_cases"]

    instance.advance_to(start + days(2))
    lost = dispute_resolved(at=start + days(2), purchase=purchase, created_at=start + days(1), status="lost")
    instance.deliver_event(lost)
    instance.advance_to(start + days(20))

    assert [case["state"] for case in contested] == ["frozen"]
    assert standing(instance, purchase) == ("on_hold", "free", "free")


@pytest.mark.parametrize(
    "reason", ["insufficient_funds", "bank_cannot_process", "incorrect_account_details", "debit_not_authorized"]
)
def test_a_debit_that_the_bank_returned_is_a_failed_payment(instance: Instance, reason: str) -> None:
    start = begin(instance)
    purchase = bought(instance, start)

    returned = dispute_created(
        at=start, purchase=purchase, created_at=start, status="lost", reason=reason, subscription_id=None
    )
    instance.deliver_event(returned)
    in_grace = instance.account(purchase)
    instance.advance_to(start + days(8))

    assert (in_grace["standing"], in_grace["access"]) == ("grace", "full")
    assert in_grace["data_deletion_eligible_at"] is None
    assert standing(instance, purchase) == ("on_hold", "free", "free")
    assert "suspended" not in instance.mails(purchase)


def test_a_returned_debit_is_settled_by_a_later_charge_for_as_much(instance: Instance) -> None:
    start = begin(instance)
    purchase = bought(instance, start)
    instance.deliver_event(
        dispute_created(at=start, purchase=purchase, created_at=start, status="lost", reason="insufficient_funds")
    )
    in_grace = standing(instance, purchase)
    instance.advance_to(start + days(3))

    instance.deliver_event(subscription_payment_success(at=start + days(3), purchase=purchase))
    instance.advance_to(start + days(9))

    assert in_grace[0] == "grace"
    assert standing(instance, purchase) == UNTOUCHED


def test_an_active_status_and_the_old_success_are_no_receipt_for_a_returned_debit(instance: Instance) -> None:
    start = begin(instance)
    purchase = bought(instance, start)
    instance.deliver_event(
        dispute_created(at=start, purchase=purchase, created_at=start, status="lost", reason="insufficient_funds")
    )

    instance.advance_to(start + days(1))
    instance.deliver_event(
        subscription_updated(at=start + days(1), purchase=purchase),
        subscription_payment_failed(at=start + days(1), purchase=purchase, billing_reason="updated"),
    )

    assert standing(instance, purchase)[0] == "grace"
