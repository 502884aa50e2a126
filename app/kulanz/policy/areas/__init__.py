"""The areas of the policy, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import isfunction
from operator import attrgetter

from kulanz.policy.areas.add_ons.area import AddOnsArea
from kulanz.policy.areas.approvals.area import ApprovalsArea
from kulanz.policy.areas.area import Area
from kulanz.policy.areas.cancellation.area import CancellationArea
from kulanz.policy.areas.closure.area import ClosureArea
from kulanz.policy.areas.collections.area import CollectionsArea
from kulanz.policy.areas.contacts.area import ContactsArea
from kulanz.policy.areas.credit.area import CreditArea
from kulanz.policy.areas.disputes.area import DisputesArea
from kulanz.policy.areas.dunning.area import DunningArea
from kulanz.policy.areas.keeping.area import KeepingArea
from kulanz.policy.areas.lifetime.area import LifetimeArea
from kulanz.policy.areas.migration.area import MigrationArea
from kulanz.policy.areas.overrides.area import OverridesArea
from kulanz.policy.areas.reach.area import ReachArea
from kulanz.policy.areas.refunds.area import RefundsArea
from kulanz.policy.areas.renewals.area import RenewalsArea
from kulanz.policy.areas.subscriptions.area import SubscriptionsArea
from kulanz.policy.areas.versions.area import VersionsArea
from kulanz.policy.areas.warnings.area import WarningsArea
from kulanz.policy.book import Book

AREAS: tuple[Area, ...] = (
    # Cases decide what subscriptions give; that decides how far a chargeback reaches; a chargeback freezes cases
    # and limits what they reach.
    DunningArea(),
    SubscriptionsArea(),
    RenewalsArea(),
    DisputesArea(),
    ReachArea(),
    LifetimeArea(),
    OverridesArea(),
    ApprovalsArea(),
    VersionsArea(),
    CollectionsArea(),
    AddOnsArea(),
    RefundsArea(),
    WarningsArea(),
    ClosureArea(),
    CreditArea(),
    MigrationArea(),
    CancellationArea(),
    KeepingArea(),
    ContactsArea(),
)
HOOKS = tuple(name for name, value in vars(Area).items() if isfunction(value))
"""The hooks of an area, by name."""
LINES = {kind: line for area in AREAS for kind, line in area.lines.items()}
ASKS = {cause: asks for area in AREAS for cause, asks in area.asks.items()}
_FAMILIES = tuple(sorted({family for area in AREAS for family in area.families}))
_families_of = attrgetter(*_FAMILIES)


def areas_for(book: Book, hook: str) -> tuple[Area, ...]:
    """Return the areas that define a hook, given by its name, and that have a filled family in the book."""
    last_book, by_hook = _LAST_BOOK[0]
    if last_book is not book:
        # The same book is asked about a dozen times in a row.
        by_hook = _areas_by_hook(tuple(map(bool, _families_of(book))))
        _LAST_BOOK[0] = (book, by_hook)
    return by_hook[hook]


@cache
def _areas_by_hook(filled: tuple[bool, ...]) -> Mapping[str, tuple[Area, ...]]:
    """Return by hook the areas that define it, where these families of a book are filled."""
    present = {family for family, is_filled in zip(_FAMILIES, filled, strict=True) if is_filled}
    concerned = [area for area in AREAS if present.intersection(area.families)]
    return {hook: tuple(area for area in concerned if _implements(area, hook)) for hook in HOOKS}


def _implements(area: Area, hook: str) -> bool:
    """Whether an area overrides a hook."""
    return getattr(type(area), hook) is not getattr(Area, hook)


_LAST_BOOK: list[tuple[Book | None, Mapping[str, tuple[Area, ...]]]] = [(None, {})]
