"""The shape of an area of the policy: what it finds in the book, and what follows from that."""

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
    """The fields of the book that it is about: where all of them are empty, no hook of it is called."""
    lines: ClassVar[Mapping[type[OwnFact], Line]] = {}
    """By the type of an act of ours: the function that returns the `Change` that the record says of it."""
    asks: ClassVar[Mapping[type[OwnFact] | str, Asks]] = {}
    """By the type of an act of ours, or the rule of a change: the function that yields the effects it has."""

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with what this area finds; the areas before it have added theirs already."""
        return draft

    def holds(self, state: State, book: Book, moment: Moment) -> Iterable[Hold]:
        """Return what it restricts, once every area has been read."""
        return ()

    def timers(self, state: State, book: Book, moment: Moment) -> Iterable[Timer]:
        """Return when one of its cases, requests or other subjects has to be assessed again."""
        return ()

    def carried_over(self, step: Transition, moment: Moment) -> Iterable[OwnFact]:
        """Return what has to be kept of the state before; nothing else is done until that is in the book."""
        return ()

    def due(self, state: State, book: Book, moment: Moment) -> Iterable[OwnFact]:
        """Return what is due to be done now; what is in the book already is not due again."""
        return ()

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterable[tuple[str, str]]:
        """Return each subject and topic that operators must see."""
        return ()

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterable[Change]:
        """Return what became different, each with its rule and clause; `acts` is what was done in this step."""
        return ()

    def content(self, subject: str, decision: Decision) -> Mapping[str, Any]:
        """Return what the template of a notice about one of its subjects fills in."""
        return {}

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether an effect of this area is still wanted; None where it is not one of its own."""
        return None

    def reported(self, effect: Effect, outcome: Outcome, at: datetime, book: Book) -> Iterable[OwnFact]:
        """Return the facts that the outcome of one of its effects is; `book` knows what was read on the way."""
        return ()
