"""Owners computed again from every recorded event, and compared: the stored ones are only a cache (I12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kulanz.policy.facts import Fact
from kulanz.processing.account_resolver import said
from kulanz.processing.ownership import Owners, read
from kulanz.providers import Routing
from kulanz.services import Services
from kulanz.store import accounts, bindings
from kulanz.store.bindings import BindingRow
from kulanz.store.database import Connection

_PAGE = 1000


class OwnersCheck:
    """Recomputes owners from all events, in any order, and reports differences from the stored owners."""

    def __init__(self, services: Services) -> None:
        self.heard = Owners(join_by_customer=services.settings.join_by_customer)
        """Owners computed so far."""

    def hear(self, conn: Connection, routing: Routing, facts: Sequence[Fact]) -> None:
        """Join an event's statements about its objects."""
        kept = routing.kept_claim
        is_kept = kept is not None and accounts.exactly(conn, kept) is not None
        for key, value in said(routing, routing.claim or (kept if is_kept else None), facts):
            known = self.heard.get(key)
            self.heard[key] = value if known is None else known.join(value)

    def differences(self, conn: Connection) -> Iterator[tuple[str, str]]:
        """Yield the account and the key of each object with a wrong stored owner.

        Stored claims are joined, too: links, and statements of the provider's API, are in no event.
        """
        stored = {row.key: row for row in _rows(conn) if row.claims is not None}
        for key, row in stored.items():
            value, known = read(row.claims or b""), self.heard.get(key)
            self.heard[key] = value if known is None else known.join(value)
        erased = _Erased(conn)
        for key, row in stored.items():
            account = self.heard.owner(key)
            if account != row.account and not erased(str(account)) and not erased(row.account):
                yield row.account, key


class _Erased(dict[str, bool]):
    """Whether accounts were closed for good, each looked up once."""

    def __init__(self, conn: Connection) -> None:
        super().__init__()
        self._conn = conn

    def __missing__(self, account: str) -> bool:
        row = accounts.get(self._conn, account)
        self[account] = row is not None and row.key is None
        return self[account]

    def __call__(self, account: str) -> bool:
        return self[account]


def _rows(conn: Connection) -> Iterator[BindingRow]:
    after = ""
    while page := bindings.page(conn, after, _PAGE):
        yield from page
        after = page[-1].key
