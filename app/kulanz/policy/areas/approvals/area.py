"""Exceptions that wait for a second person: operators see them, and every word about them has its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from kulanz.policy.areas.area import Area
from kulanz.policy.book import Book
from kulanz.policy.book.approvals import Proposal
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Change, Moment, State, Transition

AWAITED = "override_awaits_approval"


class ApprovalsArea(Area):
    """Shows who asked for, approved and declined an exception; the exception itself is a fact of its own."""

    families: ClassVar[tuple[str, ...]] = ("proposals",)

    def alerts(self, state: State, book: Book, moment: Moment) -> Iterator[tuple[str, str]]:
        """Yield the alerts about exceptions that need the approval of a second person."""
        for key in waiting(book, moment):
            yield key, AWAITED

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the exceptions that were asked for, approved and declined."""
        for key, proposal in step.new.proposals.items():
            existing_proposal = step.old.proposals.get(key, Proposal())
            if proposal.asked and not existing_proposal.asked:
                yield _change("override.asked", proposal.asked.actor, proposal, step)
            asked_by = {proposal.asked.actor} if proposal.asked and not existing_proposal.asked else set()
            for name in sorted(proposal.names.keys() - existing_proposal.names.keys() - asked_by):
                yield _change("override.approved", name, proposal, step)
            if proposal.declined and not existing_proposal.declined:
                yield _change("override.declined", proposal.declined.actor, proposal, step)


def waiting(book: Book, moment: Moment) -> Iterator[str]:
    """Yield the exceptions that were asked for and are neither made nor declined, nor over."""
    for key, proposal in sorted(book.proposals.items()):
        if key not in book.overrides and proposal.waits(moment.at):
            yield key


def _change(rule: str, actor: str, proposal: Proposal, step: Transition) -> Change:
    fact, policy = proposal.asked, step.terms.current
    words = proposal.declined.reason if rule == "override.declined" and proposal.declined else None
    detail = {
        "actor": actor,
        "kind": str(fact.kind) if fact else None,
        "until": fact.until if fact else None,
        "reason": words or (fact.reason if fact else None),
    }
    return Change(rule=rule, clause="", policy=policy, subject=fact.id if fact else "", rank=87, detail=detail)
