"""Cache of entitlements in this process: bounded, thread-safe, ordered by version."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock

from kulanz_client.entitlement import Entitlement, Source


@dataclass(frozen=True, slots=True)
class Entry:
    """An entitlement and when Kulanz said so."""

    entitlement: Entitlement
    etag: str | None
    """None if it came by a callback."""
    at: float
    """Reading of the client's clock, in seconds."""
    fresh: bool = True
    """False: good enough as last known, to be asked about again."""

    def shown(self, source: Source, now: float) -> Entitlement:
        """Return the entitlement with its source and age."""
        return replace(self.entitlement, source=source, age=timedelta(seconds=max(now - self.at, 0.0)))


class Cache:
    """Entries by account id; the least recently used are dropped first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._lock = Lock()

    def get(self, account_id: str) -> Entry | None:
        """Return the entry."""
        with self._lock:
            entry = self._entries.get(account_id)
            if entry is not None:
                self._entries.move_to_end(account_id)
            return entry

    def answered(self, account_id: str, before: Entry | None, entry: Entry) -> Entry:
        """Store an answer and return the present entry.

        The answer counts with an earlier version too, so that a restored database is believed. The exception is a
        callback that arrived between question and answer (`before` is no longer the entry) with a later version.
        """
        with self._lock:
            current = self._entries.get(account_id)
            if current is not None and current is not before and _later(current.entitlement, entry.entitlement):
                return current
            self._put(account_id, entry)
            return entry

    def called_back(self, account_id: str, entry: Entry) -> bool:
        """Store a callback's entitlement if its version is later than the entry's; return False if it is stale.

        Without an entry the callback may be an old one, retried for days: it is stored as last known, not as fresh.
        """
        with self._lock:
            current = self._entries.get(account_id)
            if current is None:
                self._put(account_id, replace(entry, fresh=False))
            elif _later(entry.entitlement, current.entitlement):
                self._put(account_id, entry)
            else:
                return current.entitlement.version == entry.entitlement.version
            return True

    def _put(self, account_id: str, entry: Entry) -> None:
        self._entries[account_id] = entry
        self._entries.move_to_end(account_id)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


def _later(item: Entitlement, other: Entitlement) -> bool:
    """Whether a version is later; versions of two accounts (an id that moved to another account) are not compared."""
    return item.account_id == other.account_id and item.version > other.version
