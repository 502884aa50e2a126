"""What providers really send, through the front door of one instance on each database."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.apis import Api, an_api
from tests.adapters.payload_source import Payload
from tests.end_to_end.instance import Instance, an_instance_on_its_database

DAY = timedelta(days=1)
START = datetime.fromisoformat("2026-03-02T14:08:20+00:00")
POLAR_SECRET = "whsec_bG9uZ2VyLXRoYW4tYmFzZTY0"  # Made before 2026-09-08: it signs with all its bytes.
PLANS = (
    "stripe:price_pro=professional,stripe:price_ent=enterprise,stripe:price_seat=addon:seats,"
    "standard:pdt_pro=professional,paddle:pri_pro=professional,lemonsqueezy:47001=professional,"
    "lemonsqueezy:47099=lifetime:professional"
)


@dataclass(slots=True)
class World:
    """An instance that takes every provider's events, and the API that Stripe and Paddle are asked at."""

    instance: Instance
    api: Api
    at: datetime

    def send(self, *payloads: Payload, status: int = 200) -> list[dict[str, Any]]:
        """Deliver each payload as its provider does, and wait until all that follows is done."""
        answers = []
        for payload in payloads:
            endpoint, (body, headers) = _delivery(payload)
            url = f"{self.instance.url}/webhooks/{endpoint}"
            answer = self.instance.session.post(url, data=body, headers=headers, timeout=10)
            assert answer.status_code == status, answer.text
            answers.append(answer.json())
        self.instance.settle()
        return answers

    def parked(self) -> list[dict[str, Any]]:
        return list(self.instance.cli("events", "list", "--state", "parked", "--json")["events"])

    def alerts(self, topic: str) -> list[str]:
        told = [document["data"] for document in self.instance.callbacks.documents if document["type"] == "ops.alert"]
        return [str(data["subject"]) for data in told if data["topic"] == topic]

    def finding(self, check: str, words: str = "") -> dict[str, Any]:
        """Return what doctor found in a check; the one that says some words."""
        _, out, _ = self.instance.run("doctor", "--json")
        return next(row for row in json.loads(out)["checks"] if row["check"] == check and words in row["detail"])


def _delivery(payload: Payload) -> tuple[str, tuple[bytes, dict[str, str]]]:
    if "meta" in payload:
        return "lemonsqueezy", ls.delivery(payload)
    if "event_type" in payload:
        return "paddle", paddle.delivery(payload)
    if "object" in payload or str(payload.get("id", "")).startswith("evt_"):
        return "stripe", stripe.delivery(payload)
    return "standard", standard.delivery(payload)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with an_api() as api:
        settings = {
            "KULANZ_PLANS": PLANS,
            "STRIPE_WEBHOOK_SECRETS": stripe.SECRET,
            "STRIPE_ACCOUNT_IDS": "acct_ours",
            "STRIPE_API_KEY": "sk_test_1",
            "STRIPE_API_URL": f"{api.url}/v1",
            "PADDLE_WEBHOOK_SECRETS": paddle.SECRET,
            "STANDARD_WEBHOOK_SECRETS": f"{standard.SECRET},{POLAR_SECRET}",
        }
        with an_instance_on_its_database(request, tmp_path_factory, **settings) as instance:
            yield World(instance, api, START)


@pytest.fixture
def world(shared: World) -> World:
    """The same world later: each story has a stretch of time of its own."""
    shared.at = max(START, shared.instance.now() + DAY).replace(microsecond=0) if shared.instance.stories else START
    shared.instance.stories += 1
    shared.instance.cli("clock", "set", shared.at.isoformat())
    shared.api.now = shared.at
    shared.api.calls.clear()
    return shared


def at_stripe(world: World, name: str, **told: Any) -> stripe.Purchase:
    ids = {"customer": f"cus_{name}", "subscription": f"sub_{name}", "invoice": f"in_{name}", "charge": f"ch_{name}"}
    number = world.instance.stories
    own = {key: f"{value}{number}" for key, value in ids.items()}
    return stripe.Purchase(account=f"org_{name}{number}", began=world.at, dispute=f"du_{name}{number}", **own, **told)


