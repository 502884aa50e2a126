"""Exceptions that wait for a second person: operators see them, and every word about them has its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from kulanz.policy.areas.area import Chapter
from kulanz.policy.book import Book
from kulanz.policy.book.approvals import Proposal
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Change, Moment, State, Step

AWAITED = "override_awaits_approval"


class Approvals(Chapter):
    """Tells who asked for, approved and declined an exception; the exception itself is a fact of its own."""

    about: ClassVar[tuple[str, ...]] = ("proposals",)

    def concerns(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield what waits for a second person."""
        for key in waiting(book, moment):
            yield key, AWAITED

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Name what was asked for, approved and declined."""
        for key, proposal in step.new.proposals.items():
            known = step.old.proposals.get(key, Proposal())
            if proposal.asked and not known.asked:
                yield _change("override.asked", proposal.asked.actor, proposal, step)
            asked_by = {proposal.asked.actor} if proposal.asked and not known.asked else set()
            for name in sorted(proposal.names.keys() - known.names.keys() - asked_by):
                yield _change("override.approved", name, proposal, step)
            if proposal.declined and not known.declined:
                yield _change("override.declined", proposal.declined.actor, proposal, step)


def waiting(book: Book, moment: Moment) -> Iterator[str]:
    """Yield the exceptions that were asked for and are neither made nor declined, nor over."""
    for key, proposal in sorted(book.proposals.items()):
        if key not in book.overrides and proposal.waits(moment.at):
            yield key


def _change(rule: str, actor: str, proposal: Proposal, step: Step) -> Change:
    asked, policy = proposal.asked, step.terms.current
    words = proposal.declined.reason if rule == "override.declined" and proposal.declined else None
    detail = {
        "actor": actor,
        "kind": str(asked.kind) if asked else None,
        "until": asked.until if asked else None,
        "reason": words or (asked.reason if asked else None),
    }
    return Change(rule=rule, clause="", policy=policy, subject=asked.id if asked else "", rank=87, detail=detail)
