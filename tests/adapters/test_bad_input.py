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
from tests.adapters.teller import MONDAY, Payload, Teller
from tests.adapters.tellers import TELLERS

every = pytest.mark.parametrize("teller", TELLERS, ids=lambda teller: teller.name)
NESTED = st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode)
NO_EVENTS = (b"", b"null", b"[]", b'"x"', b"1", b"{}", b"{", b"\xff", b"[" * 100_000, b"{" * 100_000)
NAMING = Naming(account_secret="a-secret-of-the-merchant")
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**53 + 1, 10**40, -(10**18), "", " ", "0", "x", "\u0000", "\ud800", "é" * 5000),
    *([], {}, [[]], [{}], {"": {}}, {"id": {}}, {"data": {}}, {"data": [None]}, "2026-13-45T99:99:99Z", "free", "null"),
)


def everything(teller: Teller) -> list[Payload]:
    return [payload for tell in teller.chapters.values() for payload in tell(MONDAY)]


def one_of_each_kind(teller: Teller) -> list[Payload]:
    return list({teller.provider.glance(teller.wire(payload)).type: payload for payload in everything(teller)}.values())


def read(teller: Teller, body: bytes) -> tuple[ProviderFact, ...]:
    """Take a body all the way, as the intake and the drain do; the two complaints are an answer too."""
    with suppress(MalformedPayloadError, UntranslatableError):
        seen = teller.provider.glance(body)
        assert 0 <= seen.lane < 64
        payload = teller.provider.decode(body)
        teller.provider.route(payload, NAMING)
        return teller.provider.translate(seen.name, payload, seen.content_key.hex(), NAMING)
    return ()


def complaint(teller: Teller, payload: Payload) -> str:
    try:
        teller.facts(payload)
    except (MalformedPayloadError, UntranslatableError) as error:
        return error.detail
    return ""


@every
@given(body=st.binary() | st.text().map(str.encode) | NESTED)
def test_arbitrary_bytes_are_malformed_or_nobodys(teller: Teller, body: bytes) -> None:
    assert read(teller, body) == ()


@every
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 4))
def test_a_mutated_event_is_read_or_complained_about(teller: Teller, seed: int, changes: int) -> None:
    chance = random.Random(seed)
    payload = json.loads(teller.wire(chance.choice(everything(teller))))
    for _ in range(changes):
        if places := list(_places(payload)):
            _change(*chance.choice(places), chance)

    read(teller, json.dumps(payload).encode("utf-8", "surrogatepass"))


@every
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
def test_one_odd_value_anywhere_is_read_or_complained_about(teller: Teller, odd: Any) -> None:
    for payload in one_of_each_kind(teller):
        for place, key in list(_places(payload)):
            before, place[key] = place[key], odd
            read(teller, json.dumps(payload).encode())
            place[key] = before


@every
def test_a_complaint_is_one_printable_line(teller: Teller) -> None:
    for payload in one_of_each_kind(teller):
        for place, key in list(_places(payload)):
            before, place[key] = place[key], "\n\x1b"
            assert complaint(teller, payload).isprintable()
            place[key] = before


@every
@pytest.mark.parametrize("body", NO_EVENTS)
def test_what_is_no_event_is_malformed(teller: Teller, body: bytes) -> None:
    with pytest.raises(MalformedPayloadError):
        teller.provider.glance(body)


@every
@pytest.mark.parametrize("name", ["something.new", "constructor", "__class__", "é", "x" * 300])
def test_an_event_of_an_unknown_name_is_nobodys(teller: Teller, name: str) -> None:
    payload = json.loads(teller.wire(everything(teller)[0]))
    place = payload.get("meta", payload)
    place[next(key for key in ("event_name", "event_type", "type") if key in place)] = name

    seen = teller.provider.glance(json.dumps(payload).encode())

    assert (seen.name, seen.recognised) == (name, False)
    assert teller.facts(payload) == ()


@every
def test_every_event_of_the_stories_is_acted_on(teller: Teller) -> None:
    assert all(teller.provider.glance(teller.wire(payload)).recognised for payload in everything(teller))


@every
def test_a_retry_is_the_same_delivery_and_different_events_are_different(teller: Teller) -> None:
    told = everything(teller)

    seen = [teller.provider.glance(teller.wire(payload)) for payload in told]
    again = [teller.provider.glance(teller.wire(payload)) for payload in told]

    assert seen == again
    different = len({json.dumps(payload, sort_keys=True) for payload in told})
    assert len({one.delivery_key for one in seen}) == len({one.content_key for one in seen}) == different


@every
def test_everything_of_one_customer_queues_up_in_one_lane_or_waits_for_a_payment(teller: Teller) -> None:
    told = [
        (teller.provider.glance(teller.wire(one)), teller.provider.route(one, NAMING)) for one in everything(teller)
    ]

    assert len({seen.lane for seen, routing in told if not routing.needs_order}) == 1


@every
def test_the_account_is_the_one_that_custom_data_names_or_the_customers(teller: Teller) -> None:
    routings = [teller.provider.route(payload, NAMING) for payload in everything(teller)]

    assert {routing.claim for routing in routings} <= {"org_42", None}
    assert "org_42" in {routing.claim for routing in routings if routing.subscription}
    for routing in routings:
        assert routing.needs_order or str(routing.fallback).startswith(f"{teller.endpoint}-")


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
