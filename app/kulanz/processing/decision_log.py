"""The record of a transaction's decisions: ledger, journal, outbox, lists and names, written in bulk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace as evolve

from kulanz.crypto import places
from kulanz.policy import notice_audit
from kulanz.policy.book import Book
from kulanz.policy.document import Policy
from kulanz.policy.effects import Effect, Notify, fan_out
from kulanz.policy.facts import Fact
from kulanz.policy.state import Change, Decision, State, Terms
from kulanz.privacy import statements
from kulanz.processing.entry import Entry
from kulanz.processing.outbox import effect_row, type_of
from kulanz.processing.projections import Projections
from kulanz.services import Services
from kulanz.store import bindings, codec, journal, ledger, outbox
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection
from kulanz.store.journal import JournalRow
from kulanz.store.ledger import Chained, DecisionRow
from kulanz.store.outbox import EffectRow
from kulanz.telemetry import metrics


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Cause of a decision: an event, a timer, a command, or the outcome of an effect."""

    kind: str
    name: str
    ref: str | None = None


class DecisionLog:
    """Collects the records of one transaction's decisions, and writes them in bulk."""

    def __init__(self, services: Services, now: datetime) -> None:
        self._services = services
        self._now = now
        self._decisions: list[Chained] = []
        self._journal: list[JournalRow] = []
        self._effects: list[EffectRow] = []
        self._names: dict[str, str] = {}
        self._moved_names: dict[str, str] = {}
        self._projections = Projections(services)
        self._access_taken: list[bool] = []

    def record(self, entry: Entry, decision: Decision, cause: Cause, facts: tuple[Fact, ...], terms: Terms) -> None:
        """Record a decision and store it in the entry; `heard` are the facts that caused it."""
        self._projections.add(decision, facts, entry.account.book, self._now)
        entry.state = decision.state
        entry.account = decision.account
        if decision.changed:
            self._chain(entry, decision, cause, terms)
            self._audit_notices(decision, terms)
        facts = decision.facts if cause.kind == "event" else (*facts, *decision.facts)
        self._journal.extend(self._journal_row(entry, fact) for fact in facts)
        for effect in decision.effects:
            self._effects.extend(self._effect_rows(entry, effect))
        self._names.update(dict.fromkeys(decision.state.names, entry.row.id))

    def record_move(
        self, entry: Entry, decision: Decision, facts: tuple[Fact, ...], cause: Cause, terms: Terms
    ) -> None:
        """Record that purchases went from or to an account; their facts are in the journal and the inbox already."""
        joined = evolve(decision, before=None)
        self._projections.add(joined, facts, entry.account.book, self._now)
        entry.state, entry.account = decision.state, decision.account
        self._chain(entry, decision, cause, terms)
        for effect in decision.effects:
            self._effects.extend(self._effect_rows(entry, effect))
        names = dict.fromkeys(decision.state.names, entry.row.id)
        self._names.update(names)
        self._moved_names.update(names)

    def signed(self, entry: Entry) -> AccountRow:
        """Return the row of an account to store, with its statement."""
        row = entry.stored()
        unchanged = row.seq == entry.signed_at and not entry.key.bound
        return row if unchanged else statements.stated(self._services.vault, row)

    def write(self, tx: Connection) -> None:
        """Write it."""
        if self._decisions:
            ledger.write(tx, self._decisions)
        if self._journal:
            journal.append(tx, self._journal)
        if self._effects:
            outbox.add(tx, self._effects)
        if self._names:
            bindings.bind(tx, self._names)
        for account in sorted(set(self._moved_names.values())):
            bindings.rebind(tx, [name for name, of in self._moved_names.items() if of == account], account)
        self._projections.write(tx)
        if self._access_taken:
            metrics.HOLDS.inc(len(self._access_taken))
            metrics.VIOLATIONS.inc(sum(self._access_taken))

    def _chain(self, entry: Entry, decision: Decision, cause: Cause, terms: Terms) -> None:
        """Append a decision to the chain of its account."""
        row = _decision_row(
            entry, decision, cause, _policy_of(decision, entry.account.book, terms, self._now), self._now
        )
        chained = ledger.chained(row)
        self._decisions.append(chained)
        entry.row = msgspec.structs.replace(entry.row, seq=row.seq, head=chained.hash)
        entry.account = evolve(entry.account, sequence=row.seq)

    def _audit_notices(self, decision: Decision, terms: Terms) -> None:
        """Check an invariant: access is never taken without the promised notice."""
        for change in notice_audit.access_taken(decision):
            self._access_taken.append(notice_audit.is_unwarned(change, decision, decision.account.zone(terms)))

    def _journal_row(self, entry: Entry, fact: Fact) -> JournalRow:
        kind = type(fact).__name__
        written = entry.key.seal(codec.encode(fact), places.fact(entry.row.id, kind, self._now))
        return JournalRow(entry.row.id, self._now, kind, written, entry.row.seq or None)

    def _effect_rows(self, entry: Entry, effect: Effect) -> Iterable[EffectRow]:
        settings = self._services.settings
        for part in fan_out(effect, settings.ops_alert_to):
            if isinstance(part, Notify) and settings.callback_url is None:
                continue
            payload = entry.key.seal(codec.encode(part), places.effect(entry.row.id, part.id))
            yield effect_row(part, entry.row.id, payload, self._now, entry.row.seq)


def _policy_of(decision: Decision, book: Book, terms: Terms, now: datetime) -> Policy:
    """Return the version that a decision names."""
    principal = decision.principal
    return principal.policy if principal else terms.under(book, now).current


def _decision_row(entry: Entry, decision: Decision, cause: Cause, policy: Policy, now: datetime) -> DecisionRow:
    row, principal, before = entry.row, decision.principal, decision.before
    return DecisionRow(
        account=row.id,
        seq=row.seq + 1,
        at=now,
        cause_kind=cause.kind,
        cause_ref=cause.ref,
        cause_name=cause.name,
        rule=principal.rule if principal else "kept",
        clause=(principal.clause or None) if principal else None,
        policy=policy.name,
        policy_version=policy.version,
        before=_summary(before) if before else {},
        after=_summary(decision.state) | {"version": decision.account.version},
        detail={"changes": [codec.change_document(change) for change in _sorted(decision.changes)]},
        effects=[
            {"id": effect.id, "kind": type(effect).__name__, "type": type_of(effect)} for effect in decision.effects
        ],
        prev_hash=row.head,
        hash=b"",
    )


def _summary(state: State) -> dict[str, Any]:
    return {"standing": state.standing, "plan": state.plan, "access": state.access}


def _sorted(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: (-change.rank, change.rule, change.subject))
