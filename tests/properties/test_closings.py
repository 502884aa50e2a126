"""Random closures reach every end; and a rule that destroys what must be kept is caught (I9)."""

from __future__ import annotations

import pytest
from hypothesis import find, settings

from kulanz.policy import facts as f
from kulanz.policy.decide import decide
from kulanz.policy.state import Decision
from tests.policy.closure_scenarios import SCENARIOS, run
from tests.replacing import replace


@pytest.mark.parametrize("rule", ["closure.requested", "closure.deletion_due", "closure.erased", "retention.destroyed"])
def test_the_stories_reach_every_end(rule: str) -> None:
    find(SCENARIOS, lambda scenario: rule in run(scenario).reached, settings=settings(max_examples=5000, database=None))


def test_a_rule_that_forgets_the_legal_hold_is_caught_i9() -> None:
    def forgetful(account, facts, by, now, situation) -> Decision:
        return decide(account, [fact for fact in facts if not isinstance(fact, f.OverrideSet)], by, now, situation)

    find(
        SCENARIOS,
        lambda scenario: "I9" in run(scenario, forgetful).broken,
        settings=settings(max_examples=5000, database=None),
    )


def test_a_rule_that_forgets_the_open_dispute_is_caught_i9() -> None:
    def forgetful(account, facts, by, now, situation) -> Decision:
        decision = decide(account, facts, by, now, situation)
        ours = [fact for fact in decision.facts if isinstance(fact, f.AccountClosed)]
        eager = f.AccountClosed(subject="cl_1", cause="closure", at=now)
        was_asked = any(isinstance(fact, f.ClosureRequested) for fact in facts)
        return replace(decision, facts=(*decision.facts, eager)) if was_asked and not ours else decision

    find(
        SCENARIOS,
        lambda scenario: "I9" in run(scenario, forgetful).broken,
        settings=settings(max_examples=5000, database=None),
    )


def test_a_rule_that_forgets_an_open_request_for_a_refund_is_caught_9() -> None:
    def forgetful(account, facts, by, now, situation) -> Decision:
        decision = decide(account, facts, by, now, situation)
        eager = f.AccountClosed(subject="cl_1", cause="closure", at=now)
        was_asked = any(refund.open for refund in decision.state.refunds)
        return replace(decision, facts=(*decision.facts, eager)) if was_asked else decision

    find(
        SCENARIOS,
        lambda scenario: "9" in run(scenario, forgetful).broken,
        settings=settings(max_examples=5000, database=None),
    )
