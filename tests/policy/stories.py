"""What tests of the policy tell their stories with: builders of facts, and a stage on which one account lives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kulanz.policy import document
from kulanz.policy import facts as f
from kulanz.policy.calendar.time import Span
from kulanz.policy.document import Policy
from kulanz.policy.effects import Effect, Notify, ResumeSubscription
from kulanz.policy.facts import BillingReason, DisputeStatus, Fact, InvoiceStatus, Provenance, Status
from kulanz.policy.state import Case, Catalogue, Decision, Terms
from kulanz.policy_tests import stage
from kulanz.policy_tests.stage import Decide
from kulanz.policy_tests.told import (
    DAY,
    ENTERPRISE,
    HOUR,
    INVOICE,
    LONG_AGO,
    MONDAY,
    NEXT_INVOICE,
    ORDER,
    OTHER,
    OWNER,
    PRO,
    SEATS,
    STRANGER,
    SUB,
    a_dispute,
    a_failure,
    a_subscription,
    a_success,
    an_invoice,
    an_order,
    an_override,
)
from tests.callbacks import is_described
from tests.replacing import replace

__all__ = [
    "CATALOGUE",
    "DAY",
    "ENTERPRISE",
    "HOUR",
    "INVOICE",
    "LONG_AGO",
    "MONDAY",
    "NEXT_INVOICE",
    "ORDER",
    "OTHER",
    "OWNER",
    "PLEXO",
    "PRO",
    "SEATS",
    "STRANGER",
    "SUB",
    "Decide",
    "Stage",
    "a_dispute",
    "a_failure",
    "a_paying_account",
    "a_refund",
    "a_subscription",
    "a_success",
    "an_invoice",
    "an_order",
    "an_override",
    "in_grace",
    "on_hold",
    "plexo_but",
    "terms",
    "told_by_operator",
]

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


def a_refund(at: datetime, refunded: int = 1999, **told: Any) -> f.PaymentRefunded:
    """Money that went back."""
    status = InvoiceStatus.REFUNDED if refunded >= 1999 else InvoiceStatus.PARTIAL_REFUND
    return f.PaymentRefunded(invoice=an_invoice(at, status, refunded=refunded, **told), at=at)


def told_by_operator(status: DisputeStatus, at: datetime, **told: Any) -> f.DisputeSeen:
    """A chargeback that an operator learned of."""
    return a_dispute(status, at, **{"customer": None, "provenance": Provenance.OPERATOR, "actor": "ada", **told})


@dataclass(kw_only=True)
class Stage(stage.Stage):
    """The stage of a table's line, under the default policy unless told otherwise."""

    terms: Terms = field(default_factory=terms)
    now: datetime = MONDAY - 14 * DAY

    @property
    def case(self) -> Case:
        (case,) = self.state.cases
        return case

    @property
    def rules(self) -> list[tuple[str, str]]:
        """The rule and clause of every change so far."""
        return [(change.rule, change.clause) for decision in self.decisions for change in decision.changes]

    @property
    def resumed(self) -> list[str]:
        return [effect.subscription for _, effect in self.done if isinstance(effect, ResumeSubscription)]

    def _decided(self, facts: Iterable[Fact]) -> Decision:
        decision = super()._decided(facts)
        for effect in decision.effects:
            if isinstance(effect, Notify):
                assert is_described(effect.type, {"account_id": self.account.id, **effect.data}), effect
        return decision

    def times(self, kind: type[Effect]) -> list[datetime]:
        return [at for at, effect in self.done if isinstance(effect, kind)]


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