def bought(world: World, purchase: stripe.Purchase, *, linked: bool) -> None:
    """Buy as of API basil: neither the invoice nor the charge names the other."""
    intent = f"pi_{purchase.charge}"
    world.api.held[f"/v1/invoices/{purchase.invoice}"] = {
        "id": purchase.invoice,
        "payments": {"data": [{"payment": {"type": "payment_intent", "payment_intent": intent}}]},
    }
    world.api.held[f"/v1/payment_intents/{intent}"] = {"id": intent, "latest_charge": purchase.charge}
    charge = stripe.charge("succeeded", at=world.at, purchase=purchase, payment_intent=intent)
    world.api.held[f"/v1/charges/{purchase.charge}"] = charge["data"]["object"]
    world.api.held["/v1/refunds"] = {"id": "re_1", "object": "refund"}
    world.api.held[f"/v1/subscriptions/{purchase.subscription}"] = stripe.subscription(at=world.at, purchase=purchase)[
        "data"
    ]["object"]
    told = {"billing_reason": "subscription_create", "total_taxes": []}
    payment = stripe.invoice_payment(at=world.at, purchase=purchase, payment_intent=intent)
    world.send(
        *([payment] if linked else []),
        stripe.subscription("created", at=world.at, purchase=purchase),
        stripe.invoice("paid", at=world.at, purchase=purchase, **told),
        charge,
    )


def requested(world: World, purchase: stripe.Purchase) -> str:
    form = {
        "account_id": purchase.account,
        "payment_id": purchase.invoice,
        "contact_email": purchase.email,
        "organisation": "Bakery",
    }
    answer = world.instance.post("/v1/refund-requests", form)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("linked", [True, False], ids=["told", "looked-up"])
def test_a_refund_that_was_approved_here_is_recognised_at_todays_stripe(world: World, *, linked: bool) -> None:
    purchase = at_stripe(world, "refund")
    bought(world, purchase, linked=linked)
    request = requested(world, purchase)
    world.instance.post(f"/v1/refund-requests/{request}/approve", {})
    world.instance.settle()

    intent = f"pi_{purchase.charge}"
    world.send(stripe.charge("refunded", at=world.at + DAY, purchase=purchase, payment_intent=intent))

    account = world.instance.account(str(purchase.account))
    assert world.instance.get(f"/v1/refund-requests/{request}")["state"] == "paid"
    assert (account["plan"], account["standing"]) == ("free", "good")
    assert [hold["owner"] for hold in account["holds"]] == ["refund"]
    assert [subject for subject in world.alerts("unrequested_refund") if purchase.charge in subject] == []
    path = f"POST /v1/subscriptions/{purchase.subscription} cancel_at_period_end=true"
    assert world.api.calls.count(path) == 1


@pytest.mark.parametrize("linked", [True, False], ids=["told", "alike"])
def test_a_dispute_after_a_request_is_no_dispute_without_contact(world: World, *, linked: bool) -> None:
    purchase = at_stripe(world, "contact")
    bought(world, purchase, linked=linked)
    requested(world, purchase)

    world.send(stripe.dispute("created", at=world.at + DAY, purchase=purchase))

    account = world.instance.account(str(purchase.account))
    assert (account["plan"], account["standing"]) == ("professional", "good")
    assert len(account["disputes"]) == 1


def test_a_payment_of_an_invoice_that_is_no_subscriptions_ends_ignored(world: World) -> None:
    purchase = at_stripe(world, "single")
    before = world.parked()

    world.send(stripe.invoice_payment(at=world.at, purchase=purchase, payment_intent="pi_single"))
    waiting = world.instance.cli("events", "list", "--state", "waiting", "--json")["events"]
    world.instance.advance("8d")

    assert [event["event_name"] for event in waiting] == ["invoice_payment.paid"]
    assert world.parked() == before
    assert world.alerts("dispute_of_unknown_payment") == []


def test_events_of_another_connected_account_act_for_nobody_and_are_alerted_once(world: World) -> None:
    ours, foreign = at_stripe(world, "ours"), at_stripe(world, "foreign")
    created = [
        stripe.subscription("created", at=world.at, purchase=ours, around={"account": "acct_ours"}),
        stripe.subscription("created", at=world.at, purchase=foreign, around={"account": "acct_foreign"}),
        stripe.invoice("paid", at=world.at, purchase=foreign) | {"context": "org_1/acct_foreign"},
        stripe.subscription("updated", at=world.at, purchase=foreign, around={"account": "acct_foreign"}),
    ]

    answers = world.send(*created)

    assert {answer["status"] for answer in answers} == {"accepted"}
    assert world.instance.account(str(ours.account))["plan"] == "professional"
    assert world.instance.ask(f"/v1/accounts/{foreign.account}").status_code == 404
    reasons = [
        event["reason"]
        for event in world.instance.cli("events", "list", "--state", "ignored", "--json")["events"]
        if "acct_foreign" in (event["reason"] or "")
    ]
    assert len(reasons) == 3
    told = [
        subject
        for subject in world.alerts("endpoint_cannot_work")
        if subject.startswith("stripe: sent for the account acct_foreign,")
    ]
    assert len(told) == 1
    assert world.finding("endpoint stripe")["ok"] is False


