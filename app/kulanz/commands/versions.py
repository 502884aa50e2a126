"""Versions of the policy: activated, kept for single accounts, and applied to what is open where they are kinder."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from kulanz.commands.commands import AgreeTerms, Command, EndTerms
from kulanz.errors import InvalidInputError, NotFoundError, RefusedError
from kulanz.policy import document
from kulanz.policy.areas.versions.applying import applicable
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.document import Policy
from kulanz.policy.facts import TermsAgreed, VersionApplied
from kulanz.policy.state import Account, Terms
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.services import Services
from kulanz.store import case_index, policies
from kulanz.store.database import Connection
from kulanz.store.policies import PolicyRow

_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """Effect of activating a document, or of a dry run."""

    row: PolicyRow
    new: bool
    """False: this document is, or will be, in force from that time already."""


def activate(
    services: Services, text: str, *, actor: str, effective_from: datetime | None = None, dry_run: bool = False
) -> Activation:
    """Put a document in force for all accounts, from the given time, the time in the document, or now.

    Raises PolicyError with every problem of the document, and RefusedError for a time in the past.
    """
    policy = document.parse(text)
    with services.database.write() as tx:
        if not dry_run:
            services.adopt_policy(tx)
        now = services.clock.now(tx)
        since = _since(policy, effective_from, now)
        rows = policies.all(tx) or [services.first_policy(tx)]
        existing_row = policies.in_force(rows, since)
        if existing_row is not None and existing_row.sha256 == policy.sha256:
            return Activation(row=existing_row, new=False)
        row = _row(rows, text, since, now, actor)
        if not dry_run:
            policies.add(tx, row)
    if not dry_run:
        services.notifier.notify()
    return Activation(row=row, new=True)


def would_be(services: Services, text: str, effective_from: datetime | None = None) -> datetime:
    """Return from when a document would be in force if it were activated now; raises as `activate` does."""
    with services.database.read() as conn:
        return _since(document.parse(text), effective_from, services.clock.now(conn))


def for_accounts(services: Services, tx: Connection, text: str, *, actor: str, now: datetime) -> PolicyRow:
    """Return the row under whose number a document is kept for single accounts; `policies.add` it where it is new."""
    rows = policies.all(tx) or [services.first_policy(tx)]
    policy = document.parse(text)
    existing_row = next((row for row in rows if row.sha256 == policy.sha256), None)
    return existing_row or msgspec.structs.replace(_row(rows, text, now, now, actor), general=False)


def agreement(order: AgreeTerms | EndTerms, account: Account, terms: Terms, actor: str, now: datetime) -> TermsAgreed:
    """Return the agreement that an order is; `terms` know the document (`prepare`)."""
    if isinstance(order, EndTerms):
        version, until = 0, _end_of_terms(account, now)
    else:
        version, until = _number(order.document, terms), order.until
    if until <= now:
        raise InvalidInputError("until: the terms would have ended already")
    # Of two agreements of the same time the later one counts, and its id is greater.
    ident = f"terms_{len(account.book.agreements) + 1:04}_{secrets.token_hex(6)}"
    return TermsAgreed(id=ident, version=version, at=now, until=until, actor=actor, reason=order.reason)


def prepare(
    services: Services, unit_of_work: UnitOfWork, tx: Connection, order: Command, actor: str, *, dry_run: bool
) -> None:
    """Keep the document that an order is about, and add it to the unit of work; with `dry_run` nothing is kept."""
    if not isinstance(order, AgreeTerms):
        return
    if not dry_run:
        services.adopt_policy(tx)
    row = for_accounts(services, tx, order.document, actor=actor, now=unit_of_work.now)
    unit_of_work.add_policy_version(document.parse(row.document, version=row.version))
    if not dry_run and row.version > policies.newest(tx):
        policies.add(tx, row)


def text_of(conn: Connection, name: str) -> str:
    """Return the document that is kept here under a number or a name, the newest of that name, or a preset's."""
    rows = policies.all(conn)
    named = [row.document for row in rows if name in {str(row.version), row.name}]
    if named:
        return named[-1]
    if name in document.presets():
        return document.preset(name)
    there_are = ", ".join(sorted({row.name for row in rows} | {*document.presets()}))
    raise NotFoundError(f"no policy {name!r}; there are: {there_are}")


def apply_to_open(
    services: Services, policy: Policy, *, actor: str, dry_run: bool = False
) -> Iterator[tuple[str, VersionApplied]]:
    """Apply the version in force to open cases and requests if it is more lenient; yield account and fact of each.

    It can be stopped at any account and repeated: a fact is not applied twice.
    """
    after = ""
    while True:
        with services.database.read() as conn:
            names = case_index.accounts_with_open(conn, but=policy.version, after=after, limit=_BATCH)
        if not names:
            return
        yield from _applied(services, names, policy, actor, dry_run=dry_run)
        after = names[-1]


def _applied(
    services: Services, names: list[str], policy: Policy, actor: str, *, dry_run: bool
) -> list[tuple[str, VersionApplied]]:
    done: list[tuple[str, VersionApplied]] = []
    with services.database.write() as tx:
        unit_of_work = UnitOfWork(services, tx, services.clock.now(tx))
        unit_of_work.add_policy_version(policy)
        unit_of_work.lock(names)
        for name in names:
            facts = list(applicable(unit_of_work.state(name), policy, unit_of_work.now, actor))
            if facts and not _has_own_terms(unit_of_work, name):
                unit_of_work.decide(name, facts, Cause(kind="command", name="ApplyVersion", ref=actor))
                done.extend((name, fact) for fact in facts)
        if not dry_run:
            unit_of_work.save()
    if done and not dry_run:
        services.notifier.notify()
    return done


def _since(policy: Policy, effective_from: datetime | None, now: datetime) -> datetime:
    since = effective_from or policy.effective_from or now
    if since < now:
        raise RefusedError(f"effective_from: {rfc3339(since)} is in the past; a policy is never changed afterwards")
    return since


def _has_own_terms(unit_of_work: UnitOfWork, name: str) -> bool:
    """Whether an agreement is in force for an account: then what is activated for all is nothing to it."""
    own = unit_of_work.terms.under(unit_of_work.account(name).book, unit_of_work.now)
    return own.current is not unit_of_work.terms.current


def _end_of_terms(account: Account, now: datetime) -> datetime:
    """Return to when the terms of its own that an account is under would last; RefusedError if there are none."""
    agreed = [
        other_agreement.agreed
        for other_agreement in account.book.agreements.values()
        if other_agreement.agreed.until > now
    ]
    newest = max(agreed, key=lambda other_agreement: (other_agreement.at, other_agreement.id), default=None)
    if newest is None or not newest.version:
        raise RefusedError("the account has no terms of its own")
    return newest.until


def _number(text: str, terms: Terms) -> int:
    sha256 = document.parse(text).sha256
    return next(number for number, policy in terms.versions.items() if policy.sha256 == sha256)


def _row(rows: list[PolicyRow], text: str, since: datetime, now: datetime, actor: str) -> PolicyRow:
    policy = document.parse(text)
    return PolicyRow(
        version=max((row.version for row in rows), default=0) + 1,
        name=policy.name,
        document=text,
        sha256=policy.sha256,
        effective_from=since,
        activated_at=now,
        actor=actor,
    )
