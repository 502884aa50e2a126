"""The end of sharing: a purchase of two accounts goes to its owner after the policy's whole final warning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from kulanz.policy.areas.area import Area
from kulanz.policy.book import Book
from kulanz.policy.state import Moment, State, Timer

SHARED_END = "shared_end"


class SharingArea(Area):
    """Purchases that an earlier version gave to two accounts: both keep them until a time that was announced."""

    families: ClassVar[tuple[str, ...]] = ("shared",)

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when only the owner has a purchase; moving it is no decision about one account."""
        yield from (Timer(SHARED_END, key, book.shared[key].until) for key in sorted(kept(book, moment.at)))


def kept(book: Book, now: datetime) -> frozenset[str]:
    """Return the purchases that an account keeps, whoever owns them."""
    return frozenset(key for key, shared in book.shared.items() if shared.until > now)
