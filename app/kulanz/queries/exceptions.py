"""Documents of an account's exceptions, of those that wait for approval, and of its own terms."""

from __future__ import annotations

from datetime import datetime

from kulanz.documents import standing
from kulanz.documents.standing import Override
from kulanz.policy.book import Book
from kulanz.policy.book.approvals import Proposal
from kulanz.policy.facts import OverrideAsked, OverrideSet
from kulanz.policy.state import Terms


def overrides(book: Book, now: datetime) -> tuple[Override, ...]:
    """Return every exception that was made or asked for, the oldest first."""
    matches = {override.set.id: (override.set.at, _made(override.set, now)) for override in book.overrides.values()}
    matches |= {
        key: (override.asked.at, _asked(override.asked, override, now))
        for key, override in book.proposals.items()
        if override.asked is not None and key not in matches
    }
    return tuple(document for _, document in sorted(matches.values(), key=lambda pair: (pair[0], pair[1].id)))


def terms(book: Book, terms: Terms) -> tuple[standing.Terms, ...]:
    """Return the agreements of an account, the oldest first; one without a document of its own ended them."""
    agreed = sorted((item.agreed for item in book.agreements.values()), key=lambda item: (item.at, item.id))
    return tuple(
        standing.Terms.of(item, policy=_policy(terms, item.version, item.at), since=item.at) for item in agreed
    )


def _policy(terms: Terms, version: int, at: datetime) -> standing.Policy:
    return standing.Policy.of(terms.versions[version] if version else terms.at(at))


def _made(made: OverrideSet, now: datetime) -> Override:
    return Override.of(made, state="active" if made.until is None or made.until > now else "ended")


def _asked(fact: OverrideAsked, proposal: Proposal, now: datetime) -> Override:
    state = "declined" if proposal.declined else "awaiting_approval" if proposal.waits(now) else "lapsed"
    names = sorted(proposal.names.keys() - ({fact.actor} if fact.signed_in else set()))
    return Override.of(fact, state=state, approved_by=tuple(names))
