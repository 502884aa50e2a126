"""The list of accounts in several orders, page by page by key, without opening a single book."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.engine import Connection

from kulanz.store.bulk import among
from kulanz.store.case_index import CASE
from kulanz.store.tables import accounts, matters, timers

LOOKS = ("dispute_silent", "facts_first", "held_back", "paid_twice", "renewal_overdue")
"""Kinds of timers at which Kulanz only looks again: nothing is due for the customer."""
GRAVEST_FIRST = ("suspended", "on_hold", "grace", "good", "closed")
_MANY = 500
_LARGEST = 2**62


class Sort(StrEnum):
    """Sort orders of a list of accounts."""

    ID = "id"
    DEADLINE = "deadline"
    AMOUNT = "amount"
    PLAN = "plan"
    STANDING = "standing"


class AccountQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Filter and sort order of a list of accounts."""

    sort: Sort = Sort.ID
    reverse: bool = False
    """Whether the order is turned round; accounts without a deadline, or that owe nothing, stay last."""
    standing: str | None = None
    plan: str | None = None
    due_before: datetime | None = None
    """Filter: only accounts with a deadline before this time."""


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The place of an account in an order."""

    account: str
    part: int = 0
    """An order has parts: those with a deadline come before those without one."""
    text: str = ""
    """The plan, or the currency."""
    amount: int = 0
    at: datetime | None = None


class Deadline(msgspec.Struct, frozen=True):
    """The time of an account's next automatic event."""

    kind: str
    due_at: datetime


