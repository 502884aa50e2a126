"""Archived records at the end of their retention: due ones, and their destruction, with a certificate (I9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from kulanz.errors import NotFoundError
from kulanz.policy.areas.closure import retention
from kulanz.policy.areas.closure.area import has_ended
from kulanz.policy.areas.closure.obstacles import protected
from kulanz.policy.assess import assess
from kulanz.policy.state import Account, Terms
from kulanz.privacy import erasure, statements, vacuum
from kulanz.privacy.erasure import certify
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import accounts, archive, ledger
from kulanz.store.accounts import AccountRow
from kulanz.store.archive import KeptRecords
from kulanz.store.database import Connection
from kulanz.store.ledger import DecisionRow

ACCOUNTS_PER_PAGE = 200
ARCHIVE_BATCH = 100
RULE = "retention.destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRecords:
    """Records with an end of retention."""

    account: str
    kind: str
    """The class; `all` for everything that is known of an account that has ended."""
    basis: str
    until: datetime
    records: int
    archived: bool
    """Whether the account is closed and these are its archived records."""
    kept_by: tuple[str, ...] = ()
    """Reason for keeping records after their end of retention: `legal_hold`, `dispute_open`."""

    def over(self, now: datetime) -> bool:
        """Whether they can be destroyed."""
        return self.until <= now and not self.kept_by


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOrder:
    """The actor of the destruction, and the time; None: the clock."""

    actor: str | None
    at: datetime


def listed(services: Services, *, all_of_them: bool = False) -> Iterator[DueRecords]:
    """Yield the records whose retention has ended, or with `all_of_them` every one that has an end."""
    with services.database.read() as conn:
        now = services.clock.now(conn)
    for due_records in (*_archived(services, now), *_of_accounts(services, now)):
        if all_of_them or due_records.until <= now:
            yield due_records


def destroy_archived(services: Services, actor: str | None, account: str | None = None) -> int:
    """Destroy archived records that are due, some at a time; returns how many classes of records that were.

    Without an actor only records that the policy destroys automatically.
    """
    services.vault.prepare()
    with services.database.write() as tx:
        now = services.clock.now(tx)
        rows = [
            row for row in archive.due(tx, now, ARCHIVE_BATCH, by_timer=actor is None) if account in {None, row.account}
        ]
        for name in sorted({row.account for row in rows}):
            _destroy(services, tx, [row for row in rows if row.account == name], HoldOrder(actor=actor, at=now))
    return len(rows)


def hold(services: Services, account: str, until: datetime, actor: str, reason: str) -> int:
    """Legal hold: keep an account's records to a given time, despite the policy (I9); returns their number."""
    services.vault.prepare()
    with services.database.write() as tx:
        if accounts.get(tx, account) is None:
            raise NotFoundError(f"no account {account!r}")
        row = accounts.lock(tx, [account], services.vault.new_data_key)[account]
        held = archive.hold(tx, row.id, until)
        if held:
            by = HoldOrder(actor=actor, at=services.clock.now(tx))
            _record(services, tx, row, "retention.held", {"reason": reason, "until": until}, by)
    return held


def _archived(services: Services, now: datetime) -> Iterator[DueRecords]:
    after = 0
    while rows := _archive_page(services, after):
        for row in rows:
            held = row.held_until is not None and row.held_until > now
            yield DueRecords(
                account=row.account,
                kind=row.kind,
                basis=row.basis,
                until=row.kept_until,
                records=row.records,
                archived=True,
                kept_by=("legal_hold",) if held else (),
            )
        after = rows[-1].id


def _archive_page(services: Services, after: int) -> list[KeptRecords]:
    with services.database.read() as conn:
        return archive.page(conn, after, ACCOUNTS_PER_PAGE)


def _of_accounts(services: Services, now: datetime) -> Iterator[DueRecords]:
    """Yield accounts that have ended, each as a whole: its records go together, when the last one may."""
    after = None
    while True:
        with services.database.read() as conn:
            rows = accounts.page(conn, None, None, after, ACCOUNTS_PER_PAGE)
            terms = services.terms(conn, now)
            due_recordses = [due for row in rows if (due := _of_account(services, row, terms, now)) is not None]
        yield from due_recordses
        if not rows:
            return
        after = rows[-1].id


def _of_account(services: Services, row: AccountRow, terms: Terms, now: datetime) -> DueRecords | None:
    if row.key is None or row.book is None:
        return None
    account = Account(id=row.id, book=erasure.book_of(services.vault, row))
    zone, rules = account.zone(terms), terms.current.retention
    until = retention.ends_at(account.book, rules, zone)
    state = assess(account.book, terms, zone, now, with_timers=False)
    if until is None or not has_ended(state):
        return None
    return DueRecords(
        account=row.id,
        kind="all",
        basis=", ".join(retention.bases(account.book, rules, zone)),
        until=until,
        records=retention.number(account.book, rules, zone),
        archived=False,
        kept_by=protected(state, account.book, now),
    )


def _destroy(services: Services, tx: Connection, rows: list[KeptRecords], by: HoldOrder) -> None:
    account = rows[0].account
    archive.destroy(tx, [row.id for row in rows])
    vacuum.request(tx, real_now())
    row = accounts.lock(tx, [account], services.vault.new_data_key)[account]
    gone = erasure.described(rows)
    policy = services.terms(tx, by.at).current
    row = _record(services, tx, row, RULE, {"destroyed": gone}, by)
    stated = {"cause": "retention", "policy": f"{policy.name}@{policy.version}", "destroyed": {"archive": gone}}
    certify(services.vault, tx, row, stated | {"kept": erasure.described(archive.of_account(tx, account))}, by.at)


def _record(  # noqa: PLR0917 - one row has many parts
    services: Services, tx: Connection, row: AccountRow, rule: str, document: erasure.JsonDocument, by: HoldOrder
) -> AccountRow:
    """Record a decision about an account that nothing is decided about any more, and sign where its chain ends."""
    policy = services.terms(tx, by.at).current
    clause = policy.retention.clause or None
    change = {
        "rule": rule,
        "clause": clause,
        "policy": f"{policy.name}@{policy.version}",
        "subject": row.id,
        "detail": msgspec.to_builtins(document | ({"actor": by.actor} if by.actor else {})),
    }
    standing = {"standing": row.standing, "plan": row.plan, "access": row.access}
    decided = DecisionRow(
        account=row.id,
        seq=row.seq + 1,
        at=by.at,
        cause_kind="command" if by.actor else "timer",
        cause_ref=by.actor,
        cause_name="retention_end",
        rule=rule,
        clause=clause,
        policy=policy.name,
        policy_version=policy.version,
        before=standing,
        after=standing | {"version": row.version},
        detail={"changes": [change]},
        effects=[],
        prev_hash=row.head,
        hash=b"",
    )
    chained = ledger.chained(decided)
    ledger.write(tx, [chained])
    row = statements.stated(services.vault, msgspec.structs.replace(row, seq=decided.seq, head=chained.hash))
    accounts.save(tx, [row])
    return row
