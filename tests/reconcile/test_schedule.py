"""When the clock has a round run by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kulanz.reconcile.schedule import LAST_RUN_KEY, ReconcileSchedule, last_run
from kulanz.runtime.clock import real_now
from kulanz.runtime.clock_guard import LAST_SEEN_KEY
from kulanz.store import policies, shared_values
from kulanz_simulator import Faults
from tests.lemonsqueezy import Purchase
from tests.shop import Shop


def unheard_cancellation(shop: Shop) -> Purchase:
    """Both know a subscription; then it is cancelled and nobody tells. After that the clock is real."""
    purchase = shop.simulator.sell()
    shop.advance(timedelta(minutes=10))
    shop.simulator.faults = Faults(lost=1.0)
    shop.simulator.desk.cancel(str(purchase.subscription))
    shop.services.clock.reset()
    with shop.services.database.write() as tx:
        shared_values.put(tx, LAST_RUN_KEY, {"at": (real_now() - timedelta(days=2)).isoformat()})
    return purchase


def status(shop: Shop, purchase: Purchase) -> str:
    word: str = shop.account(purchase.account)["subscriptions"][0]["status"]
    return word


def test_a_night_that_has_passed_is_caught_up_once(shop: Shop) -> None:
    purchase = unheard_cancellation(shop)
    night = ReconcileSchedule(shop.services)

    begun = night.tick(real_now())
    night.wait()
    again = night.tick(real_now())

    assert (begun, again) == (True, False)
    assert status(shop, purchase) == "cancelled"


def test_after_a_gap_a_round_is_due_at_once_and_only_at_the_first_look(shop: Shop) -> None:
    unheard_cancellation(shop)
    now = real_now()
    with shop.services.database.write() as tx:
        shared_values.put(tx, LAST_RUN_KEY, {"at": now.isoformat()})
        shared_values.put(tx, LAST_SEEN_KEY, (now - timedelta(minutes=4)).isoformat())
    came_back, stayed = ReconcileSchedule(shop.services), ReconcileSchedule(shop.services)
    stayed._looked = True

    looks = [stayed.tick(now), came_back.tick(now)]
    came_back.wait()

    assert looks == [False, True]


def test_it_only_reports_where_the_setting_says_so(shop: Shop) -> None:
    purchase = unheard_cancellation(shop)
    cautious = replace(shop.services, settings=replace(shop.services.settings, reconcile="report"))
    night = ReconcileSchedule(cautious)

    night.tick(real_now())
    night.wait()
    shop.simulator.faults = Faults()
    shop.services.clock.set(shop.now)
    shop.settle()

    assert status(shop, purchase) == "active"
    alerts = [item["data"] for item in shop.callbacks.documents if item["type"] == "ops.alert"]
    assert [(item["topic"], "1 stale_status" in item["subject"]) for item in alerts] == [("reconcile_found", True)]


def test_what_was_there_before_kulanz_is_for_an_import(shop: Shop) -> None:
    purchase = unheard_cancellation(shop)
    with shop.services.database.write() as tx:
        policies.add(tx, replace_activation(policies.all(tx)[0], real_now()))
    night = ReconcileSchedule(shop.services)

    night.tick(real_now())
    night.wait()

    assert status(shop, purchase) == "active"


def replace_activation(row: policies.PolicyRow, at: datetime) -> policies.PolicyRow:
    """The same policy, activated at another time, as version 0 so that it is the first."""
    return policies.PolicyRow(
        version=0,
        name=row.name,
        document=row.document,
        sha256=row.sha256,
        effective_from=row.effective_from,
        activated_at=at,
        actor=row.actor,
    )


def test_a_provider_that_is_away_is_asked_again_an_hour_later(shop: Shop) -> None:
    unheard_cancellation(shop)
    shop.simulator.conditions.away = True
    waiting = replace(shop.services, rate_limit=replace(shop.services.rate_limit, sleep=lambda _: None))
    waiting._local.__dict__.clear()
    night, now = ReconcileSchedule(waiting), real_now()

    looks = []
    for minutes in (0, 1, 59, 61):
        looks.append(night.tick(now + timedelta(minutes=minutes)))
        night.wait()

    assert looks == [True, False, False, True]


@pytest.mark.parametrize("how", ["off", "no key", "test clock"])
def test_it_stays_away_where_it_is_not_wanted(shop: Shop, how: str) -> None:
    unheard_cancellation(shop)
    changes: dict[str, dict[str, object]] = {"off": {"reconcile": "off"}, "no key": {"lemonsqueezy_api_key": None}}
    services = replace(shop.services, settings=replace(shop.services.settings, **changes.get(how, {})))
    services._local.__dict__.clear()
    if how == "test clock":
        services.clock.set(shop.now)

    assert ReconcileSchedule(services).tick(real_now()) is False


def test_the_night_is_by_the_shops_own_zone() -> None:
    noon = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)

    assert last_run(noon, "UTC") == datetime(2026, 7, 1, 3, 17, tzinfo=UTC)
    assert last_run(noon, "Europe/Vienna") == datetime(2026, 7, 1, 1, 17, tzinfo=UTC)
    assert last_run(noon.replace(hour=3), "UTC") == datetime(2026, 6, 30, 3, 17, tzinfo=UTC)
