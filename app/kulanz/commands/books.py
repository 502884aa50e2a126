"""Rebuilds the stored books from the recorded facts: a book is a cache, and a new version may keep more in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from kulanz.crypto import places
from kulanz.policy.areas.keeping.area import KEPT_END, is_less
from kulanz.policy.areas.renewals import overdue
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.book.keeping import PLAN
from kulanz.policy.facts import DeadlinePromised, Fact, KeptAfterUpgrade
from kulanz.policy.state import Case, CaseState, Moment, Terms
from kulanz.privacy import statements
from kulanz.processing import case_rows, outbox
from kulanz.processing.search_words import digests
from kulanz.processing.waiting import waiting
from kulanz.queries.ownership import last_standing
from kulanz.queries.replay.recorded import ACCOUNTS_PER_PAGE, RecordedAccount, news, opened
from kulanz.services import Services
from kulanz.store import accounts, case_index, codec, journal, search_index, shared_values, timers, todos
from kulanz.store.accounts import AccountRow
from kulanz.store.case_index import CaseRow
from kulanz.store.journal import JournalRow
from kulanz.store.timers import TimerRow
from kulanz.store.todos import TodoRow

FORM = 5
"""Version of the rules by which a book is made, and of what a decision promises and checks.

2: the history of each subscription's snapshots; no mails to operators. 3: overdue renewals, and a whole final warning
for cases that other rules kept from a hold, and for plans that other rules gave. 4: to-do items.
5: plan, step and deadline of each case; names of customers, and the words by which accounts are found.
"""
_NAME = "form_of_books"


class _Upgraded(NamedTuple):
    """Parts of an account's projection that this version writes in addition to an older version's."""

    book: Book
    facts: tuple[DeadlinePromised | KeptAfterUpgrade, ...] = ()
    timers: tuple[TimerRow, ...] = ()
    todos: tuple[TodoRow, ...] = ()
    cases: tuple[CaseRow, ...] = ()
    found_by: frozenset[bytes] = frozenset()
    """Hashes to search by that are not there yet."""


def rebuild(services: Services) -> int:
    """Bring every book to today's form and return how many accounts changed.

    No decision is made, so no state changes here: access that other rules kept from a hold gets a warning first. The
    run may be stopped at any time and is then repeated; once it is complete, a note in the database prevents more.
    """
    with services.database.read() as conn:
        if shared_values.get(conn, _NAME) == FORM:
            return 0
    changed = _rebuild_all(services)
    with services.database.write() as tx:
        shared_values.put(tx, _NAME, FORM)
    return changed


def _rebuild_all(services: Services) -> int:
    changed, after = 0, None
    while names := _ids(services, after):
        after, left = names[-1], names
        while left:  # Those that were decided about meanwhile are read again.
            outdated = _outdated(services, left)
            replaced = {account.row.id for account, upgraded in outdated if _replaced(services, account, upgraded)}
            changed += len(replaced)
            left = [account.row.id for account, _ in outdated if account.row.id not in replaced]
    return changed


def _ids(services: Services, after: str | None) -> list[str]:
    with services.database.read() as conn:
        return accounts.ids(conn, after, ACCOUNTS_PER_PAGE)


def _outdated(services: Services, names: list[str]) -> list[tuple[RecordedAccount, _Upgraded]]:
    """Return the accounts that an older version wrote otherwise, with their data of this version."""
    with services.database.read() as conn:
        rows = [row for name in names if (row := accounts.exactly(conn, name)) is not None]
        stored = [account for row in rows if (account := opened(services, row)) is not None]
        recorded = news(services, conn, stored)
        terms, now = services.terms(conn), services.clock.now(conn)
        looks = {account.row.id: timers.of_account(conn, account.row.id) for account in stored}
        hashes = {account.row.id: search_index.of_account(conn, account.row.id) for account in stored}
    facts = {account.row.id: [each.fact for each in recorded[account.row.id]] for account in stored}
    books = [(account, Book().with_facts(facts[account.row.id])) for account in stored]
    upgraded = [(account, _upgraded(account, book, terms, looks[account.row.id], now)) for account, book in books]
    upgraded = [
        (account, new._replace(found_by=_found_by(services, account, facts, hashes))) for account, new in upgraded
    ]
    return [(account, new) for account, new in upgraded if new != _Upgraded(account.book)]


def _found_by(
    services: Services,
    account: RecordedAccount,
    facts: Mapping[str, Sequence[Fact]],
    hashes: Mapping[str, Collection[bytes]],
) -> frozenset[bytes]:
    """Return the hashes to search an account by that are not there yet."""
    return frozenset(digests(services.vault, facts[account.row.id], Book()).difference(hashes[account.row.id]))


def _upgraded(
    account: RecordedAccount, book: Book, terms: Terms, stored: Sequence[TimerRow], now: datetime
) -> _Upgraded:
    moment = Moment(terms.under(book, now), book.word("timezone") or terms.timezone, now)
    state = assess(book, terms, moment.zone, now)
    promises = tuple(_promises(state.cases, moment))
    kept = tuple(_kept(account.row, book, terms, stored, moment))
    looks = [
        *((promise.case, "grace_warning", now) for promise in promises),
        *((look.subject, look.kind, look.due_at) for look in overdue.looks(state, book, moment)),
    ]
    looks += [(fact.subject, KEPT_END, fact.until) for fact in kept]
    rows = tuple(TimerRow(account.row.id, kind, subject, due_at) for subject, kind, due_at in looks)
    facts: tuple[DeadlinePromised | KeptAfterUpgrade, ...] = (*promises, *kept)
    waits = tuple(waiting(account.row.id, state, book, moment)) if book.alerts else ()
    listed = tuple(case_rows.of_state(account.row.id, state, book, now))
    return _Upgraded(book.with_facts(facts), facts, rows, waits, listed)


def _kept(
    row: AccountRow, book: Book, terms: Terms, stored: Sequence[TimerRow], moment: Moment
) -> Iterator[KeptAfterUpgrade]:
    """Yield the plan and access that an account was last given, where today's rules give less, for a final warning."""
    state = last_standing(row, book, terms, stored, moment.at)
    if state is not None and is_less(state, row.plan, row.access, terms):
        until = moment.terms.current.dunning.final_warning.after(moment.at, moment.zone)
        yield KeptAfterUpgrade(subject=PLAN, until=until, at=moment.at, plan=row.plan, access=row.access)


