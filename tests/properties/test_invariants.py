"""The invariants of DOMAIN section 7, on random stories; and a broken rule for each, which they catch."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from kulanz.policy import facts as f
from kulanz.policy.areas.reach.purchases import Purchases
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Subscription
from kulanz.policy.decide import decide
from kulanz.policy.effects import LookUpSubscription
from kulanz.policy.facts import DisputeStatus, Fact, InvoiceStatus, OrderStatus, Outcome, OverrideKind, Status
from kulanz.policy.state import NO_MEMO, Decision, Memo, Owner, Timer
from tests.policy.policy_changes import A_POLICY_CHANGE, VARIANTS, activated, agreed, with_versions
from tests.policy.scenarios import (
    FACTS,
    REFORMED_TALES,
    TALES,
    TERMS,
    Scenario,
    Step,
    brief,
    heard,
    order,
    order_extra,
    order_refund,
    wait,
)
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    HOUR,
    MONDAY,
    OTHER,
    STRANGER,
    Decide,
    a_dispute,
    a_failure,
    a_refund,
    a_subscription,
    a_success,
    an_order,
    terms,
)
from tests.replacing import replace

QUICK = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@QUICK
@given(TALES)
def test_no_story_breaks_an_invariant(scenario: Scenario) -> None:
    witness = scenario.run()

    assert witness.broken == set(), repr(scenario)


@QUICK
@given(REFORMED_TALES)
def test_no_story_in_which_the_policy_changes_breaks_an_invariant(scenario: Scenario) -> None:
    witness = scenario.run()

    assert witness.broken == set(), repr(scenario)
    assert Book().with_facts(reversed(witness.heard)) == witness.account.book


@QUICK
@given(TALES, st.randoms(use_true_random=False))
def test_what_was_heard_and_done_gives_the_same_account_in_any_order_and_any_number_of_times_i1(
    scenario: Scenario, chance: random.Random
) -> None:
    witness = scenario.run()

    assert folded_alike(witness.heard, chance, fold=lambda facts: Book().with_facts(facts))
    assert Book().with_facts(witness.heard) == witness.account.book


@QUICK
@given(TALES)
def test_a_decision_taken_again_decides_nothing_i7(scenario: Scenario) -> None:
    witness = scenario.run()
    witness.hear()

    again = decide(witness.account, witness.heard, witness.terms, witness.now, witness.situation)

    assert not again.changed
    assert again.state == witness.last


@settings(QUICK, max_examples=25)
@given(TALES)
def test_a_case_reaches_as_far_as_the_purchases_say_also_where_one_customer_bought_them_all(scenario: Scenario) -> None:
    witness = scenario.run()

    for decision in witness.decisions:
        state = decision.state
        purchases = Purchases.of(decision.account.book, witness.terms.catalogue, state)
        disputed = {item.purchase for item in state.chargebacks if item.active and item.purchase}
        for case in state.cases:
            bought, takes_all = purchases.of_subscription(case.subscription), case.policy.dunning.hold_access == "none"
            reach = purchases.reach(
                bought, case.opened_at, trusted=bought.signed, takes_all=takes_all, disputed=disputed
            )
            assert (case.whole, not case.claim) == reach


@QUICK
@given(FACTS, st.randoms(use_true_random=False))
def test_the_order_in_which_events_arrive_decides_no_rights_i1(facts: list[Fact], chance: random.Random) -> None:
    # What a chargeback makes us do at the provider is our own act: a cancellation is read by whether it came after.
    facts = [fact for fact in facts if not isinstance(fact, f.DisputeSeen | f.OrderSeen)]
    shuffled = chance.sample(facts, len(facts))

    first, second = (heard_one_by_one(order) for order in (facts, shuffled))

    assert first == second, "\n".join(["", *map(brief, facts), "or", *map(brief, shuffled)])


def heard_one_by_one(facts: list[Fact]) -> object:
    """What an account is that heard facts one after the other, before any deadline: each promise may yet be kept."""
    account = Scenario(terms(), ()).run()
    account.now = MONDAY - 25 * DAY
    account.mail = account.callback = account.cancel = account.resume = None
    for fact in facts:
        account.hear(fact)
    return account.state.standing, account.state.rights


def folded_alike(facts: list[Fact], chance: random.Random, fold: Callable[[list[Fact]], Book]) -> bool:
    """Whether a fold gives the same book and state for the same facts shuffled and partly doubled."""
    shuffled = chance.sample([*facts, *facts[::2]], len(facts) + len(facts[::2]))
    other_book, two = fold(facts), fold(shuffled)
    states = [assess(book, with_versions(terms()), "UTC", MONDAY) for book in (other_book, two)]
    return other_book == two and states[0] == states[1]


REACHED = {
    "dunning.hold_placed",
    "dunning.recovered",
    "dunning.exhausted",
    "dunning.closed_voluntarily",
    "dunning.closed_void",
    "dunning.deadline_moved",
    "dunning.frozen",
    "dunning.thawed",
    "dispute.suspended",
    "dispute.released",
    "dispute.claim_held",
    "renewal.stopped",
    "refund.requested",
    "refund.received",
    "refund.approved",
    "refund.denied",
    "refund.paid",
    "renewal.resumed",
    "look.asked",
    "notice.grace_warning",
    "notice.grace_reminder",
    "notice.dunning_level",
    "payment.recorded",
    "notice.downgraded",
    "notice.recovered",
    "notice.data_deletion_notice",
    "override.reinstate.lifted",
    "override.ended",
    "add_on.booked",
    "add_on.withdrawn",
    "add_on.invoiced",
    "add_on.ended",
    "credit.blocked",
    "plan.ended",
    "plan.downgrade_scheduled",
    "alert.warning_cannot_be_delivered",
    "alert.provider_gives_no_answer",
    "alert.resume_impossible",
    "joined",
    "two holds",
    "stranger's claim",
}


def test_the_stories_reach_what_matters() -> None:
    reached: Counter[str] = Counter()

    @settings(QUICK, max_examples=500, derandomize=True, database=None, phases=[Phase.generate])
    @given(TALES)
    def tell(scenario: Scenario) -> None:
        reached.update(scenario.run().reached)

    tell()

    assert REACHED - reached.keys() == set()


def doctored(
    before: Callable[[Fact], Fact] | None = None, after: Callable[[Decision], Decision] | None = None
) -> Decide:
    """Decide by a rule that hears something else, or forgets something."""

    def broken(account, facts, terms, now, situation):
        heard = [before(fact) if before else fact for fact in facts]
        decision = decide(account, heard, terms, now, situation)
        return after(decision) if after else decision

    return broken


def with_book(decision: Decision, **pages: object) -> Decision:
    return replace(decision, account=replace(decision.account, book=replace(decision.account.book, **pages)))


def takes_any_warning_as_delivered(fact: Fact) -> Fact:
    warned = isinstance(fact, f.NoticeReported) and fact.kind.startswith("grace_warning")
    return replace(fact, outcome=Outcome.DONE) if warned else fact


def forgets_what_was_promised(decision: Decision) -> Decision:
    cases = {key: replace(log, promised=None) for key, log in decision.account.book.cases.items()}
    return with_book(decision, cases=cases)


def releases_everything_at_once(decision: Decision) -> Decision:
    held = len(decision.before.holds) if decision.before else 0
    fewer = 0 < len(decision.state.holds) < held
    return replace(decision, state=replace(decision.state, holds=())) if fewer else decision


def forgets_what_was_sent(decision: Decision) -> Decision:
    return with_book(decision, notices={})


def keeps_old_timers(decision: Decision) -> Decision:
    cases = decision.before.cases if decision.before else ()
    old = [Timer("grace_end", case.key, decision.state.as_of + DAY) for case in cases]
    return replace(decision, state=replace(decision.state, timers=(*decision.state.timers, *old)))


def keeps_its_reasons_to_itself(decision: Decision) -> Decision:
    return replace(decision, changes=())


def takes_a_success_for_a_failure(fact: Fact) -> Fact:
    if not isinstance(fact, f.PaymentSucceeded):
        return fact
    return f.PaymentFailed(invoice=replace(fact.invoice, status=InvoiceStatus.PENDING), at=fact.at)


def forgets_what_it_asked_of_the_provider(decision: Decision) -> Decision:
    return with_book(decision, renewals={})


def carries_on_what_it_was(decision: Decision) -> Decision:
    assessed = decision.account.assessed
    stale = Memo(assessed.book, assessed.terms, decision.before) if assessed.state and decision.before else NO_MEMO
    return replace(decision, account=replace(decision.account, assessed=stale))


def judges_all_by_the_newest_version(account, facts, terms, now, situation):
    newest = replace(terms.by(now), policies=((MONDAY - 9999 * DAY, terms.by(now).current),))
    forgetful = replace(account, book=replace(account.book, pins={}))
    return decide(forgetful, facts, newest, now, situation)


BROKEN = {
    "I2": doctored(before=takes_any_warning_as_delivered),
    "I3": doctored(after=forgets_what_was_promised),
    "I4": doctored(after=releases_everything_at_once),
    "I5": doctored(after=forgets_what_was_sent),
    "I6": doctored(after=keeps_old_timers),
    "I7": doctored(after=keeps_its_reasons_to_itself),
    "assessed": doctored(after=carries_on_what_it_was),
    "I11": doctored(after=forgets_what_it_asked_of_the_provider),
    "I10": doctored(before=takes_a_success_for_a_failure),
    "I16": doctored(before=takes_a_success_for_a_failure),
}


@pytest.mark.parametrize("invariant", BROKEN)
def test_a_broken_rule_is_caught(invariant: str) -> None:
    def breaks(scenario: Scenario) -> bool:
        return invariant in scenario.run(BROKEN[invariant]).broken

    stored_scenario = find(
        TALES, breaks, settings=settings(QUICK, max_examples=400, phases=[Phase.generate], derandomize=True)
    )

    assert breaks(stored_scenario)


def test_a_rule_that_judges_what_is_open_by_the_newest_version_is_caught() -> None:
    def breaks(scenario: Scenario) -> bool:
        return "pinned" in scenario.run(judges_all_by_the_newest_version).broken

    one_try = settings(QUICK, max_examples=400, phases=[Phase.generate], derandomize=True)

    assert breaks(find(REFORMED_TALES, breaks, settings=one_try))


def told(*facts: Fact) -> tuple[tuple[str, Step], ...]:
    return tuple(map(heard, facts))


def test_a_late_snapshot_of_another_subscription_of_an_order_releases_no_refund_hold_i4() -> None:
    scenario = Scenario(
        TERMS[3],
        (
            *told(a_subscription(key=OTHER, customer=STRANGER, variant=ENTERPRISE), an_order(OrderStatus.PAID, MONDAY)),
            *(order_refund("refund"), order_refund("approval")),
            *told(an_order(OrderStatus.REFUNDED, MONDAY + DAY, refunded=1999)),
            *told(a_success(MONDAY + DAY, key="lemonsqueezy:9531", created_at=None), a_subscription()),
        ),
    )

    witness = scenario.run()

    assert witness.broken == set()
    assert [hold.subscriptions for hold in witness.state.holds] == [(OTHER,)]


def test_a_reinstatement_lifts_the_hold_of_a_refund_too_i4() -> None:
    unpaid = told(a_failure(MONDAY - 20 * DAY), a_subscription(Status.ON_TRIAL, MONDAY - 20 * DAY))
    refunded = told(a_refund(MONDAY - 20 * DAY, 1999))

    held = Scenario(TERMS[0], (*unpaid, order_refund("refund"), *refunded)).run()
    lifted = Scenario(TERMS[0], (*unpaid, order_refund("refund"), *refunded, order(OverrideKind.REINSTATE, HOUR))).run()

    assert [hold.owner for hold in held.state.holds] == [Owner.REFUND]
    assert (lifted.broken, lifted.state.holds) == (set(), ())


@pytest.mark.parametrize(("opened", "left"), [(2 * DAY, 0), (-DAY, 1)], ids=["ahead of our clock", "before"])
def test_withdrawing_from_an_add_on_is_a_contact_only_before_a_chargeback_i4(opened: timedelta, left: int) -> None:
    paid = (
        *told(a_subscription()),
        order_extra("book"),
        *told(a_failure(MONDAY + 45 * DAY, created_at=None), a_refund(MONDAY + 12 * DAY, 500)),
    )
    charged_back = told(
        a_dispute(DisputeStatus.ACCEPTED, MONDAY + opened, opened_at=MONDAY + opened, customer=STRANGER)
    )

    held = Scenario(TERMS[0], (*paid, *charged_back)).run()
    withdrawn = Scenario(TERMS[0], (*paid, *charged_back, order_extra("cancel"))).run()

    assert (withdrawn.broken, len(held.state.holds), len(withdrawn.state.holds)) == (set(), 1, left)


def test_late_news_may_shift_the_deadline_of_a_case_that_the_customer_ended_i7() -> None:
    long_ago = MONDAY - 20 * DAY
    scenario = Scenario(
        TERMS[0],
        (
            heard(a_subscription(at=MONDAY - 29 * DAY)),
            heard(a_dispute(DisputeStatus.OPENED, MONDAY)),
            heard(a_subscription(Status.CANCELLED, MONDAY, ends_at=MONDAY + DAY)),
            wait(2 * DAY),
            heard(a_dispute(DisputeStatus.WON, MONDAY + DAY)),
            heard(a_failure(long_ago, created_at=long_ago)),
            heard(a_subscription(Status.ON_TRIAL, long_ago, stamp=f.Stamp(long_ago))),
            heard(a_subscription(Status.PAUSED, long_ago, stamp=f.Stamp(long_ago, digest="a"))),
        ),
    )

    assert scenario.run().broken == set()


def test_a_version_agreed_on_at_the_moment_of_a_refund_releases_no_hold_i4() -> None:
    refunded = told(a_subscription(), an_order(OrderStatus.REFUNDED, MONDAY, refunded=1999))

    witness = Scenario(TERMS[4], (*refunded, agreed(VARIANTS[0].version, DAY))).run()

    assert witness.broken == set()
    assert [hold.source for hold in witness.state.holds] == ["lemonsqueezy:refund-2882321"]


def test_a_case_that_begins_late_again_keeps_the_version_that_was_applied_to_it() -> None:
    scenario = Scenario(
        TERMS[3],
        (
            *told(a_subscription(), a_failure(MONDAY + 30 * DAY, created_at=None)),
            activated(VARIANTS[1]),
            *told(a_failure(MONDAY - 19 * DAY, created_at=None)),
            A_POLICY_CHANGE[1],
            *told(a_subscription(at=MONDAY - DAY)),
            activated(VARIANTS[2]),
        ),
    )

    witness = scenario.run()

    assert witness.broken == set()
    assert [case.policy.version for case in witness.state.cases] == [VARIANTS[1].version]


REFORMS_REACHED = {
    "override.approved",
    "override.declined",
    "policy.applied",
    "terms.agreed",
    "terms.ended",
    "terms.revoked",
    "dunning.hold_placed",
}


def test_the_stories_in_which_the_policy_changes_reach_what_matters() -> None:
    reached: Counter[str] = Counter()

    @settings(QUICK, max_examples=200, derandomize=True, database=None, phases=[Phase.generate])
    @given(REFORMED_TALES)
    def tell(scenario: Scenario) -> None:
        reached.update(scenario.run().reached)

    tell()

    assert REFORMS_REACHED - reached.keys() == set()


def test_a_fold_that_keeps_what_came_last_is_caught_i1() -> None:
    def last_word(facts: list[Fact]) -> Book:
        book = Book().with_facts(facts)
        last = {fact.key: Subscription.of(fact) for fact in facts if isinstance(fact, f.SubscriptionSeen)}
        return replace(book, subscriptions=last)

    stored_facts = find(
        FACTS,
        lambda facts: not folded_alike(facts, random.Random(1), fold=last_word),
        settings=settings(QUICK, max_examples=400, phases=[Phase.generate], derandomize=True),
    )

    assert stored_facts


def test_two_words_of_one_moment_that_a_subscription_on_hold_runs_ask_two_looks_i5() -> None:
    scenario = Scenario(
        TERMS[1],
        (
            *told(a_subscription(), a_failure(created_at=None)),
            wait(8 * DAY),
            *told(a_subscription(at=MONDAY + 7 * DAY), a_subscription(Status.ON_TRIAL, MONDAY + 8 * DAY)),
        ),
    )

    witness = scenario.run()

    assert witness.broken == set()
    assert len(witness.times(LookUpSubscription)) == 3


def test_a_claim_is_held_after_a_warning_by_mail_although_the_policy_warns_by_callback_i2() -> None:
    stranger = a_subscription(key=OTHER, customer=STRANGER, variant=ENTERPRISE)
    scenario = Scenario(
        TERMS[4], (*told(a_subscription(), stranger, a_failure(MONDAY - 20 * DAY, created_at=None)), wait(2 * DAY))
    )

    witness = scenario.run()

    assert witness.broken == set()
    assert [case.claim for case in witness.state.cases] == [True]
    assert "dunning.hold_placed" in dict(witness.rules)
