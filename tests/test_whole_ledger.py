"""A program with full write access and no keys leaves a trace in the ledger, whatever it edits, on both databases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Table, delete, insert, select, update

from kulanz.commands import execute
from kulanz.commands.commands import EraseAccount
from kulanz.config import Settings
from kulanz.crypto import places
from kulanz.errors import UnreadableError
from kulanz.privacy import after_restore, audit, ledger_head, rotation
from kulanz.queries.replay.replay import replay
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import accounts, audit_log, outbox, tables
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection
from kulanz_workers.scheduler import Scheduler
from tests.days import days_go_by, product, settings_of, settle
from tests.lemonsqueezy import MONDAY, subscription_created, subscription_payment_failed
from tests.retelling import Retelling
from tests.workers.instance import an_unpaid_account, receive

ORG, OTHER = "org_1", "org_5"
ACCOUNTS = tables.accounts
_BY_ACCOUNT = [table for table in tables.metadata.sorted_tables if "account" in table.c]


@dataclass(frozen=True)
class Past:
    """What a thief of an old backup, or the owner of another installation with the same keys, can bring."""

    row: AccountRow
    stranger: AccountRow
    strange_decisions: list[dict[str, Any]]
    strange_keys: list[dict[str, Any]]


def settings_in(folder: Path, url: str) -> Settings:
    return settings_of(folder, url, test_clock=True)


def begin(services: Services) -> None:
    for number in (1, 5):
        an_unpaid_account(services, number)
    days_go_by(services, 3)


def two_accounts(services: Services) -> AccountRow:
    begin(services)
    with services.database.read() as conn:
        row = accounts.exactly(conn, ORG)
    assert row is not None
    days_go_by(services, 9)
    assert after_restore.advance(services) == []
    return row


def strangers(services: Services) -> tuple[AccountRow, list[dict[str, Any]], list[dict[str, Any]]]:
    begin(services)
    with services.database.read() as conn:
        stranger = accounts.exactly(conn, ORG)
        decisions = [row._asdict() for row in conn.execute(select(tables.decisions).where(of(tables.decisions)))]
        keys = [row._asdict() for row in conn.execute(select(tables.keyring))]
    assert stranger is not None
    return stranger, decisions, keys


@pytest.fixture
def past() -> list[Past]:
    """Filled by `services`: what was true of org_1 once, and what is true of org_1 elsewhere."""
    return []


@pytest.fixture
def services(
    tmp_path: Path, database_url: str, _sqlite_template: Path, past: list[Past], retelling: Retelling
) -> Iterator[Services]:
    """Two accounts with a few decisions each, and a head that knows all of them."""
    folder = tmp_path / "other"
    folder.mkdir()
    shutil.copyfile(_sqlite_template, folder / "kulanz.db")
    with retelling.told(settings_in(folder, f"sqlite:///{folder}/kulanz.db"), strangers, at=MONDAY) as (_, elsewhere):
        pass
    with retelling.told(settings_in(tmp_path, database_url), two_accounts, at=MONDAY) as (services, row):
        past.append(Past(row, *elsewhere))
        yield services


def of(table: Table, account: str = ORG) -> Any:
    return table.c.account == account


def put(tx: Connection, **values: Any) -> None:
    tx.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == ORG).values(**values))


def put_row(tx: Connection, row: AccountRow) -> None:
    put(tx, **{name: getattr(row, name) for name in row.__struct_fields__})


def with_another_plan(tx: Connection, _: Past) -> None:
    put(tx, plan="enterprise")


def with_more_access(tx: Connection, _: Past) -> None:
    put(tx, access="full")


def with_another_standing(tx: Connection, _: Past) -> None:
    put(tx, standing="grace")


def with_a_later_deadline(tx: Connection, _: Past) -> None:
    put(tx, grace_ends_at=MONDAY + timedelta(days=900))


def with_a_date_of_deletion(tx: Connection, _: Past) -> None:
    put(tx, deletion_eligible_at=MONDAY)


def answering_for_another(tx: Connection, _: Past) -> None:
    put(tx, alias_of=OTHER)


def with_an_older_book(tx: Connection, past: Past) -> None:
    put(tx, book=past.row.book)


def with_the_key_of_another(tx: Connection, _: Past) -> None:
    put(tx, key=accounts.data_key(tx, OTHER))


def with_key_and_book_of_another(tx: Connection, _: Past) -> None:
    row = accounts.exactly(tx, OTHER)
    assert row is not None
    put(tx, key=row.key, book=row.book, signature=row.signature)


def put_back_to_an_older_state(tx: Connection, past: Past) -> None:
    tx.execute(delete(tables.decisions).where(of(tables.decisions), tables.decisions.c.seq > past.row.seq))
    put_row(tx, past.row)


def deleted_with_all_its_rows(tx: Connection, _: Past) -> None:
    for table in _BY_ACCOUNT:
        tx.execute(delete(table).where(of(table)))
    tx.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == ORG))


def with_the_rows_of_another_installation(tx: Connection, past: Past) -> None:
    tx.execute(delete(tables.decisions).where(of(tables.decisions)))
    tx.execute(insert(tables.decisions), past.strange_decisions)
    put_row(tx, past.stranger)


def with_two_bodies_exchanged(tx: Connection, _: Past) -> None:
    exchange(tx, tables.inbox, "id", "body")


def with_two_facts_exchanged(tx: Connection, _: Past) -> None:
    exchange(tx, tables.journal, "id", "fact")


def with_two_payloads_exchanged(tx: Connection, _: Past) -> None:
    exchange(tx, tables.effects, "number", "payload")


def with_a_fact_at_another_time(tx: Connection, _: Past) -> None:
    first = tx.execute(select(tables.journal.c.id).where(of(tables.journal)).limit(1)).scalar_one()
    tx.execute(update(tables.journal).where(tables.journal.c.id == first).values(at=MONDAY - timedelta(days=1)))


def with_a_fact_of_another(tx: Connection, _: Past) -> None:
    first = tx.execute(select(tables.journal.c.id).where(of(tables.journal, OTHER)).limit(1)).scalar_one()
    tx.execute(update(tables.journal).where(tables.journal.c.id == first).values(account=ORG))


def exchange(tx: Connection, table: Table, key: str, column: str) -> None:
    rows = tx.execute(select(table.c[key], table.c[column]).where(of(table)).order_by(table.c[key]).limit(2)).all()
    for (number, _), (_, value) in zip(rows, reversed(rows), strict=True):
        tx.execute(update(table).where(table.c[key] == number).values({column: value}))


EDITS: dict[Callable[[Connection, Past], None], str] = {
    with_another_plan: "forged",
    with_more_access: "forged",
    with_another_standing: "forged",
    with_a_later_deadline: "forged",
    with_a_date_of_deletion: "forged",
    answering_for_another: "forged",
    with_an_older_book: "forged",
    with_the_key_of_another: "unreadable",
    with_key_and_book_of_another: "forged",
    put_back_to_an_older_state: "rolled_back",
    deleted_with_all_its_rows: "gone",
    with_the_rows_of_another_installation: "forged",
    with_two_bodies_exchanged: "misplaced",
    with_two_facts_exchanged: "misplaced",
    with_two_payloads_exchanged: "misplaced",
    with_a_fact_at_another_time: "misplaced",
    with_a_fact_of_another: "misplaced",
}


def flaws(services: Services) -> dict[str, str]:
    """Give what a verification in a new process finds, by account."""
    again = build(services.settings)
    try:
        head = ledger_head.read(ledger_head.path_of(again))
        return {result.account: result.flaw for result in audit.verify(again, None, head) if result.flaw}
    finally:
        again.close()


def test_what_nobody_touched_is_whole(services: Services) -> None:
    assert flaws(services) == {}


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_an_account_shows_that_it_was_edited(services: Services, past: list[Past], edit: Any) -> None:
    with services.database.write() as tx:
        edit(tx, past[0])

    assert flaws(services) == {ORG: EDITS[edit]}


def test_a_policy_whose_text_was_changed_is_named(services: Services) -> None:
    with services.database.write() as tx:
        tx.execute(update(tables.policies).values(document=tables.policies.c.document + "\n"))

    assert flaws(services) == {"": "policy_changed"}


def test_the_keys_of_another_installation_are_found(services: Services, past: list[Past]) -> None:
    with services.database.write() as tx:
        tx.execute(delete(tables.keyring))
        tx.execute(insert(tables.keyring), past[0].strange_keys)

    assert flaws(services) == {ORG: "forged", OTHER: "forged", "": "foreign"}


def test_two_keys_of_the_installation_that_changed_places_are_named_as_the_reason(services: Services) -> None:
    with services.database.write() as tx:
        rows = tx.execute(select(tables.keyring.c.name, tables.keyring.c.wrapped)).all()
        for (name, _), (_, wrapped) in zip(rows, reversed(rows), strict=True):
            tx.execute(update(tables.keyring).where(tables.keyring.c.name == name).values(wrapped=wrapped))

    with pytest.raises(UnreadableError, match="place"):
        flaws(services)


def test_replay_names_an_account_whose_key_is_anothers_and_judges_the_rest(services: Services) -> None:
    with services.database.write() as tx:
        with_the_key_of_another(tx, None)  # type: ignore[arg-type]

    results = {result.account: result.differs for result in replay(services)}

    assert results[OTHER] == ()
    assert results[ORG][0].startswith("unreadable")


def test_without_a_head_the_rest_is_judged(services: Services, past: list[Past]) -> None:
    ledger_head.path_of(services).unlink()
    with services.database.write() as tx:
        put_back_to_an_older_state(tx, past[0])
        tx.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == OTHER).values(plan="enterprise"))

    assert flaws(services) == {OTHER: "forged"}


def test_a_head_that_was_changed_is_refused(services: Services) -> None:
    path = ledger_head.path_of(services)
    path.write_bytes(path.read_bytes().replace(b'"org_5"', b'"org_6"'))

    with pytest.raises(UnreadableError, match="not as it was signed"):
        ledger_head.read(path)


def test_a_head_that_was_changed_with_its_digest_is_refused(services: Services) -> None:
    path = ledger_head.path_of(services)
    line, signature, body = path.read_bytes().split(b"\n", 2)
    less = b"\n".join(each for each in body.split(b"\n") if ORG.encode() not in each)
    summary = msgspec.structs.replace(
        msgspec.json.decode(line, type=ledger_head.Summary), digest=sha256(less).hexdigest()
    )
    path.write_bytes(b"\n".join((msgspec.json.encode(summary, order="sorted"), signature, less)))

    with pytest.raises(UnreadableError, match="not as it was signed"):
        ledger_head.read(path)


def test_a_head_is_not_renewed_over_a_loss_until_the_restore_is_accepted(services: Services, past: list[Past]) -> None:
    with services.database.write() as tx:
        put_back_to_an_older_state(tx, past[0])

    scheduler = Scheduler(services)
    scheduler.tick()
    scheduler.head_loop.wait()
    assert flaws(services) == {ORG: "rolled_back"}

    lost = after_restore.accept(services, "anna", "restored the backup of Monday")

    assert [(loss.account, loss.at) for loss in lost] == [(ORG, past[0].row.seq + 1)]
    assert flaws(services) == {}
    with services.database.read() as conn:
        (act,) = audit_log.about(conn, "ledger")
    assert (act.actor, act.act, act.detail) == (
        "anna",
        "accepted a restore (1 lost)",
        "restored the backup of Monday",
    )


def test_a_new_head_goes_on_from_the_last_one(services: Services, past: list[Past]) -> None:
    with services.database.write() as tx:
        put_back_to_an_older_state(tx, past[0])
    days_go_by(services, 60)

    assert flaws(services) == {ORG: "rolled_back"}


@pytest.fixture
def former(tmp_path: Path, database_url: str) -> Iterator[Services]:
    """An installation that an earlier version began: nothing that it sealed is bound, and only chains are signed."""
    with product(settings_of(tmp_path, database_url, test_clock=True)) as services:
        with services.database.write() as tx:
            keys = [(name, places.installation_key(name)) for name in ("index", "ledger")]
            rows = [{"name": name, "wrapped": services.vault.new_key(place, bound=False)} for name, place in keys]
            tx.execute(insert(tables.keyring), rows)
        services.clock.set(MONDAY)
        with services.database.write() as tx:
            services.adopt_policy(tx)
        for number in (1, 5, 9):
            an_unpaid_account(services, number)
        receive(services, subscription_payment_failed(account=None, subscription=900, invoice=901))
        days_go_by(services, 9)
        execute.command(services, "org_9", EraseAccount(reason="Art. 17"), "anna")
        yield services


def test_what_an_earlier_version_wrote_is_whole_before_and_after_it_is_bound(former: Services) -> None:
    assert after_restore.advance(former) == []
    assert not former.vault.binds
    assert flaws(former) == {}
    assert rotation.status(former).unbound > 5

    rotation.rotate(former, lambda _: None)

    assert rotation.status(former).to_do == 0
    assert flaws(former) == {}
    assert [result for result in replay(former) if result.differs] == []
    again = build(former.settings)
    assert again.vault.binds
    receive(again, subscription_created(account="org_7", subscription=70, customer=71))
    settle(again)
    again.close()
    assert flaws(former) == {}


def test_once_bound_an_edit_of_a_plain_column_is_found(former: Services) -> None:
    rotation.rotate(former, lambda _: None)

    with former.database.write() as tx:
        put(tx, plan="enterprise")

    assert flaws(former) == {ORG: "forged"}


def test_what_was_sealed_before_it_was_bound_cannot_be_put_elsewhere(former: Services) -> None:
    journal = tables.journal
    with former.database.read() as conn:
        unbound = conn.execute(select(journal.c.fact).where(of(journal)).order_by(journal.c.id)).scalars().all()
    rotation.rotate(former, lambda _: None)
    assert flaws(former) == {}

    with former.database.write() as tx:
        (last,) = tx.execute(select(journal.c.id).where(of(journal)).order_by(journal.c.id.desc()).limit(1)).scalars()
        tx.execute(update(journal).where(journal.c.id == last).values(fact=unbound[0]))

    assert flaws(former) == {ORG: "misplaced"}


def test_what_was_edited_before_is_not_made_good_by_binding_it(former: Services) -> None:
    with former.database.write() as tx:
        put(tx, seq=1)

    rotation.rotate(former, lambda _: None)

    assert ORG in flaws(former)


def test_rotation_to_a_new_key_binds_too(former: Services) -> None:
    both = build(replace(former.settings, encryption_keys=(os.urandom(32), *former.settings.encryption_keys)))

    rotation.rotate(both, lambda _: None)

    assert rotation.status(both).keys[1].safe_to_retire
    alone = build(replace(both.settings, encryption_keys=both.settings.encryption_keys[:1]))
    assert flaws(alone) == {}
    assert [result for result in replay(alone) if result.differs] == []
    both.close()
    alone.close()


def test_what_was_decided_in_the_lost_window_is_held_until_the_restore_is_accepted(
    services: Services, past: list[Past]
) -> None:
    with services.database.write() as tx:
        put_back_to_an_older_state(tx, past[0])
        tx.execute(update(tables.effects).where(of(tables.effects)).values(state="pending", done_at=None))
        tx.execute(update(tables.timers).where(of(tables.timers)).values(due_at=MONDAY))
    after_restore.at_start(services)
    with services.database.read() as conn:
        found = after_restore.behind(conn)

    settle(services)

    assert found is not None
    assert (found.losses, found.held > 2) == (1, True)
    assert states(services, ORG) == {"parked"}

    after_restore.accept(services, "anna", "restored the backup of Monday")
    with services.database.write() as tx:
        outbox.retry(tx, [row.id for row in outbox.listing(tx, "parked", ORG)], real_now())
    settle(services)

    assert "pending" not in states(services, ORG)
    assert "done" in states(services, ORG)


def states(services: Services, account: str) -> set[str]:
    with services.database.read() as conn:
        return {row.state for row in outbox.of_account(conn, account)}


def test_what_is_decided_again_in_the_lost_window_is_held_too(services: Services, past: list[Past]) -> None:
    with services.database.read() as conn:
        known = {row.id for row in outbox.of_account(conn, ORG)}
    with services.database.write() as tx:
        put_back_to_an_older_state(tx, past[0])
        tx.execute(delete(tables.effects).where(of(tables.effects)))
        tx.execute(update(tables.timers).where(of(tables.timers)).values(due_at=MONDAY))
    after_restore.at_start(services)

    settle(services)

    with services.database.read() as conn:
        again = {row.id: row for row in outbox.listing(conn, None, ORG, 500)}
    assert again.keys() & known
    assert {row.error for row in again.values()} == {after_restore.HELD}
