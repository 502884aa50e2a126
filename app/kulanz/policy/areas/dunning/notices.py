"""Reminders and the final warning of a dunning case: due, sent, and delivered in time (I2, I5)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from kulanz.policy import facts as f
from kulanz.policy.areas.addresses import mail_address
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.book import Book
from kulanz.policy.book.own import RequestLog
from kulanz.policy.calendar.hours import day_after, local_day
from kulanz.policy.calendar.time import Span
from kulanz.policy.facts import Outcome, OwnFact
from kulanz.policy.state import Case, CaseState, Decision, Moment, State, Timer

WARNING = "grace_warning"
WARNING_CALLBACK = f"{WARNING}.callback"
"""The same warning on its second channel, whose delivery counts where the policy says `warn_by = "callback"`."""
REMINDER = "grace_reminder"
GRACE_STARTED = "grace_started"
LETTER = "dunning_level"
CASE_NOTICES = frozenset({GRACE_STARTED, REMINDER, WARNING})
LATE = timedelta(hours=1)
"""A notice later than this belongs to a catch-up, in which a case gets one notice at most."""


def due(case: Case, book: Book, moment: Moment) -> list[OwnFact]:
    """Return the notices whose time has come; in a catch-up only the one that matters most."""
    now, last = moment.at, last_warning(case, book)
    warning_at = _warning_at(case, moment.zone)
    ready = [reminder for reminder in _open_reminders(case, last, book, moment.zone) if reminder[1] <= now]
    if case.policy.notices.one_a_day and local_day(now, moment.zone) >= local_day(warning_at, moment.zone):
        ready = []
    wanted = now >= warning_at and not _announced(case, last)
    if not (ready or wanted):
        return _start(case, book, moment)
    late = [at for at in (*(at for _, at in ready), *([warning_at] if wanted else [])) if now - at > LATE]
    if late:
        ready = [] if wanted else ready[-1:]
    facts: list[OwnFact] = [asked_for(case.key, REMINDER, step, now) for step, _ in ready]
    return [*facts, *warn(case, book, moment)] if wanted else facts


def warn(case: Case, book: Book, moment: Moment) -> list[OwnFact]:
    """Send a warning; where it can no longer be in time, move the deadline so that the promised notice is given."""
    rules, now, zone = case.policy.dunning, moment.at, moment.zone
    if given_up(case, book, zone):
        return []
    needed = rules.warning_notice.after(now, zone)
    in_time = needed <= case.deadline
    # A mail takes a while: where both spans end at the same time it would never be in time.
    deadline = case.deadline if in_time else max(rules.final_warning.after(now, zone), needed + LATE)
    last = last_warning(case, book)
    fact = asked_for(case.key, WARNING, last[0] + 1 if last else 1, now, deadline)
    return [fact] if in_time else [fact, f.DeadlinePromised(case=case.key, deadline=deadline)]


def given_up(case: Case, book: Book, zone: str) -> bool:
    """Whether as many warnings failed to arrive in time as the policy allows, since the case began or was extended."""
    since = exceptions.extended_at(book) if book.overrides else None
    failed = [
        step
        for step, request_log in _warnings(case, book)
        if (since is None or request_log.at >= since) and not _arrived(case, book, step, zone, request_log.seen)
    ]
    return len(failed) >= case.policy.dunning.max_warnings


def warned_in_time(case: Case, book: Book, moment: Moment) -> bool:
    """Whether a warning that announced this deadline was delivered as long ago as the policy promises (I2)."""
    return any(
        _announced(case, (step, request_log)) and _arrived(case, book, step, moment.zone, moment.at)
        for step, request_log in _warnings(case, book)
    )


def timers(case: Case, book: Book, moment: Moment) -> list[Timer]:
    """Return when the next reminders and the warning are due."""
    now, last = moment.at, last_warning(case, book)
    stored_timers = [
        Timer("grace_reminder", f"{case.key}|{step}", at)
        for step, at in _open_reminders(case, last, book, moment.zone)
        if now < at < case.deadline
    ]
    warning_at = _warning_at(case, moment.zone)
    if warning_at > now and not _announced(case, last):
        stored_timers.append(Timer("grace_warning", case.key, warning_at))
    start_at = _start_at(case, book, moment.zone)
    if start_at is not None and start_at > now:
        stored_timers.append(Timer("grace_started", case.key, start_at))
    return stored_timers


def one_a_day(acts: list[OwnFact], state: State, book: Book, written_to: Collection[str]) -> list[OwnFact]:
    """Return the steps without the reminders that another notice of the day to the same address puts off."""
    if not any(isinstance(act, f.NoticeReported) and act.kind == REMINDER for act in acts):
        return acts
    kept: list[OwnFact] = []
    others = (act for act in acts if isinstance(act, f.NoticeReported) and act.kind != REMINDER)
    noticed = {*written_to, *(_recipient(act.subject, book) for act in others)}
    for act in acts:
        if isinstance(act, f.NoticeReported) and act.kind == REMINDER:
            case, to = state.case(act.subject), _recipient(act.subject, book)
            waits = to in noticed or None in noticed
            if waits and case is not None and case.policy.notices.one_a_day:
                continue
            noticed.add(to)
        kept.append(act)
    return kept


def one_a_day_for(decision: Decision, zone: str, now: datetime) -> dict[str, datetime]:
    """Return the addresses that get one notice a day and now a reminder, each with the hours of the next day."""
    found: dict[str, datetime] = {}
    for act in decision.facts:
        if isinstance(act, f.NoticeReported) and act.kind == REMINDER:
            case = decision.state.case(act.subject)
            to = mail_address(case.subscription, decision.account.book) if case is not None else None
            if to is not None and case is not None and case.policy.notices.one_a_day:
                found[to] = case.policy.notices.at_or_after(day_after(now, zone), zone)
    return found


def superseded(case: Case, book: Book, kind: str, step: int) -> bool:
    """Whether a notice is no longer wanted: the case moved on, or a later warning took its place."""
    if case.state is not CaseState.GRACE or case.frozen_since is not None:
        return True
    last = last_warning(case, book)
    # A second warning moved the deadline that the reminders name.
    quoted = step if kind == WARNING else 1
    return kind in {WARNING, REMINDER} and last is not None and last[0] > quoted


def last_warning(case: Case, book: Book) -> tuple[int, RequestLog] | None:
    """Return the step and outcome of the latest warning of a case."""
    requested = _asked(case, book, WARNING)
    return max(requested, key=lambda item: item[0]) if requested else None


def asked_for(subject: str, kind: str, step: int, now: datetime, deadline: datetime | None = None) -> f.NoticeReported:
    """Return the fact that a notice is about to be sent."""
    return f.NoticeReported(subject=subject, kind=kind, step=step, at=now, outcome=Outcome.ASKED, deadline=deadline)


def next_step(subject: str, kind: str, book: Book) -> int:
    """Return the number of the next notice of a kind about a subject."""
    return max((step for step, _ in book.notices_about(subject).of(kind)), default=0) + 1


def _start(case: Case, book: Book, moment: Moment) -> list[OwnFact]:
    """Return the notice that grace has begun, where it waits for the hours in which notices go out."""
    at = _start_at(case, book, moment.zone)
    is_due = at is not None and at <= moment.at
    return [asked_for(case.key, GRACE_STARTED, next_step(case.key, GRACE_STARTED, book), moment.at)] if is_due else []


def _start_at(case: Case, book: Book, zone: str) -> datetime | None:
    """Return when to tell the customer that grace has begun; None where another notice, or the provider, does so."""
    rules = case.policy.notices
    if rules.hours is None or case.policy.dunning.is_mailed_by_provider(case.subscription):
        return None
    logs = (log for name in case.names for log in book.notices_about(name).sent.values())
    return None if any(log.at >= case.opened_at for log in logs) else rules.at_or_after(case.opened_at, zone)


def _warning_at(case: Case, zone: str) -> datetime:
    """Return when the final warning goes out: where its time lies outside the hours, in the last of them before."""
    return case.policy.notices.at_or_before(case.policy.dunning.final_warning.before(case.deadline, zone), zone)


def _reminder_at(case: Case, span: Span, book: Book, zone: str) -> datetime:
    """Return when a reminder goes out: in the next of the hours, and on a day without another notice."""
    rules = case.policy.notices
    at = rules.at_or_after(span.after(case.opened_at, zone), zone)
    last = _last_notice(mail_address(case.subscription, book), book) if rules.one_a_day else None
    if last is not None and local_day(last, zone) >= local_day(at, zone):
        return rules.at_or_after(day_after(last, zone), zone)
    return at


def _last_notice(to: str | None, book: Book) -> datetime | None:
    """Return when the last notice to an address, or to one that is not known, was sent and not withdrawn."""
    logs = (
        log
        for subject, notices in book.notices.items()
        if _recipient(subject, book) in {to, None}
        for log in notices.sent.values()
    )
    return max((log.at for log in logs if log.outcome is not Outcome.WITHDRAWN), default=None)


def _recipient(subject: str, book: Book) -> str | None:
    """Return the address of the notices about a case; None for another subject, whose address is not looked up."""
    names = (subject.rpartition(":")[0], subject.partition("@")[0])
    return next((mail_address(name, book) for name in names if name in book.subscriptions), None)


def _announced(case: Case, warning: tuple[int, RequestLog] | None) -> bool:
    """Whether a warning announced the deadline that the case has now, up to a negligible difference."""
    announced = warning[1].seen if warning else None
    return announced is not None and announced + LATE >= case.deadline


def _warnings(case: Case, book: Book) -> Iterator[tuple[int, RequestLog]]:
    """Yield the warnings since the case began: a case that fails again after it was paid starts over."""
    for step, request_log in _asked(case, book, WARNING):
        if request_log.seen is None or request_log.seen > case.opened_at:
            yield step, request_log


def _open_reminders(
    case: Case, warning: tuple[int, RequestLog] | None, book: Book, zone: str
) -> list[tuple[int, datetime]]:
    """Return the reminders that were not sent, and that no later reminder or warning replaces."""
    if warning is not None:
        return []
    requested = _asked(case, book, REMINDER)
    sent = max(step for step, _ in requested) if requested else 0
    spans = enumerate(case.policy.dunning.reminders[sent:], start=sent + 1)
    rules = case.policy.notices
    if rules.hours is None and not rules.one_a_day:
        return [(step, span.after(case.opened_at, zone)) for step, span in spans]
    return [(step, _reminder_at(case, span, book, zone)) for step, span in spans]


def _asked(case: Case, book: Book, kind: str) -> list[tuple[int, RequestLog]]:
    """Return the step and outcome of each notice of a kind in a case, under each of its names."""
    if not book.notices:
        return []
    return [item for name in case.names for item in book.notices_about(name).of(kind)]


def _arrived(case: Case, book: Book, step: int, zone: str, before: datetime | None) -> bool:
    """Whether a warning was delivered as long before an instant as the policy promises."""
    request_log = _delivery(case, book, step)
    if request_log is None or request_log.outcome is not Outcome.DONE or before is None:
        return False
    return case.policy.dunning.warning_notice.after(request_log.outcome_at, zone) <= before


def _delivery(case: Case, book: Book, step: int) -> RequestLog | None:
    """Return the outcome of a warning on the channel that counts: claims send no callback to the product."""
    kind = WARNING if case.policy.dunning.warn_by == "mail" or case.claim else WARNING_CALLBACK
    request_logs = (book.notices_about(name).get(kind, step) for name in case.names)
    return next((request_log for request_log in request_logs if request_log is not None), None)
