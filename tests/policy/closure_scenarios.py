"""Random stories of closures, and a witness who watches that nothing is destroyed that must be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import strategies as st

from kulanz.commands.commands import DecideRefund, RequestRefund
from kulanz.commands.refunds import facts_of
from kulanz.errors import KulanzError
from kulanz.policy import facts as f
from kulanz.policy.decide import decide
from kulanz.policy.document import Policy
from kulanz.policy.document.closure import RecordClass
from kulanz.policy.facts import Fact, OrderStatus, Outcome, OverrideKind
from kulanz.policy.state import Decision, Standing
from tests.policy.scenarios import FACTS
from tests.policy.stories import DAY, MONDAY, ORDER, PLEXO, Stage, an_order, an_override, terms
from tests.replacing import replace

DISPUTE = "lemonsqueezy:d1"


def rules(*, closure: str = "automatic", dispute: str = "approval", destroy: str = "approval", **classes) -> Policy:
    return replace(
        PLEXO,
        closure=replace(PLEXO.closure, deletion=closure),
        dispute=replace(PLEXO.dispute, deletion=dispute),
        retention=replace(PLEXO.retention, destroy=destroy, **classes),
    )


def request_closure(stage: Stage) -> Decision:
    return stage.hear(f.ClosureRequested(id="cl_1", at=stage.now, actor="shop", reason="we stop"))


def request_refund(stage: Stage) -> Decision:
    order = RequestRefund(payment=ORDER, contact_email="a@b.c", organisation="Bakery")
    return stage.hear(*facts_of(order, stage.account, stage.terms, "ada", stage.now))


def decide_refund(stage: Stage, *, approve: bool) -> Decision:
    (request,) = [refund.key for refund in stage.state.refunds if refund.undecided]
    order = DecideRefund(request=request, approve=approve, reason="as it is")
    return stage.hear(*facts_of(order, stage.account, stage.terms, "ada", stage.now))


def obstacles(stage: Stage) -> tuple[str, ...]:
    (closure_case,) = stage.state.deletions
    return closure_case.obstacles


def is_closed(stage: Stage) -> bool:
    return stage.state.standing is Standing.CLOSED


@dataclass(kw_only=True)
class Keeper(Stage):
    """Watches that nothing is destroyed that must not be, and remembers all that was heard."""

    heard: list[Fact] = field(default_factory=list)
    holds: list[f.OverrideSet] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    """Requests for a refund that nobody has denied, and whose money no provider has confirmed."""

    def _decided(self, facts: Iterable[Fact]) -> Decision:
        facts = tuple(facts)
        decision = super()._decided(facts)
        self.heard.extend([*facts, *decision.facts])
        self.holds.extend(fact for fact in facts if isinstance(fact, f.OverrideSet))
        self.reached.update(change.rule for change in decision.changes)
        self._note_refunds([*facts, *decision.facts])
        gone = [fact for fact in decision.facts if isinstance(fact, f.AccountClosed)]
        given_facts = [
            fact for fact in decision.facts if isinstance(fact, f.DeletionAnnounced) and fact.outcome is Outcome.ASKED
        ]
        if (gone or given_facts) and self._protected(decision):
            self.broken.append("I9")
        if (gone or given_facts) and self.waiting:
            self.broken.append("9")
        if gone and gone[0].cause == "closure" and decision.state.grants:
            self.broken.append("13")
        return decision

    def _note_refunds(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            match fact:
                case f.RefundRequested():
                    self.waiting.add(fact.id)
                case f.RefundConfirmed() | f.RefundDecided(approved=False):
                    self.waiting.discard(fact.request)

    def _protected(self, decision: Decision) -> bool:
        held = any(hold.until is not None and hold.until > self.now for hold in self.holds)
        contested = any(chargeback.status in {"opened", "under_review"} for chargeback in decision.state.chargebacks)
        return held or contested


TERMS = (
    terms(),
    terms(rules(closure="approval", dispute="automatic")),
    terms(rules(dispute="automatic", destroy="automatic", settlements=RecordClass(basis="x", years=0))),
)
Step = Callable[[Keeper], object]


def _requests(number: int) -> Step:
    return lambda stage: stage.hear(f.ClosureRequested(id=f"cl_{number}", at=stage.now, actor="shop"))


def _withdraws(number: int) -> Step:
    return lambda stage: stage.hear(f.ClosureWithdrawn(id=f"cl_{number}", at=stage.now, actor="shop"))


def _approves(subject: str) -> Step:
    return lambda stage: stage.hear(f.DeletionApproved(subject=subject, at=stage.now, actor="anna"))


def _holds(span: timedelta) -> Step:
    return lambda stage: stage.hear(
        an_override(OverrideKind.LEGAL_HOLD, stage.now, stage.now + span, id=f"ov{len(stage.decisions)}")
    )


def _hears(facts: list[Fact]) -> Step:
    return lambda stage: stage.hear(*facts[:4])


def _waits(span: timedelta) -> Step:
    return lambda stage: stage.wait(stage.now + span)


def _asks_back(stage: Keeper) -> None:
    with suppress(KulanzError):
        request_refund(stage)


def _answers(*, approve: bool) -> Step:
    def step(stage: Keeper) -> None:
        with suppress(KulanzError):
            if any(refund.undecided for refund in stage.state.refunds):
                decide_refund(stage, approve=approve)

    return step


def _sells(stage: Keeper) -> None:
    stage.hear(an_order(OrderStatus.PAID, stage.now, created_at=stage.now))


def _gives_back(stage: Keeper) -> None:
    stage.hear(an_order(OrderStatus.REFUNDED, stage.now, refunded=1999))


_SPANS = st.sampled_from([DAY, 31 * DAY, 31 * DAY, 400 * DAY])
STEPS = st.one_of(
    FACTS.map(_hears),
    st.sampled_from([1, 2]).map(_requests),
    st.sampled_from([1, 2]).map(_withdraws),
    st.sampled_from([_sells, _asks_back, _answers(approve=True), _answers(approve=False), _gives_back]),
    st.sampled_from(["cl_1", DISPUTE]).map(_approves),
    _SPANS.map(_holds),
    _SPANS.map(_waits),
    _SPANS.map(_waits),
)
SCENARIOS = st.tuples(st.sampled_from(TERMS), st.lists(STEPS, max_size=20))


def run(scenario: tuple[object, list[Step]], decided: Callable[..., Decision] = decide) -> Keeper:
    stage = Keeper(terms=scenario[0], now=MONDAY, decide=decided)
    for step in scenario[1]:
        step(stage)
    return stage
