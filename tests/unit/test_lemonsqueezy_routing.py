"""Whose event it is: a claim in custom data, and the objects by which an account is found."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.providers import PROVIDERS, Naming, Routing
from tests import lemonsqueezy as ls

LEMONSQUEEZY = PROVIDERS["lemonsqueezy"]
UNSIGNED = Naming()
SIGNED = Naming(account_secret="of the merchant")


def route(payload: ls.Payload, naming: Naming = UNSIGNED) -> Routing:
    return LEMONSQUEEZY.route(LEMONSQUEEZY.decode(ls.wire(payload)), naming)


def test_a_subscription_event_names_account_customer_subscription_and_order() -> None:
    routing = route(ls.subscription_created(account="org_42", customer=7, subscription=8, order=9))

    assert routing == Routing(
        claim="org_42",
        customer="lemonsqueezy:customer:7",
        subscription="lemonsqueezy:subscription:8",
        order="lemonsqueezy:order:9",
        fallback="lemonsqueezy-7",
    )


@pytest.mark.parametrize("outcome", ["failed", "success", "recovered", "refunded"])
def test_an_invoice_event_names_the_subscription_that_it_needs(outcome: str) -> None:
    payload = ls.EVENTS[f"subscription_payment_{outcome}"](invoice=77, subscription=8, account=None)

    routing = route(payload)

    assert routing.subscription == "lemonsqueezy:subscription:8"
    assert routing.needs_subscription
    assert (routing.claim, routing.order) == (None, None)


def test_an_order_names_itself_and_no_subscription() -> None:
    routing = route(ls.order_created(order=9))

    assert (routing.order, routing.subscription) == ("lemonsqueezy:order:9", None)
    assert not routing.needs_subscription


def test_a_licence_is_found_by_its_order() -> None:
    assert route(ls.license_key_created(order=9, licence=5)).order == "lemonsqueezy:order:9"


def test_a_dispute_is_found_by_all_that_it_names() -> None:
    routing = route(ls.dispute_created(customer=7, subscription=8, order=9))

    assert (routing.subscription, routing.order) == ("lemonsqueezy:subscription:8", "lemonsqueezy:order:9")
    assert not routing.needs_subscription


# What custom data may look like.


@pytest.mark.parametrize("custom", [ls.ABSENT, None, [], {}, "org_42", 7, {"account_id": None}, {"user_id": "org_42"}])
def test_custom_data_that_names_nobody_is_no_claim(custom: object) -> None:
    payload = ls.subscription_created(account=None)
    if custom is not ls.ABSENT:
        payload["meta"]["custom_data"] = custom

    routing = route(payload)

    assert (routing.claim, routing.unusable_claim, routing.signed) == (None, None, False)


@pytest.mark.parametrize(
    "usable",
    [
        *("o", "org_42", "ORG-42", "a@b.example", "urn:org:42", "0", "x" * 128, "lemonsqueezy", "stripes-1"),
        *("auth0|5f7c1a", "a+b", "1|2", "a..b", "google-oauth2|1150"),
    ],
)
def test_a_usable_id_is_the_claim(usable: str) -> None:
    assert route(ls.order_created(account=usable)).claim == usable


@pytest.mark.parametrize(
    ("told", "as_shown"),
    [
        ("", ""),
        ("org 42", "org 42"),
        ("org/42", "org/42"),
        ("org_42\n", "org_42?"),
        ("\x00", "?"),
        ("Örg", "Örg"),
        ("x" * 129, "x" * 60 + "…"),
        ("lemonsqueezy-7", "lemonsqueezy-7"),
        ("stripe-cus_1", "stripe-cus_1"),
        ("paddle-ctm_1", "paddle-ctm_1"),
        ("standard-1", "standard-1"),
        (True, "true"),
        (False, "false"),
        (4.5, "4.5"),
        (-3, "-3"),
        ("..", ".."),
        (".", "."),
        ("-", "-"),
        ("--help", "--help"),
        ("_org", "_org"),
        (":org", ":org"),
        ("@org", "@org"),
        ("+org", "+org"),
        ("|org", "|org"),
        ("a/../b", "a/../b"),
        ("..%2f", "..%2f"),
        (["org_42"], "a list"),
        ({"id": "org_42"}, "an object"),
    ],
)
def test_an_unusable_id_is_absent_and_shown(told: object, as_shown: str) -> None:
    routing = route(ls.order_created(custom_data={"account_id": told}))

    assert (routing.claim, routing.unusable_claim) == (None, as_shown)


@pytest.mark.parametrize("former", ["..", "-", "--help", "_org", ":org", "@org", "_" * 128])
def test_an_id_that_was_usable_before_is_kept_for_the_account_that_has_it_and_proves_nothing(former: str) -> None:
    naming = Naming(account_secret="of the merchant", require_signed=True)
    custom = {"account_id": former, "account_sig": ls.account_signature(former, "of the merchant")}

    signed = route(ls.order_created(custom_data=custom), naming)
    unsigned = route(ls.order_created(custom_data={"account_id": former}), naming)

    assert (signed.claim, signed.kept_claim, signed.signed) == (None, former, False)
    assert (unsigned.claim, unsigned.kept_claim, unsigned.unusable_claim) == (
        None,
        None,
        former[:60] + "…" * (len(former) > 60),
    )


@pytest.mark.parametrize("never", ["+org", "|org", "-a+b", "_" * 129, "_a/b", ""])
def test_an_id_that_never_was_usable_is_kept_for_nobody(never: str) -> None:
    assert route(ls.order_created(custom_data={"account_id": never})).kept_claim is None


def test_a_number_is_read_as_text() -> None:
    assert route(ls.order_created(custom_data={"account_id": 25})).claim == "25"


def test_the_key_that_names_the_account_can_be_chosen() -> None:
    payload = ls.order_created(custom_data={"org": "one", "account_id": "two"})

    assert route(payload, Naming(account_key="org")).claim == "one"


# Who wrote it there.


def test_a_claim_signed_by_the_merchant_is_signed() -> None:
    assert route(ls.order_created(account_secret="of the merchant"), SIGNED).signed


@pytest.mark.parametrize(
    "signature",
    [
        ls.account_signature("org_43", "of the merchant"),
        ls.account_signature("org_42", "of a buyer"),
        "",
        "é",
        None,
        7,
        [],
    ],
)
def test_another_signature_is_none(signature: object) -> None:
    payload = ls.order_created(custom_data={"account_id": "org_42", "account_sig": signature})

    routing = route(payload, SIGNED)

    assert (routing.claim, routing.signed) == ("org_42", False)


@pytest.mark.parametrize(("bought", "is_signed"), [(-1, True), (0, True), (1, False), (None, False)])
def test_a_signature_with_an_end_proves_nothing_for_what_is_bought_later(
    bought: int | None, *, is_signed: bool
) -> None:
    end = int(ls.MONDAY.timestamp())
    custom = {"account_id": "org_42", "account_sig": ls.account_signature("org_42", "of the merchant", end)}
    made = None if bought is None else ls.MONDAY + timedelta(seconds=bought)
    payload = ls.order_created(custom_data=custom, created_at=made)

    assert (route(payload, SIGNED).claim, route(payload, SIGNED).signed) == ("org_42", is_signed)


def test_the_end_of_a_signature_is_judged_by_the_purchase_and_not_by_its_later_events() -> None:
    end = int(ls.MONDAY.timestamp())
    custom = {"account_id": "org_42", "account_sig": ls.account_signature("org_42", "of the merchant", end)}
    year = timedelta(days=365)

    renewed = ls.subscription_updated(custom_data=custom, created_at=ls.MONDAY, at=ls.MONDAY + year)

    assert route(renewed, SIGNED).signed


@pytest.mark.parametrize("changed", ["9999999999", "", "0", "x", "1772460501.1772460500"])
def test_the_end_of_a_signature_is_signed_too(changed: str) -> None:
    _, _, digest = ls.account_signature("org_42", "of the merchant", 1772460500).partition(".")
    custom = {"account_id": "org_42", "account_sig": f"{changed}.{digest}"}

    assert not route(ls.order_created(custom_data=custom, created_at=ls.MONDAY), SIGNED).signed


def test_a_signature_with_an_end_is_none_of_an_account_whose_id_looks_like_both() -> None:
    _, _, digest = ls.account_signature("org_42", "of the merchant", 1772460500).partition(".")

    for account in ("org_42 1772460500", "org_42.1772460500"):
        custom = {"account_id": account, "account_sig": digest}
        assert not route(ls.order_created(custom_data=custom), SIGNED).signed


def test_without_a_secret_nothing_is_signed() -> None:
    payload = ls.order_created(custom_data={"account_id": "org_42", "account_sig": ls.account_signature("org_42", "")})

    assert not route(payload, Naming(account_secret="")).signed
    assert not route(ls.order_created(account_secret="of the merchant")).signed


def test_where_signatures_are_required_an_unsigned_claim_counts_as_absent() -> None:
    required = Naming(account_secret="of the merchant", require_signed=True)

    unsigned, signed = (
        route(ls.order_created(), required),
        route(ls.order_created(account_secret="of the merchant"), required),
    )

    assert (unsigned.claim, unsigned.unusable_claim) == (None, "org_42")
    assert (signed.claim, signed.unusable_claim) == ("org_42", None)


# What is not usable.


@pytest.mark.parametrize("told", [None, 0, "0", "", True, -1, 1.5, [], {}, "a/b", "../7", "x" * 129, "7\n"])
def test_an_id_that_is_none_is_absent(told: object) -> None:
    routing = route(ls.subscription_created(customer_id=told))

    assert (routing.customer, routing.fallback) == (None, None)


@pytest.mark.parametrize("told", [7, "7", 7.0])
def test_an_id_is_a_number_or_a_text(told: object) -> None:
    assert route(ls.subscription_created(customer_id=told)).customer == "lemonsqueezy:customer:7"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["type", "id", "account_id"]), inner),
    max_leaves=20,
)


@given(meta=JSON, data=JSON, attributes=JSON)
def test_routing_never_raises(meta: object, data: object, attributes: object) -> None:
    payloads = [
        {"meta": meta, "data": data},
        {"meta": {"custom_data": meta}, "data": {"type": data, "id": data, "attributes": attributes}},
        {
            "meta": {"custom_data": {"account_id": meta, "account_sig": data}},
            "data": {"attributes": {"order_id": data}},
        },
    ]

    for payload in payloads:
        routing = LEMONSQUEEZY.route(payload, SIGNED)
        json.dumps([routing.claim, routing.unusable_claim, routing.customer])
