"""The chapter of debts that are pursued: transfers, dunning letters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.policy.book import Book
from app.policy.chapter import Chapter
from app.policy.collecting import debts, levels, telling
from app.policy.effects import Effect, SendMail
from app.policy.facts import OwnFact
from app.policy.model import Change, Moment, State, Step, Timer


class Collecting(Chapter):
    """Transfers recorded by hand, and dunning letters."""

    def speaks(self, book: Book) -> bool:
        """Speak of accounts that owe or paid something outside the provider."""
        return bool(book.subscriptions or book.transfers)

    def read(self, draft: State, book: Book, moment: Moment) -> State:
        """Find how far the pursuit of each debt has come."""
        found = tuple(debts.pursued(draft, book))
        return replace(draft, debts=found) if found else draft

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when the next dunning letter of each case is due."""
        for case in state.cases:
            yield from levels.timers(case, book, moment)

    def acts(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Yield the dunning letters that are due."""
        for case in state.cases:
            yield from levels.acts(case, book, moment)

    def concerns(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield what was paid too much: a person decides what becomes of it."""
        yield from telling.concerns(book)

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the transfers that were recorded."""
        yield from telling.changes(step)

    def content(self, subject: str, state: State) -> Mapping[str, Any]:
        """Return what a dunning letter says: which it is, what it costs, what is owed in all."""
        return debts.content(subject, state)

    def wants(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether a dunning letter is still wanted: not once its case was paid, waived, frozen or handed over."""
        if not isinstance(effect, SendMail) or effect.notice != levels.NOTICE:
            return None
        case = state.case(effect.subject)
        return case is not None and levels.pursued(case)
