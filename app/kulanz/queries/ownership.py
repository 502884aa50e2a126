"""The report of an upgrade to one owner for every purchase: who keeps what, and what later decisions may change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.book.purchases import Kind, Purchase
from kulanz.policy.state import Access, Standing, Terms
from kulanz.privacy.erasure import book_of
from kulanz.services import Services
from kulanz.store import accounts, policies
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One account that stands otherwise than today's rules would have it."""

    account: str
    kind: str
    """`joined`: it keeps a customer's purchases. `shared`: another account has this purchase, too, and one of them
    loses it after the policy's final warning. `plan`, `access` or `standing`: its next decision changes that."""
    of: str
    """The provisional account that was joined, the shared purchase, or what it is and what it becomes."""
    takes: bool = False
    """Whether the account may have less afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """What an upgrade leaves as it is."""

    differences: tuple[Difference, ...]
    accounts: int

    @property
    def changing(self) -> int:
        """How many accounts may have less by a later decision."""
        return len({each.account for each in self.differences if each.takes})


def report(services: Services) -> UpgradeReport:
    """Return what is otherwise; it opens every account."""
    differences: list[Difference] = []
    with services.database.read() as conn:
        terms = services.all_terms(conn)
        for row in _everyone(conn):
            if row.alias_of is not None:
                differences.append(Difference(account=row.alias_of, kind="joined", of=row.id))
            differences.extend(_judged(row, book_of(services.vault, row), terms))
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


def _judged(row: AccountRow, book: Book, terms: Terms) -> Iterator[Difference]:
    """Yield what today's rules would have given at the last decision, where that is something else."""
    if row.key is None or row.decided_at is None:
        return
    state = assess(book, terms, book.word("timezone") or terms.timezone, row.decided_at)
    rank = terms.catalogue.rank
    less = {
        "plan": rank(state.plan) < rank(row.plan),
        "access": _ACCESS.index(state.access) < _ACCESS.index(Access(row.access)),
        "standing": _STANDINGS.index(state.standing) > _STANDINGS.index(Standing(row.standing)),
    }
    for kind, takes in less.items():
        old, new = str(getattr(row, kind)), str(getattr(state, kind))
        if old != new:
            yield Difference(account=row.id, kind=kind, of=f"{old} -> {new}", takes=takes)


_ACCESS = (Access.NONE, Access.FREE, Access.FULL)
_STANDINGS = (Standing.GOOD, Standing.GRACE, Standing.ON_HOLD, Standing.SUSPENDED, Standing.CLOSED)


def _everyone(conn: Connection) -> Iterator[AccountRow]:
    after = ""
    while page := accounts.everyone(conn, after, _PAGE):
        yield from page
        after = page[-1].id