def test_thin_events_are_reported_and_not_swallowed(world: World) -> None:
    thin = {
        "id": "evt_thin",
        "object": "v2.core.event",
        "type": "v1.customer.subscription.updated",
        "created": "2026-03-02T14:08:20.000Z",
        "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
    }

    world.send(thin, thin | {"id": "evt_thin_2", "type": "customer.subscription.updated"})

    assert len([subject for subject in world.alerts("endpoint_cannot_work") if "thin events" in subject]) == 1
    assert "thin events" in world.finding("endpoint stripe", "thin")["detail"]


def test_an_unknown_word_is_counted_listed_and_alerted_once_a_day_and_nothing_is_parked(world: World) -> None:
    name = f"org_words{world.instance.stories}"
    purchase = ls.Purchase(account=name, customer=771, subscription=772, order=773, invoice=774, began=world.at)
    world.send(ls.subscription_created(at=world.at, purchase=purchase))

    for day in (1, 1, 2):
        at = world.at + day * DAY
        world.instance.advance_to(at)
        told = {"status": "zombie", "billing_reason": f"because_{day}"}
        world.send(ls.subscription_payment_success(at=at, purchase=purchase, id=9000 + day, **told))

    assert world.parked() == []
    words = [subject for subject in world.alerts("unknown_word") if "zombie" in subject]
    assert [subject.partition(" (")[0] for subject in words] == ["lemonsqueezy data.attributes.status: zombie"] * 2
    assert "zombie" in world.finding("unknown word", "zombie")["detail"]
    assert world.instance.account(name)["standing"] == "good"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_connected_account_of_before_the_setting_stays_accepted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, database: str
) -> None:
    request.param = database
    settings = {"KULANZ_PLANS": PLANS, "STRIPE_WEBHOOK_SECRETS": stripe.SECRET, "STRIPE_ACCOUNT_IDS": "acct_old"}
    with an_instance_on_its_database(request, tmp_path_factory, **settings) as instance:
        world = World(instance, Api(), START)
        instance.cli("clock", "set", START.isoformat())
        known, new, foreign = (
            stripe.Purchase(account=f"org_{name}", customer=f"cus_{name}", subscription=f"sub_{name}")
            for name in ("known", "new", "foreign")
        )
        world.send(stripe.subscription("created", at=START, purchase=known, around={"account": "acct_old"}))

        instance.stop()
        instance.environ = {name: value for name, value in instance.environ.items() if name != "STRIPE_ACCOUNT_IDS"}
        instance.start()
        world.send(
            stripe.subscription("created", at=START, purchase=new, around={"account": "acct_old"}),
            stripe.subscription("created", at=START, purchase=foreign, around={"account": "acct_new"}),
        )

        assert instance.account("org_new")["plan"] == "professional"
        assert instance.ask("/v1/accounts/org_foreign").status_code == 404
        assert "set STRIPE_ACCOUNT_IDS to acct_old" in world.finding("connected accounts")["advice"]


def test_a_lifetime_order_gives_its_plan_until_it_is_refunded(world: World) -> None:
    name, number = f"org_life{world.instance.stories}", 5000 + world.instance.stories
    purchase = ls.Purchase(account=name, customer=number, order=number, variant=47099, began=world.at)
    other = ls.Purchase(account=name, customer=number, order=number + 500, variant=47098, began=world.at)
    world.send(ls.order_created(at=world.at, purchase=purchase), ls.order_created(at=world.at, purchase=other))
    bought, why = world.instance.account(name), world.instance.cli("account", "explain", name, "--json")["why"]

    world.send(ls.order_refunded(at=world.at + DAY, purchase=purchase))

    assert (bought["plan"], bought["access"]) == ("professional", "full")
    assert any(f"{purchase.order} gives the plan professional for good" in line for line in why)
    assert any(f"{other.order} gives no plan" in line for line in why)
    assert world.instance.account(name)["plan"] == "free"


@pytest.mark.parametrize(("secret", "status"), [(POLAR_SECRET, 200), (POLAR_SECRET + "x", 401)])
def test_a_secret_of_polar_that_signs_with_all_its_bytes_is_accepted_and_a_wrong_one_refused(
    world: World, secret: str, status: int
) -> None:
    body, headers = standard.delivery(standard.polar_subscription("active", at=world.at))
    ident, at = headers["webhook-id"], headers["webhook-timestamp"]
    digest = hmac.digest(secret.encode(), f"{ident}.{at}.".encode() + body, "sha256")
    signed = headers | {"webhook-signature": f"v1,{b64encode(digest).decode()}"}
    url = f"{world.instance.url}/webhooks/standard"

    assert world.instance.session.post(url, data=body, headers=signed, timeout=10).status_code == status


