"""What tests of the policy tell their stories with: builders of facts, and a stage on which one account lives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kulanz.policy import document
from kulanz.policy import facts as f
from kulanz.policy.assess import assess
from kulanz.policy.calendar.time import Span
from kulanz.policy.consequences import effects
from kulanz.policy.decide import decide
from kulanz.policy.document import Policy
from kulanz.policy.effects import (
    AlertOperators,
    CancelSubscription,
    Effect,
    LookUpSubscription,
    Notify,
    ResumeSubscription,
    SendLetter,
    SendMail,
)
from kulanz.policy.facts import (
    BillingReason,
    DisputeStatus,
    Fact,
    InvoiceStatus,
    OrderStatus,
    Outcome,
    OverrideKind,
    Provenance,
    Stamp,
    Status,
)
from kulanz.policy.state import Account, Case, Catalogue, Decision, Situation, State, Terms
from tests.replacing import replace

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONG_AGO = MONDAY - 29 * DAY

SUB = "lemonsqueezy:421953"
OTHER = "lemonsqueezy:421954"
OWNER = "lemonsqueezy:3083767"
STRANGER = "lemonsqueezy:6660000"
ORDER = "lemonsqueezy:2882321"
INVOICE = "lemonsqueezy:1134999"
NEXT_INVOICE = "lemonsqueezy:1140000"
PRO, ENTERPRISE, SEATS = "lemonsqueezy:394420", "lemonsqueezy:394421", "lemonsqueezy:394500"

PLEXO = document.parse(document.preset("plexo"), version=1)
CATALOGUE = Catalogue.of(((PRO, "professional"), (ENTERPRISE, "enterprise"), (SEATS, "addon:seats")))


def plexo_but(*, dispute: dict[str, Any] | None = None, **dunning: Any) -> Policy:
    """The default policy with other rules for failed renewals and chargebacks; spans as a document writes them."""
    rules = {name: Span.parse(value) if _is_span(name) else value for name, value in dunning.items()}
    return replace(
        PLEXO,
        dunning=replace(PLEXO.dunning, **rules),
        dispute=replace(PLEXO.dispute, **(dispute or {})),
    )


def _is_span(name: str) -> bool:
    return name in {"grace", "final_warning", "warning_notice", "hold_days"}


def terms(policy: Policy = PLEXO, *, zone: str = "UTC", api_key: bool = False) -> Terms:
    """Terms by which one policy has always been in force."""
    return Terms(
        policies=((LONG_AGO - 365 * DAY, policy),),
        catalogue=CATALOGUE,
        timezone=zone,
        can_look=frozenset({"lemonsqueezy"}) if api_key else frozenset(),
    )


def a_subscription(status: Status = Status.ACTIVE, at: datetime = LONG_AGO, **told: Any) -> f.SubscriptionSeen:
    """A snapshot of the owner's professional subscription, unless told otherwise."""
    existing_document: dict[str, Any] = {
        "key": SUB,
        "customer": OWNER,
        "variant": PRO,
        "product": "professional",
        "email": "owner@example.com",
        "order": ORDER,
        "created_at": LONG_AGO,
    }
    rank = {Status.CANCELLED: 7, Status.EXPIRED: 8}.get(status, 1)
    return f.SubscriptionSeen(**{**existing_document, "stamp": Stamp(at, rank), "status": status, **told})


def an_invoice(at: datetime, status: InvoiceStatus = InvoiceStatus.PENDING, **told: Any) -> f.InvoiceSeen:
    """A snapshot of the invoice of the renewal on MONDAY."""
    existing_document: dict[str, Any] = {
        "key": INVOICE,
        "subscription": SUB,
        "reason": BillingReason.RENEWAL,
        "currency": "EUR",
        "total": 1999,
        "customer": OWNER,
        "created_at": MONDAY,
    }
    return f.InvoiceSeen(**{**existing_document, "stamp": Stamp(at), "status": status, **told})


def a_failure(at: datetime = MONDAY, **told: Any) -> f.PaymentFailed:
    """A failed charge."""
    return f.PaymentFailed(invoice=an_invoice(at, **told), at=at)


def a_success(at: datetime, **told: Any) -> f.PaymentSucceeded:
    """A charge that went through, at once or after failures."""
    return f.PaymentSucceeded(invoice=an_invoice(at, InvoiceStatus.PAID, **told), at=at)


def a_refund(at: datetime, refunded: int = 1999, **told: Any) -> f.PaymentRefunded:
    """Money that went back."""
    status = InvoiceStatus.REFUNDED if refunded >= 1999 else InvoiceStatus.PARTIAL_REFUND
    return f.PaymentRefunded(invoice=an_invoice(at, status, refunded=refunded, **told), at=at)


def an_order(status: OrderStatus, at: datetime, **told: Any) -> f.OrderSeen:
    """A snapshot of the order with which the owner bought the subscription."""
    existing_document: dict[str, Any] = {"key": ORDER, "customer": OWNER, "currency": "EUR", "total": 1999}
    return f.OrderSeen(**{**existing_document, "stamp": Stamp(at), "status": status, **told})


_DISPUTE_RANKS = {status: min(rank, 4) for rank, status in enumerate(DisputeStatus, start=1)}


def a_dispute(status: DisputeStatus, at: datetime, **told: Any) -> f.DisputeSeen:
    """A snapshot of a chargeback by the owner, opened on MONDAY."""
    existing_document: dict[str, Any] = {
        "key": "lemonsqueezy:d1",
        "opened_at": MONDAY,
        "amount": 1999,
        "currency": "EUR",
        "customer": OWNER,
        "reason": "fraudulent",
    }
    return f.DisputeSeen(**{**existing_document, "stamp": Stamp(at, _DISPUTE_RANKS[status]), "status": status, **told})


