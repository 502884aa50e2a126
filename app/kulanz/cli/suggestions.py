"""Suggestions for an account id that does not exist: ids that are spelt alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kulanz.errors import NotFoundError

if TYPE_CHECKING:
    from kulanz.services import Services


@contextmanager
def near_misses(opened: Services, ident: str) -> Iterator[None]:
    """Add possible accounts, and their stuck events, to the error of the block if it finds no account."""
    try:
        yield
    except NotFoundError as error:
        raise NotFoundError("; ".join([error.detail, *_hints(opened, ident)])) from error


def _hints(opened: Services, ident: str) -> Iterator[str]:
    from kulanz.queries.account_search import search
    from kulanz.store import pages

    names = search(opened, ident)[:3]
    if names:
        yield f"did you mean {', '.join(names)}?"
    with opened.database.read() as conn:
        stuck = [
            event_line for event_line in pages.events(conn, account=ident, limit=20) if event_line.state != "handled"
        ]
    if stuck:
        yield f"its event evt_{stuck[0].id} is {stuck[0].state}: `kulanz events show evt_{stuck[0].id}`"
