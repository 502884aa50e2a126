"""The report of an upgrade to one owner for every purchase: who keeps what, and what the next event moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kulanz.privacy.erasure import book_of
from kulanz.services import Services
from kulanz.store import accounts, policies
from kulanz.store.accounts import AccountRow
from kulanz.store.database import Connection

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One account that stands otherwise than purchases with one owner each would have it."""

    account: str
    kind: str
    """`joined`: it keeps a customer's purchases. `shared`: it has a purchase that another account has, too."""
    of: str
    """The provisional account that was joined, or the shared subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeReport:
    """What an upgrade leaves as it is."""

    differences: tuple[Difference, ...]
    accounts: int

    @property
    def changing(self) -> int:
        """How many accounts may lose a purchase by the next event about it."""
        return len({each.account for each in self.differences if each.kind == "shared"})


def report(services: Services) -> UpgradeReport:
    """Return what is otherwise; it opens every account."""
    differences: list[Difference] = []
    holders: dict[str, list[str]] = {}
    with services.database.read() as conn:
        for row in _everyone(conn):
            if row.alias_of is not None:
                differences.append(Difference(account=row.alias_of, kind="joined", of=row.id))
            for key in book_of(services.vault, row).subscriptions:
                holders.setdefault(key, []).append(row.id)
        number = accounts.count(conn)
    shared = [(name, key) for key, names in holders.items() if len(names) > 1 for name in names]
    differences.extend(Difference(account=name, kind="shared", of=key) for name, key in shared)
    found = tuple(sorted(differences, key=lambda each: (each.account, each.kind, each.of)))
    return UpgradeReport(differences=found, accounts=number)


def exceeds_limit(services: Services, found: UpgradeReport) -> bool:
    """Whether more accounts would change than may lose access within an hour."""
    if not found.changing:
        return False
    with services.database.read() as conn:
        if not policies.all(conn):
            return False
        limit = services.terms(conn).current.dunning.mass_action_limit
    return found.changing > max(limit.accounts, limit.share * found.accounts)


def _everyone(conn: Connection) -> Iterator[AccountRow]:
    after = ""
    while page := accounts.everyone(conn, after, _PAGE):
        yield from page
        after = page[-1].id
