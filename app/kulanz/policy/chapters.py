"""The areas of the policy, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import isfunction
from operator import attrgetter

from kulanz.policy.add_ons.chapter import AddOns
from kulanz.policy.approvals.chapter import Approvals
from kulanz.policy.book import Book
from kulanz.policy.cancelling.chapter import Cancelling
from kulanz.policy.chapter import Chapter
from kulanz.policy.closure.chapter import Closure
from kulanz.policy.collecting.chapter import Collecting
from kulanz.policy.credit.chapter import Credit
from kulanz.policy.disputes_chapter import Disputes
from kulanz.policy.dunning_chapter import Dunning
from kulanz.policy.moving.chapter import Moving
from kulanz.policy.overrides_chapter import Overrides
from kulanz.policy.refunding.chapter import RefundChapter
from kulanz.policy.renewals_chapter import Renewals
from kulanz.policy.subscriptions_chapter import Subscriptions
from kulanz.policy.versions.chapter import Versions

CHAPTERS: tuple[Chapter, ...] = (
    # Cases decide what subscriptions give; that decides how far a chargeback reaches; a chargeback freezes cases.
    Dunning(),
    Subscriptions(),
    Renewals(),
    Disputes(),
    Overrides(),
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
HOOKS = tuple(name for name, value in vars(Chapter).items() if isfunction(value))
"""What each of them may be asked."""
LINES = {kind: line for chapter in CHAPTERS for kind, line in chapter.lines.items()}
ASKS = {cause: asks for chapter in CHAPTERS for cause, asks in chapter.asks.items()}
_FAMILIES = tuple(sorted({family for chapter in CHAPTERS for family in chapter.about}))
_pages = attrgetter(*_FAMILIES)


def speaking(book: Book, of: str) -> tuple[Chapter, ...]:
    """Return the chapters that have something to say about an account under one hook of theirs, by its name."""
    known, voices = _LAST[0]
    if known is not book:
        # The same book is asked about a dozen times in a row.
        voices = _voices(tuple(map(bool, _pages(book))))
        _LAST[0] = (book, voices)
    return voices[of]


@cache
def _voices(filled: tuple[bool, ...]) -> Mapping[str, tuple[Chapter, ...]]:
    """Return by hook which chapters answer to it where these families of a book have something."""
    known = {family for family, is_filled in zip(_FAMILIES, filled, strict=True) if is_filled}
    asked = [chapter for chapter in CHAPTERS if known.intersection(chapter.about)]
    return {hook: tuple(one for one in asked if _answers(one, hook)) for hook in HOOKS}


def _answers(chapter: Chapter, hook: str) -> bool:
    """Whether a chapter says anything under a hook of its own."""
    return getattr(type(chapter), hook) is not getattr(Chapter, hook)


_LAST: list[tuple[Book | None, Mapping[str, tuple[Chapter, ...]]]] = [(None, {})]
