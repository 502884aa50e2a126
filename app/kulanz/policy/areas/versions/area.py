"""Versions of the policy as a part of it: agreements that begin and end, and versions applied to what was open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import ClassVar

from kulanz.policy.areas.area import Area
from kulanz.policy.areas.versions.applying import began_ahead
from kulanz.policy.book import Book
from kulanz.policy.facts import OwnFact, TermsAgreed
from kulanz.policy.state import Change, Moment, State, Timer, Transition

_AN_INSTANT = timedelta(microseconds=1)


class VersionsArea(Area):
    """Shows when an account's own terms begin and end; `Terms` decides which version counts."""

    families: ClassVar[tuple[str, ...]] = (
        "agreements",
        "pins",
        "subscriptions",
        "disputes",
        "orders",
        "invoices",
        "refunds",
        "refund_requests",
    )

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when each agreement ends and the general policy counts again."""
        for fact in _standing(book) if book.agreements else ():
            if fact.until > moment.at:
                yield Timer("override_end", fact.id, fact.until)

    def due(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Yield the version of what began by a clock that is ahead of ours."""
        return began_ahead(state, book, moment.at)

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Name the agreement, its end, and the subjects that a version was applied to."""
        if step.new.agreements:
            yield from _of_agreements(step)
        if step.new.pins is not step.old.pins:
            yield from _of_pins(step)


def _of_agreements(step: Transition) -> Iterator[Change]:
    fresh = (item.agreed for key, item in step.new.agreements.items() if key not in step.old.agreements)
    for item in fresh:
        yield _of_agreement("terms.agreed" if item.version else "terms.revoked", item, step)
    for item in _standing(step.new):
        if step.before is not None and step.before.as_of < item.until <= step.after.as_of:
            yield _of_agreement("terms.ended", item, step)


def _of_pins(step: Transition) -> Iterator[Change]:
    existing = step.old.pins
    for key, pin in step.new.pins.items():
        if pin.chosen and existing.get(key) != pin:
            yield _of_pin(key, pin.version, step)


def _standing(book: Book) -> Iterator[TermsAgreed]:
    """Yield the agreements that run to their end: no later one takes their place."""
    agreed = sorted(
        (agreement.agreed for agreement in book.agreements.values()), key=lambda agreement: (agreement.at, agreement.id)
    )
    for place, agreement in enumerate(agreed):
        if agreement.version and not any(later.at < agreement.until for later in agreed[place + 1 :]):
            yield agreement


def _of_agreement(rule: str, made: TermsAgreed, step: Transition) -> Change:
    own = step.terms.versions[made.version] if made.version else step.terms.current
    detail = {"policy": own.name, "actor": made.actor, "until": made.until, "reason": made.reason}
    # The general policy says that an agreement may replace it: the one before it, or the one that counts again.
    general = step.terms.at({"terms.agreed": made.at - _AN_INSTANT, "terms.ended": made.until}.get(rule, made.at))
    clause = general.terms.agreement_clause
    return Change(rule=rule, clause=clause, policy=general, subject=made.id, rank=89, detail=detail)


def _of_pin(key: str, version: int, step: Transition) -> Change:
    policy = step.terms.versions[version]
    detail = {"subject": key, "policy": policy.name, "version": policy.version}
    clause = policy.terms.version_clause
    return Change(rule="policy.applied", clause=clause, policy=policy, subject=key, rank=35, detail=detail)
