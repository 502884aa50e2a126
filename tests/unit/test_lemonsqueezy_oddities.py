"""Every shape in which Lemon Squeezy is on record, or may be imagined, to write a value."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UntranslatableError
from app.policy.facts import (
    AddressKnown,
    BillingReason,
    DisputeSeen,
    OrderSeen,
    SubscriptionSeen,
)
from app.providers import Naming
from tests import lemonsqueezy as ls
from tests.lemonsqueezy_facts import (
    LEMONSQUEEZY,
    UNSIGNED,
    complaint,
    dispute,
    invoice,
    order,
    subscription,
    translate,
)

LATER = ls.MONDAY + timedelta(days=3)


# Money.


def test_a_subtotal_may_be_negative() -> None:
    fact = invoice("success", billing_reason="updated", subtotal=-8498, total=0)

    assert (fact.subtotal, fact.total, fact.reason) == (-8498, 0, BillingReason.UPDATED)


def test_a_total_of_zero_needs_no_card() -> None:
    fact = invoice("success", billing_reason="initial", total=0, card_brand=None, card_last_four=None, price=0)

    assert (fact.total, fact.reason) == (0, BillingReason.INITIAL)


def test_what_was_refunded_is_everything_so_far() -> None:
    first, second = (invoice("refunded", status="partial_refund", refunded_amount=cents) for cents in (500, 900))

    assert (first.refunded, second.refunded) == (500, 900)


@pytest.mark.parametrize(
    ("told", "cents"),
    [
        ({"refunded_amount": ls.ABSENT}, 4900),
        ({"refunded_amount": None}, 4900),
        ({"refunded_amount": None, "status": "paid", "refunded": 1}, 4900),
        ({"refunded_amount": None, "status": "paid", "refunded": 0}, 0),
        ({"refunded_amount": None, "status": "paid", "refunded": None}, 0),
        ({"refunded_amount": None, "status": "paid", "refunded": ls.ABSENT}, 0),
        ({"refunded_amount": 0, "status": "refunded"}, 0),
    ],
)
def test_an_older_payload_says_only_that_all_was_refunded(told: dict[str, object], cents: int) -> None:
    assert order(**told).refunded == cents
    assert invoice("refunded", **told).refunded == cents


@pytest.mark.parametrize(
    ("told", "cents"), [(0, 0), (False, 0), (None, 0), ("", 0), (ls.ABSENT, 0), ("359", 359), (359.0, 359)]
)
def test_an_amount_comes_in_many_shapes(told: object, cents: int) -> None:
    assert order(tax=told).tax == cents


@pytest.mark.parametrize("told", [True, 9.99, "9.99", "€ 5", "1e3", [], {}, 10**30, -(10**30)])
def test_an_amount_that_is_no_whole_number_is_named(told: object) -> None:
    assert complaint(ls.order_refunded(tax=told)).startswith(
        "data.attributes.tax: expected a whole number of minor units"
    )


@pytest.mark.parametrize("told", [None, "", ls.ABSENT, False, "x"])
def test_a_total_is_needed(told: object) -> None:
    assert complaint(ls.subscription_payment_success(total=told)).startswith(
        "data.attributes.total: expected a whole number"
    )


@pytest.mark.parametrize("told", [None, "", "EURO", "€", 978, ls.ABSENT])
def test_a_currency_is_needed(told: object) -> None:
    assert complaint(ls.order_created(currency=told)).startswith(
        "data.attributes.currency: expected a currency of three"
    )


def test_a_currency_is_written_in_capitals() -> None:
    assert invoice(currency="tnd").currency == "TND"


@pytest.mark.parametrize(("told", "quantity"), [(5, 5), (None, 1), (0, 1), (-1, 1), ("5", 1), (True, 1), (10**12, 1)])
def test_a_quantity_is_at_least_one(told: object, quantity: int) -> None:
    assert subscription(first_subscription_item={"quantity": told}).quantity == quantity


def test_a_subscription_may_come_without_its_first_item() -> None:
    assert subscription(first_subscription_item=None).quantity == 1


# Time.


@pytest.mark.parametrize(
    "told",
    [
        "2026-03-02T14:08:20.000000Z",
        "2026-03-02T14:08:20Z",
        "2026-03-02T15:08:20+01:00",
        "2026-03-02 14:08:20",
        "2026-03-02T14:08:20.000000000Z",
    ],
)
def test_an_instant_is_aware_utc_however_it_is_written(told: str) -> None:
    assert subscription(updated_at=told).stamp.at == ls.MONDAY
    assert subscription(updated_at=told).stamp.at.tzinfo is UTC


UNUSABLE = [
    "0000-01-01T00:00:00.000000Z",
    "0000-00-00 00:00:00",
    "0001-01-01T00:00:00+14:00",
    "1969-12-31T23:59:59Z",
    "3000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "99999-01-01T00:00:00.000000Z",
    "2026-02-30T00:00:00Z",
    "2026-03-02T25:00:00Z",
    "2026-03-02",
    "2026-03-02T14:08:20Z\n",
    "٢٠٢٦-03-02T14:08:20Z",
    "tomorrow",
    1772460500,
    True,
    [],
    {},
]


@pytest.mark.parametrize("told", [*UNUSABLE, None, "", 0, ls.ABSENT])
@pytest.mark.parametrize("name", [name for name in ls.EVENTS if name != "affiliate_activated"])
def test_when_it_was_is_needed(name: str, told: object) -> None:
    said = complaint(ls.EVENTS[name](updated_at=told))

    assert said.startswith("data.attributes.updated_at: expected a date and time of the years 1970 to 2999, found ")


@pytest.mark.parametrize("told", UNUSABLE)
def test_an_unusable_date_is_named_where_it_matters(told: object) -> None:
    assert complaint(ls.subscription_cancelled(ends_at=told)).startswith("data.attributes.ends_at: expected a date")
    assert complaint(ls.subscription_updated(renews_at=told)).startswith("data.attributes.renews_at: expected a date")
    trial = ls.subscription_created(status="on_trial", trial_ends_at=told)
    assert complaint(trial).startswith("data.attributes.trial_ends_at: expected a date")


@pytest.mark.parametrize("told", UNUSABLE)
def test_an_unusable_date_is_none_where_it_does_not_matter(told: object) -> None:
    fact = subscription(status="past_due", renews_at=told, ends_at=told, trial_ends_at=told, created_at=told)

    assert (fact.renews_at, fact.ends_at, fact.trial_ends_at, fact.created_at) == (None, None, None, None)


def test_a_cancellation_may_come_without_an_end() -> None:
    (fact,) = translate(ls.subscription_cancelled(ends_at=None))

    assert isinstance(fact, SubscriptionSeen)
    assert fact.ends_at is None


def test_a_dispute_without_an_opening_began_when_it_was_told() -> None:
    assert dispute(at=LATER, created_at=None).opened_at == LATER
    assert dispute(at=LATER, created_at=ls.MONDAY).opened_at == ls.MONDAY


# Ids, words and what else is needed.


@pytest.mark.parametrize("told", [7, "7", 7.0])
def test_an_id_is_a_number_or_a_text(told: object) -> None:
    assert invoice(subscription_id=told).subscription == "lemonsqueezy:7"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("subscription_updated", "customer_id"),
        ("subscription_updated", "variant_id"),
        ("subscription_payment_failed", "subscription_id"),
        ("order_created", "customer_id"),
        ("license_key_created", "customer_id"),
        ("dispute_created", "customer_id"),
    ],
)
@pytest.mark.parametrize("told", [None, ls.ABSENT, 0, "../users", "7/8", [7], True])
def test_an_id_that_nothing_can_be_said_without_is_named(name: str, key: str, told: object) -> None:
    assert complaint(ls.EVENTS[name](**{key: told})).startswith(f"data.attributes.{key}: expected an id, found ")


def test_an_invoice_may_come_without_its_customer() -> None:
    assert invoice(customer_id=None).customer == ""


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("subscription_updated", "status"),
        ("subscription_payment_failed", "status"),
        ("subscription_payment_failed", "billing_reason"),
        ("order_created", "status"),
        ("license_key_updated", "status"),
        ("dispute_updated", "status"),
    ],
)
@pytest.mark.parametrize("told", ["zombie", "", None, 7, [], ls.ABSENT, "Active\n\x1b[31m"])
def test_an_unknown_word_is_named_in_one_line(name: str, key: str, told: object) -> None:
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
    "told", [None, "", "nobody", "a@b\r\nBcc: c@d", "a b@c", "a@b, c@d", "<a@b>", 7, "x" * 300 + "@y"]
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


def test_a_country_is_a_fact_of_its_own() -> None:
    (_, fact) = translate(ls.order_created(custom_data={"country": "de", "locale": "de"}))

    assert fact == AddressKnown(at=ls.MONDAY, locale="de", country="DE")


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

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(UNUSABLE[:6]),
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
