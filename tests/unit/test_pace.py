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
from kulanz.runtime.rate_limit import GAP, LIMIT, MINUTE, Budget, Own, Places, Shared, budget
from tests.servers import a_redis

NOW = 1_770_000_000.0
FOREVER = float("inf")


@pytest.fixture(params=["own", "shared"])
def places(request: pytest.FixtureRequest) -> Iterator[Places]:
    if request.param == "own":
        yield Own()
        return
    with connect(request.getfixturevalue("redis_url"), timeout=5.0) as connection:
        yield Shared(connection, "tests")


def test_the_first_minute_has_three_hundred_places_and_the_next_begins_a_minute_after_its_first(places: Places) -> None:
    waits = [places.take(NOW, FOREVER)[1] for _ in range(LIMIT + 1)]

    assert waits[0] == 0
    assert waits[LIMIT - 1] == pytest.approx((LIMIT - 1) * GAP, abs=1e-3)
    assert waits[LIMIT] == pytest.approx(MINUTE, abs=1e-3)


def test_a_place_too_far_away_is_not_taken(places: Places) -> None:
    for _ in range(LIMIT):
        places.take(NOW, FOREVER)

    refused = places.take(NOW, 30.0)

    assert refused == (False, pytest.approx(MINUTE, abs=1e-3))
    assert places.take(NOW + MINUTE, 30.0)[0]


def test_what_others_used_is_counted_as_used_now(places: Places) -> None:
    places.take(NOW, FOREVER)

    places.heard(NOW + 1, remaining=2)
    waits = [places.take(NOW + 1, FOREVER)[1] for _ in range(3)]

    assert [wait < 1 for wait in waits] == [True, True, False]


def test_a_count_that_agrees_with_ours_changes_nothing(places: Places) -> None:
    for _ in range(10):
        places.take(NOW, FOREVER)

    places.heard(NOW + 1, remaining=LIMIT - 10)

    assert [places.take(NOW + 1, FOREVER)[1] < 15 for _ in range(LIMIT - 10)] == [True] * (LIMIT - 10)


def test_after_a_refusal_nobody_asks_until_it_is_over(places: Places) -> None:
    places.close(NOW, 7.0)

    assert places.take(NOW, FOREVER)[1] == pytest.approx(7.0, abs=1e-3)


@given(st.lists(st.floats(min_value=0.0, max_value=20.0), min_size=1, max_size=60))
def test_no_minute_ever_has_more_places_than_the_limit(pauses: list[float]) -> None:
    places, now, slots = Own(limit=7), NOW, []
    for pause in pauses:
        now += pause
        slots.append(now + places.take(now, FOREVER)[1])

    assert all(after - before >= GAP - 1e-6 for before, after in pairwise(slots))
    assert all(after - before >= MINUTE - 1e-6 for before, after in zip(slots, slots[7:], strict=False))


def test_two_processes_share_one_budget(redis_url: str) -> None:
    slept: list[float] = []
    first, second = (budget(redis_url, "the key") for _ in range(2))
    for one in (first, second):
        one.clock, one.sleep = (lambda: NOW), slept.append

    for one in (first, second, first, second):
        one.take()

    assert slept == pytest.approx([GAP, 2 * GAP, 3 * GAP], abs=1e-3)


def test_another_key_has_a_budget_of_its_own(redis_url: str) -> None:
    slept: list[float] = []
    for key in ("one", "another"):
        own = budget(redis_url, key)
        own.clock, own.sleep = (lambda: NOW), slept.append
        own.take()

    assert slept == []


def test_without_redis_a_process_keeps_the_limit_by_itself() -> None:
    slept: list[float] = []
    with a_redis() as url:
        alone = budget(url, "the key")
        alone.clock, alone.sleep = (lambda: NOW), slept.append
        alone.take()
        with redis.Redis.from_url(url) as client:
            client.shutdown(nosave=True)

        alone.take()
        alone.take()

    assert slept == pytest.approx([GAP], abs=1e-3)


def test_who_has_no_patience_is_told_when_to_come_back() -> None:
    impatient = Budget(patience=1.0, clock=lambda: NOW, sleep=lambda _: None)
    impatient.refused(timedelta(seconds=40))

    with pytest.raises(FarEndError) as refused:
        impatient.take()

    assert refused.value.retryable
    assert refused.value.retry_after == timedelta(seconds=41)
