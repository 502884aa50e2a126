"""Accounts in every order, page by page: none is left out, none comes twice, and what is first comes first."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from kulanz.store import account_list, accounts, case_index, timers
from kulanz.store.account_list import AccountQuery, Owed, Place, Sort
from kulanz.store.case_index import CaseRow
from kulanz.store.database import Connection, Database
from kulanz.store.timers import TimerRow
from tests.store.rows import DAY, NOW

STANDINGS = {"a": "good", "b": "suspended", "c": "grace", "d": "on_hold", "e": "good", "f": "closed", "g": "grace"}
PLANS = {"a": "team", "b": "free", "c": "team", "d": "basic", "e": "free", "f": "free", "g": "basic"}
DUE = {"c": 3, "g": 1, "d": 9, "e": 3}
OWED = {"c": [("EUR", 4900)], "g": [("EUR", 9900), ("USD", 100)], "d": [("USD", 700)], "b": [("EUR", 4900)]}
ORDERS = {
    Sort.ID: "abcdefg",
    Sort.PLAN: "dgbefac",
    Sort.STANDING: "bdcgaef",
    Sort.DEADLINE: "gced" + "abf",
    Sort.AMOUNT: "gbcdg" + "aef",
}

REVERSED = {
    Sort.ID: "gfedcba",
    Sort.PLAN: "cafebgd",
    Sort.STANDING: "faecgdb",
    Sort.DEADLINE: "decg" + "abf",
    Sort.AMOUNT: "bcggd" + "aef",
}


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as tx:
        rows = accounts.lock(tx, [*STANDINGS, "alias"], lambda _: b"key")
        alias = msgspec.structs.replace(rows.pop("alias"), alias_of="a")
        kept = [msgspec.structs.replace(row, standing=STANDINGS[name], plan=PLANS[name]) for name, row in rows.items()]
        accounts.save(tx, [*kept, alias])
        for name, days in DUE.items():
            looks = TimerRow(name, "renewal_overdue", "s", NOW - DAY)
            later = TimerRow(name, "hold_end", "k", NOW + (days + 1) * DAY)
            timers.add(tx, [looks, later, TimerRow(name, "grace_end", "k", NOW + days * DAY)])
        timers.add(tx, [TimerRow("a", "renewal_overdue", "s", NOW + DAY)])
        case_index.put(tx, [_case(name, *each) for name, sums in OWED.items() for each in sums])
        case_index.put(tx, [_case("a", "EUR", 99_000, closed=True), _case("e", "EUR", 0)])
    return database


def _case(account: str, currency: str, amount: int, *, closed: bool = False) -> CaseRow:
    return CaseRow(
        account=account,
        kind=case_index.CASE,
        key=f"{currency}{amount}",
        state="recovered" if closed else "grace",
        opened_at=NOW,
        closed_at=NOW if closed else None,
        amount=amount,
        currency=currency,
        policy_version=1,
    )


def walked(tx: Connection, query: AccountQuery, limit: int) -> str:
    """Go through a list page by page."""
    names, after = "", None
    while places := account_list.page(tx, query, after, limit):
        names += "".join(place.account for place in places)
        after = msgspec.json.decode(msgspec.json.encode(places[-1]), type=Place)
    return names


@pytest.mark.parametrize("sort", [*Sort])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_a_list_in_any_order_has_every_account_once_however_long_its_pages_are(
    filled: Database, sort: Sort, limit: int
) -> None:
    with filled.read() as tx:
        assert walked(tx, AccountQuery(sort=sort), limit) == ORDERS[sort]
        assert walked(tx, AccountQuery(sort=sort, reverse=True), limit) == REVERSED[sort]


@pytest.mark.parametrize("sort", [*Sort])
def test_a_list_in_any_order_holds_only_what_is_asked_for(filled: Database, sort: Sort) -> None:
    with filled.read() as tx:
        due = walked(tx, AccountQuery(sort=sort, due_before=NOW + 4 * DAY), 2)
        in_grace = walked(tx, AccountQuery(sort=sort, standing="grace"), 2)
        free = walked(tx, AccountQuery(sort=sort, plan="free"), 2)

    assert {*due} == {*"ceg"}
    assert {*in_grace} == {*"cg"}
    assert {*free} == {*"bef"}


def test_an_account_tells_its_next_deadline_and_what_it_owes_in_each_currency(filled: Database) -> None:
    with filled.read() as tx:
        lines = account_list.lines(tx, ["g", "a"])

    assert lines["g"].deadline == account_list.Deadline("grace_end", NOW + timedelta(days=1))
    assert lines["g"].owed == (Owed("EUR", 9900), Owed("USD", 100))
    assert (lines["a"].deadline, lines["a"].owed) == (None, ())


def test_an_id_is_found_by_its_beginning_and_by_any_part_whatever_signs_it_has(database: Database) -> None:
    with database.write() as tx:
        accounts.lock(tx, ["org_cobalt_7", "org%x", "Cobalt", "other"], lambda _: b"key")
        begins = account_list.beginning(tx, "org_", 9)
        parts = account_list.containing(tx, "cobalt", 9)
        odd = account_list.containing(tx, "g%x", 9)

    assert begins == ["org_cobalt_7"]
    assert sorted(parts) == ["Cobalt", "org_cobalt_7"]
    assert odd == ["org%x"]
