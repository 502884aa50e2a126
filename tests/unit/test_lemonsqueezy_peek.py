"""What the inbox learns of a delivery before it answers: what it is, and whether it was here before."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.errors import MalformedPayloadError
from kulanz.providers import PROVIDERS, DeliveryHeader
from tests import lemonsqueezy as ls

LEMONSQUEEZY = PROVIDERS["lemonsqueezy"]


def peek(payload: ls.Payload) -> DeliveryHeader:
    return LEMONSQUEEZY.peek(ls.wire(payload))


@pytest.mark.parametrize("name", [name for name in ls.EVENTS if name != "affiliate_activated"])
def test_every_event_that_acts_is_recognised(name: str) -> None:
    seen = peek(ls.EVENTS[name]())

    assert (seen.name, seen.recognised) == (name, True)
    assert seen.type
    assert seen.id


def test_sixteen_events_and_three_of_the_extension_can_be_built() -> None:
    assert len(ls.EVENTS) == 19


@pytest.mark.parametrize("name", ["affiliate_activated", "customer_updated", "subscription_teleported", "naïve ☂\x00"])
def test_an_event_of_a_kind_nobody_acts_on_is_not_recognised(name: str) -> None:
    seen = peek(ls.build(name))

    assert (seen.name, seen.recognised) == (name, False)


@pytest.mark.parametrize("data", [None, [], "x", 7, {}, {"id": None}, {"type": 3, "id": [], "attributes": "none"}])
def test_an_unknown_event_may_carry_anything(data: object) -> None:
    seen = peek({"meta": {"event_name": "tomorrow"}, "data": data})

    assert (seen.recognised, seen.type, seen.id, seen.store) == (False, "", "", None)


def test_an_invoice_event_is_about_the_invoice() -> None:
    seen = peek(ls.subscription_payment_failed(invoice=77, subscription=88))

    assert (seen.type, seen.id) == ("subscription-invoices", "77")


# Was it here before?


def test_an_automatic_retry_has_the_same_delivery_key() -> None:
    payload = ls.subscription_updated(webhook_id="one")

    assert peek(payload).delivery_key == peek(dict(reversed(payload.items()))).delivery_key


def test_a_resend_by_hand_has_a_new_delivery_key_and_the_same_content_key() -> None:
    first, resent = peek(ls.subscription_created(webhook_id="one")), peek(ls.subscription_created(webhook_id="two"))

    assert first.delivery_key != resent.delivery_key
    assert first.content_key == resent.content_key


def test_a_resend_with_new_signed_addresses_links_and_key_order_is_the_same_content() -> None:
    payload = ls.subscription_created()
    attributes = payload["data"]["attributes"]
    signed_anew = dict(reversed(attributes.items())) | {"urls": {"customer_portal": "https://new.example"}}
    again = {"type": "subscriptions", "links": {}, "id": payload["data"]["id"], "attributes": signed_anew}
    again["relationships"] = payload["data"]["relationships"]

    assert peek(payload).content_key == peek({"data": again, "meta": payload["meta"]}).content_key


def test_escaping_does_not_change_the_content() -> None:
    payload = ls.subscription_created()

    plain = LEMONSQUEEZY.peek(json.dumps(payload, ensure_ascii=False, indent=2).encode())

    assert plain == peek(payload)


@pytest.mark.parametrize(
    "changed",
    [
        {"renews_at": "2026-05-01T00:00:00.000000Z"},
        {"id": 810234},
        {"account": "org_43"},
        {"custom_data": None, "account": None},
        {"status": "past_due"},
    ],
)
def test_other_content_at_the_same_instant_has_another_content_key(changed: dict[str, object]) -> None:
    assert peek(ls.subscription_updated()).content_key != peek(ls.subscription_updated(**changed)).content_key


def test_created_and_updated_of_one_second_are_two_events() -> None:
    created, updated = peek(ls.subscription_created()), peek(ls.subscription_updated())

    assert created.content_key != updated.content_key
    assert created.delivery_key != updated.delivery_key


@pytest.mark.parametrize("webhook_id", [ls.ABSENT, "", 7, None, ["x"]])
def test_without_a_delivery_id_the_bytes_are_the_delivery(webhook_id: object) -> None:
    payload = ls.order_created()
    payload["meta"].pop("webhook_id")
    if webhook_id is not ls.ABSENT:
        payload["meta"]["webhook_id"] = webhook_id
    body = ls.wire(payload)

    same, spaced = LEMONSQUEEZY.peek(body), LEMONSQUEEZY.peek(body + b" ")

    assert LEMONSQUEEZY.peek(body) == same
    assert same.delivery_key != spaced.delivery_key
    assert same.content_key == spaced.content_key


def test_one_delivery_id_on_two_objects_is_two_deliveries() -> None:
    keys = {peek(ls.order_created(webhook_id="one", id=n)).delivery_key for n in (1, 2)}

    assert len(keys) == 2


# Whose lane, which mode, which store?


def test_all_events_of_a_customer_share_a_lane() -> None:
    lanes = {peek(build(customer=9)).lane for name, build in ls.EVENTS.items() if name != "affiliate_activated"}

    assert len(lanes) == 1


def test_lanes_are_spread_from_0_to_63() -> None:
    lanes = {peek(ls.order_created(customer=n)).lane for n in range(1, 1000)}

    assert lanes == set(range(64))


@pytest.mark.parametrize(
    ("meta", "attribute", "expected"),
    [
        (True, False, True),
        (1, 0, True),
        ("1", None, True),
        (False, True, False),
        (0, True, False),
        (None, True, True),
        (None, 1, True),
        (None, None, False),
        (None, "nonsense", False),
    ],
)
def test_the_mode_is_what_meta_says_and_else_the_object(meta: object, attribute: object, *, expected: bool) -> None:
    payload = ls.order_created()
    payload["meta"]["test_mode"] = meta
    payload["data"]["attributes"]["test_mode"] = attribute

    assert peek(payload).test_mode is expected


@pytest.mark.parametrize(
    ("told", "expected"), [(58231, "58231"), ("58231", "58231"), (None, None), (0, None), ([], None)]
)
def test_the_store_is_a_number_or_a_text(told: object, expected: str | None) -> None:
    assert peek(ls.order_created(store_id=told)).store == expected


def test_an_id_may_come_as_a_number() -> None:
    payload = ls.order_created()
    payload["data"]["id"] = int(payload["data"]["id"])

    assert peek(payload).id == peek(ls.order_created()).id


# What is not usable.


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is not usable JSON"),
        (b"\xff\xfe", "the body is not usable JSON"),
        (b'{"meta":{"event_name":"x\xff"}}', "the body is not usable JSON"),
        (b'{"meta":{"event_name":"\\ud800"}}', "the body is not usable JSON"),
        (b'{"meta":{"event_name":"x"},"data":NaN}', "the body is not usable JSON"),
        (b'{"meta":{"event_name":"x"},"data":1e999}', "the body is not usable JSON"),
        (b'{"meta":{"event_name":"x"},"data":1' + b"0" * 5000 + b"}", "the body is not usable JSON"),
        (b'{"meta":' * 100_000, "the body is not usable JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "the body is not usable JSON"),
        (b"[]", "the body is not a JSON object"),
        (b"7", "the body is not a JSON object"),
        (b"null", "the body is not a JSON object"),
        (b"{}", "meta is not an object"),
        (b'{"meta":null,"data":{}}', "meta is not an object"),
        (b'{"meta":[],"data":{}}', "meta is not an object"),
        (b'{"meta":{},"data":{}}', "meta.event_name is not a name"),
        (b'{"meta":{"event_name":7},"data":{}}', "meta.event_name is not a name"),
        (b'{"meta":{"event_name":""},"data":{}}', "meta.event_name is not a name"),
        (b'{"meta":{"event_name":"order_created"}}', "data is not an object"),
        (b'{"meta":{"event_name":"order_created"},"data":[]}', "data is not an object"),
        (b'{"meta":{"event_name":"order_created"},"data":{}}', "data.id is not an id"),
        (b'{"meta":{"event_name":"order_created"},"data":{"id":"../1"}}', "data.id is not an id"),
        (b'{"meta":{"event_name":"order_created"},"data":{"id":true}}', "data.id is not an id"),
        (b'{"meta":{"event_name":"order_created"},"data":{"id":"1"}}', "data.type is not a name"),
        (
            b'{"meta":{"event_name":"order_created"},"data":{"id":"1","type":"orders","attributes":null}}',
            "data.attributes is not an object",
        ),
    ],
)
def test_a_body_of_another_shape_is_malformed(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedPayloadError) as caught:
        LEMONSQUEEZY.peek(body)

    assert caught.value.detail == reason


def test_a_number_of_thirty_digits_is_no_reason_to_refuse() -> None:
    assert peek(ls.order_created(total=10**30)).recognised


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_peeked_at_or_malformed(body: bytes) -> None:
    try:
        seen = LEMONSQUEEZY.peek(body)
    except MalformedPayloadError:
        return

    assert 0 <= seen.lane < 64


@given(meta=JSON, data=JSON, name=st.sampled_from(sorted(ls.EVENTS)))
def test_any_content_under_a_known_name_are_peeked_at_or_malformed(meta: object, data: object, name: str) -> None:
    existing = {"event_name": name, "custom_data": meta, "webhook_id": meta}
    stated = {"type": "orders", "id": "1", "attributes": data, "more": data}
    body = json.dumps({"meta": existing, "data": stated}).encode()

    try:
        seen = LEMONSQUEEZY.peek(body)
    except MalformedPayloadError:
        assert name != "affiliate_activated"
        assert not isinstance(data, dict)
        return

    assert len(seen.delivery_key) == len(seen.content_key) == 32
