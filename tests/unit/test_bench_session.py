"""A session of the bench comes to its end whatever one of its areas does, and keeps what it has."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.figures import Figure, Goal
from bench.plan import Bench, Plan
from bench.session import BenchArea, BenchSession


class NoHousehold:
    """These areas start no process."""

    directory = Path()


def a_session(said: list[str] | None = None, overtime: float = 60.0, **plan: float) -> BenchSession:
    notes: list[str] = [] if said is None else said
    bench = Bench(instances=NoHousehold(), plan=Plan(**plan), say=notes.append)  # type: ignore[arg-type]
    return BenchSession(bench, overtime=overtime)


def a_figure(name: str, *ours: float) -> Figure:
    return Figure(
        name=name, unit="1/s", reference_name="one", goal=Goal(at_least=1), ours=[*ours], reference=[1.0] * len(ours)
    )


def measuring(*figures: Figure, seconds: float = 0.0) -> BenchArea:
    def area(bench: Bench) -> Iterator[Figure]:
        for figure in figures:
            for _ in bench.rounds(figure.name):
                time.sleep(seconds)
                figure.add(2.0, is_ours=True)
                figure.add(1.0, is_ours=False)
            yield figure

    return BenchArea(area, 1)


def failing(*figures: Figure) -> BenchArea:
    def area(_: Bench) -> Iterator[Figure]:
        yield from figures
        raise ConnectionError("nobody listens")

    return BenchArea(area, 1)


def kept(session: BenchSession, areas: dict[str, BenchArea]) -> list[list[str]]:
    """Run a session and return what was there each time that it was kept."""
    seen: list[list[str]] = []
    keep: Callable[[], None] = lambda: seen.append([figure.name for figure in session.figures])  # noqa: E731
    session.run(areas, keep)
    return seen


def test_an_area_that_fails_is_reported_and_the_others_are_measured() -> None:
    session = a_session()

    session.run({"first": failing(a_figure("half", 2.0)), "second": measuring(a_figure("whole"))}, lambda: None)

    assert [figure.name for figure in session.figures] == ["half", "whole"]
    assert session.failed == {"first": "ConnectionError: nobody listens"}
    assert not session.passed


def test_the_rounds_that_were_done_count_where_a_later_one_fails() -> None:
    figure = a_figure("figure")

    def area(bench: Bench) -> Iterator[Figure]:
        yield figure
        for turn in bench.rounds("figure"):
            figure.add(4.0, is_ours=True)
            if turn == 2:
                raise TimeoutError("the server is gone")
            figure.add(2.0, is_ours=False)

    session = a_session()

    session.run({"area": BenchArea(area, 1)}, lambda: None)

    assert session.figures[0].ratios == [2.0, 2.0]
    assert session.failed == {"area": "TimeoutError: the server is gone"}


def test_what_was_measured_is_kept_after_every_area() -> None:
    seen = kept(a_session(rounds=1), {"a": measuring(a_figure("A")), "b": failing(), "c": measuring(a_figure("C"))})

    assert seen == [["A"], ["A"], ["A", "C"]]


def test_an_area_that_is_out_of_time_does_no_further_round_and_says_so() -> None:
    said: list[str] = []
    slow = a_figure("slow")

    a_session(said, minutes=0.05 / 60).run({"slow": measuring(slow, seconds=0.03)}, lambda: None)

    assert 1 <= len(slow.ours) < Plan().rounds
    assert f"slow: out of time after {len(slow.ours)} of 5 rounds" in said


def test_time_that_one_area_leaves_is_there_for_the_next() -> None:
    quick, slow = a_figure("quick"), a_figure("slow")

    a_session(minutes=0.4 / 60).run({"quick": measuring(quick), "slow": measuring(slow, seconds=0.06)}, lambda: None)

    assert len(slow.ours) == Plan().rounds


def test_an_area_that_hangs_is_given_up() -> None:
    session = a_session(overtime=0.05, minutes=0.0)

    session.run({"hung": measuring(a_figure("hung"), seconds=30), "next": measuring(a_figure("next"))}, lambda: None)

    assert session.failed["hung"].startswith("OvertimeError")
    assert [figure.name for figure in session.figures] == ["next"]


@pytest.mark.parametrize(("value", "passed"), [(2.0, True), (0.5, False)])
def test_a_session_passes_where_every_goal_is_met(value: float, *, passed: bool) -> None:
    session = a_session()

    session.run({"area": BenchArea(lambda _: iter([a_figure("figure", value)]), 1)}, lambda: None)

    assert session.passed is passed
