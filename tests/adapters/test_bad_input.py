"""Whatever a verified body holds, an adapter answers with facts or with one of two complaints."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.errors import MalformedPayloadError, UntranslatableError
from kulanz.policy.facts import ProviderFact
from kulanz.providers import Naming
from tests.adapters.payload_source import MONDAY, Payload, PayloadSource
from tests.adapters.payloads import PAYLOAD_SOURCES

every = pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda teller: teller.name)
NESTED = st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode)
NO_EVENTS = (b"", b"null", b"[]", b'"x"', b"1", b"{}", b"{", b"\xff", b"[" * 100_000, b"{" * 100_000)
NAMING = Naming(account_secret="a-secret-of-the-merchant")
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53 + 1, 10**40, -(10**18), "", " ", "0", "x", "\u0000", "\ud800", "é" * 5000),
    *([], {}, [[]], [{}], {"": {}}, {"id": {}}, {"data": {}}, {"data": [None]}, "2026-13-45T99:99:99Z", "free", "null"),
)


def everything(source: PayloadSource) -> list[Payload]:
    return [payload for tell in source.events.values() for payload in tell(MONDAY)]


def one_of_each_kind(source: PayloadSource) -> list[Payload]:
    return list({source.provider.peek(source.wire(payload)).type: payload for payload in everything(source)}.values())


def read(source: PayloadSource, body: bytes) -> tuple[ProviderFact, ...]:
    """Take a body all the way, as the intake and the drain do; the two complaints are an answer too."""
    with suppress(MalformedPayloadError, UntranslatableError):
        seen = source.provider.peek(body)
        assert 0 <= seen.lane < 64
        payload = source.provider.decode(body)
        source.provider.route(payload, NAMING)
        return source.provider.translate(seen.name, payload, seen.content_key.hex(), NAMING)
    return ()


def complaint(source: PayloadSource, payload: Payload) -> str:
    try:
        source.facts(payload)
    except (MalformedPayloadError, UntranslatableError) as error:
        return error.detail
    return ""


@every
@given(body=st.binary() | st.text().map(str.encode) | NESTED)
def test_arbitrary_bytes_are_malformed_or_nobodys(source: PayloadSource, body: bytes) -> None:
    assert read(source, body) == ()


@every
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 4))
def test_a_mutated_event_is_read_or_complained_about(source: PayloadSource, seed: int, changes: int) -> None:
    chance = random.Random(seed)
    payload = json.loads(source.wire(chance.choice(everything(source))))
    for _ in range(changes):
        if places := list(_places(payload)):
            _change(*chance.choice(places), chance)

    read(source, json.dumps(payload).encode("utf-8", "surrogatepass"))


@every
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_one_odd_value_anywhere_is_read_or_complained_about(source: PayloadSource, odd: Any) -> None:
    for payload in one_of_each_kind(source):
        for place, key in list(_places(payload)):
            before, place[key] = place[key], odd
            read(source, json.dumps(payload).encode())
            place[key] = before


@every
def test_a_complaint_is_one_printable_line(source: PayloadSource) -> None:
    for payload in one_of_each_kind(source):
        for place, key in list(_places(payload)):
            before, place[key] = place[key], "\n\x1b"
            assert complaint(source, payload).isprintable()
            place[key] = before


@every
@pytest.mark.parametrize("body", NO_EVENTS)
def test_what_is_no_event_is_malformed(source: PayloadSource, body: bytes) -> None:
    with pytest.raises(MalformedPayloadError):
        source.provider.peek(body)


@every
@pytest.mark.parametrize("name", ["something.new", "constructor", "__class__", "é", "x" * 300])
def test_an_event_of_an_unknown_name_is_nobodys(source: PayloadSource, name: str) -> None:
    payload = json.loads(source.wire(everything(source)[0]))
    place = payload.get("meta", payload)
    place[next(key for key in ("event_name", "event_type", "type") if key in place)] = name

    seen = source.provider.peek(json.dumps(payload).encode())

    assert (seen.name, seen.recognised) == (name, False)
    assert source.facts(payload) == ()


@every
def test_every_event_of_the_stories_is_acted_on(source: PayloadSource) -> None:
    assert all(source.provider.peek(source.wire(payload)).recognised for payload in everything(source))


@every
def test_a_retry_is_the_same_delivery_and_different_events_are_different(source: PayloadSource) -> None:
    stated = everything(source)

    seen = [source.provider.peek(source.wire(payload)) for payload in stated]
    again = [source.provider.peek(source.wire(payload)) for payload in stated]

    assert seen == again
    different = len({json.dumps(payload, sort_keys=True) for payload in stated})
    assert (
        len({delivery_header.delivery_key for delivery_header in seen})
        == len({delivery_header.content_key for delivery_header in seen})
        == different
    )


@every
def test_everything_of_one_customer_queues_up_in_one_lane_or_waits_for_a_payment(source: PayloadSource) -> None:
    stated = [
        (source.provider.peek(source.wire(document)), source.provider.route(document, NAMING))
        for document in everything(source)
    ]

    assert len({seen.lane for seen, routing in stated if not routing.needs_order}) == 1


@every
def test_the_account_is_the_one_that_custom_data_names_or_the_customers(source: PayloadSource) -> None:
    routings = [source.provider.route(payload, NAMING) for payload in everything(source)]

    assert {routing.claim for routing in routings} <= {"org_42", None}
    assert "org_42" in {routing.claim for routing in routings if routing.subscription}
    for routing in routings:
        assert routing.needs_order or str(routing.fallback).startswith(f"{source.endpoint}-")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a payload with each key or index in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def _change(place: Any, key: Any, chance: random.Random) -> None:
    if isinstance(place, dict) and chance.random() < 0.3:
        place.pop(key, None)
        return
    with suppress(IndexError):
        place[key] = deepcopy(chance.choice(ODD))
