"""The host's clock steps by ten minutes, there and back, under load: nothing is lost, left lying or done twice."""

from __future__ import annotations

from datetime import timedelta

from tests.faults import stepping
from tests.faults.faults import STEP
from tests.faults.lab import Lab, Labs
from tests.faults.test_killed import assert_kept


def test_a_clock_that_steps_and_comes_back_costs_nothing(labs: Labs) -> None:
    def fault(lab: Lab) -> None:
        with lab.load() as load:
            for to in (timedelta(), STEP, -STEP, timedelta()):
                stepping.step(lab.clock, to)
                load.until(1.2)

        assert {answer.status for answer in load.answers} == {200}
        assert_kept(lab)

    labs.each(fault)


def test_what_a_worker_had_in_hand_that_died_before_the_clock_went_back_is_done_all_the_same(labs: Labs) -> None:
    def fault(lab: Lab) -> None:
        with lab.load() as load:
            stepping.step(lab.clock, STEP)
            load.until(1.0)
            for role in ("effects", "events"):
                lab.kill_surely(role, at_work=True)
            stepping.step(lab.clock)
            load.until(1.0)

        assert_kept(lab)

    labs.each(fault)
