"""Refund requests through the front door: asked, judged, decided, carried out at the provider and confirmed by it."""

from __future__ import annotations

from tests.refunds.conftest import Support

BASE = 4900 - 817


def test_a_first_month_is_refunded_on_the_day_of_approval_and_its_plan_ends(support: Support) -> None:
    bought = support.sold()

    request = support.asked(bought)
    approved = support.approve(request)
    paid = support.now(request)

    assert (request["verdict"], request["clause"], request["refundable_amount"]) == ("eligible", "3.1", BASE)
    assert (request["state"], request["currency"], request["late"]) == ("requested", "EUR", False)
    assert request["statutory_rights"] == "Statutory rights are not affected."
    assert (approved.status_code, approved.json()["state"], approved.json()["decided_by"]) == (200, "approved", "tests")
    assert (paid["state"], paid["refunded_amount"], paid["verdict"]) == ("paid", BASE, "eligible")
    account = support.account(bought)
    assert (account["plan"], account["access"], account["standing"]) == ("free", "free", "good")
    assert [(hold["owner"], hold["scope"]) for hold in account["holds"]] == [("refund", "subscription")]
    assert support.shop.simulator.subscription(bought.subscription)["cancelled"]
    assert [kind for _, kind, to in support.shop.mailed if bought.email in to] == ["refund_decided"]
    told = [one["type"] for one in support.shop.callbacks.documents if one["data"]["account_id"] == bought.account]
    assert "refund.decided" in told
    assert "account.suspended" not in told
    assert [kind for _, kind, _ in support.shop.mailed] == ["refund_decided"]