def test_who_buys_seats_beside_a_plan_keeps_the_plan_and_sees_the_seats(world: World) -> None:
    purchase = at_stripe(world, "seats")
    items = [
        {"id": f"si_{price}", "price": {"id": price, "product": "prod_1"}, "quantity": number}
        for price, number in (("price_seat", 7), ("price_ent", 1))
    ]

    world.send(stripe.subscription("created", at=world.at, purchase=purchase, items={"data": items}))

    account = str(purchase.account)
    given = world.instance.get(f"/v1/accounts/{account}/entitlement")
    told = [
        document["data"]["entitlement"]
        for document in world.instance.callbacks.documents
        if document["data"].get("account_id") == account and "entitlement" in document["data"]
    ]
    why = world.instance.cli("account", "explain", account, "--json")["why"]
    assert (given["plan"], given["add_ons"], given["quantities"]) == ("enterprise", ["seats"], {"seats": 7})
    assert told[-1]["quantities"] == {"seats": 7}
    assert any("the add-on seats, 7 times" in line for line in why)


def warned_at(world: World, provider: str) -> tuple[str, str, list[Payload], Payload, Payload]:
    """Return an account, its payment, what was told of both, the warning, and what ends it."""
    number, day = world.instance.stories, world.at + DAY
    name = f"org_warned{number}"
    match provider:
        case "stripe":
            purchase = at_stripe(world, "warned")
            told = [
                stripe.subscription("created", at=world.at, purchase=purchase),
                stripe.charge("succeeded", at=world.at, purchase=purchase),
            ]
            ended = stripe.fraud_warning("updated", at=day + DAY, purchase=purchase)
            return str(purchase.account), purchase.charge, told, stripe.fraud_warning(at=day, purchase=purchase), ended
        case "paddle":
            ids = {"customer": f"ctm_{number}", "subscription": f"sub_w{number}", "transaction": f"txn_w{number}"}
            own = paddle.Purchase(account=name, price="pri_pro", began=world.at, **ids)
            told = [paddle.subscription("created", at=world.at, purchase=own)]
            told.append(paddle.transaction("completed", at=world.at, purchase=own))
            ended = paddle.adjustment("chargeback_warning_reverse", at=day + DAY, purchase=own)
            return name, own.transaction, told, paddle.adjustment("chargeback_warning", at=day, purchase=own), ended
        case "dodo":
            ids = {"customer": f"cus_w{number}", "subscription": f"sub_w{number}", "payment": f"pay_w{number}"}
            bought = standard.Purchase(account=name, product="pdt_pro", began=world.at, dispute=f"dp_{number}", **ids)
            told = [standard.dodo_subscription("active", at=world.at, purchase=bought)]
            told.append(standard.dodo_payment("succeeded", at=world.at, purchase=bought))
            early = {"purchase": bought, "dispute_stage": "pre_dispute"}
            ended = standard.dodo_dispute("cancelled", at=day + DAY, **early)
            return name, bought.payment, told, standard.dodo_dispute("opened", at=day, **early), ended
    ids = {"customer": f"cus-p{number}", "subscription": f"sub-p{number}", "payment": f"pay-p{number}"}
    bought = standard.Purchase(account=name, product="pdt_pro", began=world.at, dispute=f"dis-{number}", **ids)
    told = [standard.polar_subscription("active", at=world.at, purchase=bought)]
    told.append(standard.polar_order("paid", at=world.at, purchase=bought))
    warning = standard.polar_refund("early_warning", at=day, purchase=bought, status="pending")
    return name, bought.payment, told, warning, standard.polar_refund("lost", at=day + DAY, purchase=bought)


@pytest.mark.parametrize("provider", ["stripe", "paddle", "dodo", "polar"])
def test_a_warning_of_a_chargeback_takes_nothing_and_proposes_the_refund_to_a_person(
    world: World, provider: str
) -> None:
    name, payment, told, warning, ended = warned_at(world, provider)
    world.send(*told)

    world.send(warning, warning)
    warned = world.instance.account(name)
    outlook = world.instance.cli("account", "explain", name, "--json")["outlook"]
    alerts = [subject for topic in ("chargeback_warned", "dispute_inquiry") for subject in world.alerts(topic)]
    world.send(ended)

    (item,) = warned["chargeback_warnings"]
    assert (warned["plan"], warned["standing"], item["state"]) == ("professional", "good", "warned")
    base = 4900 if provider == "stripe" else 4118  # A charge tells no tax; the policy gives back the base amount.
    assert item["proposed"] == {"act": "refund", "payment_id": payment, "amount": base, "currency": "EUR"}
    assert any(f"kulanz refund request ACCOUNT --payment {payment}" in line for line in outlook)
    assert alerts.count(item["id"]) == 1
    (item,) = world.instance.account(name)["chargeback_warnings"]
    assert item["state"] == ("disputed" if provider == "polar" else "over")
    assert item["proposed"] is None


