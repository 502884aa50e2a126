"""Before and after an effect is carried out: whether its matter still wants it, and what its outcome means."""

from __future__ import annotations

from datetime import datetime

from kulanz.policy.areas import speaking
from kulanz.policy.book import Book
from kulanz.policy.effects import Effect, SendLetter, SendMail
from kulanz.policy.facts import NoticeReported, Outcome, OwnFact
from kulanz.policy.state import State


def still_wanted(effect: Effect, state: State, book: Book) -> bool:
    """Whether an effect's matter still wants it: an effect looks again before it is sent (CONTRACT section 4)."""
    answers = (chapter.wants(effect, state, book) for chapter in speaking(book, "wants"))
    return next((answer for answer in answers if answer is not None), True)


def reported(effect: Effect, outcome: Outcome, at: datetime, book: Book) -> tuple[OwnFact, ...]:
    """Return the facts that the outcome of an effect is; `book` knows already what was read on the way."""
    if isinstance(effect, SendMail | SendLetter):
        told = NoticeReported(subject=effect.subject, kind=effect.notice, step=effect.step, at=at, outcome=outcome)
        return (told,)
    chapters = speaking(book, "reported")
    return tuple(fact for chapter in chapters for fact in chapter.reported(effect, outcome, at, book))
