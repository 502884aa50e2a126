"""The chapter on cancellations by notice: the renewal is switched off at the provider, and what is paid runs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from app.policy.book import Book
from app.policy.chapter import Chapter
from app.policy.facts import OwnFact
from app.policy.model import Change, Moment, State, Step
from app.policy.subscriptions import notice_of


class Cancelling(Chapter):
    """Cancelling switches the renewal off, also by notice to staff or a partner (bitrix24)."""

    about: ClassVar[tuple[str, ...]] = ("cancellations",)

    def read(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the subscriptions whose notice is in force."""
        found = ((key, notice_of(sub, book)) for key, sub in sorted(book.subscriptions.items()))
        return replace(draft, noticed=tuple((key, one.cause) for key, one in found if one is not None))

    def stops(self, state: State) -> Mapping[str, str]:
        """Return the subscriptions that shall not renew."""
        return dict(state.noticed)

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the notice that was just noted."""
        for key, one in step.new.cancellations.items():
            if key not in step.old.cancellations:
                noted, policy = one.noted, step.terms.at(one.noted.at)
                detail = {"subscription": noted.subscription, "actor": noted.actor, "reason": noted.reason}
                yield Change(
                    rule="cancellation.noted",
                    clause=policy.cancellation.clause,
                    policy=policy,
                    subject=noted.subscription,
                    rank=34,
                    detail=detail,
                )
