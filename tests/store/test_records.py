"""Journal, ledger, bindings, policies, marks, keyring: what is written once and read for ever."""

import msgspec
import pytest
from sqlalchemy import delete, update

from kulanz.errors import RefusedError
from kulanz.store import accounts, bindings, journal, ledger, losses, policies, shared_values, tables
from kulanz.store.database import Database
from kulanz.store.journal import JournalRow
from kulanz.store.keyring import Keyring
from kulanz.store.policies import PolicyRow
from tests.store.rows import HOUR, NOW, SECOND, a_chain


def test_facts_come_back_in_the_order_in_which_they_became_known(database: Database) -> None:
    rows = [JournalRow("org_1", NOW, "HoldPlaced", b"1", 1), JournalRow("org_1", NOW - HOUR, "CaseWaived", b"2", None)]
    with database.write() as tx:
        journal.append(tx, rows)
        journal.append(tx, [JournalRow("org_2", NOW, "HoldPlaced", b"3", 1)])
        journal.append(tx, [])

    with database.read() as conn:
        assert list(journal.of_account(conn, "org_1")) == rows


def test_a_long_history_of_facts_is_read_whole(database: Database) -> None:
    rows = [JournalRow("org_1", NOW, "HoldPlaced", str(number).encode(), number) for number in range(1201)]
    with database.write() as tx:
        journal.append(tx, rows)

    with database.read() as conn:
        assert list(journal.of_account(conn, "org_1")) == rows


def test_facts_can_be_given_to_another_account_sealed_anew(database: Database) -> None:
    with database.write() as tx:
        journal.append(tx, [JournalRow("old", NOW, "HoldPlaced", b"x", 1)])

        ((number, row),) = journal.numbered(tx, ["old"])
        journal.give(tx, [(number, "new", row.fact + b"!")])

        assert [row.fact for row in journal.of_account(tx, "new")] == [b"x!"]
        assert list(journal.of_account(tx, "old")) == []


def test_decisions_come_back_as_they_were_made(database: Database) -> None:
    rows = a_chain("org_1", 5)
    with database.write() as tx:
        ledger.write(tx, map(ledger.chained, rows))

    with database.read() as conn:
        assert ledger.of_account(conn, "org_1", 0, 10) == rows
        assert ledger.of_account(conn, "org_1", 2, 2) == rows[2:4]


def test_an_untouched_chain_is_whole(decided: Database) -> None:
    with decided.read() as conn:
        assert ledger.verify(conn, "org_1") is None
        assert ledger.verify(conn, "nobody") is None


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "dunning.other"},
        {"after": '{"standing":"good"}'},
        {"cause_ref": None},
        {"at": NOW},
        {"hash": bytes(32)},
        {"prev_hash": bytes(32)},
        {"policy_version": 2},
    ],
    ids=str,
)
def test_a_changed_decision_shows(decided: Database, change: dict[str, object]) -> None:
    with decided.write() as tx:
        tx.execute(update(tables.decisions).where(tables.decisions.c.seq == 3).values(**change))

        assert ledger.verify(tx, "org_1") == 3


@pytest.mark.parametrize("missing", [1, 3, 5])
def test_a_missing_decision_shows_even_at_the_end(decided: Database, missing: int) -> None:
    with decided.write() as tx:
        tx.execute(delete(tables.decisions).where(tables.decisions.c.seq == missing))

        assert ledger.verify(tx, "org_1") == missing


def test_a_decision_that_was_added_shows(decided: Database) -> None:
    with decided.write() as tx:
        ledger.write(tx, map(ledger.chained, a_chain("org_1", 6)[5:]))

        assert ledger.verify(tx, "org_1") == 6


def test_the_breaker_counts_accounts_and_not_decisions(database: Database) -> None:
    with database.write() as tx:
        for at in (NOW, NOW + 3 * SECOND):
            losses.add(tx, losses.DUNNING, {"a", "b"}, at, NOW)
        losses.add(tx, losses.EXPIRED, {"c"}, NOW, NOW)

        assert losses.count(tx, losses.DUNNING, NOW) == 2
        assert losses.count(tx, losses.DUNNING, NOW + 3 * SECOND) == 2
        assert losses.count(tx, losses.DUNNING, NOW + 4 * SECOND) == 0


def test_the_first_binding_of_a_key_stays(database: Database) -> None:
    with database.write() as tx:
        bindings.bind(tx, {"lemonsqueezy:customer:1": "org_1"})
        bindings.bind(tx, {"lemonsqueezy:customer:1": "org_2", "lemonsqueezy:customer:2": "org_2"})
        bindings.bind(tx, {})

        matches = bindings.find(tx, ["lemonsqueezy:customer:1", "lemonsqueezy:customer:2", "lemonsqueezy:customer:3"])
        assert matches == {"lemonsqueezy:customer:1": "org_1", "lemonsqueezy:customer:2": "org_2"}
        assert bindings.find(tx, []) == {}


def test_single_names_can_be_bound_to_another_account(database: Database) -> None:
    with database.write() as tx:
        bindings.bind(tx, {"a": "old", "b": "old", "c": "other"})

        bindings.rebind(tx, ["a"], "new")

        assert bindings.find(tx, "abc") == {"a": "new", "b": "old", "c": "other"}


def test_a_policy_version_is_recorded_once(database: Database) -> None:
    row = PolicyRow(1, "plexo", "[policy]", "ab", NOW, NOW - HOUR, "ops")
    with database.write() as tx:
        assert policies.newest(tx) == 0
        policies.add(tx, row)

        with pytest.raises(RefusedError, match="version 1"):
            policies.add(tx, msgspec.structs.replace(row, name="other"))

    with database.read() as conn:
        assert policies.all(conn) == [row]
        assert policies.newest(conn) == 1


@pytest.mark.parametrize("value", [0, "x", [1, {"a": None}], {"at": "2026-01-01"}, 1.5, False])
def test_a_mark_comes_back_as_it_was_put(database: Database, value: object) -> None:
    with database.write() as tx:
        shared_values.put(tx, "m", "before")
        shared_values.put(tx, "m", value)

        assert shared_values.get(tx, "m") == value


def test_a_mark_can_be_taken_away(database: Database) -> None:
    with database.write() as tx:
        shared_values.put(tx, "m", 1)
        shared_values.put(tx, "m", None)

        assert shared_values.get(tx, "m") is None


def test_every_process_gets_the_same_stored_key(database: Database) -> None:
    first = Keyring(database).wrapped("index", lambda: b"one")

    assert first == Keyring(database).wrapped("index", lambda: b"two") == b"one"
    assert Keyring(database).wrapped("other", lambda: b"two") == b"two"


def test_stored_keys_can_be_wrapped_anew(database: Database) -> None:
    Keyring(database).wrapped("index", lambda: b"one")

    Keyring(database).rewrap(lambda wrapped: wrapped + b" again")

    assert Keyring(database).wrapped("index", lambda: b"two") == b"one again"


@pytest.fixture
def decided(database: Database) -> Database:
    rows = a_chain("org_1", 5)
    with database.write() as tx:
        account = accounts.lock(tx, ["org_1"], lambda: b"key")["org_1"]
        accounts.save(tx, [msgspec.structs.replace(account, seq=5, head=rows[-1].hash)])
        ledger.write(tx, map(ledger.chained, rows))
    return database
