"""Keeps what an earlier version gave for the policy's whole final warning; then today's rules say what there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import ClassVar

from msgspec.structs import replace as evolve

from kulanz.policy.areas.area import Area
from kulanz.policy.book import Book
from kulanz.policy.book.keeping import PLAN, Kept
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Change, Decision, Moment, State, Terms, Timer, Transition

SHARED_END = "shared_end"
KEPT_END = "kept_end"


class KeepingArea(Area):
    """Purchases and plans that an earlier version gave: kept until a time that was announced."""

    families: ClassVar[tuple[str, ...]] = ("kept",)

    def assess(self, draft: State, book: Book, moment: Moment) -> State:
        """Return the draft with the plan that is kept."""
        kept = book.kept.get(PLAN)
        return evolve(draft, kept=kept) if kept is not None and kept.until > moment.at else draft

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when a purchase is its owner's alone, and when a plan is kept no longer."""
        for key in sorted(_in_force(book, moment.at)):
            yield Timer(KEPT_END if key == PLAN else SHARED_END, key, book.kept[key].until)

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the end of a plan that was kept, where it takes anything."""
        kept = step.before.kept if step.before else None
        if kept is not None and step.before is not None and _takes(step.before, step.after, step.terms):
            detail = {"kept": step.before.plan, "plan": step.after.plan}
            yield Change(
                rule="plan.kept_end", clause="", policy=step.terms.current, subject=PLAN, rank=44, detail=detail
            )


def shared(book: Book, now: datetime) -> frozenset[str]:
    """Return the purchases that an account keeps, owned by any account."""
    return frozenset(key for key in _in_force(book, now) if key != PLAN)


def taken(decision: Decision, terms: Terms) -> Kept | None:
    """Return the rights kept so far, where their end takes something from the account."""
    before = decision.before
    return before.kept if before is not None and _takes(before, decision.state, terms) else None


def is_less(state: State, plan: str, access: str, terms: Terms) -> bool:
    """Whether a state gives less than a plan and an access."""
    rank = terms.catalogue.rank
    return rank(state.plan) < rank(plan) or state.access.rank < type(state.access)(access).rank


def _takes(before: State, after: State, terms: Terms) -> bool:
    return before.kept is not None and after.kept is None and is_less(after, before.plan, before.access, terms)


def _in_force(book: Book, now: datetime) -> Iterator[str]:
    return (key for key, kept in book.kept.items() if kept.until > now)
