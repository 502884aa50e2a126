"""Report of an upgrade to one owner for every purchase: kept purchases, and possible later changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.book.purchases import Kind, Purchase
from kulanz.policy.state import Access, Standing, State, Terms
from kulanz.privacy.erasure import book_of
from kulanz.queries.replay import recorded
from kulanz.services import Services
from kulanz.store import accounts, policies, timers
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection
from kulanz.store.timers import TimerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An account whose state differs from the result of today's rules."""

    account: str
    kind: str
    """`joined`: it keeps a customer's purchases. `shared`: another account has this purchase, too, and one of them
    loses it after the policy's final warning. `plan`, `access` or `standing`: its next decision changes that."""
    of: str
    """The provisional account that was joined, the shared purchase, or the old and the new value."""
    takes: bool = False
    """Whether the account may have less afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """States that an upgrade leaves unchanged although today's rules differ."""

    differences: tuple[Difference, ...]
    accounts: int

    @property
    def changing(self) -> int:
        """Number of accounts that may lose something by a later decision."""
        return len({each.account for each in self.differences if each.takes})


def report(services: Services) -> UpgradeReport:
    """Return the differences; opens every account."""
    differences: list[Difference] = []
    with services.database.read() as conn:
        for page in _pages(conn):
            joined = [row for row in page if row.alias_of is not None]
            differences.extend(Difference(account=str(row.alias_of), kind="joined", of=row.id) for row in joined)
            differences.extend(_judged_again(services, conn, page))
        number = accounts.count(conn)
    for purchase, names in shared(services).items():
        differences.extend(Difference(account=name, kind="shared", of=purchase.key, takes=True) for name in names)
    found = tuple(sorted(differences, key=lambda each: (each.account, each.kind, each.of)))
    return UpgradeReport(differences=found, accounts=number)


def shared(services: Services) -> dict[Purchase, tuple[str, ...]]:
    """Return the purchases that several accounts have, each with these; it opens every account."""
    holders: dict[Purchase, list[str]] = {}
    with services.database.read() as conn:
        for row in _everyone(conn):
            for purchase in set(_purchases(book_of(services.vault, row))):
                holders.setdefault(purchase, []).append(row.id)
    return {purchase: tuple(names) for purchase, names in sorted(holders.items()) if len(names) > 1}


def exceeds_limit(services: Services, found: UpgradeReport) -> bool:
    """Whether more accounts would change than may lose access within an hour."""
    if not found.changing:
        return False
    with services.database.read() as conn:
        if not policies.all(conn):
            return False
        limit = services.terms(conn).current.dunning.mass_action_limit
    return found.changing > max(limit.accounts, limit.share * found.accounts)


def _purchases(book: Book) -> Iterator[Purchase]:
    yield from (Purchase(Kind.SUBSCRIPTION, key) for key in book.subscriptions)
    yield from (Purchase(Kind.ORDER, key) for key in book.orders)
    yield from (Purchase(Kind.ORDER, licence.seen.order or key) for key, licence in book.licences.items())


def last_standing(row: AccountRow, book: Book, terms: Terms, stored: Sequence[TimerRow], now: datetime) -> State | None:
    """Return today's rules' result at the last time for which the stored plan and access are known to be right.

    An earlier version would have checked the account when one of its stored timers was due; until then the account kept
    its state. The time is no later than the end of the final warning, which announces every later loss in time.
    """
    if row.key is None or row.decided_at is None:
        return None
    zone = book.word("timezone") or terms.timezone
    until = terms.under(book, now).current.dunning.final_warning.after(now, zone)
    looked_at = min((timer.due_at - _BEFORE for timer in stored), default=until)
    return assess(book, terms, zone, max(row.decided_at, min(until, looked_at)), with_timers=False)


def _judged_again(services: Services, conn: Connection, page: Sequence[AccountRow]) -> Iterator[Difference]:
    """Yield the differences of a page, with books rebuilt from all recorded facts."""
    terms, now = services.all_terms(conn), services.clock.now(conn)
    stored = [account for row in page if row.alias_of is None and (account := recorded.opened(services, row))]
    news = recorded.news(services, conn, stored)
    for account in stored:
        row, book = account.row, Book().with_facts(each.fact for each in news[account.row.id])
        yield from _judged(row, last_standing(row, book, terms, timers.of_account(conn, row.id), now), terms)


def _judged(row: AccountRow, state: State | None, terms: Terms) -> Iterator[Difference]:
    """Yield the results of today's rules that differ from the account's stored state."""
    if state is None:
        return
    rank = terms.catalogue.rank
    less = {
        "plan": rank(state.plan) < rank(row.plan),
        "access": state.access.rank < Access(row.access).rank,
        "standing": _STANDINGS.index(state.standing) > _STANDINGS.index(Standing(row.standing)),
    }
    for kind, takes in less.items():
        old, new = str(getattr(row, kind)), str(getattr(state, kind))
        if old != new:
            yield Difference(account=row.id, kind=kind, of=f"{old} -> {new}", takes=takes)


_BEFORE = timedelta(microseconds=1)
_STANDINGS = (Standing.GOOD, Standing.GRACE, Standing.ON_HOLD, Standing.SUSPENDED, Standing.CLOSED)


def _everyone(conn: Connection) -> Iterator[AccountRow]:
    for page in _pages(conn):
        yield from page


def _pages(conn: Connection) -> Iterator[list[AccountRow]]:
    after = ""
    while page := accounts.everyone(conn, after, recorded.ACCOUNTS_PER_PAGE):
        yield page
        after = page[-1].id