def test_a_warning_that_comes_before_its_payment_waits_for_it_and_is_answered_by_a_request(world: World) -> None:
    name, payment, told, warning, _ = warned_at(world, "stripe")

    world.send(warning)
    waiting = [
        event["event_name"] for event in world.instance.cli("events", "list", "--state", "waiting", "--json")["events"]
    ]
    world.send(*told)
    warned = world.instance.account(name)["chargeback_warnings"]
    form = {"account_id": name, "payment_id": payment, "contact_email": "a@b.example", "organisation": "Bakery"}
    world.instance.post("/v1/refund-requests", form)
    world.instance.settle()

    assert "radar.early_fraud_warning.created" in waiting
    assert [item["state"] for item in warned] == ["warned"]
    assert [item["state"] for item in world.instance.account(name)["chargeback_warnings"]] == ["answered"]


def test_amounts_stay_integers_and_texts_show_them_as_the_provider_writes_them(world: World) -> None:
    name, number = f"org_yen{world.instance.stories}", 7000 + 10 * world.instance.stories
    ids = {"customer": number, "subscription": number + 1, "order": number + 2, "invoice": number + 3}
    yen = ls.Purchase(account=name, began=world.at, email="yen@shop.example", currency="JPY", price=120000, **ids)
    told = {"purchase": yen, "at": world.at + DAY, "total_formatted": "\N{YEN SIGN}1,200"}
    world.send(
        ls.subscription_created(purchase=yen, at=world.at),
        ls.order_created(purchase=yen, at=world.at, total_formatted="\N{YEN SIGN}1,200"),
    )
    before = counted(world, "lemonsqueezy", "JPY")

    world.instance.advance_to(world.at + DAY)
    world.send(
        ls.subscription_updated(purchase=yen, at=world.at + DAY, status="past_due"),
        ls.subscription_payment_failed(**told),
    )
    account = world.instance.account(name)
    world.instance.advance("3d")
    mails = [text_of(mail) for mail in world.instance.mailbox.accepted if "yen@shop.example" in str(mail["To"])]
    world.send(ls.dispute_created(purchase=yen, at=world.at + 4 * DAY, amount=120000, currency="JPY"))
    steps = str(world.instance.cli("account", "explain", name, "--json"))

    (case,) = account["dunning_cases"]
    assert (case["amount_due"], case["currency"], case["decimals"]) == (120000, "JPY", 2)
    assert mails
    assert all("\N{YEN SIGN}1,200" in mail and "120,000" not in mail for mail in mails)
    assert "1,200 JPY" in steps
    assert "120,000 JPY" not in steps
    assert comes_true(lambda: counted(world, "lemonsqueezy", "JPY") > before)


@pytest.mark.parametrize(
    ("currency", "amount", "text", "decimals"),
    [("krw", 50000, "50,000 KRW", 0), ("huf", 199900, "1,999.00 HUF", 2), ("kwd", 4990, "4.990 KWD", 3)],
)
def test_a_currency_has_its_own_decimals_where_the_provider_tells_no_text(
    world: World, currency: str, amount: int, text: str, decimals: int
) -> None:
    purchase = at_stripe(world, currency, currency=currency, amount=amount)
    world.send(
        stripe.subscription("created", at=world.at, purchase=purchase),
        stripe.charge("succeeded", at=world.at, purchase=purchase),
        stripe.dispute("created", at=world.at + DAY, purchase=purchase),
    )

    account = str(purchase.account)
    (dispute,) = world.instance.account(account)["disputes"]
    assert (dispute["amount"], dispute["decimals"]) == (amount, decimals)
    assert text in str(world.instance.cli("account", "explain", account, "--json"))