def told_by_operator(status: DisputeStatus, at: datetime, **told: Any) -> f.DisputeSeen:
    """A chargeback that an operator learned of."""
    return a_dispute(status, at, **{"customer": None, "provenance": Provenance.OPERATOR, "actor": "ada", **told})


def an_override(kind: OverrideKind, at: datetime, until: datetime | None = None, **told: Any) -> f.OverrideSet:
    """An operator's exception."""
    return f.OverrideSet(
        **{"id": f"ov-{kind}", "kind": kind, "at": at, "until": until, "actor": "ada", "reason": "goodwill", **told}
    )


Decide = Callable[..., Decision]


@dataclass(kw_only=True)
class Stage:
    """One account, a clock, a postman and a provider: facts are decided and effects carried out as they come."""

    terms: Terms = field(default_factory=terms)
    now: datetime = MONDAY - 14 * DAY
    account: Account = field(default_factory=lambda: Account(id="org_42"))
    situation: Situation = field(default_factory=Situation)
    decide: Decide = decide
    mail: Outcome | None = Outcome.DONE
    """What becomes of mails; None: they stay on the way."""
    letter: Outcome | None = Outcome.DONE
    callback: Outcome | None = Outcome.DONE
    cancel: Outcome | None = Outcome.DONE
    resume: Outcome | None = Outcome.DONE
    answer: Status | None = Status.PAST_DUE
    """What the provider answers to a look; None: no answer."""
    done: list[tuple[datetime, Effect]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    last: State | None = None

    def hear(self, *facts: Fact, at: datetime | None = None) -> Decision:
        """Let facts arrive, at once or at a later time, before which everything else takes its course."""
        if at is not None:
            self.wait(at)
        decision = self._decided(facts)
        self._carry_out(decision.effects)
        return decision

    def wait(self, until: datetime) -> None:
        """Go from due time to due time, as the clock does."""
        while (due := self.next_due()) is not None and due <= until:
            self.jump(due)
        self.now = max(self.now, until)

    def jump(self, to: datetime) -> Decision:
        """Look again at a time, as after an outage."""
        self.now = max(self.now, to)
        return self.hear()

    def next_due(self) -> datetime | None:
        return min((timer.due_at for timer in self.last.timers), default=None) if self.last else None

    @property
    def state(self) -> State:
        return assess(self.account.book, self.terms, self.account.zone(self.terms), self.now)

    @property
    def case(self) -> Case:
        (case,) = self.state.cases
        return case

    @property
    def mails(self) -> list[str]:
        return [effect.notice for _, effect in self.done if isinstance(effect, SendMail)]

    @property
    def callbacks(self) -> list[str]:
        return [effect.type for _, effect in self.done if isinstance(effect, Notify)]

    @property
    def alerts(self) -> list[str]:
        return [effect.topic for _, effect in self.done if isinstance(effect, AlertOperators)]

    @property
    def rules(self) -> list[tuple[str, str]]:
        """The rule and clause of every change so far."""
        return [(change.rule, change.clause) for decision in self.decisions for change in decision.changes]

    def times(self, kind: type[Effect]) -> list[datetime]:
        return [at for at, effect in self.done if isinstance(effect, kind)]

    @property
    def cancelled(self) -> list[str]:
        return [effect.subscription for _, effect in self.done if isinstance(effect, CancelSubscription)]

    @property
    def resumed(self) -> list[str]:
        return [effect.subscription for _, effect in self.done if isinstance(effect, ResumeSubscription)]

    def _decided(self, facts: Iterable[Fact]) -> Decision:
        decision = self.decide(self.account, tuple(facts), self.terms, self.now, self.situation)
        sequence = self.account.sequence + decision.changed
        self.account = replace(decision.account, sequence=sequence)
        self.last = decision.state
        self.decisions.append(decision)
        return decision

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        waiting = list(effects)
        while waiting:
            effect = waiting.pop(0)
            facts = self._attempt(effect)
            if facts:
                waiting.extend(self._decided(facts).effects)

    def _attempt(self, effect: Effect) -> tuple[Fact, ...]:
        book = self.account.book
        if not effects.still_wanted(effect, self.state, book):
            return effects.reported(effect, Outcome.WITHDRAWN, self.now, book)
        self.done.append((self.now, effect))
        if isinstance(effect, LookUpSubscription):
            return (f.SubscriptionLookedUp(subscription=effect.subscription, at=self.now, status=self.answer),)
        outcome = self._outcome(effect)
        return effects.reported(effect, outcome, self.now, book) if outcome else ()

    def _outcome(self, effect: Effect) -> Outcome | None:
        match effect:
            case SendMail():
                return self.mail
            case SendLetter():
                return self.letter
            case CancelSubscription():
                return self.cancel
            case ResumeSubscription():
                return self.resume
            case Notify():
                return self.callback
            case _:
                return Outcome.DONE


def a_paying_account(**stage: Any) -> Stage:
    """An account whose subscription was paid a month before MONDAY and is active."""
    account = Stage(**stage)
    account.hear(
        a_subscription(renews_at=MONDAY),
        a_success(LONG_AGO, key="lemonsqueezy:1100000", reason=BillingReason.INITIAL, created_at=LONG_AGO),
    )
    return account


def in_grace(**stage: Any) -> Stage:
    """The same account, after the renewal on MONDAY failed."""
    account = a_paying_account(**stage)
    account.hear(a_failure(), at=MONDAY)
    account.hear(a_subscription(Status.PAST_DUE, MONDAY + timedelta(seconds=1)), at=MONDAY + timedelta(seconds=1))
    return account


def on_hold(**stage: Any) -> Stage:
    """The same account, a week later: nothing was paid."""
    account = in_grace(**stage)
    account.wait(MONDAY + 7 * DAY)
    return account