def _promises(cases: Iterable[Case], moment: Moment) -> Iterator[DeadlinePromised]:
    """Yield a deadline with room for a whole final warning for each case that could be held at once."""
    for case in cases:
        rules = case.policy.dunning
        if case.state is CaseState.GRACE and case.frozen_since is None and case.deadline <= moment.at and rules.grace:
            yield DeadlinePromised(case=case.key, deadline=rules.final_warning.after(moment.at, moment.zone))


def _replaced(services: Services, account: RecordedAccount, upgraded: _Upgraded) -> bool:
    """Store this version's data of an account, unless the account got a decision since it was read."""
    name, key = account.row.id, account.key
    with services.database.write() as tx:
        row = accounts.lock(tx, [name], services.vault.new_data_key)[name]
        if row != account.row:
            return False
        now = services.clock.now(tx)
        for fact in upgraded.facts:
            kind = type(fact).__name__
            sealed = key.seal(codec.encode(fact), places.fact(name, kind, now))
            if isinstance(fact, KeptAfterUpgrade):
                outbox.alert(services, tx, topic="plan_kept", subject=name, account=name)
            journal.append(tx, [JournalRow(name, now, kind, sealed, row.seq or None)])
        timers.add(tx, upgraded.timers)
        todos.add(tx, upgraded.todos)
        case_index.put(tx, upgraded.cases)
        search_index.add(tx, {(each, name) for each in upgraded.found_by})
        sealed = key.seal(codec.pack_book(upgraded.book), places.book(name))
        accounts.save(tx, [msgspec.structs.replace(row, book=sealed)])
        statements.restate(services.vault, tx, [name])
    return True
