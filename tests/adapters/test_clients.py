"""What the clients ask of Stripe's and Paddle's APIs, and what they make of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from kulanz.delivery.provider import ProviderClient
from kulanz.errors import FarEndError
from kulanz.policy.facts import Provenance, Status
from kulanz.providers.paddle.client import PaddleClient as Paddle
from kulanz.providers.stripe.client import StripeClient as Stripe
from tests import paddle, stripe
from tests.adapters.apis import Api, an_api

S, P = stripe.BOUGHT.subscription, paddle.BOUGHT.subscription


@pytest.fixture
def api() -> Iterator[Api]:
    with an_api() as api:
        api.held[f"/v1/subscriptions/{S}"] = stripe.subscription()["data"]["object"]
        api.held[f"/subscriptions/{P}"] = {"data": paddle.subscription()["data"], "meta": {"request_id": "1"}}
        yield api


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture(params=["stripe", "paddle"])
def client(request: pytest.FixtureRequest, api: Api, session: requests.Session) -> ProviderClient:
    if request.param == "stripe":
        return Stripe("sk_test_1", f"{api.url}/v1", session)
    return Paddle("pdl_sdbx_apikey_1", api.url, session)


def own(client: ProviderClient) -> str:
    return S if isinstance(client, Stripe) else P


def test_a_subscription_is_read_as_a_reconciled_fact(client: ProviderClient) -> None:
    seen = client.subscription(own(client))

    assert seen is not None
    assert (seen.status, seen.provenance) == (Status.ACTIVE, Provenance.RECONCILED)
    assert seen.key.endswith(f":{own(client)}")


def test_stripes_answer_is_stamped_by_stripes_clock(api: Api, session: requests.Session) -> None:
    seen = Stripe("sk_test_1", f"{api.url}/v1", session).subscription(S)

    assert seen is not None
    assert seen.stamp.at == api.now


def test_paddles_answer_has_its_own_time(api: Api, session: requests.Session) -> None:
    seen = Paddle("pdl_sdbx_1", api.url, session).subscription(P)

    assert seen is not None
    assert seen.stamp.at == datetime(2026, 3, 2, 14, 8, 20, tzinfo=UTC)


def test_an_unknown_subscription_is_none(client: ProviderClient) -> None:
    assert client.subscription("sub_unknown") is None


def test_a_cancellation_leaves_the_period_that_is_paid_for(client: ProviderClient, api: Api) -> None:
    client.cancel(own(client))

    assert api.calls == [
        f"POST /v1/subscriptions/{S} cancel_at_period_end=true"
        if isinstance(client, Stripe)
        else f'POST /subscriptions/{P}/cancel {{"effective_from":"next_billing_period"}}'
    ]


def test_a_cancellation_is_taken_back(client: ProviderClient, api: Api) -> None:
    client.resume(own(client), None)

    assert api.calls == [
        f"POST /v1/subscriptions/{S} cancel_at_period_end=false"
        if isinstance(client, Stripe)
        else f'PATCH /subscriptions/{P} {{"scheduled_change":null}}'
    ]


def test_the_key_is_sent_as_a_bearer_token(client: ProviderClient, api: Api) -> None:
    client.subscription(own(client))

    assert str(api.keys[0]).startswith("Bearer ")


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (402, False), (409, False), (429, True), (500, True)])
def test_a_refusal_carries_the_providers_own_words(
    client: ProviderClient, api: Api, *, status: int, retryable: bool
) -> None:
    api.status, api.body = status, b'{"error": {"message": "It is so", "detail": "It is so"}}'

    with pytest.raises(FarEndError, match=f"answered {status}: It is so") as caught:
        client.cancel(own(client))

    assert (caught.value.answer, caught.value.retryable) == (status, retryable)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"data": []}', b'{"object": "customer"}'])
def test_an_answer_of_another_shape_is_a_passing_failure(client: ProviderClient, api: Api, body: bytes) -> None:
    api.status, api.body = 200, body

    with pytest.raises(FarEndError) as caught:
        client.subscription(own(client))

    assert caught.value.retryable


def test_another_subscription_is_no_answer(client: ProviderClient, api: Api) -> None:
    api.held["/v1/subscriptions/sub_2"] = api.held[f"/v1/subscriptions/{S}"]
    api.held["/subscriptions/sub_2"] = api.held[f"/subscriptions/{P}"]

    with pytest.raises(FarEndError, match="another subscription"):
        client.subscription("sub_2")


@pytest.mark.parametrize(
    ("made", "key", "url", "test_mode"),
    [
        (Stripe, "sk_live_1", "https://api.stripe.com/v1", False),
        (Stripe, "rk_live_1", "https://api.stripe.com/v1", False),
        (Stripe, "sk_test_1", "https://api.stripe.com/v1", True),
        (Paddle, "pdl_live_apikey_1", "https://api.paddle.com", False),
        (Paddle, "0123456789abcdef", "https://api.paddle.com", False),
        (Paddle, "pdl_sdbx_apikey_1", "https://sandbox-api.paddle.com", True),
        (Paddle, "0123456789abcdef", "https://sandbox-api.paddle.com", True),
    ],
)
def test_a_key_says_which_mode_it_is_of(
    session: requests.Session, made: type[Stripe | Paddle], key: str, url: str, *, test_mode: bool
) -> None:
    assert made(key, url, session).test_mode() is test_mode


def test_stripes_open_invoice_has_a_page_of_its_own(api: Api, session: requests.Session) -> None:
    hosted = "https://invoice.stripe.com/i/acct_1/test_1?s=ap"
    api.held["/v1/invoices/in_1"] = {"id": "in_1", "status": "open", "hosted_invoice_url": hosted}

    assert Stripe("sk_test_1", f"{api.url}/v1", session).payment_page(S, "in_1", "") == hosted
    assert api.calls == ["GET /v1/invoices/in_1"]


@pytest.mark.parametrize("invoice", [None, "in_1", "in_unknown"])
def test_without_an_open_invoice_stripe_makes_a_session_of_the_portal(
    api: Api, session: requests.Session, invoice: str | None
) -> None:
    portal = "https://billing.stripe.com/p/session/test_1"
    api.held["/v1/invoices/in_1"] = {"id": "in_1", "status": "uncollectible", "hosted_invoice_url": "https://x.example"}
    api.held["/v1/billing_portal/sessions"] = {"id": "bps_1", "url": portal}
    customer = stripe.subscription()["data"]["object"]["customer"]

    assert Stripe("sk_test_1", f"{api.url}/v1", session).payment_page(S, invoice, "") == portal
    assert api.calls[-1] == f"POST /v1/billing_portal/sessions customer={customer}"


def test_paddles_transaction_for_another_card_has_a_checkout(api: Api, session: requests.Session) -> None:
    checkout = "https://shop.example/pay?_ptxn=txn_1"
    path = f"/subscriptions/{P}/update-payment-method-transaction"
    api.held[path] = {"data": {"id": "txn_1", "checkout": {"url": checkout}}}

    assert Paddle("pdl_sdbx_1", api.url, session).payment_page(P, "txn_0", "") == checkout
    assert api.calls == [f"GET {path}"]


def test_a_subscription_that_a_key_does_not_reach_has_no_page(client: ProviderClient) -> None:
    if isinstance(client, Stripe):
        assert client.payment_page("sub_unknown", None, "") is None
    else:
        with pytest.raises(FarEndError):
            client.payment_page("sub_unknown", None, "")
