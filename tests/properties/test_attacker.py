"""I14: no act takes what another bought. An attacker buys under a victim's account id and does what a buyer can do.

Two accounts hear what the victim does, one of them what the attacker does as well: whatever that is, it takes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from kulanz.policy import facts as f
from kulanz.policy.decide import decide
from kulanz.policy.facts import (
    BillingReason,
    DisputeStatus,
    Fact,
    LicenceStatus,
    OrderStatus,
    Provenance,
    Stamp,
    Status,
)
from kulanz.policy.state import Access, Decision, State, Terms
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    MONDAY,
    ORDER,
    OWNER,
    PRO,
    SEATS,
    STRANGER,
    SUB,
    Decide,
    Stage,
    a_dispute,
    a_failure,
    a_refund,
    a_subscription,
    a_success,
    an_order,
    plexo_but,
    terms,
)
from tests.properties.breaking import assert_noticed, hearing
from tests.replacing import replace

STEPS = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TERMS = (
    terms(),
    terms(plexo_but(grace="0d", reminders=(), hold_access="none")),
    terms(plexo_but(on_grace_end="hold_only", hold_access="none"), api_key=True),
    terms(plexo_but(warn_by="callback", dispute={"unrequested_full_refund": "suspend", "bounced": "dispute"})),
    terms(plexo_but(dispute={"scope": "subscription", "bounced": "review"})),
)
ACCESS = tuple(Access(word) for word in ("none", "free", "full"))
HEARD = frozenset({"account.entitlement_changed"})
REASONS = ("fraudulent", "insufficient_funds", "debit_not_authorized")


@dataclass(frozen=True)
class Bought:
    """One purchase of the attacker's."""

    number: int
    customer: str
    variant: str

    @property
    def subscription(self) -> str:
        return f"lemonsqueezy:9{self.number:05}"

    @property
    def order(self) -> str:
        return f"lemonsqueezy:8{self.number:05}"

    @property
    def invoice(self) -> str:
        return f"lemonsqueezy:7{self.number:05}"


