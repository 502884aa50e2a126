"""Redis only wakes workers: frozen, full, read-only or forgetful, it delays work, costs no delivery and no answer."""

from __future__ import annotations

import pytest

from tests.faults import faults
from tests.faults.lab import Lab, Labs
from tests.faults.load import Answered
from tests.faults.test_killed import assert_kept

NORMALLY = 2.0
NOISE = 0.15
"""Seconds that a busy machine may add to most answers."""
HICCUP = 1.5
"""Seconds that it may add to the slowest: how much slower they get is measured by the long run, on a quiet machine."""


@pytest.mark.parametrize("name", ["redis frozen", "redis out of memory", "redis read-only", "redis emptied"])
def test_whatever_becomes_of_redis_deliveries_are_acknowledged_as_fast_as_before(labs: Labs, name: str) -> None:
    def fault(lab: Lab) -> None:
        with lab.load() as load:
            load.until(NORMALLY)
            before = len(load.answers)
            faults.ALL[name](lab)
            meanwhile = load.answers[before:]
            load.until(0.5)

        assert {answer.status for answer in load.answers} == {200}
        for share, spared in ((0.5, NOISE), (0.99, HICCUP)):
            assert quantile(meanwhile, share) <= 2 * quantile(load.answers[:before], share) + spared
        assert_kept(lab)

    labs.each(fault)


def test_connections_to_the_database_that_are_ended_cost_no_delivery(labs: Labs) -> None:
    def fault(lab: Lab) -> None:
        with lab.load() as load:
            for _ in range(6):
                load.until(0.4)
                faults.terminate_connections(lab)
            load.until(0.4)

        assert {answer.status for answer in load.answers} == {200}
        assert_kept(lab)

    labs.each(fault)


def quantile(answers: list[Answered], share: float) -> float:
    matches = sorted(answer.seconds for answer in answers)
    return matches[int(share * (len(matches) - 1))] if matches else 0.0
