"""Ids, words and custom data in every shape, and a last resort: whatever is sent, one line says what is wrong."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import AddressKnown, DisputeSeen, OrderSeen, SubscriptionSeen
from kulanz.providers import Naming
from tests import lemonsqueezy as ls
from tests.lemonsqueezy_facts import (
    LEMONSQUEEZY,
    UNSIGNED,
    complaint,
    invoice,
    subscription,
    translate,
)

LATER = ls.MONDAY + timedelta(days=3)


# Ids, words and what else is needed.


@pytest.mark.parametrize("told", [7, "7", 7.0])
def test_an_id_is_a_number_or_a_text(told: object) -> None:
    assert invoice(subscription_id=told).subscription == "lemonsqueezy:7"


@pytest.mark.parametrize("told", [None, ls.ABSENT, 0, "../users", "7/8", [7], True])
def test_an_id_that_nothing_can_be_said_without_is_named(told: object) -> None:
    payload = ls.subscription_payment_failed(subscription_id=told)

    assert complaint(payload).startswith("data.attributes.subscription_id: expected an id, found ")


@pytest.mark.parametrize("told", [None, ls.ABSENT, 0, "../users", "7/8", [7], True])
def test_a_dispute_that_names_neither_customer_nor_purchase_is_complained_about(told: object) -> None:
    nothing = {"customer_id": told, "order_id": told, "subscription_id": told}

    assert complaint(ls.dispute_created(**nothing)).startswith("data.attributes.customer_id: expected an id, found ")


def test_an_invoice_may_come_without_its_customer() -> None:
    assert invoice(customer_id=None).customer == ""


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("subscription_updated", "status"),
        ("dispute_updated", "status"),
        ("dispute_resolved", "status"),
    ],
)
@pytest.mark.parametrize("told", ["zombie", "", None, 7, [], ls.ABSENT, "Active\n\x1b[31m"])
def test_an_unknown_word_that_the_event_does_not_say_is_named_in_one_line(name: str, key: str, told: object) -> None:
    assert complaint(ls.EVENTS[name](**{key: told})).startswith(f"data.attributes.{key}: expected one of ")


def test_an_event_with_the_object_of_another_is_named() -> None:
    payload = ls.subscription_payment_failed()
    payload["data"]["type"] = "subscriptions"

    assert complaint(payload) == (
        "data.type: expected subscription-invoices in subscription_payment_failed, found subscriptions"
    )


def test_a_complaint_is_short_whatever_was_sent() -> None:
    assert len(complaint(ls.subscription_updated(status="z" * 100_000))) < 250


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Professional", "professional"),
        ("Kulanz  Pro / Größe XÄ!", "kulanz-pro-groesse-xae"),
        ("Crème brûlée", "creme-brulee"),
        ("Free", "product-31007"),
        (" FREE ", "product-31007"),
        ("日本", "product-31007"),
        ("", "product-31007"),
        (None, "product-31007"),
        (7, "product-31007"),
    ],
)
def test_the_plan_of_an_unlisted_variant_is_the_slug_of_its_product_and_never_free(name: object, slug: str) -> None:
    assert subscription(product_name=name).product == slug


def test_a_product_without_name_and_id_still_has_a_slug() -> None:
    assert subscription(product_name=None, product_id=None).product == "product-unnamed"


@pytest.mark.parametrize("told", ["a@b.example", "änne+x@bäckerei.example"])
def test_an_address_is_kept(told: str) -> None:
    assert subscription(user_email=told).email == told


@pytest.mark.parametrize(
    "told",
    [None, "", "nobody", "a@b\r\nBcc: c@d", "a b@c", "a@b, c@d", "<a@b>", 7, "x" * 300 + "@y", "a..b@x.de", "a@x..de"],
)
def test_an_address_that_could_break_a_mail_is_none(told: object) -> None:
    assert subscription(user_email=told).email is None


# What custom data adds.


def custom(**told: object) -> SubscriptionSeen:
    (fact, *_) = translate(ls.subscription_created(custom_data={"account_id": "org_42", **told}))
    assert isinstance(fact, SubscriptionSeen)
    return fact


def test_language_and_zone_travel_with_the_subscription() -> None:
    fact = custom(locale="de_AT", timezone="Europe/Vienna")

    assert (fact.locale, fact.timezone) == ("de-AT", "Europe/Vienna")


@pytest.mark.parametrize(
    "told", [None, "", 7, [], "no such thing!", "../etc", "/etc/passwd", "localtime", "America", "x" * 99]
)
def test_an_unusable_language_or_zone_is_none(told: object) -> None:
    fact = custom(locale=told if told not in ("localtime", "America") else "?", timezone=told)

    assert (fact.locale, fact.timezone) == (None, None)


@pytest.mark.parametrize(("told", "known"), [("letter", "letter"), ("mail", "mail"), ("pigeon", None), (7, None)])
def test_how_letters_shall_come_is_a_fact_of_its_own(told: object, known: str | None) -> None:
    facts = translate(ls.order_created(custom_data={"delivery": told}))

    assert [fact.delivery for fact in facts if isinstance(fact, AddressKnown)] == ([known] if known else [])


def test_a_country_is_a_fact_of_its_own() -> None:
    (_, fact) = translate(ls.order_created(custom_data={"country": "de", "locale": "de"}))

    assert fact == AddressKnown(at=ls.MONDAY, locale="de", country="DE")


@pytest.mark.parametrize(("told", "known"), [(" Bäckerei Huber ", "Bäckerei Huber"), ("", None), (7, None)])
def test_an_organisation_is_known_as_custom_data_calls_it(told: object, known: str | None) -> None:
    facts = translate(ls.subscription_created(custom_data={"organisation": told}))

    assert [fact.organisation for fact in facts if isinstance(fact, AddressKnown)] == ([known] if known else [])


def test_what_the_merchant_signed_is_marked() -> None:
    naming = Naming(account_secret="of the merchant")
    for build in (ls.subscription_created, ls.order_created, ls.dispute_created):
        (signed,) = translate(build(account_secret="of the merchant"), naming)
        (unsigned,) = translate(build(), naming)

        assert isinstance(signed, SubscriptionSeen | OrderSeen | DisputeSeen)
        assert isinstance(unsigned, SubscriptionSeen | OrderSeen | DisputeSeen)
        assert signed.signed
        assert not unsigned.signed


@pytest.mark.parametrize("told", [None, [], "text", 7, {}])
def test_custom_data_of_any_shape_is_no_obstacle(told: object) -> None:
    payload = ls.subscription_created(account=None)
    payload["meta"]["custom_data"] = told

    assert len(translate(payload)) == 1


# Whatever is sent.

BAD_DATES = ["0000-01-01T00:00:00Z", "99999-01-01T00:00:00Z", "2026-02-30T00:00:00Z"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(BAD_DATES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted({key for build in ls.EVENTS.values() for key in build()["data"]["attributes"]})


@given(name=st.sampled_from(sorted(ls.EVENTS)), told=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_any_value_anywhere_is_translated_or_complained_about(name: str, told: dict[str, object]) -> None:
    payload = ls.EVENTS[name]()
    payload["data"]["attributes"] |= told

    try:
        facts = LEMONSQUEEZY.translate(name, payload, "", UNSIGNED)
    except UntranslatableError as error:
        said = error.detail
    else:
        said = ""
        assert all(_instants_are_aware(fact) for fact in facts)

    assert said.isprintable()


@given(payload=JSON | st.dictionaries(st.sampled_from(["meta", "data"]), JSON), name=st.sampled_from(sorted(ls.EVENTS)))
def test_any_payload_is_translated_or_complained_about(payload: object, name: str) -> None:
    try:
        facts = LEMONSQUEEZY.translate(name, payload if isinstance(payload, dict) else {}, "", UNSIGNED)
    except UntranslatableError:
        return

    assert facts == ()


def _instants_are_aware(value: object) -> bool:
    if is_dataclass(value):
        return all(_instants_are_aware(getattr(value, field.name)) for field in fields(value))
    return not isinstance(value, datetime) or value.tzinfo is UTC