class Attacker(RuleBasedStateMachine):
    """Everything that a buyer can do who types the victim's account id."""

    bought = Bundle("bought")
    decide: Decide = staticmethod(decide)

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.renewals = 0
        self.signed = False

    @initialize(
        terms=st.sampled_from(TERMS),
        has=st.sampled_from(["subscription", "licence", "lifetime order", "add-on too"]),
        signed=st.booleans(),
    )
    def begin(self, terms: Terms, has: str, signed: bool) -> None:  # noqa: FBT001 - as Hypothesis draws it
        self.signed = signed
        self.alone = Stage(terms=terms, now=MONDAY)
        self.shared = Stage(terms=terms, now=MONDAY, decide=type(self).decide)
        self.runs = has in {"subscription", "add-on too"}
        self.victim(an_order(OrderStatus.PAID, MONDAY, variant=PRO, signed=signed))
        if self.runs:
            self.victim(a_subscription(at=MONDAY, signed=signed, renews_at=MONDAY + 30 * DAY), self.payment())
        if has == "licence":
            licence = {"key": "lemonsqueezy:600", "status": LicenceStatus.ACTIVE, "customer": OWNER, "order": ORDER}
            self.victim(f.LicenceSeen(stamp=Stamp(MONDAY), **licence))
        if has == "add-on too":
            add_on = {"key": "lemonsqueezy:601", "variant": SEATS, "product": "seats", "signed": signed}
            self.victim(a_subscription(at=MONDAY, renews_at=MONDAY + 30 * DAY, **add_on))

    def payment(self) -> f.PaymentSucceeded:
        self.renewals += 1
        at = self.shared.now
        reason = BillingReason.INITIAL if self.renewals == 1 else BillingReason.RENEWAL
        return a_success(at, key=f"lemonsqueezy:11{self.renewals:05}", reason=reason, created_at=at)

    def victim(self, *facts: Fact) -> None:
        for stage in (self.alone, self.shared):
            stage.hear(*facts)

    def attack(self, *facts: Fact) -> None:
        self.shared.hear(*facts)

    def stamp(self, rank: int = 1) -> Stamp:
        self.number += 1
        return Stamp(self.shared.now, rank, f"{self.number:06}")

    def seen(self, bought: Bought, status: Status, **told: Any) -> f.SubscriptionSeen:
        own = {"key": bought.subscription, "order": bought.order, "customer": bought.customer}
        ids = {"variant": bought.variant, "email": "mallory@example.com", "renews_at": self.shared.now + 30 * DAY}
        return a_subscription(status, **{**own, **ids, "stamp": self.stamp(), "created_at": self.shared.now, **told})

    @rule(target=bought, variant=st.sampled_from([PRO, ENTERPRISE, SEATS]), typed=st.booleans(), trial=st.booleans())
    def buy(self, variant: str, typed: bool, trial: bool) -> Bought:  # noqa: FBT001 - as Hypothesis draws it
        self.number += 1
        # Who types the victim's e-mail and id, where nothing is signed, is a customer's second purchase.
        bought = Bought(self.number, OWNER if typed and self.signed else STRANGER, variant)
        self.attack(
            an_order(OrderStatus.PAID, self.shared.now, key=bought.order, customer=bought.customer, variant=variant),
            self.seen(bought, Status.ON_TRIAL if trial else Status.ACTIVE),
        )
        return bought

    @rule(bought=bought, status=st.sampled_from(list(Status)))
    def is_called(self, bought: Bought, status: Status) -> None:
        ended = status in {Status.CANCELLED, Status.EXPIRED}
        self.attack(self.seen(bought, status, ends_at=self.shared.now + DAY if ended else None))

    @rule(bought=bought, variant=st.sampled_from([PRO, ENTERPRISE, SEATS]))
    def change_plan(self, bought: Bought, variant: str) -> None:
        self.attack(self.seen(bought, Status.ACTIVE, variant=variant))

    @rule(bought=bought, paid=st.booleans())
    def renew(self, bought: Bought, paid: bool) -> None:  # noqa: FBT001 - as Hypothesis draws it
        own = {"key": bought.invoice, "subscription": bought.subscription, "customer": bought.customer}
        told = {**own, "created_at": self.shared.now}
        at = self.shared.now
        self.attack(a_success(at, **told) if paid else a_failure(at, **told))

    @rule(bought=bought)
    def get_the_money_back(self, bought: Bought) -> None:
        own = {"key": bought.invoice, "subscription": bought.subscription, "customer": bought.customer}
        self.attack(
            a_refund(self.shared.now, **own),
            an_order(OrderStatus.REFUNDED, self.shared.now, key=bought.order, customer=bought.customer, refunded=1999),
        )

    @rule(bought=bought, status=st.sampled_from([OrderStatus.FRAUDULENT, OrderStatus.PAID]))
    def turn_fraudulent(self, bought: Bought, status: OrderStatus) -> None:
        own = {"key": bought.order, "customer": bought.customer, "variant": bought.variant}
        self.attack(an_order(status, self.shared.now, stamp=self.stamp(), **own))

    @rule(
        bought=bought,
        status=st.sampled_from(list(DisputeStatus)),
        names=st.sampled_from(["order", "subscription", "payment", ""]),
        reason=st.sampled_from(REASONS),
    )
    def dispute(self, bought: Bought, status: DisputeStatus, names: str, reason: str) -> None:
        named = {
            "order": {"order": bought.order},
            "subscription": {"subscription": bought.subscription},
            "payment": {"payment": bought.invoice},
        }
        own = {"key": f"{bought.order}d", "customer": bought.customer, "reason": reason}
        told = {"opened_at": self.shared.now, "stamp": self.stamp(list(DisputeStatus).index(status))}
        self.attack(a_dispute(status, self.shared.now, **own, **told, **named.get(names, {})))

    @rule(days=st.sampled_from([1, 3, 8, 31]))
    def time_passes(self, days: int) -> None:
        until = self.shared.now + days * DAY
        while self.runs and (renews := MONDAY + self.renewals * 30 * DAY) <= until:
            self.wait(renews - timedelta(hours=1))
            self.victim(self.payment())
        self.wait(until)

    def wait(self, until: Any) -> None:
        for stage in (self.alone, self.shared):
            stage.wait(max(until, stage.now))

    @invariant()
    def takes_nothing_of_the_victims_i14(self) -> None:
        if self.shared.last is None or self.alone.last is None:
            return
        alone, shared = self.alone.last, self.shared.last
        rank = self.shared.terms.catalogue.rank
        assert rank(shared.plan) >= rank(alone.plan)
        assert ACCESS.index(shared.access) >= ACCESS.index(alone.access)
        assert set(shared.add_ons) >= set(alone.add_ons)
        assert shared.standing is alone.standing
        assert shared.deletion_eligible_at is None
        assert [kind for kind in self.shared.callbacks if kind not in HEARD] == [
            kind for kind in self.alone.callbacks if kind not in HEARD
        ]
        assert not {SUB, "lemonsqueezy:601"} & set(self.shared.cancelled)


def test_an_attacker_who_types_the_victims_account_id_takes_nothing_i14() -> None:
    run_state_machine_as_test(Attacker, settings=STEPS)


def believes_every_claim(fact: Fact) -> Iterable[Fact]:
    yield replace(fact, signed=True) if isinstance(fact, f.SubscriptionSeen | f.OrderSeen) else fact


def takes_a_provider_for_an_operator(fact: Fact) -> Iterable[Fact]:
    is_dispute = isinstance(fact, f.DisputeSeen)
    yield replace(fact, customer=None, provenance=Provenance.OPERATOR) if is_dispute else fact


def takes_every_buyer_for_one_customer(fact: Fact) -> Iterable[Fact]:
    if isinstance(fact, f.SubscriptionSeen | f.OrderSeen):
        yield replace(fact, customer=OWNER, signed=False)
    else:
        yield replace(fact, customer=OWNER) if isinstance(fact, f.DisputeSeen) else fact


def holds_the_whole_account(account, facts, terms, now, situation) -> Decision:
    decision = decide(account, facts, terms, now, situation)
    state: State = decision.state
    taken = replace(state, plan="free", access=Access.FREE) if state.holds else state
    return replace(decision, state=taken)


BROKEN: dict[str, Decide] = {
    "believes every claim": hearing(believes_every_claim),
    "takes a provider for an operator": hearing(takes_a_provider_for_an_operator),
    "takes every buyer for one customer": hearing(takes_every_buyer_for_one_customer),
    "holds the whole account": holds_the_whole_account,
}


@pytest.mark.parametrize("rule_broken", BROKEN)
def test_a_rule_of_reach_that_is_broken_is_noticed_i14(rule_broken: str) -> None:
    assert_noticed(Attacker, BROKEN[rule_broken], STEPS, examples=300)
