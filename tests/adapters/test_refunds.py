"""Refunds at Stripe and Paddle: what is read before and after, what is sent, and one payment under several names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kulanz.delivery.money import refund
from kulanz.delivery.report import AttemptState
from kulanz.errors import FarEndError
from kulanz.policy.areas.refunds.payments import named, payments
from kulanz.policy.book import Book
from kulanz.policy.effects import RefundPayment
from kulanz.policy.facts import PaymentLinked, RefundSeen
from kulanz.providers.paddle.client import PaddleClient as Paddle
from kulanz.providers.stripe.client import StripeClient as Stripe
from tests import paddle, standard, stripe
from tests.adapters.apis import Api, an_api
from tests.adapters.payloads import PAYLOAD_SOURCES

_, STRIPE, PADDLE, DODO, _ = PAYLOAD_SOURCES
CHARGE, INVOICE, INTENT = stripe.BOUGHT.charge, stripe.BOUGHT.invoice, "pi_3MmlLrLkdIwHu7ix"
TRANSACTION = paddle.BOUGHT.transaction


@pytest.fixture
def api() -> Iterator[Api]:
    with an_api() as api:
        charge = stripe.charge("succeeded", amount_refunded=500)["data"]["object"]
        api.held[f"/v1/charges/{CHARGE}"] = charge
        api.held["/v1/refunds"] = {"id": "re_1", "object": "refund"}
        api.held[f"/v1/invoices/{INVOICE}"] = stripe.invoice("paid")["data"]["object"] | {
            "payments": {"data": [{"payment": {"payment_intent": INTENT}}]}
        }
        api.held[f"/v1/payment_intents/{INTENT}"] = {"id": INTENT, "latest_charge": CHARGE}
        items = [
            {"id": "txnitm_1", "totals": {"total": "3000"}},
            {"id": "txnitm_2", "totals": {"total": "1900"}},
        ]
        api.held[f"/transactions/{TRANSACTION}"] = {
            "data": {"id": TRANSACTION, "currency_code": "EUR", "details": {"line_items": items}}
        }
        api.held["/adjustments"] = {
            "data": [
                paddle.adjustment("refund", id="adj_1", type="partial", totals={"total": "300"})["data"],
                paddle.adjustment("refund", id="adj_2", status="pending_approval", totals={"total": "100"})["data"],
                paddle.adjustment("refund", id="adj_3", status="rejected", totals={"total": "700"})["data"],
            ]
        }
        yield api


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def at_stripe(api: Api, session: requests.Session) -> Stripe:
    return Stripe("sk_test_1", f"{api.url}/v1", session)


def at_paddle(api: Api, session: requests.Session) -> Paddle:
    return Paddle("pdl_sdbx_apikey_1", api.url, session)


@pytest.mark.parametrize(("kind", "payment"), [("order", CHARGE), ("invoice", INVOICE)])
def test_stripe_tells_what_has_gone_back_of_a_charge_or_of_what_paid_an_invoice(
    api: Api, session: requests.Session, kind: str, payment: str
) -> None:
    refunded = at_stripe(api, session).refunded(kind, payment)

    assert refunded is not None
    assert (refunded.amount, refunded.currency) == (500, "EUR")
    *links, seen = refunded.facts
    assert [type(link) for link in links] == ([PaymentLinked] if kind == "invoice" else [])
    assert isinstance(seen, RefundSeen)
    assert (seen.payment, seen.amount, seen.whole) == (f"stripe:{payment}", 500, False)


def test_an_older_invoice_names_its_charge_itself(api: Api, session: requests.Session) -> None:
    api.held[f"/v1/invoices/{INVOICE}"] = {"id": INVOICE, "charge": CHARGE}

    refunded = at_stripe(api, session).refunded("invoice", INVOICE)

    assert refunded is not None
    assert refunded.amount == 500


def test_stripe_is_told_once_for_a_key(api: Api, session: requests.Session) -> None:
    at_stripe(api, session).refund("invoice", INVOICE, 700, "ef_1")

    assert api.calls[-1] == f"POST /v1/refunds charge={CHARGE}&amount=700&metadata%5Bkulanz%5D=ef_1"
    assert api.once[-1] == "ef_1"


@pytest.mark.parametrize("kind", ["order", "invoice"])
def test_what_stripe_does_not_know_is_none(api: Api, session: requests.Session, kind: str) -> None:
    client = at_stripe(api, session)

    assert client.refunded(kind, "nothing") is None
    with pytest.raises(FarEndError) as caught:
        client.refund(kind, "nothing", 700, "ef_1")
    assert caught.value.answer == 404


def test_paddle_tells_what_has_gone_back_and_what_waits_for_its_approval(api: Api, session: requests.Session) -> None:
    refunded = at_paddle(api, session).refunded("order", TRANSACTION)

    assert refunded is not None
    assert (refunded.amount, refunded.currency) == (400, "EUR")
    assert [fact.counts for fact in refunded.facts if isinstance(fact, RefundSeen)] == [True, False]


def test_paddle_is_told_which_items_it_goes_back_of(api: Api, session: requests.Session) -> None:
    at_paddle(api, session).refund("order", TRANSACTION, 4000, "ef_1")

    said = api.calls[-1]
    assert said.startswith("POST /adjustments ")
    assert '{"item_id":"txnitm_1","type":"partial","amount":"3000"}' in said
    assert '{"item_id":"txnitm_2","type":"partial","amount":"1000"}' in said
    assert '"action":"refund"' in said


def test_a_transaction_that_paddle_does_not_know_is_none(api: Api, session: requests.Session) -> None:
    client = at_paddle(api, session)

    assert client.refunded("order", "txn_none") is None
    with pytest.raises(FarEndError):
        client.refund("order", "txn_none", 100, "ef_1")


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_neither_sells_licence_keys(api: Api, session: requests.Session, provider: str) -> None:
    client = at_stripe(api, session) if provider == "stripe" else at_paddle(api, session)

    assert client.disable_licence("1") is None


def test_a_refund_at_stripe_is_sent_and_then_waits_for_stripes_word(api: Api, session: requests.Session) -> None:
    effect = RefundPayment(
        id="ef_1",
        subject="rr_1",
        payment=f"stripe:{CHARGE}",
        kind="order",
        amount=700,
        currency="EUR",
        before=500,
    )

    report = refund(effect, {"stripe": at_stripe(api, session)}, 0)

    assert report.state is AttemptState.DONE
    assert sum(call.startswith("POST") for call in api.calls) == 1


def told(source: Any, *events: dict[str, Any]) -> Book:
    return Book().with_facts([fact for event in events for fact in source.facts(event)])


def test_a_charge_and_the_invoice_that_it_paid_are_one_payment() -> None:
    paid = stripe.invoice("paid", payment_intent=INTENT)
    book = told(
        STRIPE,
        stripe.subscription("created"),
        paid,
        stripe.charge("succeeded", at=stripe.MONDAY),
        stripe.charge("refunded", at=stripe.MONDAY, amount_refunded=500, refunded=False),
    )

    (payment,) = payments(book)

    assert (payment.total, payment.tax, payment.refunded) == (4900, 782, 500)
    assert named(CHARGE, [payment]) == named(INVOICE, [payment]) == [payment]


def test_refunds_at_paddle_add_up_once_each_and_only_when_approved() -> None:
    part = {"type": "partial", "totals": {"total": "300"}}
    book = told(
        PADDLE,
        paddle.subscription("created"),
        paddle.transaction("completed"),
        paddle.adjustment("refund", id="adj_1", **part),
        paddle.adjustment("refund", id="adj_1", **part),
        paddle.adjustment("refund", id="adj_2", **part),
        paddle.adjustment("refund", id="adj_3", status="pending_approval", **part),
    )

    (payment,) = payments(book)

    assert (payment.total, payment.tax, payment.refunded) == (4900, 782, 600)


def test_refunds_at_dodo_add_up_once_each() -> None:
    part = {"is_partial": True, "amount": 500}
    book = told(
        DODO,
        standard.dodo_subscription("active"),
        standard.dodo_payment("succeeded"),
        standard.dodo_refund(refund_id="ref_1", **part),
        standard.dodo_refund(refund_id="ref_2", **part),
        standard.dodo_refund(refund_id="ref_1", **part),
    )

    assert [payment.refunded for payment in payments(book)] == [1000]
