"""Notices of a change: which ones are sent, to whom, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from kulanz.policy.areas import areas_for
from kulanz.policy.areas.addresses import mail_address
from kulanz.policy.areas.dunning import notices
from kulanz.policy.book import Book
from kulanz.policy.calendar.time import rfc3339
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Access, Change, Decision, State


def brought_by(changes: Iterable[Change], state: State, book: Book, now: datetime) -> Iterator[OwnFact]:
    """Yield the notices that changes cause, beyond the scheduled ones."""
    for change in changes:
        kind = change.notice
        # A hold that ends while another one still takes the same is no reinstatement.
        if kind is None or (kind == "reinstated" and state.access is Access.NONE):
            continue
        if _subscriptions_of(change.subject, state, book, change):
            yield notices.asked_for(change.subject, kind, notices.next_step(change.subject, kind, book), now)


def address(subject: str, state: State, book: Book, changes: Iterable[Change]) -> tuple[str, str] | None:
    """Return the subscription that a notice is about and its own address: never another customer's."""
    change = next((other_change for other_change in changes if other_change.subject == subject), None)
    for subscription in _subscriptions_of(subject, state, book, change):
        to = mail_address(subscription, book)
        if to is not None:
            return subscription, to
    return None


def content(subject: str, subscription: str, decision: Decision) -> dict[str, Any]:
    """Return the fields for the templates."""
    given = next((grant.plan for grant in decision.state.grants if grant.subscription == subscription), None)
    document: dict[str, Any] = {
        "subscription": subscription,
        "plan": given or decision.account.plan,
        "access": str(decision.account.access),
    }
    policy = next((change.policy for change in decision.changes if change.subject == subject), None)
    if policy is not None and policy.cites:
        document |= {"cites": True, "policy_url": policy.url or None}
    for area in areas_for(decision.account.book, "content"):
        document |= area.content(subject, decision)
    if policy is not None and policy.names:
        document["names"] = policy.names_of(document["plan"], document.get("kind"))
    return jsonable(document)


def jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values in their outside form: timestamps as text."""
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _subscriptions_of(subject: str, state: State, book: Book, change: Change | None) -> tuple[str, ...]:
    concerned = state.concerned(subject)
    if concerned:
        return concerned
    named = change.detail.get("subscription") if change else None
    return (named,) if isinstance(named, str) and named in book.subscriptions else ()
