"""One story of each provider through the front door of one instance that takes them all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from tests import paddle, standard, stripe
from tests.adapters.apis import Api, an_api
from tests.adapters.payload_source import MONDAY, Delivery, Payload, PayloadSource
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.end_to_end.instance import Instance, an_instance

DAY = timedelta(days=1)
PLANS = "stripe:price_pro=professional,paddle:pri_pro=professional,standard:pdt_pro=professional"
POLAR_SECRET = "polar_whs_a-secret-of-the-shop"


@dataclass(slots=True)
class Town:
    """The instance, and the providers' APIs that it knows."""

    instance: Instance
    api: Api

    def post(self, endpoint: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        return self.instance.session.post(
            f"{self.instance.url}/webhooks/{endpoint}", data=body, headers=headers, timeout=10
        )

    def tell(self, endpoint: str, delivery: Delivery, secret: str, *payloads: Payload) -> None:
        for payload in payloads:
            answer = self.post(endpoint, *delivery(payload, secret))
            assert answer.status_code == 200, answer.text
        self.instance.settle()

    def advance_to(self, at: datetime) -> None:
        self.api.now = at
        self.instance.advance_to(at)

    def mails_to(self, email: str) -> list[str]:
        return [str(item["X-Kulanz-Notice"]) for item in self.instance.mailbox.accepted if email in str(item["To"])]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with an_api() as api:
        settings = {
            "KULANZ_PLANS": PLANS,
            "STRIPE_WEBHOOK_SECRETS": stripe.SECRET,
            "STRIPE_API_KEY": "sk_test_1",
            "STRIPE_API_URL": f"{api.url}/v1",
            "PADDLE_WEBHOOK_SECRETS": paddle.SECRET,
            "PADDLE_API_KEY": "pdl_sdbx_apikey_1",
            "PADDLE_API_URL": api.url,
            "STANDARD_WEBHOOK_SECRETS": f"{standard.SECRET},{POLAR_SECRET}",
        }
        with an_instance(tmp_path_factory.mktemp("all-providers"), **settings) as instance:
            yield Town(instance, api)


@pytest.fixture
def start(town: Town) -> datetime:
    """Where a story begins: later than every story before."""
    begin = max(town.instance.now(), MONDAY).replace(microsecond=0) if town.instance.stories else MONDAY
    town.instance.stories += 1
    town.instance.cli("clock", "set", begin.isoformat())
    town.api.now = begin
    town.api.calls.clear()
    return begin


def right(account: dict[str, Any]) -> tuple[str, str, str]:
    return account["plan"], account["access"], account["standing"]


def test_stripe_unpaid_after_seven_days_is_cancelled_at_stripe(town: Town, start: datetime) -> None:
    stated = {"purchase": stripe.Purchase(account="org_stripe", began=start - 30 * DAY, email="stripe@buyer.example")}
    path = f"/v1/subscriptions/{stripe.BOUGHT.subscription}"
    unpaid = stripe.subscription("updated", at=start, status="past_due", previous={"status": "active"}, **stated)
    town.api.held[path] = unpaid["data"]["object"]
    town.tell(
        "stripe",
        stripe.delivery,
        stripe.SECRET,
        stripe.invoice("payment_failed", at=start, **stated),
        stripe.subscription("created", at=start - 30 * DAY, **stated),
        unpaid,
    )
    in_grace = town.instance.account("org_stripe")

    town.advance_to(start + 7 * DAY)

    assert right(in_grace) == ("professional", "full", "grace")
    assert datetime.fromisoformat(in_grace["grace_ends_at"]) == start + 7 * DAY
    assert right(town.instance.account("org_stripe")) == ("free", "free", "on_hold")
    assert town.mails_to("stripe@buyer.example")[-2:] == ["grace_warning", "downgraded"]
    assert town.api.calls.count(f"POST {path} cancel_at_period_end=true") == 1


def test_stripes_dispute_that_comes_before_its_charge_waits_for_it(town: Town, start: datetime) -> None:
    bought = stripe.Purchase(
        account="org_disputed", customer="cus_d", subscription="sub_d", charge="ch_d", dispute="du_d", began=start
    )
    town.tell(
        "stripe",
        stripe.delivery,
        stripe.SECRET,
        stripe.subscription("created", at=start, purchase=bought),
        stripe.dispute("created", at=start, purchase=bought),
    )
    before = town.instance.account("org_disputed")
    waiting = town.instance.cli("events", "list", "--state", "waiting", "--json")["events"]

    town.tell("stripe", stripe.delivery, stripe.SECRET, stripe.charge("succeeded", at=start, purchase=bought))

    assert right(before) == ("professional", "full", "good")
    assert [event["event_name"] for event in waiting] == ["charge.dispute.created"]
    assert right(town.instance.account("org_disputed")) == ("free", "none", "suspended")


def test_paddle_unpaid_after_seven_days_is_cancelled_at_paddle(town: Town, start: datetime) -> None:
    bought = paddle.Purchase(
        account="org_paddle", price="pri_pro", began=start - 30 * DAY, email="paddle@buyer.example"
    )
    unpaid = paddle.subscription("past_due", at=start, purchase=bought)
    town.api.held[f"/subscriptions/{bought.subscription}"] = {"data": unpaid["data"]}
    town.tell(
        "paddle",
        paddle.delivery,
        paddle.SECRET,
        paddle.customer(at=start - 30 * DAY, purchase=bought),
        paddle.subscription("created", at=start - 30 * DAY, purchase=bought),
        paddle.transaction("payment_failed", at=start, purchase=bought),
        unpaid,
    )
    in_grace = town.instance.account("org_paddle")

    town.advance_to(start + 7 * DAY)

    assert right(in_grace) == ("professional", "full", "grace")
    assert right(town.instance.account("org_paddle")) == ("free", "free", "on_hold")
    assert town.mails_to("paddle@buyer.example")[-2:] == ["grace_warning", "downgraded"]
    assert len([call for call in town.api.calls if call.startswith("POST") and "/cancel" in call]) == 1


def test_a_dispute_at_dodo_suspends_and_a_won_one_reinstates(town: Town, start: datetime) -> None:
    document: dict[str, Any] = {"purchase": standard.Purchase(account="org_dodo", product="pdt_pro", began=start)}
    send = ("standard", standard.delivery, standard.SECRET)
    town.tell(*send, standard.dodo_subscription("active", at=start, **document))
    town.tell(*send, standard.dodo_dispute("opened", at=start, **document))  # It names its payment only, and waits.
    town.tell(*send, standard.dodo_payment("succeeded", at=start, **document))
    suspended = town.instance.account("org_dodo")

    town.tell(*send, standard.dodo_dispute("won", at=start + DAY, created_at=start, **document))

    assert right(suspended) == ("free", "none", "suspended")
    assert right(town.instance.account("org_dodo")) == ("professional", "full", "good")


def test_a_renewal_at_polar_that_is_paid_after_all_leaves_nothing_behind(town: Town, start: datetime) -> None:
    document: dict[str, Any] = {"purchase": standard.POLAR}
    send = ("standard", standard.delivery, POLAR_SECRET)
    town.tell(*send, standard.polar_subscription("active", at=start - DAY, **document))
    town.tell(*send, standard.polar_order("updated", at=start, next_payment_attempt_at=start + DAY, **document))
    in_grace = town.instance.account("org_42")

    town.tell(*send, standard.polar_order("paid", at=start + DAY, **document))

    assert in_grace["standing"] == "grace"
    assert right(town.instance.account("org_42")) == ("professional", "full", "good")


@pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda teller: teller.name)
def test_a_forged_and_a_stale_delivery_are_refused_and_a_repeated_one_is_known(
    town: Town, source: PayloadSource
) -> None:
    (payload, *_) = next(iter(source.events.values()))(MONDAY)
    body, headers = source.delivery(payload, source.secret)
    stale = source.delivery(payload, source.secret, at=int(time.time()) - 600) if source.timed else (body, {})

    town.post(source.endpoint, body, headers)
    again = town.post(source.endpoint, body, headers)

    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert town.post(source.endpoint, body + b" ", headers).status_code == 401
    assert town.post(source.endpoint, *stale).status_code == 401
