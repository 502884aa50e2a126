"""Dunning levels: letter after letter while a debt is unpaid, never two of a case within an hour (dunning-at 4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from kulanz.policy import facts as f
from kulanz.policy.areas import settling
from kulanz.policy.areas.dunning import enforcement
from kulanz.policy.areas.dunning.notices import LETTER, asked_for
from kulanz.policy.book import Book
from kulanz.policy.book.own import RequestLog
from kulanz.policy.calendar.time import Span
from kulanz.policy.document.collections import LevelRules
from kulanz.policy.facts import Outcome, OwnFact
from kulanz.policy.state import Case, CaseState, Moment, Timer

NOTICE = LETTER
MIN_GAP_BETWEEN_LETTERS = timedelta(hours=1)
"""How long after any other step of its case a letter goes out at the earliest."""
_PURSUED = frozenset({CaseState.GRACE, CaseState.ON_HOLD, CaseState.EXHAUSTED})
_MAY_HAVE_COME = frozenset({Outcome.ASKED, Outcome.UNKNOWN, Outcome.DONE})


def pursued(case: Case) -> bool:
    """Whether dunning letters of a case go out: no dispute, no waiver, no hand-over, nothing that stops them."""
    return case.state in _PURSUED and case.frozen_since is None


def sent(case: Case, book: Book) -> dict[int, RequestLog]:
    """Return the letters that were asked for in a case, by level."""
    matches: dict[int, RequestLog] = {}
    for name in case.names:
        for step, request_log in book.notices_about(name).of(NOTICE):
            matches[step] = matches[step].join(request_log) if step in matches else request_log
    return matches


def reached(case: Case, book: Book) -> int:
    """Return the highest level whose letter was asked for; 0: none."""
    return max(sent(case, book), default=0)


def level(case: Case, step: int) -> LevelRules | None:
    """Return the rules of a level, where the case's policy has it."""
    levels = case.policy.dunning.levels
    return levels[step - 1] if 0 < step <= len(levels) else None


def fee(case: Case, step: int) -> int:
    """Return the fee of a level in the currency of its case, in minor units."""
    rules = level(case, step)
    return dict(rules.fee).get(case.currency or "", 0) if rules else 0


def fees(case: Case, book: Book) -> int:
    """Return the sum of the fees of a case so far; a letter that cannot have arrived costs nothing."""
    return sum(fee(case, step) for step, request_log in sent(case, book).items() if charged(request_log))


def fees_due(case: Case, book: Book) -> int:
    """Return the part of the fees that no transfer has paid."""
    invoice = book.invoice(case.invoice) if case.invoice and book.transfers else None
    charges = fees(case, book)
    if invoice is None:
        return charges
    beyond = settling.credited(book, invoice) - settling.claimed(book, invoice)
    return max(charges - max(beyond, 0), 0)


def charged(letter: RequestLog) -> bool:
    """Whether a letter may have come, so that its fee is owed."""
    return letter.outcome in _MAY_HAVE_COME


def due(case: Case, book: Book, moment: Moment) -> Iterator[OwnFact]:
    """Yield the letter that is due, unless the case takes another step now: then it comes an hour after that."""
    following = _following(case, book, moment.zone) if pursued(case) else None
    if following is None or following[1] > moment.at or moment.situation.facts_missing:
        return
    others = (f.NoticeReported, f.HoldPlaced, f.CaseExhausted)
    if not any(isinstance(act, others) for act in enforcement.due(case, book, moment)):
        yield asked_for(case.key, NOTICE, following[0], moment.at)


def timers(case: Case, book: Book, moment: Moment) -> Iterator[Timer]:
    """Yield when the next letter is due."""
    following = _following(case, book, moment.zone) if pursued(case) else None
    if following is not None and following[1] > moment.at:
        yield Timer(NOTICE, f"{case.key}|{following[0]}", following[1])


def _following(case: Case, book: Book, zone: str) -> tuple[int, datetime] | None:
    """Return the next level and when its letter is due."""
    existing = sent(case, book)
    step = max(existing, default=0) + 1
    rules, before = level(case, step), level(case, step - 1)
    begun = _begun(case, book)
    if rules is None or begun is None:
        return None
    last = existing.get(step - 1)
    if last is not None and before is not None and last.at >= begun:
        due = _after(last.at, _gap(before.after, rules.after), case, book, zone)
    else:
        due = _after(begun, rules.after, case, book, zone)
    due = max(due, _last_step(case, book) + MIN_GAP_BETWEEN_LETTERS)
    return step, case.policy.notices.at_or_after(due, zone)


def _begun(case: Case, book: Book) -> datetime | None:
    if case.policy.dunning.levels_from == "overdue":
        return case.opened_at
    return book.case(case.key).exhausted_at if case.state is CaseState.EXHAUSTED else None


def _gap(earlier: Span, later: Span) -> Span:
    return Span(days=later.days - earlier.days, rest=later.rest - earlier.rest)


def _after(start: datetime, span: Span, case: Case, book: Book, zone: str) -> datetime:
    """Return the instant a span later, not counting the time for which a dispute stopped the clock."""
    due = span.after(start, zone)
    stops = {stop for name in case.names for stop in book.case(name).paused}
    for since, until in sorted(stops):
        if until > start and since < due:
            due += until - max(since, start)
    return due


def _last_step(case: Case, book: Book) -> datetime:
    """Return when a case last took a step that was announced to its customer."""
    stated = (request_log.at for name in case.names for request_log in book.notices_about(name).sent.values())
    taken = (at for at in (case.held_at, book.case(case.key).exhausted_at) if at is not None)
    return max([*stated, *taken], default=case.opened_at - MIN_GAP_BETWEEN_LETTERS)