def counted(world: World, provider: str, currency: str) -> float:
    """Return how many payments were counted whose provider writes other decimals than the currency has."""
    text = world.instance.session.get(f"{world.instance.url}/metrics", timeout=10).text
    name = f'kulanz_amounts_with_other_decimals_total{{currency="{currency}",provider="{provider}"}}'
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def comes_true(asked: Callable[[], bool]) -> bool:
    """Ask until it is so: processes hand in what they have counted every five seconds."""
    deadline = time.monotonic() + 20
    while not (is_so := asked()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return is_so


def text_of(mail: EmailMessage) -> str:
    """Return the plain part of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def at_paddle(world: World) -> paddle.Purchase:
    number = world.instance.stories
    ids = {"customer": f"ctm_p{number}", "subscription": f"sub_p{number}", "transaction": f"txn_p{number}"}
    return paddle.Purchase(account=f"org_paddle{number}", price="pri_pro", began=world.at - 30 * DAY, **ids)


@pytest.mark.parametrize("name", ["transaction.past_due", "invoice.overdue"])
def test_what_paddle_calls_overdue_is_a_case_by_itself_and_what_is_paid_ends_it(world: World, name: str) -> None:
    purchase = at_paddle(world)
    tell = paddle.transaction if name.startswith("transaction") else paddle.invoice
    world.send(paddle.subscription("created", at=world.at, purchase=purchase))

    world.send(tell(name.partition(".")[2], at=world.at, purchase=purchase))
    (case,) = world.instance.account(str(purchase.account))["dunning_cases"]
    world.send(tell("paid", at=world.at + DAY, purchase=purchase))

    account = world.instance.account(str(purchase.account))
    assert (case["state"], case["amount_due"], case["failures"]) == ("grace", 4900, 1)
    assert case["invoice_id"] == purchase.transaction
    assert (account["dunning_cases"], account["standing"]) == ([], "good")


def test_an_invoice_of_paddle_takes_nothing_from_what_its_transaction_told(world: World) -> None:
    purchase = at_paddle(world)
    first = {"at": world.at, "purchase": purchase, "origin": "web"}
    world.send(paddle.subscription("created", at=world.at, purchase=purchase), paddle.transaction("completed", **first))

    world.send(
        paddle.invoice("paid", at=world.at + DAY, purchase=purchase, created_at=world.at - DAY),
        paddle.invoice("paid", at=world.at + DAY, purchase=purchase, details=None),
    )
    form = {"account_id": purchase.account, "contact_email": purchase.email, "organisation": "Bakery"}
    answer = world.instance.post("/v1/refund-requests", form | {"payment_id": purchase.transaction})

    assert world.parked() == []
    assert (answer.status_code, answer.json()["verdict"]) == (201, "eligible")


@pytest.mark.parametrize("name", ["api_key.expiring", "api_key.expired", "api_key_exposure.created"])
def test_what_happens_to_paddles_keys_is_alerted_once(world: World, name: str) -> None:
    key = f"apikey_{name.replace('.', '_')}{world.instance.stories}"
    told = {"id": key, "api_key_id": key, "created_at": world.at}

    world.send(paddle.event(name, told, at=world.at), paddle.event(name, told, at=world.at + DAY))

    assert len([subject for subject in world.alerts("endpoint_cannot_work") if key in subject]) == 1
    assert key in world.finding("endpoint paddle", key)["detail"]


def test_a_trial_with_a_first_payment_is_a_payment(world: World) -> None:
    purchase = at_paddle(world)
    ends = world.at + 7 * DAY
    dates = {"starts_at": world.at.isoformat(), "ends_at": ends.isoformat()}
    item = paddle.subscription(at=world.at, purchase=purchase)["data"]["items"][0] | {"trial_dates": dates}
    world.send(
        paddle.subscription("trialing", at=world.at, purchase=purchase, items=[item], created_at=world.at),
        paddle.transaction("completed", at=world.at, purchase=purchase, origin="web"),
    )

    form = {"account_id": purchase.account, "contact_email": purchase.email, "organisation": "Bakery"}
    answer = world.instance.post("/v1/refund-requests", form | {"payment_id": purchase.transaction})
    request = answer.json()

    account = world.instance.account(str(purchase.account))
    assert (account["plan"], account["subscriptions"][0]["status"]) == ("professional", "on_trial")
    assert (answer.status_code, request["verdict"], request["refundable_amount"]) == (201, "eligible", 4118)


def planned(world: World, provider: str) -> tuple[str, Payload, list[str]]:
    """Return an account, a snapshot with what its provider has planned, and what explain says of that."""
    number, at = world.instance.stories, world.at
    soon, later = (at + 10 * DAY).isoformat().replace("+00:00", "Z"), (at + 40 * DAY).isoformat().replace("+00:00", "Z")
    ids = {"customer": f"cus-t{number}", "subscription": f"sub-t{number}"}
    own = standard.Purchase(account=f"org_plan{number}", product="pdt_pro", began=at, **ids)
    match provider:
        case "paddle":
            purchase = at_paddle(world)
            change = {"action": "pause", "effective_at": soon, "resume_at": later}
            told = paddle.subscription("updated", at=at, purchase=purchase, scheduled_change=change)
            return str(purchase.account), told, [f"paused at {soon}", f"resume at {later}"]
        case "dodo":
            change = {"product_id": "pdt_team", "quantity": 3, "effective_at": soon, "addons": []}
            told = standard.dodo_subscription("updated", at=at, purchase=own, scheduled_change=change)
            return str(own.account), told, [f"change to product-pdt_team (3) at {soon}"]
        case "polar-change":
            change = {"applies_at": soon, "product_id": "pdt_team", "seats": 3}
            told = standard.polar_subscription("updated", at=at, purchase=own, pending_update=change)
            return str(own.account), told, [f"change to product-pdt_team (3) at {soon}"]
        case "polar-pause":
            pause = {"pause_at_period_end": True, "current_period_end": at + 10 * DAY, "resumes_at": later}
            told = standard.polar_subscription("updated", at=at, purchase=own, **pause)
            return str(own.account), told, [f"paused at {soon}", f"resume at {later}"]
        case "stripe":
            bought = at_stripe(world, "pause")
            pause = {"pause_collection": {"behavior": "void", "resumes_at": int((at + 40 * DAY).timestamp())}}
            told = stripe.subscription("updated", at=at, purchase=bought, **pause)
            return str(bought.account), told, [f"resume at {later}"]
    number = 8000 + 10 * number
    yours = ls.Purchase(
        account=f"org_plan{number}", customer=number, subscription=number + 1, order=number + 2, began=at
    )
    pause = {"status": "paused", "pause": {"mode": "void", "resumes_at": ls.moment(at + 40 * DAY)}}
    return str(yours.account), ls.subscription_paused(at=at, purchase=yours, **pause), [f"resume at {later}"]


@pytest.mark.parametrize("provider", ["paddle", "dodo", "polar-change", "polar-pause", "stripe", "lemonsqueezy"])
def test_what_the_provider_has_planned_stands_under_what_would_change_it(world: World, provider: str) -> None:
    account, told, lines = planned(world, provider)

    world.send(told)

    outlook = world.instance.cli("account", "explain", account, "--json")["outlook"]
    assert [line for line in lines if not any(line in each for each in outlook)] == [], outlook


def test_a_pause_is_not_told_as_the_end_of_what_was_paid_for(world: World) -> None:
    number = 8000 + 10 * world.instance.stories
    ids = {"customer": number, "subscription": number + 1, "order": number + 2}
    own = ls.Purchase(account=f"org_told{number}", began=world.at, variant=47001, **ids)
    paused = {"status": "paused", "pause": {"mode": "void", "resumes_at": None}}
    world.send(
        ls.subscription_created(at=world.at, purchase=own),
        ls.subscription_paused(at=world.at + DAY, purchase=own, **paused),
    )

    steps = str(world.instance.cli("account", "explain", str(own.account), "--json")["steps"])

    assert "it is paused" in steps
    assert "what was paid for is over" not in steps


@dataclass(frozen=True, slots=True)
class Sold:
    """One purchase of one provider, and what it sends of it without the ids that no decision needs."""

    account: str
    told: list[Payload]
    update: Payload
    refund: Payload


def sold(world: World, provider: str) -> Sold:
    number, at, later = world.instance.stories, world.at, world.at + DAY
    nobody: dict[str, Any] = {"customer_id": None}
    ids = {"customer": f"cus-n{number}", "subscription": f"sub-n{number}", "payment": f"pay-n{number}"}
    own = standard.Purchase(account=f"org_null{number}", product="pdt_pro", began=at, refund=f"ref-n{number}", **ids)
    match provider:
        case "stripe":
            purchase = at_stripe(world, "null")
            told = [
                stripe.subscription("created", at=at, purchase=purchase),
                stripe.charge("succeeded", at=at, purchase=purchase),
                stripe.invoice("paid", at=at, purchase=purchase, payment_intent="pi_3MmlLrLkdIwHu7ix"),
            ]
            update = stripe.subscription(
                "updated", at=later, purchase=purchase, customer=None, items=None, metadata=None
            )
            refund = stripe.charge("refunded", at=later, purchase=purchase, metadata=None, billing_details=None)
            return Sold(str(purchase.account), told, update, refund)
        case "paddle":
            bought = at_paddle(world)
            told = [paddle.subscription("created", at=at, purchase=bought)]
            told.append(paddle.transaction("completed", at=at, purchase=bought))
            nothing = nobody | {"items": [], "custom_data": None}
            update = paddle.subscription("updated", at=later, purchase=bought, **nothing)
            return Sold(
                str(bought.account), told, update, paddle.adjustment("refund", at=later, purchase=bought, **nobody)
            )
        case "dodo":
            told = [standard.dodo_subscription("active", at=at, purchase=own)]
            told.append(standard.dodo_payment("succeeded", at=at, purchase=own))
            nothing = {"customer": None, "product_id": None, "metadata": None}
            update = standard.dodo_subscription("updated", at=later, purchase=own, **nothing)
            return Sold(str(own.account), told, update, standard.dodo_refund(at=later, purchase=own, customer=None))
        case "polar":
            told = [standard.polar_subscription("active", at=at, purchase=own)]
            told.append(standard.polar_order("paid", at=at, purchase=own))
            nothing = nobody | {"customer": None, "product_id": None, "product": None, "metadata": None}
            update = standard.polar_subscription("updated", at=later, purchase=own, **nothing)
            return Sold(
                str(own.account), told, update, standard.polar_order("refunded", at=later, purchase=own, **nothing)
            )
    number = 9000 + 10 * number
    yours = ls.Purchase(
        account=f"org_null{number}", customer=number, subscription=number + 1, order=number + 2, began=at
    )
    told = [ls.order_created(at=at, purchase=yours), ls.subscription_created(at=at, purchase=yours)]
    nothing = nobody | {"variant_id": None, "product_id": None, "order_id": None, "user_email": None}
    update = ls.subscription_updated(at=later, purchase=yours, custom_data={}, **nothing)
    return Sold(str(yours.account), told, update, ls.order_refunded(at=later, purchase=yours, custom_data={}, **nobody))


PROVIDERS = ["lemonsqueezy", "stripe", "paddle", "dodo", "polar"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_update_without_customer_and_variant_takes_nothing_and_is_not_parked(world: World, provider: str) -> None:
    purchase = sold(world, provider)
    before = world.parked()

    world.send(*purchase.told, purchase.update)

    account = world.instance.account(purchase.account)
    assert (account["plan"], account["access"], account["standing"]) == ("professional", "full", "good")
    assert [item["plan"] for item in account["subscriptions"]] == ["professional"]
    assert world.parked() == before
    assert world.instance.cli("events", "list", "--state", "waiting", "--json")["events"] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_update_without_ids_that_comes_first_waits_for_its_subscription(world: World, provider: str) -> None:
    purchase = sold(world, provider)

    world.send(purchase.update)
    waiting = [
        event["state"] for event in world.instance.cli("events", "list", "--state", "waiting", "--json")["events"]
    ]
    world.send(*purchase.told)

    assert waiting == ["waiting"]
    assert world.instance.account(purchase.account)["plan"] == "professional"
    assert world.instance.cli("events", "list", "--state", "waiting", "--json")["events"] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refund_that_names_no_customer_is_that_of_its_payment(world: World, provider: str) -> None:
    purchase = sold(world, provider)
    before = world.parked()

    world.send(*purchase.told, purchase.refund)

    refunded = [subject for subject in world.alerts("unrequested_refund") if subject]
    payment = {"stripe": "ch_null", "paddle": "txn_p", "lemonsqueezy": ""}.get(provider, "pay-n")
    assert any(payment in subject for subject in refunded)
    assert world.parked() == before
    assert world.instance.account(purchase.account)["standing"] == "good"


def test_events_are_exported_without_a_word_about_a_person_and_never_otherwise(world: World, tmp_path: Path) -> None:
    purchase = sold(world, "lemonsqueezy")
    world.send(*purchase.told)
    folder = tmp_path / "export"
    asked = ("events", "export", "--account", purchase.account, "--to", str(folder))

    plain, _, error = world.instance.run(*asked)
    done = world.instance.cli(*asked, "--anonymise", "--json")
    again, _, refused = world.instance.run(*asked, "--anonymise")

    files = sorted(folder.iterdir())
    texts = "".join(file.read_text() for file in files)
    assert (plain, again) == (2, 1)
    assert "--anonymise" in error
    assert "is not empty" in refused
    assert (done["files"], done["left_out"]) == (2, 0)
    assert [file.name for file in files] == [
        "0001-lemonsqueezy-order_created.json",
        "0002-lemonsqueezy-subscription_created.json",
    ]
    assert purchase.account not in texts
    assert str(purchase.told[0]["data"]["attributes"]["user_email"]) not in texts
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
