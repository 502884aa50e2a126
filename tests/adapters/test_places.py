"""The places that may name an account: the first one that names one counts, at every provider."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kulanz.config import load
from kulanz.errors import ConfigurationError
from kulanz.providers import PROVIDERS, Naming, Routing
from kulanz.providers.signing import account_signature
from tests import lemonsqueezy, paddle, standard, stripe
from tests.purchase import MONDAY, Payload

SECRET = "the-account-secret-of-the-shop"
SIGNED = Naming(account_secret=SECRET)
PURCHASES = {
    "lemonsqueezy-subscription": lambda data: (
        "lemonsqueezy",
        lemonsqueezy.subscription_created(custom_data=data, created_at=MONDAY),
    ),
    "lemonsqueezy-order": lambda data: (
        "lemonsqueezy",
        lemonsqueezy.order_created(custom_data=data, created_at=MONDAY),
    ),
    "stripe": lambda data: ("stripe", stripe.subscription("updated", metadata=data, created=MONDAY)),
    "stripe-checkout": lambda data: ("stripe", stripe.checkout(metadata=data)),
    "paddle": lambda data: ("paddle", paddle.subscription("created", custom_data=data, created_at=MONDAY)),
    "polar": lambda data: ("standard", standard.polar_subscription("created", metadata=data, created_at=MONDAY)),
    "dodo": lambda data: ("standard", standard.dodo_subscription("active", metadata=data, created_at=MONDAY)),
}


def routed(provider: str, payload: Payload, naming: Naming) -> Routing:
    return PROVIDERS[provider].route(payload, naming)


@pytest.mark.parametrize("kind", PURCHASES)
@pytest.mark.parametrize(("seconds", "is_signed"), [(0, True), (-1, False)])
def test_a_signature_with_an_end_is_judged_by_when_the_purchase_was_made(
    kind: str, seconds: int, *, is_signed: bool
) -> None:
    end = int((MONDAY + timedelta(seconds=seconds)).timestamp())
    data = {"account_id": "org_42", "account_sig": account_signature("org_42", SECRET, end)}

    provider, payload = PURCHASES[kind](data)

    routing = routed(provider, payload, SIGNED)
    assert (routing.claim, routing.signed) == ("org_42", is_signed)
    told = PROVIDERS[provider].translate(payload_name(provider, payload), payload, "00", SIGNED)
    assert {fact.signed for fact in told if hasattr(fact, "signed")} <= {is_signed}


def payload_name(provider: str, payload: Payload) -> str:
    if provider == "lemonsqueezy":
        return str(payload["meta"]["event_name"])
    return str(payload.get("type") or payload.get("event_type"))


@pytest.mark.parametrize("kind", PURCHASES)
@pytest.mark.parametrize(
    ("data", "claim"),
    [
        ({"org": "org_1", "account_id": "org_2"}, "org_1"),
        ({"account_id": "org_2"}, "org_2"),
        ({"org": "../etc", "account_id": "org_2"}, "org_2"),
        ({"org": None, "account_id": ""}, None),
        ({"other": "org_3"}, None),
        ([], None),
        ("org_1", None),
    ],
)
def test_the_first_place_that_names_an_account_counts(kind: str, data: Any, claim: str | None) -> None:
    naming = Naming(account_from=("metadata.org", "metadata.account_id"))

    provider, payload = PURCHASES[kind](data)

    assert routed(provider, payload, naming).claim == claim


@pytest.mark.parametrize(
    ("places", "claim"),
    [
        ((), None),
        (("metadata.account_id", "client_reference_id"), "org_9"),
        (("client_reference_id",), "org_9"),
        (("metadata.account_id",), None),
    ],
)
def test_the_reference_of_a_checkout_counts_where_the_settings_name_it(
    places: tuple[str, ...], claim: str | None
) -> None:
    payload = stripe.checkout(client_reference_id="org_9")

    assert routed("stripe", payload, Naming(account_from=places)).claim == claim


@pytest.mark.parametrize(
    ("places", "claim"),
    [
        ((), "org_1"),
        (("metadata.account_id",), None),
        (("customer.metadata.account_id",), "org_2"),
        (("customer.metadata.account_id", "customer.external_id"), "org_2"),
    ],
)
def test_a_customer_names_an_account_where_the_settings_say(places: tuple[str, ...], claim: str | None) -> None:
    customer = {"id": "cus_1", "external_id": "org_1", "metadata": {"account_id": "org_2"}}
    payload = standard.polar_subscription("created", customer=customer, metadata=[])

    routing = routed("standard", payload, Naming(account_from=places))

    assert (routing.claim, routing.customer_claim) == (None, claim)


def test_the_metadata_of_a_stripe_customer_are_no_claim_of_a_purchase() -> None:
    routing = routed("stripe", stripe.customer(metadata={"account_id": "org_2"}), Naming())

    assert (routing.claim, routing.customer_claim) == (None, "org_2")


@pytest.mark.parametrize("text", ["account_id", "metadata.", "customer.email", "metadata.a,checkout.id"])
def test_a_place_that_there_is_not_is_refused_when_the_settings_are_read(text: str) -> None:
    environ = {"ENCRYPTION_KEYS": "00" * 32, "KULANZ_ACCOUNT_FROM": text}

    with pytest.raises(ConfigurationError, match="KULANZ_ACCOUNT_FROM: expected metadata"):
        load(environ)


def test_places_are_read_in_their_order() -> None:
    environ = {"ENCRYPTION_KEYS": "00" * 32, "KULANZ_ACCOUNT_FROM": "metadata.org, client_reference_id"}

    assert load(environ).account_from == ("metadata.org", "client_reference_id")
