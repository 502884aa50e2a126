"""Nobody has more days of a plan than were paid for, promised or given: what a customer can do, and a provider tells.

The provider charges each month by its own rules and tells all of it. What the customer has is counted by the hour, and
held against what was paid for, plus the promised grace of each renewal that failed, plus the time in which a dispute of
that purchase is contested, plus pauses with access, trials, and upgrades that the provider gave and has not charged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kulanz.policy import facts as f
from kulanz.policy.decide import decide
from kulanz.policy.facts import BillingReason, DisputeStatus, Fact, Stamp, Status
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    HOUR,
    MONDAY,
    PRO,
    SUB,
    Decide,
    Stage,
    a_dispute,
    a_failure,
    a_subscription,
    a_success,
    plexo_but,
    terms,
)
from tests.properties.breaking import assert_noticed, hearing
from tests.replacing import replace

STEPS = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
MONTH, GRACE = 30 * DAY, 7 * DAY
PLANS = {PRO: "professional", ENTERPRISE: "enterprise"}
REVIEWED = plexo_but(dispute={"review_above": 1000})
"""A dispute takes nothing by itself here: whoever is held has no plan that could be too long."""
WHEN_PAID = replace(REVIEWED, plan_change=replace(REVIEWED.plan_change, upgrade="when_paid"))


class Customer(RuleBasedStateMachine):
    """Whoever buys once and wants as much as possible for it."""

    decide: Decide = staticmethod(decide)

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.card_works = True
        self.owed: str | None = None
        self.disputed: datetime | None = None
        self.paused: datetime | None = None
        self.had: Counter[str] = Counter()
        """Hours with at least this plan."""
        self.may: Counter[str] = Counter()

    @initialize(
        by=st.sampled_from([REVIEWED, WHEN_PAID]), trial=st.booleans(), variant=st.sampled_from([PRO, ENTERPRISE])
    )
    def buy(self, by: Any, trial: bool, variant: str) -> None:  # noqa: FBT001 - as Hypothesis draws it
        self.at_once = by is REVIEWED
        self.stage = Stage(terms=terms(by), now=MONDAY, decide=type(self).decide)
        self.variant, self.status = variant, Status.ON_TRIAL if trial else Status.ACTIVE
        self.charged_at = MONDAY + (14 * DAY if trial else MONTH)
        self.allow(self.charged_at - MONDAY)
        if not trial:
            self.tell(self.invoice(a_success, reason=BillingReason.INITIAL))
        self.tell(self.seen())

    @property
    def now(self) -> datetime:
        return self.stage.now

    def allow(self, span: timedelta, *, plan: str | None = None) -> None:
        """Count what he may have: a dearer plan is one of the cheaper one, too."""
        plan = plan or PLANS[self.variant]
        hours = span / HOUR
        self.may["professional"] += hours
        if plan == "enterprise":
            self.may["enterprise"] += hours

    def tell(self, *facts: Fact) -> None:
        self.stage.hear(*facts)
        if len(self.stage.cancelled) > len(self.stage.resumed) and self.status in {Status.PAST_DUE, Status.ACTIVE}:
            self.status = Status.CANCELLED
            self.stage.hear(self.seen())

    def seen(self) -> f.SubscriptionSeen:
        self.number += 1
        ends = self.charged_at if self.status is Status.CANCELLED else None
        return a_subscription(
            self.status,
            stamp=Stamp(self.now, 1, f"{self.number:06}"),
            variant=self.variant,
            renews_at=self.charged_at,
            ends_at=ends,
            trial_ends_at=self.charged_at if self.status is Status.ON_TRIAL else None,
            pause_mode="free" if self.status is Status.PAUSED else None,
            created_at=MONDAY,
        )

    def invoice(self, make: Any, **told: Any) -> Any:
        self.number += 1
        own = {"key": f"lemonsqueezy:8{self.number:05}", "created_at": self.now}
        return make(self.now, **{**own, **told})

    @rule(works=st.booleans())
    def change_the_card(self, works: bool) -> None:  # noqa: FBT001 - as Hypothesis draws it
        self.card_works = works

    @precondition(lambda self: self.owed is not None and self.status is not Status.EXPIRED)
    @rule()
    def pay_what_is_owed(self) -> None:
        key, self.owed = self.owed, None
        self.allow(MONTH)
        self.tell(self.invoice(a_success, key=key, created_at=self.owed_at))
        if self.status is not Status.PAUSED:
            self.status = Status.ACTIVE
        self.tell(self.seen())

    @precondition(lambda self: self.status in {Status.ACTIVE, Status.PAST_DUE} and self.variant == PRO)
    @rule(charged=st.sampled_from(["now", "later"]))
    def upgrade(self, charged: str) -> None:
        self.variant = ENTERPRISE
        self.tell(self.seen())
        left = max(self.charged_at - self.now, timedelta())
        charge: dict[str, Any] = {"reason": BillingReason.UPDATED, "total": 3000}
        if charged == "later":
            self.may["enterprise"] += left / HOUR if self.at_once else 0
        elif self.card_works:
            self.may["enterprise"] += left / HOUR
            self.tell(self.invoice(a_success, **charge))
        else:
            self.tell(self.invoice(a_failure, **charge))
            self.status = Status.PAST_DUE
            self.tell(self.seen())

    @precondition(lambda self: self.status in {Status.ACTIVE, Status.PAST_DUE} and self.variant == ENTERPRISE)
    @rule()
    def downgrade(self) -> None:
        self.variant = PRO
        if self.owed is None:
            self.status = Status.ACTIVE
        self.tell(self.seen())

    @precondition(lambda self: self.status in {Status.ACTIVE, Status.PAST_DUE, Status.ON_TRIAL})
    @rule()
    def cancel(self) -> None:
        self.status = Status.CANCELLED
        self.tell(self.seen())

    @precondition(lambda self: self.status is Status.CANCELLED and self.charged_at > self.now)
    @rule()
    def resume_in_the_portal(self) -> None:
        """The provider lets it run again, whatever is owed."""
        self.status = Status.ACTIVE
        self.tell(self.seen())

    @precondition(lambda self: self.status in {Status.ACTIVE, Status.PAST_DUE})
    @rule()
    def pause(self) -> None:
        self.status, self.paused = Status.PAUSED, self.now
        self.tell(self.seen())

    @precondition(lambda self: self.status is Status.PAUSED)
    @rule()
    def unpause(self) -> None:
        paused = self.now - (self.paused or self.now)
        self.charged_at += paused
        self.status = Status.ACTIVE if self.owed is None else Status.PAST_DUE
        self.tell(self.seen())

    @precondition(lambda self: self.disputed is None)
    @rule()
    def dispute(self) -> None:
        self.disputed = self.now
        self.tell(a_dispute(DisputeStatus.OPENED, self.now, subscription=SUB, opened_at=self.now))

    @precondition(lambda self: self.disputed is not None)
    @rule(outcome=st.sampled_from([DisputeStatus.LOST, DisputeStatus.WON]))
    def is_decided(self, outcome: DisputeStatus) -> None:
        self.tell(a_dispute(outcome, self.now, subscription=SUB, opened_at=self.disputed))
        self.disputed = None

    @rule(days=st.sampled_from([1, 3, 8, 31]))
    def time_passes(self, days: int) -> None:
        until = self.now + days * DAY
        while self.status is not Status.EXPIRED and self.charged_at <= until:
            self.wait(max(self.charged_at, self.now))
            if self.status is Status.PAUSED:
                break
            if self.status is Status.CANCELLED:
                self.status = Status.EXPIRED
                self.tell(self.seen())
                break
            self.renew()
        self.wait(until)

    def renew(self) -> None:
        self.charged_at += MONTH
        if self.card_works and self.owed is None:
            self.allow(MONTH)
            self.status = Status.ACTIVE
            self.tell(self.invoice(a_success), self.seen())
        elif self.owed is None:
            failure = self.invoice(a_failure)
            self.owed, self.owed_at = failure.invoice.key, self.now
            self.allow(GRACE)
            self.status = Status.PAST_DUE
            self.tell(failure, self.seen())

    def wait(self, until: datetime) -> None:
        while (due := self.stage.next_due()) is not None and due <= until:
            self.count(due)
            self.stage.jump(due)
            self.tell()
        self.count(until)

    def count(self, until: datetime) -> None:
        """Count what he has until then, and what he may have beside what is paid for."""
        span = max(until - self.now, timedelta())
        plan = self.stage.last.plan if self.stage.last else "free"
        if plan != "free":
            self.had["professional"] += span / HOUR
        if plan == "enterprise":
            self.had["enterprise"] += span / HOUR
        if self.disputed is not None or self.status is Status.PAUSED:
            self.allow(span, plan="enterprise")
        self.stage.now = max(self.now, until)

    @invariant()
    def has_no_more_than_was_paid_for(self) -> None:
        for plan in PLANS.values():
            assert self.had[plan] <= self.may[plan] + 1, plan


def test_nobody_has_more_days_of_a_plan_than_were_paid_for_promised_or_given() -> None:
    run_state_machine_as_test(Customer, settings=STEPS)


def takes_active_for_a_receipt(fact: Fact) -> Iterable[Fact]:
    """An `active` of the provider settles what is owed, as a look that found it paid."""
    yield fact
    if isinstance(fact, f.SubscriptionSeen) and fact.status is Status.ACTIVE:
        yield from (
            f.SubscriptionSeen(**{**fields_of(fact), "status": status, "stamp": Stamp(fact.stamp.at, rank)})
            for rank, status in ((2, Status.PAST_DUE), (3, Status.ACTIVE))
        )


def fields_of(fact: f.SubscriptionSeen) -> dict[str, Any]:
    return msgspec.structs.asdict(fact)


def hears_of_no_unpaid_change(fact: Fact) -> Iterable[Fact]:
    if not (isinstance(fact, f.PaymentFailed) and fact.invoice.reason is BillingReason.UPDATED):
        yield fact


def takes_every_dispute_for_contested(fact: Fact) -> Iterable[Fact]:
    yield replace(fact, status=DisputeStatus.OPENED) if isinstance(fact, f.DisputeSeen) else fact


def takes_every_change_as_given(account, facts, terms, now, situation):
    at_once = replace(terms, policies=((MONDAY - 999 * DAY, REVIEWED),))
    return decide(account, facts, at_once, now, situation)


def forgets_the_end(account, facts, terms, now, situation):
    kept = [fact for fact in facts if not (isinstance(fact, f.SubscriptionSeen) and fact.status is Status.EXPIRED)]
    endless = [replace(fact, ends_at=None) if isinstance(fact, f.SubscriptionSeen) else fact for fact in kept]
    active = [
        replace(fact, status=Status.ACTIVE)
        if isinstance(fact, f.SubscriptionSeen) and fact.status is Status.CANCELLED
        else fact
        for fact in endless
    ]
    return decide(account, active, terms, now, situation)


BROKEN: dict[str, Decide] = {
    "active is a receipt": hearing(takes_active_for_a_receipt),
    "nothing ends": forgets_the_end,
}


@pytest.mark.parametrize("rule_broken", BROKEN)
def test_a_rule_that_gives_days_away_is_noticed(rule_broken: str) -> None:
    assert_noticed(Customer, BROKEN[rule_broken], STEPS, examples=400)


def upgrades_in_vain(customer: Customer) -> None:
    customer.buy(by=REVIEWED, trial=False, variant=PRO)
    customer.time_passes(days=1)
    customer.change_the_card(works=False)
    customer.upgrade(charged="now")
    customer.time_passes(days=8)


def upgrades_for_later(customer: Customer) -> None:
    customer.buy(by=WHEN_PAID, trial=False, variant=PRO)
    customer.time_passes(days=1)
    customer.upgrade(charged="later")
    customer.time_passes(days=8)


def loses_a_dispute_and_pays_no_more(customer: Customer) -> None:
    customer.buy(by=REVIEWED, trial=False, variant=PRO)
    customer.dispute()
    customer.is_decided(outcome=DisputeStatus.LOST)
    customer.change_the_card(works=False)
    for _ in range(2):
        customer.time_passes(days=31)


RARE: dict[str, tuple[Callable[[Customer], None], Decide]] = {
    "an unpaid change counts": (upgrades_in_vain, hearing(hears_of_no_unpaid_change)),
    "a change counts before it is paid": (upgrades_for_later, takes_every_change_as_given),
    "a dispute is contested for ever": (
        loses_a_dispute_and_pays_no_more,
        hearing(takes_every_dispute_for_contested),
    ),
}
"""What few random customers do: a story each, and the rule that gives days away in it."""


@pytest.mark.parametrize("rule_broken", RARE)
def test_a_rule_that_gives_days_away_to_few_is_noticed(rule_broken: str) -> None:
    story, broken = RARE[rule_broken]
    sound, wrong = Customer(), type("Broken", (Customer,), {"decide": staticmethod(broken)})()

    story(sound)
    story(wrong)

    sound.has_no_more_than_was_paid_for()
    with pytest.raises(AssertionError):
        wrong.has_no_more_than_was_paid_for()
