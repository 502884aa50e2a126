"""Versions of the policy as a part of it: agreements that begin and end, and versions applied to what was open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import ClassVar

from kulanz.policy.areas.area import Chapter
from kulanz.policy.areas.versions.applying import began_ahead
from kulanz.policy.book import Book
from kulanz.policy.facts import OwnFact, TermsAgreed
from kulanz.policy.state import Change, Moment, State, Step, Timer

_AN_INSTANT = timedelta(microseconds=1)


class Versions(Chapter):
    """Tells when an account's own terms begin and end; which version counts, `Terms` knows."""

    about: ClassVar[tuple[str, ...]] = (
        "agreements",
        "pins",
        "subscriptions",
        "disputes",
        "orders",
        "refund_requests",
    )

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when each agreement ends and the general policy counts again."""
        for one in _standing(book) if book.agreements else ():
            if one.until > moment.at:
                yield Timer("override_end", one.id, one.until)

    def acts(self, state: State, book: Book, moment: Moment) -> Iterator[OwnFact]:
        """Yield the version of what began by a clock that is ahead of ours."""
        return began_ahead(state, book, moment.at)

    def changes(self, step: Step, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Name what was agreed, what ended, and what a version was applied to."""
        if step.new.agreements:
            yield from _of_agreements(step)
        if step.new.pins is not step.old.pins:
            yield from _of_pins(step)


def _of_agreements(step: Step) -> Iterator[Change]:
    fresh = (one.agreed for key, one in step.new.agreements.items() if key not in step.old.agreements)
    for one in fresh:
        yield _of_agreement("terms.agreed" if one.version else "terms.revoked", one, step)
    for one in _standing(step.new):
        if step.before is not None and step.before.as_of < one.until <= step.after.as_of:
            yield _of_agreement("terms.ended", one, step)


def _of_pins(step: Step) -> Iterator[Change]:
    known = step.old.pins
    for key, pin in step.new.pins.items():
        if pin.chosen and known.get(key) != pin:
            yield _of_pin(key, pin.version, step)


def _standing(book: Book) -> Iterator[TermsAgreed]:
    """Yield the agreements that run to their end: no later one takes their place."""
    agreed = sorted((one.agreed for one in book.agreements.values()), key=lambda one: (one.at, one.id))
    for place, one in enumerate(agreed):
        if one.version and not any(later.at < one.until for later in agreed[place + 1 :]):
            yield one


def _of_agreement(rule: str, made: TermsAgreed, step: Step) -> Change:
    own = step.terms.versions[made.version] if made.version else step.terms.current
    detail = {"policy": own.name, "actor": made.actor, "until": made.until, "reason": made.reason}
    # The general policy says that an agreement may replace it: the one before it, or the one that counts again.
    general = step.terms.at({"terms.agreed": made.at - _AN_INSTANT, "terms.ended": made.until}.get(rule, made.at))
    clause = general.terms.agreement_clause
    return Change(rule=rule, clause=clause, policy=general, subject=made.id, rank=89, detail=detail)


def _of_pin(key: str, version: int, step: Step) -> Change:
    policy = step.terms.versions[version]
    detail = {"subject": key, "policy": policy.name, "version": policy.version}
    clause = policy.terms.version_clause
    return Change(rule="policy.applied", clause=clause, policy=policy, subject=key, rank=35, detail=detail)
