"""How fast a provider is asked: the same rules in Redis and without it."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from kulanz.errors import FarEndError
from kulanz.runtime.notifier import connect
from kulanz.runtime.rate_limit import (
    MIN_INTERVAL,
    REQUESTS_PER_MINUTE,
    WINDOW_SECONDS,
    LocalSlots,
    RateLimit,
    RedisSlots,
    Slots,
    rate_limit,
)
from tests.servers import a_redis

NOW = 1_770_000_000.0
FOREVER = float("inf")


@pytest.fixture(params=["own", "shared"])
def places(request: pytest.FixtureRequest) -> Iterator[Slots]:
    if request.param == "own":
        yield LocalSlots()
        return
    with connect(request.getfixturevalue("redis_url"), timeout=5.0) as connection:
        yield RedisSlots(connection, "tests")


def test_the_first_minute_has_three_hundred_places_and_the_next_begins_a_minute_after_its_first(places: Slots) -> None:
    waits = [places.reserve(NOW, FOREVER)[1] for _ in range(REQUESTS_PER_MINUTE + 1)]

    assert waits[0] == 0
    assert waits[REQUESTS_PER_MINUTE - 1] == pytest.approx((REQUESTS_PER_MINUTE - 1) * MIN_INTERVAL, abs=1e-3)
    assert waits[REQUESTS_PER_MINUTE] == pytest.approx(WINDOW_SECONDS, abs=1e-3)


def test_a_place_too_far_away_is_not_taken(places: Slots) -> None:
    for _ in range(REQUESTS_PER_MINUTE):
        places.reserve(NOW, FOREVER)

    refused = places.reserve(NOW, 30.0)

    assert refused == (False, pytest.approx(WINDOW_SECONDS, abs=1e-3))
    assert places.reserve(NOW + WINDOW_SECONDS, 30.0)[0]


def test_what_others_used_is_counted_as_used_now(places: Slots) -> None:
    places.reserve(NOW, FOREVER)

    places.observe(NOW + 1, remaining=2)
    waits = [places.reserve(NOW + 1, FOREVER)[1] for _ in range(3)]

    assert [wait < 1 for wait in waits] == [True, True, False]


def test_a_count_that_agrees_with_ours_changes_nothing(places: Slots) -> None:
    for _ in range(10):
        places.reserve(NOW, FOREVER)

    places.observe(NOW + 1, remaining=REQUESTS_PER_MINUTE - 10)

    assert [places.reserve(NOW + 1, FOREVER)[1] < 15 for _ in range(REQUESTS_PER_MINUTE - 10)] == [True] * (
        REQUESTS_PER_MINUTE - 10
    )


def test_after_a_refusal_nobody_asks_until_it_is_over(places: Slots) -> None:
    places.close(NOW, 7.0)

    assert places.reserve(NOW, FOREVER)[1] == pytest.approx(7.0, abs=1e-3)


@given(st.lists(st.floats(min_value=0.0, max_value=20.0), min_size=1, max_size=60))
def test_no_minute_ever_has_more_places_than_the_limit(pauses: list[float]) -> None:
    places, now, slots = LocalSlots(limit=7), NOW, []
    for pause in pauses:
        now += pause
        slots.append(now + places.reserve(now, FOREVER)[1])

    assert all(after - before >= MIN_INTERVAL - 1e-6 for before, after in pairwise(slots))
    assert all(after - before >= WINDOW_SECONDS - 1e-6 for before, after in zip(slots, slots[7:], strict=False))


def test_two_processes_share_one_budget(redis_url: str) -> None:
    slept: list[float] = []
    first, second = (rate_limit(redis_url, "the key") for _ in range(2))
    for other_rate_limit in (first, second):
        other_rate_limit.clock, other_rate_limit.sleep = (lambda: NOW), slept.append

    for other_rate_limit in (first, second, first, second):
        other_rate_limit.acquire()

    assert slept == pytest.approx([MIN_INTERVAL, 2 * MIN_INTERVAL, 3 * MIN_INTERVAL], abs=1e-3)


def test_another_key_has_a_budget_of_its_own(redis_url: str) -> None:
    slept: list[float] = []
    for key in ("one", "another"):
        own = rate_limit(redis_url, key)
        own.clock, own.sleep = (lambda: NOW), slept.append
        own.acquire()

    assert slept == []


def test_without_redis_a_process_keeps_the_limit_by_itself() -> None:
    slept: list[float] = []
    with a_redis() as url:
        alone = rate_limit(url, "the key")
        alone.clock, alone.sleep = (lambda: NOW), slept.append
        alone.acquire()
        with redis.Redis.from_url(url) as client:
            client.shutdown(nosave=True)

        alone.acquire()
        alone.acquire()

    assert slept == pytest.approx([MIN_INTERVAL], abs=1e-3)


def test_who_has_no_patience_is_told_when_to_come_back() -> None:
    impatient = RateLimit(max_wait=1.0, clock=lambda: NOW, sleep=lambda _: None)
    impatient.back_off(timedelta(seconds=40))

    with pytest.raises(FarEndError) as refused:
        impatient.acquire()

    assert refused.value.retryable
    assert refused.value.retry_after == timedelta(seconds=41)
