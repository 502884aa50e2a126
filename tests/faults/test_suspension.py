"""A worker that sleeps longer than its lease moves no money twice, sends no mail twice, and strands nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kulanz.store import outbox
from tests.faults.suspension import Ending, World, a_world, points_of, suspend_at

READ, SEND, SENT = (
    "GET /v1/orders: answered",
    "POST /v1/orders/refund: before",
    "POST /v1/orders/refund: answered",
)
NOTED = "write_guard._write_down: committed"
BEGUN = "dispatcher._begin_attempt: committed"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path / "world", database_url) as world:
        yield world


@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("point", [(READ, 1), (NOTED, 1), (SEND, 1), (SENT, 1)], ids=lambda point: str(point[0]))
def test_money_moves_once_although_a_worker_sleeps_beside_its_request(
    world: World, point: tuple[str, int], ending: Ending
) -> None:
    assert suspend_at(world, point, ending)
    world.end_worker()
    world.order_again()

    assert {name: found for name, found in world.findings().items() if found} == {}


def test_a_worker_that_wakes_after_its_lease_has_the_refund_carried_out_without_a_person(world: World) -> None:
    assert suspend_at(world, (NOTED, 1), Ending.WOKEN_LATE)

    assert (world.refunded, states_of_refunds(world)) == ([world.approved[0].amount], ["done"])


def test_a_refund_of_a_sleeper_that_may_still_send_it_waits_for_a_person(world: World) -> None:
    assert world.asleep_at((SEND, 1)).is_asleep()
    world.work_until_parked()

    assert (world.refunded, states_of_refunds(world)) == ([0], ["parked"])

    world.order_again()

    assert (world.refunded, states_of_refunds(world)) == ([0], ["parked"])

    world.end_worker()
    world.order_again()

    assert (world.refunded, states_of_refunds(world)) == ([world.approved[0].amount], ["done"])


def test_the_points_of_sending_are_those_around_each_step_and_each_request(world: World) -> None:
    points = points_of(world)

    assert {READ, SEND, SENT, NOTED, BEGUN} <= points.keys()
    assert sum(points.values()) >= 60


def states_of_refunds(world: World) -> list[str]:
    with world.services.database.read() as conn:
        return [row.state for row in outbox.listing(conn) if row.type == "refund"]
