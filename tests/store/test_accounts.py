"""Accounts: made and locked once, saved, listed, and known by more than one name."""

import os
from threading import Barrier, Thread

import msgspec
import pytest

from kulanz.store import accounts
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Database
from tests.store.rows import DAY, NOW, make_alias


def a_key(_account: str) -> bytes:
    return os.urandom(8)


def test_an_unknown_account_is_made_with_a_key_of_its_own(database: Database) -> None:
    with database.write() as tx:
        rows = accounts.lock(tx, ["org_1", "org_2"], a_key)

    assert {row.id: (row.plan, row.access, row.standing, row.seq, row.version, row.head) for row in rows.values()} == {
        "org_1": ("free", "free", "good", 0, 0, b""),
        "org_2": ("free", "free", "good", 0, 0, b""),
    }
    assert rows["org_1"].key != rows["org_2"].key


def test_a_known_account_keeps_its_key(database: Database) -> None:
    with database.write() as tx:
        first = accounts.lock(tx, ["org_1"], a_key)

    with database.write() as tx:
        assert accounts.lock(tx, ["org_1", "org_2"], a_key)["org_1"] == first["org_1"]
        assert accounts.lock(tx, [], a_key) == {}


def test_a_saved_account_comes_back_as_it_was(database: Database) -> None:
    row = AccountRow("org_1", b"k", b"book", "grace", "pro", "full", NOW, NOW + DAY, 3, 4, b"head", NOW)
    with database.write() as tx:
        accounts.lock(tx, ["org_1"], a_key)
        accounts.save(tx, [row])

    with database.read() as conn:
        assert accounts.get(conn, "org_1") == row
        assert accounts.get(conn, "org_2") is None


def test_two_first_events_of_an_account_make_one_account(database_url: str) -> None:
    start, keys, numbers = Barrier(4), [], []

    def hear(database: Database) -> None:
        start.wait()
        with database.write() as tx:
            row = accounts.lock(tx, ["b", "new", "a"], a_key)["new"]
            keys.append(row.key)
            numbers.append(row.seq + 1)
            accounts.save(tx, [msgspec.structs.replace(row, seq=row.seq + 1)])

    databases = [Database(database_url) for _ in range(4)]
    threads = [Thread(target=hear, args=(each,)) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(keys)) == 1
    assert sorted(numbers) == [1, 2, 3, 4]
    for each in databases:
        each.dispose()


def test_locking_in_any_order_blocks_nobody_for_ever(database_url: str) -> None:
    databases, names, done = [Database(database_url) for _ in range(2)], [f"org_{n}" for n in range(20)], []

    def work(database: Database, order: list[str]) -> None:
        for _ in range(20):
            with database.write() as tx:
                accounts.save(tx, list(accounts.lock(tx, order, a_key).values()))
        done.append(True)

    threads = [Thread(target=work, args=pair) for pair in zip(databases, (names, names[::-1]), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == [True, True]
    for each in databases:
        each.dispose()


def test_an_alias_answers_with_the_account_it_stands_for(database: Database) -> None:
    with database.write() as tx:
        rows = accounts.lock(tx, ["lemonsqueezy-1", "org_1"], a_key)
        make_alias(tx, "lemonsqueezy-1", "org_1")

    with database.write() as tx:
        locked = accounts.lock(tx, ["lemonsqueezy-1"], a_key)
        assert accounts.get(tx, "lemonsqueezy-1") == locked["lemonsqueezy-1"] == rows["org_1"]
        assert accounts.aliases(tx, "org_1") == ["lemonsqueezy-1"]


def test_what_was_sealed_under_an_alias_keeps_its_key(database: Database) -> None:
    with database.write() as tx:
        rows = accounts.lock(tx, ["lemonsqueezy-1", "org_1"], a_key)
        make_alias(tx, "lemonsqueezy-1", "org_1")

        assert accounts.data_key(tx, "lemonsqueezy-1") == rows["lemonsqueezy-1"].key
        assert accounts.data_key(tx, "nobody") is None


def test_the_alias_of_an_alias_answers_too(database: Database) -> None:
    with database.write() as tx:
        accounts.lock(tx, ["a", "b", "c"], a_key)
        make_alias(tx, "a", "b")
        make_alias(tx, "b", "c")

        assert {row.id for row in accounts.lock(tx, ["a", "b", "c"], a_key).values()} == {"c"}
        assert accounts.get(tx, "a") == accounts.get(tx, "c")


@pytest.fixture
def some_accounts(database: Database) -> Database:
    with database.write() as tx:
        rows = accounts.lock(tx, ["a", "b", "c", "d", "old"], a_key)
        accounts.save(
            tx,
            [
                msgspec.structs.replace(rows["b"], standing="grace", plan="pro"),
                msgspec.structs.replace(rows["d"], standing="grace"),
            ],
        )
        make_alias(tx, "old", "a")
    return database


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((None, None, None, 10), "abcd"),
        ((None, None, "b", 1), "c"),
        (("grace", None, None, 10), "bd"),
        (("grace", None, "b", 10), "d"),
        ((None, "free", None, 10), "acd"),
        (("grace", "pro", None, 10), "b"),
        (("closed", None, None, 10), ""),
    ],
)
def test_accounts_are_listed_by_standing_and_plan(
    some_accounts: Database, asked: tuple[str | None, str | None, str | None, int], expected: str
) -> None:
    with some_accounts.read() as conn:
        assert "".join(row.id for row in accounts.page(conn, *asked)) == expected


def test_aliases_are_neither_counted_nor_listed(some_accounts: Database) -> None:
    with some_accounts.read() as conn:
        assert accounts.count(conn) == 4
        assert accounts.ids(conn, None, 10) == ["a", "b", "c", "d"]
        assert accounts.ids(conn, "b", 1) == ["c"]
