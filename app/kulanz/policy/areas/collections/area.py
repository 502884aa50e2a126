"""The area of debts that are pursued: transfers, dunning letters, hand-overs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas.area import Area, Asks
from kulanz.policy.areas.collections import consequences, debts, delivery, handover, levels, voiding
from kulanz.policy.book import Book
from kulanz.policy.effects import DropFile, Effect, SendLetter, SendMail
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import CaseState, Change, Decision, Moment, State, Timer, Transition


class CollectionsArea(Area):
    """Transfers recorded by hand, dunning letters, and debts that are handed over."""

    families: ClassVar[tuple[str, ...]] = ("subscriptions", "transfers", "mandates", "addresses")
    asks: ClassVar[Mapping[type[OwnFact] | str, Asks]] = dict.fromkeys(consequences.FILED, consequences.files)

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Find how far the pursuit of each debt has come."""
        if book.collections:
            draft = evolve(draft, cases=tuple(handover.shown(case, book) for case in draft.cases))
        debt_stages = tuple(debts.pursued(draft, book)) if draft.cases else ()
        return evolve(draft, debts=debt_stages) if debt_stages else draft

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when the next dunning letter of each case is due."""
        for case in state.cases:
            if case.policy.dunning.levels:
                yield from levels.timers(case, book, moment)
            if case.policy.collections.fields:
                yield from handover.timers(case, book, moment)

    def due(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Yield the dunning letters that are due."""
        for case in state.cases:
            if case.policy.dunning.levels:
                yield from levels.due(case, book, moment)
            if book.transfers:
                yield from voiding.due(case, book, moment)
        if book.collections:
            yield from handover.due(state, book, moment)

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the cases that no notice reaches, what was paid too much, and what needs a decision by an operator."""
        for case in state.cases:
            if case.state is CaseState.GRACE and not delivery.reachable(case, book):
                yield case.key, "no_mail_address"
        if book.mandates or book.transfers:
            yield from consequences.alerts(state, book)
        if state.cases or book.collections:
            yield from handover.alerts(state, book, moment)
        if book.addresses:
            yield from ((case.key, "no_postal_address") for case in state.cases if delivery.unaddressed(case, book))

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterable[Change]:
        """Return the transfers that were recorded, and the steps of hand-overs."""
        return consequences.changes(step)

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return the fields of a dunning letter: its level, its cost, the sum that is owed."""
        return debts.content(subject, decision.state)

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether a dunning letter or a file is still wanted: not once its case was paid, disputed or taken back."""
        if isinstance(effect, DropFile):
            collection = book.collections.get(effect.subject)
            return collection is not None and (effect.kind == consequences.RECALL) is (collection.recalled is not None)
        if not isinstance(effect, SendMail | SendLetter) or effect.notice != levels.NOTICE:
            return None
        case = state.case(effect.subject)
        return case is not None and levels.pursued(case)
