"""The area of cancellations by notice: the renewal is switched off at the provider, and the paid period runs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas.area import Area
from kulanz.policy.areas.subscriptions.grants import notice_of
from kulanz.policy.book import Book
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Change, Moment, State, Transition


class CancellationArea(Area):
    """Cancelling switches the renewal off, also by notice to staff or a partner (bitrix24)."""

    families: ClassVar[tuple[str, ...]] = ("cancellations",)

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the renewals that notices in force stop."""
        result = ((key, notice_of(sub, book)) for key, sub in sorted(book.subscriptions.items()))
        stops = ((key, notice.cause) for key, notice in result if notice is not None)
        return evolve(draft, renewal_stops=(*draft.renewal_stops, *stops))

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the notice that was just noted."""
        for key, notice in step.new.cancellations.items():
            if key not in step.old.cancellations:
                noted, policy = notice.noted, step.terms.at(notice.noted.at)
                detail = {"subscription": noted.subscription, "actor": noted.actor, "reason": noted.reason}
                yield Change(
                    rule="cancellation.noted",
                    clause=policy.cancellation.clause,
                    policy=policy,
                    subject=noted.subscription,
                    rank=34,
                    detail=detail,
                )
