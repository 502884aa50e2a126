"""Every subscription that is not renewed ends, or operators are asked about it (I17); and a rule that forgets that."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import Phase, find, given, settings

from kulanz.policy.decide import decide
from kulanz.policy.facts import Outcome, Status
from kulanz.policy.state import Access, Decision, Situation
from tests.policy.scenarios import TALES, Scenario, Witness
from tests.policy.stories import DAY, Decide
from tests.properties.test_invariants import QUICK
from tests.replacing import replace

SILENCE = 400 * DAY


def silent(scenario: Scenario, rule: Decide = decide) -> Witness:
    """What a story comes to when the provider says nothing more, and everything of ours works."""
    witness = scenario.run(rule)
    witness.situation, witness.answer = Situation(), None
    witness.mail = witness.callback = witness.cancel = witness.resume = Outcome.DONE
    witness.wait(witness.now + SILENCE)
    return witness


def endless(witness: Witness) -> Iterator[str]:
    """Yield the subscriptions that go on giving a plan with no end, and that no person or provider was asked about.

    A case waits for operators where no warning can be delivered, and rests while a dispute holds what it is about. A
    free pause is the merchant's own word, and what never had a renewal date has none that could pass.
    """
    state, book = witness.state, witness.account.book
    if any(hold.scope == "account" and hold.counts and hold.access is Access.NONE for hold in state.holds):
        return  # Nothing is given while the whole account is suspended.
    asked = {name.partition("|")[0].partition("@")[0] for name in book.alerts} | {
        key for key, looks in book.looks.items() if looks.asked and looks.asked[-1][0] > witness.now - 40 * DAY
    }
    held = {key for chargeback in state.chargebacks if chargeback.holds for key in chargeback.subscriptions}
    waiting = {case.subscription for case in state.cases if f"{case.key}|warning_cannot_be_delivered" in book.alerts}
    for grant in state.grants:
        seen = book.subscriptions[grant.subscription].seen
        by_word = seen.status is Status.PAUSED or seen.renews_at is None
        if grant.until is None and not by_word and grant.subscription not in asked | held | waiting:
            yield grant.subscription


@settings(QUICK, max_examples=60)
@given(TALES)
def test_every_subscription_that_is_not_renewed_ends_or_is_asked_about_i17(scenario: Scenario) -> None:
    assert list(endless(silent(scenario))) == [], repr(scenario)


def test_a_rule_that_never_looks_at_a_renewal_again_is_caught_i17() -> None:
    def forgets_renewals(account, facts, terms, now, situation) -> Decision:
        decision = decide(account, facts, terms, now, situation)
        timers = tuple(timer for timer in decision.state.timers if timer.kind != "renewal_overdue")
        return replace(decision, state=replace(decision.state, timers=timers))

    def goes_on(scenario: Scenario) -> bool:
        return bool(list(endless(silent(scenario, forgets_renewals))))

    one_try = settings(QUICK, max_examples=100, phases=[Phase.generate], derandomize=True)

    assert goes_on(find(TALES, goes_on, settings=one_try))
