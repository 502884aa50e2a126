"""Every deliberate break finds the line that it breaks, and the test that has to notice it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.mutations import ALL, Mutation

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.says)
def test_a_mutation_finds_its_lines_and_its_tests(one: Mutation) -> None:
    matches = [(ROOT / path).read_text().count(right) for path, right, _ in one.lines]

    assert matches == [1] * len(one.lines)
    assert all((ROOT / test).exists() for test in one.tests if test.endswith(".py"))


def test_no_mutation_is_listed_twice() -> None:
    assert (
        len({mutation.says for mutation in ALL})
        == len({(mutation.path, mutation.wrong, mutation.right, mutation.tests) for mutation in ALL})
        == len(ALL)
    )
