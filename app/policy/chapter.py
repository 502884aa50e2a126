"""The shape of a part of the policy that stands on its own: what it reads in the book, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from app.policy.book import Book
from app.policy.effects import Effect
from app.policy.facts import Outcome, OwnFact
from app.policy.model import Account, Change, Decision, Moment, State, Step, Timer


class Chapter:
    """One part of the policy. Whatever a chapter does not say is nothing, so each says only what it is about.

    A chapter keeps nothing itself: its facts are records of the book, and every answer is pure.
    """

    about: ClassVar[tuple[str, ...]]
    """The families of the book that it is about: where none of them has anything, nobody asks further."""
    callbacks: ClassVar[Mapping[str, str]] = {}
    """The rule of a change → the type of the callback that tells of it (CONTRACT section 4)."""
    letters: ClassVar[Mapping[str, str]] = {}
    """The rule of a change → the notice that is mailed because of it."""

    def read(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with what this chapter finds: its matters, what they give, what they hold."""
        return draft

    def names(self, state: State) -> Iterator[str]:
        """Yield the names under which its matters are found again from outside, such as `refund:rr_1`."""
        yield from ()

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when one of its matters has to be looked at again."""
        yield from ()

    def stops(self, state: State) -> Mapping[str, str]:
        """Return the subscriptions whose renewal must not happen, each with its cause."""
        return {}

    def acts(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Yield what is due to be done now; what is in the book already is not due again."""
        yield from ()

    def concerns(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield each subject and topic that operators must see."""
        yield from ()

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield what became different, each with its rule and clause; `acts` is what was done in this step."""
        yield from ()

    def effects(self, act: OwnFact, account: Account, decision: Decision) -> Iterator[Effect]:
        """Yield what an act of ours asks of the world; `account` is as it was before."""
        yield from ()

    def follows(self, change: Change, account: Account, decision: Decision) -> Iterator[Effect]:
        """Yield what a change asks of the world, whether an act of ours or a person brought it about."""
        yield from ()

    def addressees(self, subject: str, state: State, book: Book) -> tuple[str, ...]:
        """Return the subscriptions whose customers a notice about one of its matters goes to, the best first."""
        return ()

    def content(self, subject: str, state: State) -> Mapping[str, Any]:
        """Return what the template of a notice about one of its matters fills in."""
        return {}

    def wants(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether an effect of this chapter is still wanted; None where it is not one of its own."""
        return None

    def reported(self, effect: Effect, outcome: Outcome, at: datetime, book: Book) -> Iterator[OwnFact]:
        """Yield the facts that the outcome of one of its effects is; `book` knows what was read on the way."""
        yield from ()
