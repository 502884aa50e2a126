"""What Stripe lists and never delivered: found, taken in once, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kulanz.errors import RefusedError
from kulanz.providers.stripe.vocabulary import OBJECTS
from kulanz.reconcile import DriftKind, Window, reconcile
from kulanz.reconcile.schedule import ReconcileSchedule
from kulanz.runtime.clock import real_now
from kulanz_simulator import ApiVersion, Faults, StripeSimulator
from tests.lemonsqueezy import MONDAY
from tests.shop import Shop, a_shop

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LOST = Faults(lost=1.0)


@pytest.fixture(params=[ApiVersion.ACACIA, ApiVersion.ENDIVE])
def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path, database_url, simulator=StripeSimulator(MONDAY, version=request.param)) as shop:
        yield shop


def test_a_purchase_of_which_nothing_arrived_is_taken_in_and_paid(shop: Shop) -> None:
    shop.simulator.faults = LOST
    bought = shop.simulator.sell()
    shop.advance(10 * MINUTE)

    dry = reconcile(shop.services)
    untouched = shop.received()["received"]
    report = reconcile(shop.services, apply=True)
    shop.settle()
    again = reconcile(shop.services, apply=True)

    assert {drift.kind for drift in dry.drifts} == {DriftKind.UNDELIVERED_EVENT}
    assert [drift.applied for drift in dry.drifts] == [False] * len(dry.drifts)
    assert untouched == 0
    assert [drift.theirs for drift in report.drifts] == [drift.theirs for drift in dry.drifts]
    assert report.left == 0
    assert shop.account(bought.account)["plan"] == "professional"
    assert again.drifts == ()


def test_a_failure_that_nobody_told_opens_the_case_of_its_day(shop: Shop) -> None:
    bought = shop.simulator.sell(charges=[True, False, False, False, False, False])
    shop.advance(29 * DAY)
    shop.simulator.faults = LOST
    shop.advance(2 * DAY)
    before = shop.account(bought.account)["standing"]

    reconcile(shop.services, apply=True)
    shop.settle()

    assert (before, shop.account(bought.account)["standing"]) == ("good", "grace")


def test_a_delivery_that_comes_after_all_is_a_duplicate(shop: Shop) -> None:
    shop.simulator.faults = Faults(late=1.0, late_by=timedelta(hours=9))
    bought = shop.simulator.sell()
    shop.advance(6 * MINUTE)
    reconcile(shop.services, apply=True)
    shop.settle()
    taken_in = shop.account(bought.account)

    shop.advance(timedelta(hours=10))

    assert shop.account(bought.account)["version"] == taken_in["version"]


def test_only_what_lies_in_the_window_is_looked_at(shop: Shop) -> None:
    shop.simulator.faults = LOST
    shop.simulator.sell()
    shop.advance(DAY)

    before = reconcile(shop.services, window=Window(until=MONDAY - MINUTE))
    after = reconcile(shop.services, window=Window(since=MONDAY + MINUTE))
    whole = reconcile(shop.services, window=Window(since=MONDAY - MINUTE, until=MONDAY + MINUTE))

    assert (len(before.drifts), len(after.drifts)) == (0, 0)
    assert whole.drifts


def test_the_latest_events_may_still_be_on_their_way(shop: Shop) -> None:
    shop.simulator.faults = LOST
    shop.simulator.sell()
    shop.advance(4 * MINUTE)

    assert reconcile(shop.services).drifts == ()


def test_a_key_that_may_not_read_events_is_told_in_a_line(shop: Shop) -> None:
    shop.advance(6 * MINUTE)
    shop.simulator.conditions.answers.append(403)

    report = reconcile(shop.services, apply=True)

    assert report.unreadable == ("events: the key may not read them (Stripe answered 403: Failed.)",)
    assert report.drifts == ()


def test_more_events_than_a_page_are_all_found(shop: Shop) -> None:
    shop.simulator.faults = LOST
    for _ in range(30):
        shop.simulator.sell()
    shop.advance(10 * MINUTE)

    report = reconcile(shop.services, apply=True)
    shop.settle()

    listed = [event["id"] for event in shop.simulator.events.values() if event["type"] in OBJECTS]
    assert sorted(drift.object.rpartition(":")[2] for drift in report.drifts) == sorted(listed)
    assert len(listed) > 100


def test_where_there_is_no_key_nobody_can_be_asked(shop: Shop) -> None:
    keyless = replace(shop.services, settings=replace(shop.services.settings, stripe_api_key=None))

    with pytest.raises(RefusedError, match="neither LEMONSQUEEZY_API_KEY nor STRIPE_API_KEY is set"):
        reconcile(keyless)


def test_the_nightly_round_looks_for_them_too(sqlite_url: str, tmp_path: Path) -> None:
    yesterday = real_now().replace(microsecond=0) - DAY
    with a_shop(tmp_path, sqlite_url, began=yesterday, simulator=StripeSimulator(yesterday)) as shop:
        shop.simulator.faults = LOST
        shop.simulator.sell()
        shop.advance(10 * MINUTE)
        shop.services.clock.reset()
        night = ReconcileSchedule(shop.services)

        begun = night.tick(real_now())
        night.wait()

        assert begun
        assert shop.received()["received"] > 0
