"""Before and after an outgoing action: whether it is still wanted, and the meaning of its outcome."""

from __future__ import annotations

from datetime import datetime

from kulanz.policy.areas import areas_for
from kulanz.policy.book import Book
from kulanz.policy.effects import OPERATORS_NOTICE, Effect, SendLetter, SendMail, in_place_of_mail
from kulanz.policy.facts import NoticeReported, Outcome, OwnFact
from kulanz.policy.state import State


def still_wanted(effect: Effect, state: State, book: Book) -> bool:
    """Whether an outgoing action is still wanted: this is checked again before it is sent (CONTRACT section 4)."""
    effect = in_place_of_mail(effect)
    answers = (area.still_wanted(effect, state, book) for area in areas_for(book, "still_wanted"))
    return next((answer for answer in answers if answer is not None), True)


def reported(effect: Effect, outcome: Outcome, at: datetime, book: Book) -> tuple[OwnFact, ...]:
    """Return the facts for an outcome; `book` already has what was read on the way."""
    effect = in_place_of_mail(effect)
    if isinstance(effect, SendMail | SendLetter):
        if effect.notice == OPERATORS_NOTICE:
            return ()
        given_fact = NoticeReported(
            subject=effect.subject,
            kind=effect.notice,
            step=effect.step,
            at=at,
            outcome=outcome,
            words=effect.words.digest if effect.words and outcome is not Outcome.WITHDRAWN else None,
        )
        return (given_fact,)
    areas = areas_for(book, "reported")
    return tuple(fact for area in areas for fact in area.reported(effect, outcome, at, book))
