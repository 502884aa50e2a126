"""The reach of each dunning case, after grants and disputes are known."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas.area import Area
from kulanz.policy.areas.reach.purchases import Purchases, has_one_buyer
from kulanz.policy.book import Book
from kulanz.policy.state import Case, Moment, State


class ReachArea(Area):
    """Limits dunning to what was bought: a stranger's unpaid renewal is a claim, and takes their own plan alone."""

    families: ClassVar[tuple[str, ...]] = ("subscriptions",)

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the reach of its cases."""
        if not draft.cases:
            return draft
        if not any(_takes_all(case) for case in draft.cases) and has_one_buyer(book):
            # The buyer of everything owes it, and a case takes the plan of its own subscription.
            return evolve(draft, cases=tuple([evolve(case, whole=False, claim=False) for case in draft.cases]))
        purchases = Purchases.of(book, moment.terms.catalogue, draft)
        disputed = {item.purchase for item in draft.chargebacks if item.active and item.purchase}
        return evolve(draft, cases=tuple(_limited(case, purchases, disputed) for case in draft.cases))


def _takes_all(case: Case) -> bool:
    return case.policy.dunning.hold_access == "none"


def _limited(case: Case, purchases: Purchases, disputed: set[str]) -> Case:
    purchase = purchases.of_subscription(case.subscription)
    reach = purchases.reach(
        purchase, case.opened_at, trusted=purchase.signed, takes_all=_takes_all(case), disputed=disputed
    )
    return evolve(case, whole=reach.whole, claim=not reach.counts)
