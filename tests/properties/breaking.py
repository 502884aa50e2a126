"""Rules that are broken on purpose, so that it is seen that a random story notices it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from kulanz.policy.decide import decide
from kulanz.policy.facts import Fact
from tests.policy.stories import Decide


def hearing(change: Callable[[Fact], Iterable[Fact]]) -> Decide:
    """Decide on other facts than were heard: for each one, on those that a change makes of it."""

    def broken(account, facts, terms, now, situation):
        return decide(account, [heard for fact in facts for heard in change(fact)], terms, now, situation)

    return broken


def assert_noticed(machine: type[RuleBasedStateMachine], broken: Decide, steps: settings, *, examples: int) -> None:
    """Play a machine whose class has `decide` with a broken one until an invariant fails, as it has to."""
    wrong = type("Broken", (machine,), {"decide": staticmethod(broken)})
    until_one_fails = settings(
        steps, max_examples=examples, derandomize=True, report_multiple_bugs=False, phases=[Phase.generate]
    )

    with pytest.raises(AssertionError):
        run_state_machine_as_test(wrong, settings=until_one_fails)
