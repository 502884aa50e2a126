"""Documents of an account's exceptions, of those that wait for approval, and of its own terms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kulanz.policy.book import Book
from kulanz.policy.book.approvals import Proposal
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.facts import OverrideAsked, OverrideSet
from kulanz.policy.state import Terms

JsonDocument = dict[str, Any]


def overrides(book: Book, now: datetime) -> list[JsonDocument]:
    """Return every exception that was made or asked for, the oldest first."""
    matches = {override.set.id: (override.set.at, _made(override.set, now)) for override in book.overrides.values()}
    matches |= {
        key: (override.asked.at, _asked(override.asked, override, now))
        for key, override in book.proposals.items()
        if override.asked is not None and key not in matches
    }
    return [
        document for _, (_, document) in sorted(matches.items(), key=lambda override: (override[1][0], override[0]))
    ]


def terms(book: Book, terms: Terms) -> list[JsonDocument]:
    """Return the agreements of an account, the oldest first; one without a document of its own ended them."""
    agreed = sorted((item.agreed for item in book.agreements.values()), key=lambda item: (item.at, item.id))
    return [
        {
            "id": item.id,
            "policy": _policy(terms, item.version, item.at),
            "since": rfc3339(item.at),
            "until": rfc3339(item.until),
            "actor": item.actor,
            "reason": item.reason,
        }
        for item in agreed
    ]


def waiting(document: JsonDocument) -> Iterator[JsonDocument]:
    """Yield the exceptions in an account's document that wait for a second person."""
    yield from (item for item in document["overrides"] if item["state"] == "awaiting_approval")


def _policy(terms: Terms, version: int, at: datetime) -> JsonDocument:
    policy = terms.versions[version] if version else terms.at(at)
    return {"name": policy.name, "version": policy.version, "sha256": policy.sha256}


def _made(made: OverrideSet, now: datetime) -> JsonDocument:
    state = "active" if made.until is None or made.until > now else "ended"
    return _document(made, state, list(made.approved_by))


def _asked(fact: OverrideAsked, proposal: Proposal, now: datetime) -> JsonDocument:
    state = "declined" if proposal.declined else "awaiting_approval" if proposal.waits(now) else "lapsed"
    return _document(fact, state, sorted(proposal.names.keys() - ({fact.actor} if fact.signed_in else set())))


def _document(fact: OverrideSet | OverrideAsked, state: str, approved_by: list[str]) -> JsonDocument:
    return {
        "id": fact.id,
        "kind": str(fact.kind),
        "state": state,
        "until": rfc3339(fact.until) if fact.until else None,
        "actor": fact.actor,
        "approved_by": approved_by,
        "reason": fact.reason,
    }
