"""The end of grace, and of a hold: the promises, warnings, looks and losses that are due (DOMAIN section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from kulanz.policy import facts as f
from kulanz.policy.areas.dunning import cases, notices, pauses
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.areas.subscriptions.grants import expired_by_provider
from kulanz.policy.book import Book
from kulanz.policy.book.provider import RUNNING_STATUSES
from kulanz.policy.facts import Outcome, OwnFact
from kulanz.policy.state import Case, CaseState, Moment, Timer

LOOK_AGAIN = timedelta(hours=1)
"""How soon something that kept a hold from being placed is looked at again."""
LOOK_GIVES_UP = timedelta(hours=24)
"""How long the provider may give no answer before the hold is placed from our own facts."""
_PRESSING = frozenset({notices.REMINDER, notices.WARNING, notices.LETTER})
_A_DAY = timedelta(days=1)


def due(case: Case, book: Book, moment: Moment) -> list[OwnFact]:
    """Return the due steps of a case: promises, notices, the hold, giving up."""
    facts_missing = moment.situation.facts_missing
    if case.state is CaseState.ON_HOLD:
        taken = _patience(case, book, moment.at) or _look_at_resumed(case, book, moment)
        return [] if facts_missing else taken
    promise = _promise(case, book)
    if case.state is not CaseState.GRACE or case.frozen_since is not None or facts_missing:
        return promise
    due = notices.due(case, book, moment) if case.policy.dunning.grace else []
    return [*promise, *(due or _grace_ended(case, book, moment))]


def _grace_ended(case: Case, book: Book, moment: Moment) -> list[OwnFact]:
    """Decide every loss of access by dunning: the warning, the mass-action limit, the re-check, in turn.

    A grace of zero days promises no warning and waits for no look; the limit counts it like any other.
    """
    now, graceless = moment.at, not case.policy.dunning.grace
    if now < case.deadline:
        return []
    if not graceless and not notices.warned_in_time(case, book, moment):
        return notices.warn(case, book, moment)
    if moment.situation.braked:
        return []
    asks = not graceless and not case.bounced and _can_look(case, moment)
    return _look(case, book, now) if asks else _taken(case, book, now, verified=False)


def _look(case: Case, book: Book, now: datetime) -> list[OwnFact]:
    """Re-check at the provider before access is taken; after a day without an answer our own facts decide.

    The answer "it runs" would have closed the case if a payment were behind it: so it is no answer.
    """
    looks = book.looks.get(case.subscription)
    answers = [answer for answer in looks.answers if case.deadline <= answer[0] <= now] if looks else []
    stated = [(at, status) for at, status in answers if status and status not in RUNNING_STATUSES]
    if stated and now - stated[-1][0] < LOOK_AGAIN:
        return _taken(case, book, now, verified=True)
    requested = _asked_since(case, book, now)
    in_vain = [at for at in requested if not stated or at > stated[-1][0]]
    if in_vain and now >= in_vain[0] + LOOK_GIVES_UP:
        return _taken(case, book, now, verified=False)
    if not requested or now >= requested[-1] + LOOK_AGAIN:
        return _asked(case, book, now)
    return []


def _taken(case: Case, book: Book, now: datetime, *, verified: bool) -> list[OwnFact]:
    """Take the plan: for the time of the hold, or for good where the provider has ended the subscription."""
    if expired_by_provider(book.subscriptions[case.subscription], book):
        return [f.CaseExhausted(case=case.key, opened_at=case.opened_at, at=now, verified=verified)]
    return [f.HoldPlaced(case=case.key, opened_at=case.opened_at, at=now, verified=verified)]


def _patience(case: Case, book: Book, now: datetime) -> list[OwnFact]:
    """Give a case up when its hold has run its length, or the provider has given it up; not while it is lifted."""
    lifted = exceptions.case_lifted_until(book, case)
    if case.frozen_since is not None or (lifted is not None and lifted > now):
        return []
    over = now >= _hold_ends_at(case, book) or expired_by_provider(book.subscriptions[case.subscription], book)
    return [f.CaseExhausted(case=case.key, opened_at=case.opened_at, at=now)] if over else []


def timers(case: Case, book: Book, moment: Moment) -> list[Timer]:
    """Return when a case has to be looked at again."""
    if not case.open:
        return []
    if case.frozen_since is not None:
        return _rests(case, book, moment.at)
    if case.state is CaseState.ON_HOLD:
        return [Timer("hold_end", case.key, _ever_more_rarely(_hold_ends_at(case, book), moment.at))]
    noticed = notices.timers(case, book, moment) if case.policy.dunning.grace else []
    return [*noticed, Timer("grace_end", case.key, _look_at(case, book, moment))]


def blocked(case: Case, book: Book, moment: Moment) -> str | None:
    """Return why dunning does not take access that is due to end, as a topic for operators."""
    if case.state is not CaseState.GRACE or case.frozen_since is not None or moment.at < case.deadline:
        return None
    if moment.situation.parked:
        return "hold_waits_for_parked_event"
    if moment.situation.braked:
        return "mass_action_brake"
    if case.policy.dunning.grace and notices.given_up(case, book, moment.zone):
        return "warning_cannot_be_delivered"
    looks = book.looks.get(case.subscription)
    last = looks.answers[-1] if looks and looks.answers else None
    unanswered = last is not None and last[0] >= case.deadline and (not last[1] or last[1] in RUNNING_STATUSES)
    return "provider_gives_no_answer" if unanswered else None


def takes(acts: Iterable[OwnFact]) -> bool:
    """Whether dunning takes access, or asks the provider whether it may."""
    return any(isinstance(act, f.HoldPlaced | f.CaseExhausted) or _asks(act) for act in acts)


def presses(acts: Iterable[OwnFact]) -> bool:
    """Whether dunning takes access, asks whether it may, or sends a notice because something is unpaid."""
    return any(isinstance(act, f.NoticeReported) and _is_pressing(act) for act in acts) or takes(acts)


def looked_in_vain(case: Case, book: Book) -> bool:
    """Whether access was taken although the provider had been asked and had not confirmed it."""
    looks = book.looks.get(case.subscription)
    was_asked = looks is not None and any(at >= case.deadline for at, _ in looks.asked)
    return was_asked and not book.case(case.key).verified


def pauses_too_long(case: Case, book: Book, now: datetime) -> bool:
    """Whether dunning has rested for the maximum time in a free pause without an end: operators decide."""
    pause = pauses.current(book.subscriptions[case.subscription], now) if case.paused else None
    return pause is not None and pause.free and pause.ends is None and now >= pause.since + pauses.LONGEST


def _promise(case: Case, book: Book) -> list[OwnFact]:
    """Return the promise of a deadline when a case first shows it (I3)."""
    if case.state is not CaseState.GRACE and case.state is not CaseState.VOLUNTARY:
        return []
    promised = book.case(case.key).promised
    kept = promised is not None and promised >= case.deadline
    return [] if kept else [f.DeadlinePromised(case=case.key, deadline=case.deadline)]


def _look_at_resumed(case: Case, book: Book, moment: Moment) -> list[OwnFact]:
    """Look once at a subscription that runs again on hold: the customer resumed it, and may have paid."""
    sub, looks = book.subscriptions[case.subscription], book.looks.get(case.subscription)
    asked = [existing for _, existing in looks.asked] if looks else []
    runs = sub.seen.status in RUNNING_STATUSES and sub.seen.stamp.at > case.opened_at
    resumed = runs and all(existing < sub.seen.stamp.at for existing in asked)
    return _asked(case, book, moment.at) if resumed and _can_look(case, moment) else []


def _can_look(case: Case, moment: Moment) -> bool:
    return case.subscription.partition(":")[0] in moment.terms.can_look


def _asked(case: Case, book: Book, now: datetime) -> list[OwnFact]:
    existing = cases.newest_trouble(book, case.subscription)
    return [f.SubscriptionLookedUp(subscription=case.subscription, at=now, status=None, asked=True, known=existing)]


def _asked_since(case: Case, book: Book, now: datetime) -> list[datetime]:
    """Return when the provider was asked since grace ended."""
    looks = book.looks.get(case.subscription)
    return [at for at, _ in looks.asked if case.deadline <= at <= now] if looks else []


def _asks(act: OwnFact) -> bool:
    return isinstance(act, f.SubscriptionLookedUp) and act.asked


def _is_pressing(notice: f.NoticeReported) -> bool:
    return notice.outcome is Outcome.ASKED and notice.kind in _PRESSING


def _rests(case: Case, book: Book, now: datetime) -> list[Timer]:
    """Return when a pause in which dunning rests ends, or has lasted too long."""
    pause = pauses.current(book.subscriptions[case.subscription], now) if case.paused else None
    at = pauses.looked_at(pause) if pause else None
    return [Timer("pause_end", case.subscription, at)] if at is not None and at > now else []


def _look_at(case: Case, book: Book, moment: Moment) -> datetime:
    """Return when the end of grace is checked: at the deadline, or again while an obstacle remains.

    Hourly while the provider is asked; else ever more rarely, up to once a day.
    """
    if moment.at >= case.deadline and notices.given_up(case, book, moment.zone):
        return moment.at + _A_DAY
    requested = _asked_since(case, book, moment.at)
    if requested and moment.at < requested[-1] + 2 * LOOK_AGAIN:
        return moment.at + LOOK_AGAIN
    return _ever_more_rarely(case.deadline, moment.at)


def _ever_more_rarely(due: datetime, now: datetime) -> datetime:
    """Return a time that is ahead, or when to look again at what was due and is held back."""
    return due if now < due else now + min(max(now - due, LOOK_AGAIN), _A_DAY)


def _hold_ends_at(case: Case, book: Book) -> datetime:
    """Return the end of patience: not before a lifted hold is in force again."""
    ends = case.hold_ends_at or case.deadline
    return max(ends, exceptions.case_lifted_until(book, case) or ends)
