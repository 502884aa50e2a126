"""A merchant whose policy suspends for a full refund that nobody there asked for, through the front door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from kulanz.policy import document
from tests.end_to_end.instance import Instance, an_instance_on_its_database, days
from tests.lemonsqueezy import subscription_created, subscription_payment_refunded, subscription_payment_success


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    strict = document.preset("plexo").replace(
        'unrequested_full_refund = "review"', 'unrequested_full_refund = "suspend"'
    )
    assert "suspend" in strict
    policy = tmp_path_factory.mktemp("policy") / "strict.toml"
    policy.write_text(strict, encoding="utf-8")
    with an_instance_on_its_database(request, tmp_path_factory, KULANZ_POLICY=str(policy)) as instance:
        yield instance


def test_an_invoice_that_goes_back_in_full_suspends_an_account_of_which_no_order_was_told(
    instance: Instance, start: datetime
) -> None:
    purchase = instance.purchase(began=start)
    created = subscription_created(at=start, purchase=purchase)
    instance.provider.add(created)
    instance.deliver_event(created, subscription_payment_success(at=start, purchase=purchase))
    before = instance.account(purchase)
    instance.advance_to(start + days(2))

    instance.deliver_event(subscription_payment_refunded(at=start + days(2), purchase=purchase))

    account = instance.account(purchase)
    assert (before["standing"], before["access"]) == ("good", "full")
    assert (account["standing"], account["access"], account["plan"]) == ("suspended", "none", "free")
    assert [dispute["reason"] for dispute in account["disputes"]] == ["unrequested_refund"]
    assert "account.suspended" in instance.callbacks_received(purchase)
    assert instance.mails(purchase) == ["suspended"]
    assert f"DELETE /v1/subscriptions/{purchase.subscription}" in instance.provider.calls
