"""The chapter of debts that are pursued."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.policy.book import Book
from app.policy.chapter import Chapter
from app.policy.collecting import telling
from app.policy.facts import OwnFact
from app.policy.model import Change, Moment, State, Step


class Collecting(Chapter):
    """Transfers recorded by hand."""

    def speaks(self, book: Book) -> bool:
        """Speak of accounts that money was recorded for."""
        return bool(book.transfers)

    def concerns(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield what was paid too much: a person decides what becomes of it."""
        yield from telling.concerns(book)

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the transfers that were recorded."""
        yield from telling.changes(step)
