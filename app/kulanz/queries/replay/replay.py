"""Replay: recomputes accounts from the recorded facts, and compares: the stored book is only a cache (I1)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from kulanz.errors import UnreadableError
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.facts import Fact
from kulanz.policy.state import Terms
from kulanz.queries.replay.owners import OwnersCheck
from kulanz.queries.replay.recorded import RecordedAccount, news, opened, pages
from kulanz.services import Services
from kulanz.store import accounts
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """Result of recomputing one account."""

    account: str
    erased: bool = False
    """Its key was destroyed: there is nothing left to judge."""
    differs: tuple[str, ...] = ()
    """Names of the stored values that differ from the recomputed ones: `plan`, `book.subscriptions`, …"""


def replay(
    services: Services,
    *,
    since: datetime | None = None,
    shuffle: random.Random | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[ReplayResult]:
    """Yield a finding for every account with a decision at or after `since`, in the order of their ids.

    Without `since` the owners of all purchases are recomputed, too.

    `progress` is called after each page with the number of accounts checked and of all accounts.
    """
    with services.database.read() as conn:
        done, number = 0, accounts.count(conn)
    check = OwnersCheck(services)
    for conn, rows in pages(services):
        wanted = [row for row in rows if row.decided_at is not None and (since is None or row.decided_at >= since)]
        terms = services.all_terms(conn)
        try:
            yield from _page(services, conn, wanted, terms, shuffle, check=check)
        except UnreadableError:
            for row in wanted:
                yield from _one(services, conn, row, terms, shuffle, check=check)
        done += len(rows)
        if progress is not None:
            progress(done, number)
    if since is None:
        with services.database.read() as conn:
            for account, key in check.differences(conn):
                yield ReplayResult(account=account, differs=(f"owner of {key}",))


def _page(
    services: Services,
    conn: Connection,
    rows: Sequence[AccountRow],
    terms: Terms,
    shuffle: random.Random | None,
    *,
    check: OwnersCheck,
) -> list[ReplayResult]:
    """Return the findings of some accounts, or raise UnreadableError where one of them is not to be opened."""
    matches = {row.id: opened(services, row) for row in rows}
    stated = news(services, conn, [account for account in matches.values() if account is not None], check.hear)
    return [
        ReplayResult(account=name, erased=True)
        if recorded_account is None
        else _judged(services, recorded_account, [each.fact for each in stated[name]], terms, shuffle)
        for name, recorded_account in matches.items()
    ]


def _one(
    services: Services,
    conn: Connection,
    row: AccountRow,
    terms: Terms,
    shuffle: random.Random | None,
    *,
    check: OwnersCheck,
) -> list[ReplayResult]:
    try:
        return _page(services, conn, [row], terms, shuffle, check=check)
    except UnreadableError as error:
        return [ReplayResult(account=row.id, differs=(f"unreadable: {error.detail}",))]


def recorded(services: Services, conn: Connection, account: str) -> Iterator[Fact]:
    """Yield every fact of an account: the provider's, translated again from the received bodies, and the journal's."""
    row = accounts.get(conn, account)
    recorded_account = opened(services, row) if row is not None else None
    if recorded_account is not None:
        yield from (each.fact for each in news(services, conn, [recorded_account])[recorded_account.row.id])


def _judged(
    services: Services,
    recorded_account: RecordedAccount,
    facts: list[Fact],
    terms: Terms,
    shuffle: random.Random | None,
) -> ReplayResult:
    if shuffle is not None:
        shuffle.shuffle(facts)
    differs = tuple(_differences(recorded_account, Book().with_facts(facts), terms))
    if not differs:
        return ReplayResult(account=recorded_account.row.id)
    # Outside a snapshot an account may have got a decision between the reading of its row and of its facts.
    with services.database.read() as conn:
        row = accounts.get(conn, recorded_account.row.id)
        if row == recorded_account.row:
            return ReplayResult(account=recorded_account.row.id, differs=differs)
        newer = opened(services, row) if row is not None else None
        if newer is None:
            return ReplayResult(account=recorded_account.row.id, erased=True)
        given_facts = [each.fact for each in news(services, conn, [newer])[newer.row.id]]
    return _judged(services, newer, given_facts, terms, shuffle)


def _differences(recorded_account: RecordedAccount, book: Book, terms: Terms) -> Iterator[str]:
    row, stored = recorded_account.row, recorded_account.book
    for page in Book.__struct_fields__:
        if getattr(book, page) != getattr(stored, page):
            yield f"book.{page}"
    if row.decided_at is None:
        return
    state = assess(book, terms, book.word("timezone") or terms.timezone, row.decided_at)
    for name in ("standing", "plan", "access"):
        if str(getattr(state, name)) != getattr(row, name):
            yield name
