"""What decisions are made by, beside the facts: the catalogue of plans, policy versions, the means at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from app.policy.document import Policy
from app.policy.quick import quick

FREE = "free"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Which plan a provider's variant is, and which plan is higher (`KULANZ_PLANS`)."""

    variants: Mapping[str, str] = field(default_factory=dict)
    """`provider:variant` → plan, or `addon:<name>`."""
    order: Mapping[str, int] = field(default_factory=dict)
    """Rising; `free` is below all and a plan that is not listed just above it."""
    add_ons: Mapping[str, str] = field(default_factory=dict)
    """`addon:<name>` → `<name>`, for every one that is listed."""

    @classmethod
    def of(cls, pairs: tuple[tuple[str, str], ...]) -> Catalogue:
        """Build the catalogue from the setting's pairs, the last plan being the highest."""
        plans = dict.fromkeys(plan for _, plan in pairs if not plan.startswith("addon:"))
        return cls(
            variants=dict(pairs),
            order={plan: rank for rank, plan in enumerate(plans, start=2)},
            add_ons={plan: plan.removeprefix("addon:") for _, plan in pairs if plan.startswith("addon:")},
        )

    def plan(self, variant: str, product: str) -> str:
        """Return the plan or `addon:<name>` of a variant; an unmapped one is the slug of its product (never `free`)."""
        known = self.variants.get(variant)
        if known is not None:
            return known
        return product if product and product != FREE else f"product-{variant.rpartition(':')[2]}"

    def rank(self, plan: str) -> tuple[int, str]:
        """Return the plan's height; two unlisted plans are ordered by name so that the answer never wavers."""
        return (0, "") if plan == FREE else (self.order.get(plan, 1), plan)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What decisions are made by, beside the facts: policy versions, the catalogue, the means at hand."""

    policies: tuple[tuple[datetime, Policy], ...]
    """With the instant from which each is in force, rising; never empty."""
    catalogue: Catalogue = field(default_factory=Catalogue)
    timezone: str = "UTC"
    can_look: frozenset[str] = frozenset()
    """Providers with an API key: they are asked before access is taken."""

    @cached_property
    def current(self) -> Policy:
        """The newest policy."""
        return self.policies[-1][1]

    def at(self, instant: datetime) -> Policy:
        """Return the version in force at an instant, or the first one for what began before it."""
        found = self.policies[0][1]
        for effective_from, policy in self.policies:
            if effective_from <= instant:
                found = policy
        return found


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the rest of the world means for one account while it is decided about."""

    parked: bool = False
    """An event of the account is parked: nothing is taken by dunning meanwhile."""
    braked: bool = False
    """More accounts than the policy allows would lose access: operators decide (the brake)."""


CALM = Situation()


@quick
@dataclass(frozen=True, slots=True)
class Moment:
    """When an account is looked at, by which terms, in which zone and in which situation."""

    terms: Terms
    zone: str
    at: datetime
    situation: Situation = CALM
