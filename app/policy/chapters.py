"""The chapters of the policy beside dunning, disputes and overrides, in the order in which they are read."""

from __future__ import annotations

from app.policy.add_ons.chapter import AddOns
from app.policy.approvals.chapter import Approvals
from app.policy.book import Book
from app.policy.cancelling.chapter import Cancelling
from app.policy.chapter import Chapter
from app.policy.closure.chapter import Closure
from app.policy.collecting.chapter import Collecting
from app.policy.credit.chapter import Credit
from app.policy.moving.chapter import Moving
from app.policy.refunding.chapter import RefundChapter
from app.policy.versions.chapter import Versions

CHAPTERS: tuple[Chapter, ...] = (
    Approvals(),
    Versions(),
    Collecting(),
    AddOns(),
    RefundChapter(),
    Closure(),
    Credit(),
    Moving(),
    Cancelling(),
)


def speaking(book: Book) -> tuple[Chapter, ...]:
    """Return the chapters that have something to say about an account."""
    known, chapters = _LAST[0]
    if known is not book:
        # The same book is asked about a dozen times in a row.
        chapters = tuple(chapter for chapter in CHAPTERS if chapter.speaks(book))
        _LAST[0] = (book, chapters)
    return chapters


_LAST: list[tuple[Book | None, tuple[Chapter, ...]]] = [(None, ())]
