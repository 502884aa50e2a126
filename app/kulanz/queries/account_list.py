"""List of accounts in readable form: plan, standing, debts, the next deadline, the mail address."""

from __future__ import annotations

import csv
import io
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence

import msgspec

from kulanz.documents.lists import AccountLine, Owed
from kulanz.errors import InvalidInputError, UnreadableError
from kulanz.formats.money import units
from kulanz.policy.areas.addresses import Contact, contact
from kulanz.policy.book import Book
from kulanz.processing.entry import account_of
from kulanz.queries.views import Page
from kulanz.services import Services
from kulanz.store import account_list, accounts
from kulanz.store.account_list import AccountQuery, Line, Place, Sort
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

COLUMNS = ("account_id", "standing", "plan", "access", "owed", "deadline", "due_at", "name", "mail")
MASK = "•••"
ROWS_PER_READ = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that spreadsheets read as a formula: buyers choose ids and addresses."""


def page(
    services: Services, conn: Connection, wanted: AccountQuery, after: str | None, limit: int, *, masked: bool
) -> Page[AccountLine]:
    """Return one page of the list; mail addresses are masked where the reader may not see them."""
    places, following = places_after(conn, wanted, after, limit)
    return Page(items=lines(services, conn, [each.account for each in places], masked=masked), after=following)


def places_after(
    conn: Connection, wanted: AccountQuery, after: str | None, limit: int
) -> tuple[list[Place], str | None]:
    """Return the page links, and the cursor of the next page."""
    begin = _place(wanted.sort, after) if after is not None else None
    places = account_list.page(conn, wanted, begin, limit + 1)
    return places[:limit], _cursor(wanted.sort, places[limit - 1]) if len(places) > limit else None


def lines(services: Services, conn: Connection, names: Sequence[str], *, masked: bool) -> list[AccountLine]:
    """Return the lines of accounts in the order of their names."""
    rows, known = accounts.these(conn, names), account_list.lines(conn, names)
    return [_line(services, rows[name], known[name], masked=masked) for name in names if name in rows]


def cells(line: AccountLine, columns: Sequence[str] = COLUMNS) -> list[str | None]:
    """Return a line's cells, in the order of the columns."""
    shown = msgspec.to_builtins(line) | {"owed": "; ".join(map(amount, line.owed)) or None}
    return [shown[column] for column in columns]


def amount(owed: Owed) -> str:
    """Return the debt in one currency, for programs and for people."""
    return f"{units(owed.amount, owed.currency)} {owed.currency}"


def as_csv(services: Services, wanted: AccountQuery, *, masked: bool) -> Iterator[str]:
    """Yield the whole list as lines of CSV (RFC 4180), some hundred at a time; no cell is a formula."""
    yield _csv([COLUMNS])
    after: str | None = ""
    while after is not None:
        with services.database.read() as conn:
            found = page(services, conn, wanted, after or None, ROWS_PER_READ, masked=masked)
        yield _csv([[_safe(cell) for cell in cells(line)] for line in found.items])
        after = found.after


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _safe(cell: str | None) -> str:
    return f"'{cell}" if cell and cell.startswith(_FORMULA) else cell or ""


def _line(services: Services, row: AccountRow, known: Line, *, masked: bool) -> AccountLine:
    return AccountLine.of(
        row,
        account_id=row.id,
        owed=tuple(map(Owed.of, known.owed)),
        deadline=known.deadline.kind if known.deadline else None,
        due_at=known.deadline.due_at if known.deadline else None,
        **shown(_contact(services, row), masked=masked)._asdict(),
    )


def _contact(services: Services, row: AccountRow) -> Contact:
    """Return the customer's name and address; neither where the account's data cannot be opened."""
    try:
        return contact(book(services, row))
    except UnreadableError:
        return Contact(None, None)


def book(services: Services, row: AccountRow) -> Book:
    """Return the book of an account; UnreadableError where it cannot be opened."""
    key = services.vault.data_key(row.key, row.id) if row.key is not None else None
    return account_of(row, key).book


def shown(who: Contact, *, masked: bool) -> Contact:
    """Return a name and an address as a reader may see them."""
    if not masked:
        return who
    return Contact(name=who.name and f"{who.name[:1]}{MASK}", mail=who.mail and _masked(who.mail))


def _masked(mail: str) -> str:
    """Return an address of which only beginnings and the last part of the domain can be read."""
    local, _, domain = mail.rpartition("@")
    return f"{local[:1]}{MASK}@{domain[:1]}{MASK}.{domain.rpartition('.')[2]}"


def _cursor(sort: Sort, place: Place) -> str:
    if sort is Sort.ID:
        return place.account
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _place(sort: Sort, cursor: str) -> Place:
    if sort is Sort.ID:
        return Place(account=cursor)
    try:
        place = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Place)
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidInputError("after: not where a page of this order ended") from error
    if not account_list.fits(sort, place):
        raise InvalidInputError("after: not where a page of this order ended")
    return place
