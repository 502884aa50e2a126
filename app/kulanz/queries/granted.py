"""What operators granted an account, as documents: exceptions, those that wait for approval, and terms of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kulanz.policy.book import Book
from kulanz.policy.book.approvals import Proposal
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.facts import OverrideAsked, OverrideSet
from kulanz.policy.state import Terms

Document = dict[str, Any]


def overrides(book: Book, now: datetime) -> list[Document]:
    """Return every exception that was made or asked for, the oldest first."""
    found = {one.set.id: (one.set.at, _made(one.set, now)) for one in book.overrides.values()}
    found |= {
        key: (one.asked.at, _asked(one.asked, one, now))
        for key, one in book.proposals.items()
        if one.asked is not None and key not in found
    }
    return [document for _, (_, document) in sorted(found.items(), key=lambda one: (one[1][0], one[0]))]


def terms(book: Book, terms: Terms) -> list[Document]:
    """Return the agreements of an account, the oldest first; one without a document of its own ended them."""
    agreed = sorted((one.agreed for one in book.agreements.values()), key=lambda one: (one.at, one.id))
    return [
        {
            "id": one.id,
            "policy": _policy(terms, one.version, one.at),
            "since": rfc3339(one.at),
            "until": rfc3339(one.until),
            "actor": one.actor,
            "reason": one.reason,
        }
        for one in agreed
    ]


def waiting(document: Document) -> Iterator[Document]:
    """Yield the exceptions in an account's document that wait for a second person."""
    yield from (one for one in document["overrides"] if one["state"] == "awaiting_approval")


def _policy(terms: Terms, version: int, at: datetime) -> Document:
    policy = terms.versions[version] if version else terms.at(at)
    return {"name": policy.name, "version": policy.version, "sha256": policy.sha256}


def _made(made: OverrideSet, now: datetime) -> Document:
    state = "active" if made.until is None or made.until > now else "ended"
    return _document(made, state, list(made.approved_by))


def _asked(asked: OverrideAsked, proposal: Proposal, now: datetime) -> Document:
    state = "declined" if proposal.declined else "awaiting_approval" if proposal.waits(now) else "lapsed"
    return _document(asked, state, sorted(proposal.names.keys() - ({asked.actor} if asked.signed_in else set())))


def _document(one: OverrideSet | OverrideAsked, state: str, approved_by: list[str]) -> Document:
    return {
        "id": one.id,
        "kind": str(one.kind),
        "state": state,
        "until": rfc3339(one.until) if one.until else None,
        "actor": one.actor,
        "approved_by": approved_by,
        "reason": one.reason,
    }
