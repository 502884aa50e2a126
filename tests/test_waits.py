"""Why something waits: each condition with its evidence and its end, in the same words everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kulanz.formats.localised import reader_of
from kulanz.processing import circuit_breaker
from kulanz.queries import waits
from kulanz.queries.accounts import explanation
from kulanz.queries.wait import Wait
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import inbox, outbox, shared_values
from kulanz.store.timers import TimerRow
from tests.days import DAY, deliver, product, settings_of, settle
from tests.lemonsqueezy import (
    MONDAY,
    dispute_created,
    order_created,
    subscription_created,
    subscription_payment_failed,
)
from tests.store.rows import NOW, an_effect, an_event, recorded, settled

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    settings = settings_of(
        tmp_path,
        database_url,
        test_clock=True,
        lemonsqueezy_api_key="none",
        lemonsqueezy_api_url="http://127.0.0.1:9/v1",
    )
    with product(settings, at=MONDAY) as services:
        yield services


def of_event(services: Services, number: int) -> list[Wait]:
    with services.database.read() as conn:
        event = inbox.get(conn, number)
        assert event is not None
        return waits.of_event(conn, event)


def of_timer(services: Services, timer: TimerRow) -> list[Wait]:
    with services.database.read() as conn:
        return waits.of_timer(services, conn, timer)


def conditions_of(services: Services) -> dict[str, str]:
    told = explanation(services, "org_42", steps=False)
    assert list(told.outlook[: len(told.waits)]) == [f"{each.evidence} {each.ends}" for each in told.waits]
    return {each.condition: f"{each.evidence} {each.ends}" for each in told.waits}


def in_grace(services: Services) -> None:
    bought = MONDAY - 30 * DAY
    deliver(services, subscription_created(at=bought, began=bought), subscription_payment_failed())
    for day in range(8):
        services.clock.set(MONDAY + day * DAY)
        settle(services)


def test_an_event_says_which_worker_has_it_when_it_is_tried_again_or_what_comes_before_it(services: Services) -> None:
    first, second, third = recorded(services.database, an_event(), an_event(), an_event())
    inbox.claim(services.database, "worker-1", 1, real_now())
    later = real_now() + AN_HOUR
    with services.database.write() as tx:
        inbox.failed(tx, second, "no such plan", permanent=False, now_real=later)

    (claimed,), (failed,), (queued,) = (of_event(services, number) for number in (first, second, third))

    assert (claimed.condition, failed.condition, queued.condition) == ("claim", "backoff", "worker")
    assert "with the worker worker-1/" in str(claimed.evidence)
    assert "failed 1 of 3 times: no such plan" in str(failed.evidence)
    assert failed.until is not None
    assert failed.until > later
    assert f"evt_{first} comes first" in str(queued.evidence)


def test_an_event_says_what_it_waits_for_and_what_settles_it(services: Services) -> None:
    waiting, parked, handled = recorded(services.database, an_event(), an_event(), an_event())
    settled(services.database, "waiting", None, waiting, waits_for="lemonsqueezy:subscription:7")
    settled(services.database, "handled", None, handled)
    with services.database.write() as tx:
        inbox.failed(tx, parked, "no such plan", permanent=True, now_real=real_now())

    (unknown,), (failed,) = of_event(services, waiting), of_event(services, parked)

    assert "no event has named subscription 7 yet" in str(unknown.evidence)
    assert unknown.until == NOW + 7 * DAY
    assert failed.read() == (
        f"evt_{parked} could not be applied: no such plan. "
        f"`kulanz events retry evt_{parked}` or `kulanz events skip evt_{parked} --reason …` settles it."
    )
    assert of_event(services, handled) == []


def test_an_outgoing_action_says_whether_a_lease_a_backoff_a_worker_or_a_person_holds_it(services: Services) -> None:
    leased = an_effect("leased")
    with services.database.write() as tx:
        outbox.add(tx, [leased])
    outbox.lease(services.database, 1, real_now(), 60)
    with services.database.read() as conn:
        row = outbox.get(conn, "leased")
    assert row is not None
    tried = msgspec.structs.replace(leased, attempts=2, error="503", next_attempt_at=real_now() + AN_HOUR)
    died = msgspec.structs.replace(leased, begun_at=NOW)
    unknown = msgspec.structs.replace(leased, state="unknown", error="time-out")

    found = [waits.of_effect(each)[0] for each in (row, tried, died, unknown)]

    assert [each.condition for each in found] == ["lease", "backoff", "worker", "effect_unknown"]
    assert [each.until for each in found[:2]] == [row.lease_until, tried.next_attempt_at]
    assert "failed 2 times, the last with: 503" in str(found[1].evidence)
    assert "A worker died at it" in str(found[2].evidence)
    assert "`kulanz effects retry leased`" in str(found[3].ends)
    assert "may get it twice" in str(found[3].ends)
    assert waits.of_effect(msgspec.structs.replace(leased, state="done")) == []


def test_the_action_and_its_state_are_named_in_the_readers_language() -> None:
    undone = an_effect("a", type="cancel", state="todo", error="no API key")

    (wait,) = waits.of_effect(undone)

    assert str(wait.evidence) == "Not done: cancel (todo: no API key)."
    german = reader_of(["de"], ZoneInfo("UTC")).read(wait.evidence)
    assert german == "Nicht geschehen: kündigen (zu tun: no API key)."


def test_a_timer_says_that_its_time_has_not_come_that_facts_come_first_or_that_the_clock_jumped(
    services: Services,
) -> None:
    due, later = (TimerRow("org_42", "grace_end", "case", at) for at in (MONDAY, MONDAY + DAY))
    free = of_timer(services, due)
    (event,) = recorded(services.database, an_event())
    behind = of_timer(services, due)
    jumped = {"last_seen": NOW.isoformat(), "found": MONDAY.isoformat()}
    with services.database.write() as tx:
        shared_values.put(tx, clock_guard.JUMP_KEY, jumped)

    found = [*free, *behind, *of_timer(services, due), *of_timer(services, later)]

    assert [each.condition for each in found] == ["worker", "facts_first", "clock_jumped", "not_due"]
    assert f"evt_{event} is not applied yet" in str(found[1].evidence)
    assert "`kulanz clock accept`" in str(found[2].ends)
    assert found[3].until == MONDAY + DAY


def test_a_case_says_since_when_the_breaker_holds_it_and_how_many_wait(services: Services) -> None:
    with services.database.write() as tx:
        circuit_breaker.trip(tx, MONDAY)
    in_grace(services)
    services.clock.set(MONDAY + 9 * DAY)

    told = conditions_of(services)["mass_action_brake"]

    assert f"since {MONDAY:%Y-%m-%d}" in told
    assert "and 1 account waits." in told
    assert "`kulanz breaker release --until T --reason …` ends this. A payment closes the case" in told


def test_a_case_says_how_often_the_provider_was_asked_and_when_it_is_waited_for_no_longer(services: Services) -> None:
    in_grace(services)

    told = conditions_of(services)["provider_gives_no_answer"]

    assert "the provider has not yet answered whether it is paid (first asked at " in told
    assert "on, the facts that are known decide" in told


def test_a_case_says_which_dispute_it_waits_for(services: Services) -> None:
    in_grace(services)
    deliver(services, order_created(), dispute_created())
    settle(services)

    assert "waits for the dispute, since 20" in conditions_of(services)["dispute_open"]
