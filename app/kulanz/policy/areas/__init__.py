"""The areas of the policy, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from inspect import isfunction
from operator import attrgetter

from kulanz.policy.areas.add_ons.area import AddOns
from kulanz.policy.areas.approvals.area import Approvals
from kulanz.policy.areas.area import Chapter
from kulanz.policy.areas.cancellation.area import Cancelling
from kulanz.policy.areas.closure.area import Closure
from kulanz.policy.areas.collections.area import Collecting
from kulanz.policy.areas.credit.area import Credit
from kulanz.policy.areas.disputes.area import Disputes
from kulanz.policy.areas.dunning.area import Dunning
from kulanz.policy.areas.migration.area import Moving
from kulanz.policy.areas.overrides.area import Overrides
from kulanz.policy.areas.refunds.area import RefundChapter
from kulanz.policy.areas.renewals.area import Renewals
from kulanz.policy.areas.subscriptions.area import Subscriptions
from kulanz.policy.areas.versions.area import Versions
from kulanz.policy.book import Book

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