class Owed(msgspec.Struct, frozen=True):
    """Sum that an account owes in its open cases, in one currency."""

    currency: str
    amount: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An account in the list, joined with its cases and debts."""

    deadline: Deadline | None = None
    owed: tuple[Owed, ...] = ()


_earlier = timers.alias("earlier")
_IS_DEADLINE = timers.c.kind.not_in(LOOKS)
_NEXT = (
    select(timers.c.account, timers.c.kind, timers.c.due_at)
    .join(accounts, accounts.c.id == timers.c.account)
    .where(
        _IS_DEADLINE,
        ~select(_earlier.c.account)
        .where(
            _earlier.c.account == timers.c.account,
            _earlier.c.kind.not_in(LOOKS),
            tuple_(_earlier.c.due_at, _earlier.c.kind, _earlier.c.subject)
            < tuple_(timers.c.due_at, timers.c.kind, timers.c.subject),
        )
        .exists(),
    )
)
_IS_OWED = and_(matters.c.kind == CASE, matters.c.closed_at.is_(None), matters.c.amount > 0)
_CURRENCY = func.coalesce(matters.c.currency, "?", type_=String)
_OWING = (
    select(matters.c.account, _CURRENCY.label("currency"), cast(func.sum(matters.c.amount), BigInteger).label("amount"))
    .where(_IS_OWED)
    .group_by(matters.c.account, _CURRENCY)
)
_DEADLINES_OF = select(timers.c.account, timers.c.kind, timers.c.due_at).where(
    among(timers.c.account, "accounts"), _IS_DEADLINE
)
_OWED_OF = _OWING.where(among(matters.c.account, "accounts"))
_AFTER = (
    select(accounts.c.id)
    .where(accounts.c.alias_of.is_(None), accounts.c.id >= bindparam("after"))
    .order_by(accounts.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_CONTAINING = (
    select(accounts.c.id)
    .where(accounts.c.alias_of.is_(None), func.lower(accounts.c.id).like(bindparam("pattern"), escape="/"))
    .order_by(accounts.c.id)
    .limit(bindparam("limit", type_=Integer))
)

_Part = Callable[[AccountQuery, Place | None], Select[Any]]


def page(conn: Connection, wanted: AccountQuery, after: Place | None, limit: int) -> list[Place]:
    """Return the places of the accounts behind one of them; aliases are not among them."""
    found: list[Place] = []
    parts = _PARTS[wanted.sort]
    if wanted.reverse and wanted.sort is Sort.STANDING:
        parts = parts[::-1]
    for number in range(after.part if after else 0, len(parts)):
        begin = after if after is not None and after.part == number else None
        rows = conn.execute(parts[number](wanted, begin).limit(limit - len(found)))
        found += [Place(part=number, **row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public way
        if len(found) == limit:
            break
    return found


def fits(sort: Sort, place: Place) -> bool:
    """Validate a page cursor, which is user input: it must belong to this sort order."""
    dated = sort is Sort.DEADLINE and place.part == 0
    has_zone = place.at is not None and place.at.utcoffset() is not None
    return 0 <= place.part < len(_PARTS[sort]) and abs(place.amount) < _LARGEST and (has_zone or not dated)


def lines(conn: Connection, names: Collection[str]) -> Mapping[str, Line]:
    """Return the next deadline and the debts of accounts, by their ids."""
    deadlines: dict[str, Deadline] = {}
    owed: dict[str, list[Owed]] = {}
    ordered: Sequence[str] = sorted(names)
    for start in range(0, len(ordered), _MANY):
        of = {"accounts": ordered[start : start + _MANY]}
        for account, kind, due_at in conn.execute(_DEADLINES_OF, of):
            deadline = Deadline(kind, due_at)
            known = deadlines.get(account, deadline)
            deadlines[account] = min(known, deadline, key=lambda each: (each.due_at, each.kind))
        for account, currency, amount in conn.execute(_OWED_OF, of):
            owed.setdefault(account, []).append(Owed(currency, amount))
    return {
        name: Line(deadline=deadlines.get(name), owed=tuple(sorted(owed.get(name, []), key=lambda each: each.currency)))
        for name in ordered
    }


def beginning(conn: Connection, text: str, limit: int) -> list[str]:
    """Return the ids that begin with a text, in order; aliases are not among them."""
    names = conn.execute(_AFTER, {"after": text, "limit": limit}).scalars()
    return [name for name in names if name.startswith(text)]


def containing(conn: Connection, text: str, limit: int) -> list[str]:
    """Return the ids that have a text in them, capitals or not; it reads an index of all ids."""
    pattern = "%" + text.lower().replace("/", "//").replace("_", "/_").replace("%", "/%") + "%"
    return list(conn.execute(_CONTAINING, {"pattern": pattern, "limit": limit}).scalars())


def _wanted(query: Select[Any], wanted: AccountQuery) -> Select[Any]:
    query = query.where(accounts.c.alias_of.is_(None))
    if wanted.standing is not None:
        query = query.where(accounts.c.standing == wanted.standing)
    return query if wanted.plan is None else query.where(accounts.c.plan == wanted.plan)


def _by_id(wanted: AccountQuery, after: Place | None, *conditions: ColumnElement[bool]) -> Select[Any]:
    query = _wanted(select(accounts.c.id.label("account")), wanted).where(*conditions)
    if wanted.due_before is not None:
        query = query.where(_has_deadline(timers.c.due_at < wanted.due_before))
    reverse = wanted.reverse and wanted.sort is Sort.ID
    return _ordered(query, (accounts.c.id,), (after.account,) if after else None, reverse=reverse)


def _by_plan(wanted: AccountQuery, after: Place | None) -> Select[Any]:
    query = _wanted(select(accounts.c.id.label("account"), accounts.c.plan.label("text")), wanted)
    if wanted.due_before is not None:
        query = query.where(_has_deadline(timers.c.due_at < wanted.due_before))
    place = (after.text, after.account) if after else None
    return _ordered(query, (accounts.c.plan, accounts.c.id), place, reverse=wanted.reverse)


def _ordered(
    query: Select[Any], columns: tuple[Any, ...], after: tuple[object, ...] | None, *, reverse: bool
) -> Select[Any]:
    """Order a query by columns, from a place on: a keyset page."""
    query = query.order_by(*(column.desc() if reverse else column for column in columns))
    if after is None:
        return query
    return query.where(tuple_(*columns) < after if reverse else tuple_(*columns) > after)


def _of_standing(standing: str) -> _Part:
    return lambda wanted, after: _by_id(wanted, after, accounts.c.standing == standing)


def _by_deadline(wanted: AccountQuery, after: Place | None) -> Select[Any]:
    query = _wanted(_NEXT, wanted).with_only_columns(timers.c.account, timers.c.due_at.label("at"))
    if wanted.due_before is not None:
        query = query.where(timers.c.due_at < wanted.due_before)
    if wanted.reverse:
        query = query.order_by(timers.c.due_at.desc(), timers.c.account.desc())
        earlier = or_(timers.c.due_at < after.at, timers.c.account < after.account) if after else None
        return query if after is None or earlier is None else query.where(timers.c.due_at <= after.at, earlier)
    query = query.order_by(timers.c.due_at, timers.c.account)
    if after is None:
        return query
    return query.where(
        timers.c.due_at >= after.at,
        or_(timers.c.due_at > after.at, timers.c.account > after.account),
    )


def _without_deadline(wanted: AccountQuery, after: Place | None) -> Select[Any]:
    return _by_id(wanted, after, ~_has_deadline())


def _by_amount(wanted: AccountQuery, after: Place | None) -> Select[Any]:
    owing = _OWING.subquery()
    columns: Select[Any] = select(owing.c.account, owing.c.currency.label("text"), owing.c.amount)
    query = _wanted(columns.join(accounts, accounts.c.id == owing.c.account), wanted)
    if wanted.due_before is not None:
        query = query.where(_has_deadline(timers.c.due_at < wanted.due_before))
    amount = owing.c.amount if wanted.reverse else owing.c.amount.desc()
    query = query.order_by(owing.c.currency, amount, owing.c.account)
    if after is None:
        return query
    same = owing.c.currency == after.text
    less = owing.c.amount > after.amount if wanted.reverse else owing.c.amount < after.amount
    behind = or_(less, and_(owing.c.amount == after.amount, owing.c.account > after.account))
    return query.where(or_(owing.c.currency > after.text, and_(same, behind)))


def _owing_nothing(wanted: AccountQuery, after: Place | None) -> Select[Any]:
    owes = select(matters.c.account).where(matters.c.account == accounts.c.id, _IS_OWED)
    return _by_id(wanted, after, ~owes.exists())


def _has_deadline(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(timers.c.account).where(timers.c.account == accounts.c.id, _IS_DEADLINE, *conditions).exists()


_PARTS: Mapping[Sort, Sequence[_Part]] = {
    Sort.ID: (_by_id,),
    Sort.PLAN: (_by_plan,),
    Sort.STANDING: tuple(map(_of_standing, GRAVEST_FIRST)),
    Sort.DEADLINE: (_by_deadline, _without_deadline),
    Sort.AMOUNT: (_by_amount, _owing_nothing),
}
