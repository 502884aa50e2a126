"""Every deliberate break finds the line that it breaks, and the test that has to notice it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.breaks import ALL, Break

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.says)
def test_a_deliberate_break_finds_its_lines_and_its_tests(one: Break) -> None:
    found = [(ROOT / path).read_text().count(right) for path, right, _ in one.lines]

    assert found == [1] * len(one.lines)
    assert all((ROOT / test).exists() for test in one.tests if test.endswith(".py"))


def test_no_break_is_told_twice() -> None:
    assert (
        len({one.says for one in ALL}) == len({(one.path, one.wrong, one.right, one.tests) for one in ALL}) == len(ALL)
    )
