"""The interface of an area of the policy: its findings from the book, and their consequences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from kulanz.policy.book import Book
from kulanz.policy.effects import Effect
from kulanz.policy.facts import Outcome, OwnFact
from kulanz.policy.state import Change, Decision, Hold, Moment, State, Timer, Transition

Line = Callable[[Any, Transition], Change]
Asks = Callable[[Any, Decision], Iterable[Effect]]


class Area:
    """Base class of an area of the policy. Each hook has an empty default, so an area defines only those that it needs.

    An area keeps nothing itself: its facts are records of the book, and every hook is pure.
    """

    families: ClassVar[tuple[str, ...]]
    """The families of the book that it reads: while all of them are empty, no hook of it is called."""
    lines: ClassVar[Mapping[type[OwnFact], Line]] = {}
    """By the type of an own fact: the function that returns the `Change` for the record."""
    asks: ClassVar[Mapping[type[OwnFact] | str, Asks]] = {}
    """By the type of an own fact, or the rule of a change: the function that yields its effects."""

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with this area's findings; the areas before it have added theirs already."""
        return draft

    def awaited(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with what is waited for; not called where no timers are wanted."""
        return draft

    def holds(self, state: State, book: Book, moment: Moment) -> Iterable[Hold]:
        """Return the area's holds, once every area has been read."""
        return ()

    def timers(self, state: State, book: Book, moment: Moment) -> Iterable[Timer]:
        """Return the times at which its cases, requests or other subjects have to be assessed again."""
        return ()

    def carried_over(self, step: Transition, moment: Moment) -> Iterable[OwnFact]:
        """Return the facts that keep something of the state before; nothing else is done until they are in the book."""
        return ()

    def due(self, state: State, book: Book, moment: Moment) -> Iterable[OwnFact]:
        """Return the steps that are due now; a step that is in the book already is not due again."""
        return ()

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterable[tuple[str, str]]:
        """Return each subject and topic that operators must see."""
        return ()

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterable[Change]:
        """Return the changes, each with its rule and clause; `acts` are the steps taken in this decision."""
        return ()

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return the fields of the template of a notice about one of its subjects."""
        return {}

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether an effect of this area is still wanted; None for an effect of another area."""
        return None

    def reported(self, effect: Effect, outcome: Outcome, at: datetime, book: Book) -> Iterable[OwnFact]:
        """Return the facts for the outcome of one of its effects; `book` has what was read on the way."""
        return ()
