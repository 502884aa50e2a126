"""Stories of the preset `bitrix24` through the front door: HTTP, the clock, the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from kulanz.policy.consequences.effects import rfc3339
from tests.end_to_end.instance import Instance, an_instance_on_its_database, days
from tests.end_to_end.test_stories import bought, fails
from tests.lemonsqueezy import (
    Purchase,
    dispute_created,
    dispute_resolved,
    subscription_cancelled,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)


@pytest.fixture(scope="module")
def instance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with an_instance_on_its_database(request, tmp_path_factory, KULANZ_POLICY="bitrix24") as instance:
        yield instance


def rules(instance: Instance, account: str | None) -> dict[str, str | None]:
    """The clause of each rule that was applied to an account."""
    stated = instance.get(f"/v1/accounts/{account}/timeline?limit=500")["decisions"]
    return {change["rule"]: change["clause"] for item in stated for change in item["changes"]}


def moves(instance: Instance, account: str | None, entry: str, amount: int, **told: Any) -> Any:
    form = {"pot": "telephony", "entry": entry, "amount": amount, "currency": "EUR", **told}
    answer = instance.post(f"/v1/accounts/{account}/credits", form)
    instance.settle()
    return answer


def test_non_payment_bars_access_at_once_and_a_late_payment_opens_it_again(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)

    fails(instance, purchase, start)
    barred = instance.account(purchase)
    instance.advance_to(start + days(3))
    instance.provider.change(purchase.subscription, status="active")
    instance.deliver_event(
        subscription_payment_success(at=start + days(3), purchase=purchase),
        subscription_updated(at=start + days(3), purchase=purchase, status="active"),
    )

    assert (barred["standing"], barred["access"], barred["plan"]) == ("on_hold", "none", "free")
    entitlement = instance.callbacks.documents[-1]["data"]["entitlement"]
    assert entitlement["access"] == "full"
    assert instance.callbacks_received(purchase).count("account.downgraded") == 1
    assert instance.mails(purchase) == ["downgraded", "recovered"]
    assert f"DELETE /v1/subscriptions/{purchase.subscription}" not in instance.provider.calls
    after = instance.account(purchase)
    assert (after["standing"], after["access"], after["plan"]) == ("good", "full", "professional")
    assert rules(instance, purchase.account)["dunning.hold_placed"] == "§Non-Payment"


def test_barred_stays_barred_until_it_is_paid_and_the_debt_stays_listed(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    moves(instance, purchase.account, "bought", 5000)
    fails(instance, purchase, start)

    instance.advance_to(start + days(31))
    barred = instance.account(purchase)
    refused = moves(instance, purchase.account, "spent", 100)
    why = instance.cli("account", "explain", str(purchase.account), "--json")
    another = Purchase(
        account=purchase.account,
        email=purchase.email,
        customer=purchase.customer,
        subscription=purchase.subscription + 20,
        order=purchase.order + 20,
        invoice=purchase.invoice + 20,
    )
    at = start + days(31)
    instance.deliver_event(
        subscription_payment_success(at=at, purchase=another, billing_reason="initial", created_at=at),
        subscription_created(at=at, purchase=another, renews_at=at + days(30)),
    )
    beside = instance.account(purchase)
    instance.deliver_event(
        subscription_payment_success(at=at, purchase=purchase),
        subscription_updated(at=at, purchase=purchase, status="active", renews_at=at + days(30)),
    )

    assert (barred["standing"], barred["access"], barred["plan"]) == ("on_hold", "none", "free")
    assert [(case["state"], case["amount_due"]) for case in barred["dunning_cases"]] == [("exhausted", purchase.price)]
    assert (barred["credits"][0]["status"], refused.status_code) == ("blocked", 409)
    assert any("is owed" in line for line in why["why"])
    assert any("Only a payment, a waiver or a void invoice" in line for line in why["outlook"])
    assert (beside["standing"], beside["access"], beside["plan"]) == ("on_hold", "full", "professional")
    assert [case["state"] for case in beside["dunning_cases"]] == ["exhausted"]
    after = instance.account(purchase)
    assert (after["standing"], after["access"], after["dunning_cases"]) == ("good", "full", [])


def test_a_first_charge_that_fails_bars_access_at_once(instance: Instance, start: datetime) -> None:
    purchase = instance.purchase(began=start)

    instance.deliver_event(
        subscription_created(at=start, purchase=purchase),
        subscription_payment_failed(at=start, purchase=purchase, billing_reason="initial", created_at=start),
        subscription_updated(at=start, purchase=purchase, status="past_due"),
    )

    account = instance.account(purchase)
    assert (account["standing"], account["access"], account["plan"]) == ("on_hold", "none", "free")
    assert instance.mails(purchase) == ["downgraded"]


def test_a_prepaid_term_counts_to_its_end_after_the_renewal_was_switched_off(
    instance: Instance, start: datetime
) -> None:
    purchase = instance.purchase(began=start)
    ends = start + days(91)
    instance.deliver_event(subscription_created(at=start, purchase=purchase, renews_at=ends))
    instance.deliver_event(subscription_cancelled(at=start + days(1), purchase=purchase, ends_at=ends))

    instance.advance_to(ends - days(1))
    before = instance.account(purchase)
    instance.advance_to(ends)

    assert (before["plan"], before["access"]) == ("professional", "full")
    assert instance.account(purchase)["plan"] == "free"
    stated = rules(instance, purchase.account)
    assert (stated["plan.given"], stated["subscription.cancelled"]) == ("§Prepaid", "§Cancellation")
    story = instance.cli("account", "explain", str(purchase.account), "--json")
    assert "paid in advance for 3 months" in str(story["steps"])


def test_notice_to_staff_switches_the_renewal_off_at_the_provider(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(12))
    ends = start + days(12)

    noted = instance.post(f"/v1/accounts/{purchase.account}/cancellations", {"reason": "told our partner"})
    instance.settle()
    again = instance.run("account", "cancel", str(purchase.account), "--reason", "told again")
    instance.deliver_event(subscription_cancelled(at=start, purchase=purchase, ends_at=ends))
    during = instance.account(purchase)
    instance.advance_to(ends)

    assert (noted.status_code, noted.json()["subscription_id"]) == (201, str(purchase.subscription))
    assert instance.provider.calls.count(f"DELETE /v1/subscriptions/{purchase.subscription}") == 1
    assert (again[0], again[2]) == (1, f"kulanz: the subscription {purchase.subscription} is cancelled already\n")
    assert (during["plan"], during["access"]) == ("professional", "full")
    after = instance.account(purchase)
    assert (after["plan"], after["standing"]) == ("free", "good")
    assert not [call for call in instance.provider.calls if call.startswith("PATCH")]
    assert rules(instance, purchase.account)["cancellation.noted"] == "§Cancellation"


def test_credit_is_blocked_while_the_account_is_suspended_and_lost_only_with_its_number(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(20))
    account = purchase.account

    bought_ = moves(instance, account, "bought", 5000)
    moves(instance, account, "spent", 1200)
    instance.deliver_event(dispute_created(at=start, purchase=purchase))
    refused = moves(instance, account, "spent", 100)
    (blocked,) = instance.account(purchase)["credits"]
    instance.deliver_event(dispute_resolved(at=start + days(1), purchase=purchase, status="won"))
    (usable,) = instance.account(purchase)["credits"]
    instance.cli("credit", "end", str(account), "telephony")
    (lost,) = instance.cli("credit", "list", str(account), "--json")["credits"]

    assert (bought_.status_code, bought_.json()["balance"]) == (201, 5000)
    assert (refused.status_code, refused.json()["detail"]) == (409, "the credit telephony is blocked")
    assert (blocked["status"], blocked["balance"]) == ("blocked", 3800)
    assert (usable["status"], usable["balance"]) == ("usable", 3800)
    assert (lost["status"], lost["balance"], lost["forfeited"]) == ("forfeited", 0, 3800)
    assert rules(instance, account)["credit.forfeited"] == "§VoIP"


def test_credit_that_is_told_twice_under_one_reference_counts_once(instance: Instance, start: datetime) -> None:
    account = bought(instance, start + days(20)).account

    first = moves(instance, account, "bought", 5000, reference="order 7")
    again = moves(instance, account, "bought", 5000, reference="order 7")
    other = moves(instance, account, "bought", 4000, reference="order 7")
    more = moves(instance, account, "bought", 5000, reference="order 8")

    assert [item.status_code for item in (first, again, other, more)] == [201, 200, 409, 201]
    assert first.json() == again.json()
    assert more.json()["bought"] == 10_000


def test_credit_pays_no_invoice_and_a_charge_that_arose_stays_due(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    account = purchase.account
    moves(instance, account, "bought", 5000)
    fails(instance, purchase, start)

    invoice = moves(instance, account, "spent", 1000, use="invoice")
    arose = moves(instance, account, "spent", 6000, incurred_at=rfc3339(start - days(1)))

    assert invoice.status_code == 409
    assert invoice.json()["detail"] == "credit is never used for open invoices (clause §VoIP)"
    assert (arose.status_code, arose.json()["due"]) == (201, 1000)
    assert instance.account(purchase)["standing"] == "on_hold"


def asks_back(instance: Instance, purchase: Purchase, payment: int, reason: str = "") -> dict[str, Any]:
    form = {"account_id": purchase.account, "payment_id": str(payment), "organisation": "Bakery"}
    answer = instance.post(
        "/v1/refund-requests", form | {"contact_email": purchase.email} | ({"reason": reason} if reason else {})
    )
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_nothing_goes_back_but_unused_days_after_a_move_are_for_a_person(instance: Instance, start: datetime) -> None:
    stays, moves_ = bought(instance, start + days(15)), bought(instance, start + days(15))

    refused = asks_back(instance, stays, stays.order)
    recorded = instance.post(
        f"/v1/accounts/{moves_.account}/migrations", {"moved_at": rfc3339(start), "reason": "moved"}
    )
    again = instance.run("account", "migrated", str(moves_.account), "--reason", "moved")
    later = instance.post(
        f"/v1/accounts/{stays.account}/migrations", {"moved_at": rfc3339(start + days(9)), "reason": "moved"}
    )
    instance.advance_to(start + days(5))
    possible = asks_back(instance, moves_, moves_.order)

    assert (refused["verdict"], refused["clause"], refused["refundable_amount"]) == ("not_eligible", "§No-Refund", 0)
    assert (recorded.status_code, recorded.json()["moved_at"]) == (201, rfc3339(start))
    assert (again[0], again[2]) == (1, "kulanz: the account has been moved already\n")
    assert later.status_code == 422
    assert (possible["verdict"], possible["clause"]) == ("review", "§Migration")
    assert possible["refundable_amount"] == moves_.price * 15 // 30
    assert instance.account(moves_)["migrations"][0]["id"] == recorded.json()["id"]


def test_bad_input_for_credit_is_refused_and_nothing_is_done(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(20))
    account = purchase.account

    wrong = [
        moves(instance, account, "bought", 0),
        moves(instance, account, "bought", 100, currency="XYZ"),
        moves(instance, account, "given", 100),
        moves(instance, account, "bought", 100, pot=""),
        moves(instance, account, "bought", 100, incurred_at=rfc3339(start)),
        moves(instance, account, "ended", 100),
    ]
    unknown = moves(instance, account, "spent", 100)

    assert [answer.status_code for answer in wrong] == [422] * len(wrong)
    assert unknown.status_code == 404
    assert moves(instance, "nobody", "bought", 100).status_code == 404
    assert instance.account(purchase)["credits"] == []
    code, _, said = instance.run("credit", "spend", str(account), "telephony", "--amount", "5", "--currency", "EUR")
    assert (code, said) == (1, "kulanz: no credit 'telephony'\n")


def test_what_another_plan_costs_is_computed_by_the_days_left(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start + days(15))
    path = f"/v1/accounts/{purchase.account}/plan-change"

    up = instance.get(f"{path}?to=enterprise&price=9900&currency=EUR")
    down = instance.cli("account", "plan-change", str(purchase.account), "--to", "free", "--json")
    wrong = [
        instance.ask(f"{path}{query}").status_code
        for query in ("", "?to=nonesuch", "?to=enterprise&price=-1", "?to=enterprise&price=1&currency=USD", "?x=1")
    ]

    assert (up["kind"], up["days_left"], up["days_of_period"], up["amount"]) == ("upgrade", 15, 30, 2500)
    assert (down["kind"], down["amount"], down["takes_effect_at"]) == ("downgrade", 0, rfc3339(start + days(15)))
    assert down["clause"] == "§Prepaid"
    assert wrong == [400, 422, 400, 422, 400]


def test_all_of_it_can_be_recomputed_verified_and_simulated_under_another_policy(
    instance: Instance, start: datetime
) -> None:
    purchase = bought(instance, start + days(20))
    account = purchase.account
    moves(instance, account, "bought", 5000)
    instance.post(f"/v1/accounts/{account}/cancellations", {"reason": "told our partner"})
    instance.post(f"/v1/accounts/{account}/migrations", {"reason": "runs it themselves"})
    instance.settle()

    replayed = instance.run("replay", "--shuffle")
    verified = instance.run("ledger", "verify")
    simulated = instance.run("policy", "simulate", "plexo", "--json")

    assert (replayed[0], verified[0], simulated[0]) == (0, 0, 0), (replayed, verified, simulated)
