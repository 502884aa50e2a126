"""A failed renewal: grace, the promised notice, the hold, and the end of patience (DOMAIN section 3, plexo 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.policy import facts as f
from app.policy import overrides
from app.policy.book import Asked, Book, CaseLog, Invoice, Subscription
from app.policy.document import DunningRules
from app.policy.facts import Outcome, OverrideKind, OwnFact, Status
from app.policy.model import Access, Case, CaseState, Hold, Owner, Situation, Terms, Timer
from app.policy.subscriptions import cancelled_by_customer, expired_by_provider

WARNING = "grace_warning"
WARNING_CALLBACK = f"{WARNING}.callback"
"""The same warning on its other way, whose delivery counts where the policy says `warn_by = "callback"`."""
REMINDER = "grace_reminder"
STARTED = "grace_started"
LOOK_AGAIN = timedelta(hours=1)
"""How soon something that kept a hold from being placed is looked at again."""
LOOK_GIVES_UP = timedelta(hours=24)
"""How long the provider may give no answer before the hold is placed from our own facts."""
LATE = timedelta(hours=1)
"""A notice later than this belongs to a catch-up, in which a case gets one notice at most."""
_STILL_RUNNING = frozenset({Status.ON_TRIAL, Status.ACTIVE})


def cases(book: Book, terms: Terms, zone: str) -> list[Case]:
    """Return every case that the facts give and that is not paid, void or waived."""
    unpaid: dict[str, list[Invoice]] = {}
    paid_at: dict[str, datetime] = {}
    for invoice in book.invoices.values():
        name = invoice.seen.subscription
        if invoice.paid_at is not None:
            paid_at[name] = max(invoice.paid_at, paid_at.get(name, invoice.paid_at))
        if invoice.failures and not invoice.paid:
            unpaid.setdefault(name, []).append(invoice)
    found: list[Case] = []
    for name, sub in book.subscriptions.items():
        if sub.marks or name in unpaid:
            found.extend(_cases_of(sub, unpaid.get(name, []), paid_at.get(name), book, terms, zone))
    return found


def hold(case: Case) -> Hold:
    """Return the restriction that a case on hold is."""
    rules = case.policy.dunning
    return Hold(
        key=f"dunning:{case.key}",
        owner=Owner.DUNNING,
        source=case.key,
        since=case.held_at or case.deadline,
        scope="account" if rules.hold_access == "none" else "subscription",
        subscriptions=(case.subscription,),
        access=Access(rules.hold_access),
    )


def timers(case: Case, book: Book, zone: str, now: datetime) -> Iterator[Timer]:
    """Yield when a case has to be looked at again."""
    if case.frozen_since is not None or not case.open:
        return
    rules = case.policy.dunning
    if case.state is CaseState.ON_HOLD:
        yield Timer(kind="hold_end", subject=case.key, due_at=_hold_ends_at(case, zone))
        return
    for step, due_at in _reminders(case, zone):
        if due_at > now and due_at < case.deadline and _notice(book, case, REMINDER, step) is None:
            yield Timer(kind="grace_reminder", subject=f"{case.key}|{step}", due_at=due_at)
    warning_at = rules.final_warning.before(case.deadline, zone)
    if rules.grace and warning_at > now and _needs_warning(case, book, zone):
        yield Timer(kind="grace_warning", subject=case.key, due_at=warning_at)
    yield Timer(kind="grace_end", subject=case.key, due_at=_look_at(case, book, now))


def acts(case: Case, book: Book, terms: Terms, zone: str, situation: Situation, now: datetime) -> list[OwnFact]:
    """Return what the policy does about a case now: promises, notices, the hold, giving up."""
    if case.frozen_since is not None or not case.open:
        return []
    if case.state is CaseState.ON_HOLD:
        over = now >= _hold_ends_at(case, zone) or expired_by_provider(book.subscriptions[case.subscription], book)
        return [f.CaseExhausted(case=case.key, at=max(now, case.opened_at))] if over else []
    log = book.cases.get(case.key, CaseLog())
    if log.promised is None or log.promised < case.deadline:
        return [f.DeadlinePromised(case=case.key, deadline=case.deadline)]
    if not case.policy.dunning.grace:
        return _placed(case, now, verified=True) if now >= case.deadline else []
    return _notices_due(case, book, zone, now) or _enforcement(case, book, terms, situation, zone, now)


def blocked(case: Case, book: Book, situation: Situation, now: datetime) -> str | None:
    """Return why a hold that is due is not placed although the customer was warned, as a topic for operators."""
    if case.state is not CaseState.GRACE or case.frozen_since is not None or now < case.deadline:
        return None
    if situation.parked:
        return "hold_waits_for_parked_event"
    if situation.braked:
        return "mass_action_brake"
    last = _last_warning(case, book)
    if last is not None and last[0] >= case.policy.dunning.max_warnings and not _was_delivered(case, book, last[0]):
        return "warning_cannot_be_delivered"
    answers = book.looks[case.subscription].answers if case.subscription in book.looks else ()
    return "provider_gives_no_answer" if answers and answers[-1][1] == "" and answers[-1][0] >= case.deadline else None


def superseded(case: Case, book: Book, kind: str, step: int) -> bool:
    """Whether a notice that was asked for is no longer wanted: the case went on, or a later warning took its place."""
    if case.state is not CaseState.GRACE or case.frozen_since is not None:
        return True
    last = _last_warning(case, book)
    return kind == WARNING and last is not None and last[0] > step


@dataclass(frozen=True, slots=True)
class _Opening:
    """What would open a case: an invoice with failed charges, or a snapshot that stands in for lost events."""

    key: str
    invoice: Invoice | None
    opened_at: datetime
    failures: int


def _cases_of(
    sub: Subscription, unpaid: list[Invoice], paid_at: datetime | None, book: Book, terms: Terms, zone: str
) -> Iterator[Case]:
    ran = _ran_at(sub, book)
    for opening in _openings(sub, unpaid, ran, paid_at):
        case = _case(opening, sub, book, terms, zone)
        if case is not None:
            yield case


def _ran_at(sub: Subscription, book: Book) -> datetime | None:
    """Return when the provider last showed it as running: a failure before that is settled."""
    looks = book.looks.get(sub.seen.key)
    answers = [at for at, status in looks.answers if status in _STILL_RUNNING] if looks else []
    return max((*answers, *((sub.running.at,) if sub.running else ())), default=None)


def _openings(
    sub: Subscription, unpaid: list[Invoice], ran_at: datetime | None, paid_at: datetime | None
) -> Iterator[_Opening]:
    failed = False
    for invoice in unpaid:
        live = [at for at in invoice.failures if ran_at is None or at >= ran_at]
        if live:
            failed = True
            key = f"{sub.seen.key}:{invoice.seen.key.rpartition(':')[2]}"
            yield _Opening(key, invoice, live[0], len(live))
    settled_at = max((at for at in (ran_at, paid_at) if at is not None), default=None)
    since = next((at for at in sub.unpaid_marks if settled_at is None or at > settled_at), None)
    if since is not None and not failed:
        yield _Opening(f"{sub.seen.key}@{int(since.timestamp())}", None, since, 0)


def _case(opening: _Opening, sub: Subscription, book: Book, terms: Terms, zone: str) -> Case | None:
    policy = terms.at(opening.opened_at)
    invoice = opening.invoice
    if invoice is not None and (invoice.void or invoice.seen.reason not in policy.dunning.opens_on):
        return None
    log = book.cases.get(opening.key, CaseLog())
    if log.into is not None or (log.waived_at is not None and log.waived_at >= opening.opened_at):
        return None
    cancelled_at = cancelled_by_customer(sub, book)
    if cancelled_at is not None and cancelled_at < opening.opened_at:
        return None
    held_at = log.held_at if log.held_at and log.held_at >= opening.opened_at else None
    return Case(
        key=opening.key,
        subscription=sub.seen.key,
        invoice=invoice.seen.key if invoice else None,
        state=_state(opening, log, held_at, cancelled=cancelled_at is not None),
        opened_at=opening.opened_at,
        deadline=_deadline(opening, log, held_at, policy.dunning, book, zone),
        failures=opening.failures,
        amount_due=max(invoice.seen.total - invoice.refunded, 0) if invoice else 0,
        currency=invoice.seen.currency if invoice else None,
        policy=policy,
        names=(opening.key, *(key for key, one in book.cases.items() if one.into == opening.key)),
        held_at=held_at,
    )


def _state(opening: _Opening, log: CaseLog, held_at: datetime | None, *, cancelled: bool) -> CaseState:
    if log.exhausted_at is not None and log.exhausted_at >= opening.opened_at:
        return CaseState.EXHAUSTED
    if cancelled:
        return CaseState.VOLUNTARY
    return CaseState.ON_HOLD if held_at is not None else CaseState.GRACE


def _deadline(
    opening: _Opening, log: CaseLog, held_at: datetime | None, rules: DunningRules, book: Book, zone: str
) -> datetime:
    """Return the end of grace: what the first failure gives, what was promised or granted, whichever is latest (I3)."""
    candidates = (
        rules.grace.after(opening.opened_at, zone),
        log.promised,
        overrides.extension(book, opening.opened_at, held_at) if book.overrides else None,
    )
    return max(candidate for candidate in candidates if candidate is not None)


def _notices_due(case: Case, book: Book, zone: str, now: datetime) -> list[OwnFact]:
    """Return the notices whose time has come; in a catch-up only the one that matters most."""
    warning_at = case.policy.dunning.final_warning.before(case.deadline, zone)
    last_warning = _last_warning(case, book)
    due = [
        (due_at, REMINDER, step)
        for step, due_at in _reminders(case, zone)
        if due_at <= now and last_warning is None and not _reminded(case, book, step)
    ]
    if now >= warning_at and _needs_warning(case, book, zone):
        due.append((warning_at, WARNING, last_warning[0] + 1 if last_warning else 1))
    if len(due) > 1 and any(now - due_at > LATE for due_at, _, _ in due):
        due = due[-1:]
    asked: list[OwnFact] = []
    for due_at, kind, step in due:
        asked.extend(_warn(case, zone, step, now) if kind == WARNING else [_ask(case, kind, step, max(now, due_at))])
    return asked


def _warn(case: Case, zone: str, step: int, now: datetime) -> list[OwnFact]:
    """Send a warning; where it can no longer be in time, move the deadline so that the promised notice is given."""
    rules = case.policy.dunning
    if step > rules.max_warnings:
        return []
    facts: list[OwnFact] = [_ask(case, WARNING, step, now)]
    if rules.warning_notice.after(now, zone) > case.deadline:
        facts.append(f.DeadlinePromised(case=case.key, deadline=rules.final_warning.after(now, zone)))
    return facts


def _enforcement(case: Case, book: Book, terms: Terms, situation: Situation, zone: str, now: datetime) -> list[OwnFact]:
    if now < case.deadline or next(overrides.active(book, now, OverrideKind.EXEMPT), None) is not None:
        return []
    last = _last_warning(case, book)
    if last is None or not _warned_in_time(case, book, zone, now):
        step = last[0] + 1 if last else 1
        return _warn(case, zone, step, now)
    if situation.parked or situation.braked:
        return []
    if expired_by_provider(book.subscriptions[case.subscription], book):
        return [f.CaseExhausted(case=case.key, at=now)]
    return _look(case, book, now) if _provider(case) in terms.can_look else _placed(case, now, verified=False)


def _look(case: Case, book: Book, now: datetime) -> list[OwnFact]:
    """Take a fresh look before access is taken; after a day without an answer our own facts must do."""
    looks = book.looks.get(case.subscription)
    asked = [at for at in looks.asked if at >= case.deadline] if looks else []
    answers = [(at, status) for at, status in looks.answers if at >= case.deadline] if looks else []
    if answers and answers[-1][1] and now - answers[-1][0] <= LOOK_AGAIN:
        return _placed(case, now, verified=True)
    if asked and now >= asked[0] + LOOK_GIVES_UP:
        return _placed(case, now, verified=False)
    if not asked or now >= asked[-1] + LOOK_AGAIN:
        return [f.SubscriptionLookedUp(subscription=case.subscription, at=now, status=None, asked=True)]
    return []


def _placed(case: Case, now: datetime, *, verified: bool) -> list[OwnFact]:
    return [f.HoldPlaced(case=case.key, at=max(now, case.opened_at), verified=verified)]


def _provider(case: Case) -> str:
    return case.subscription.partition(":")[0]


def _look_at(case: Case, book: Book, now: datetime) -> datetime:
    """Return when the end of grace is looked at: at the deadline, or again while something stands in the way."""
    if now < case.deadline:
        return case.deadline
    exempt = [one.until for one in overrides.active(book, now, OverrideKind.EXEMPT) if one.until]
    return max(exempt) if exempt else now + LOOK_AGAIN


def _reminders(case: Case, zone: str) -> Iterator[tuple[int, datetime]]:
    for step, span in enumerate(case.policy.dunning.reminders, start=1):
        yield step, span.after(case.opened_at, zone)


def _reminded(case: Case, book: Book, step: int) -> bool:
    """Whether this reminder, or a later one that stood for it, was asked for."""
    later = range(step, len(case.policy.dunning.reminders) + 1)
    return any(_notice(book, case, REMINDER, number) is not None for number in later)


def _needs_warning(case: Case, book: Book, zone: str) -> bool:
    """Whether no warning was asked for that announces this deadline."""
    last = _last_warning(case, book)
    return last is None or last[1].at < case.policy.dunning.final_warning.before(case.deadline, zone)


def _warned_in_time(case: Case, book: Book, zone: str, now: datetime) -> bool:
    """Whether a warning was delivered as long ago as the policy promises (I2)."""
    notice = case.policy.dunning.warning_notice
    delivered = (_delivery(case, book, step) for step, _ in _warnings(case, book))
    return any(
        asked is not None and asked.outcome is Outcome.DONE and notice.after(asked.outcome_at, zone) <= now
        for asked in delivered
    )


def _was_delivered(case: Case, book: Book, step: int) -> bool:
    asked = _delivery(case, book, step)
    return asked is not None and asked.outcome is Outcome.DONE


def _delivery(case: Case, book: Book, step: int) -> Asked | None:
    """Return what became of a warning on the way that counts."""
    kind = WARNING if case.policy.dunning.warn_by == "mail" else WARNING_CALLBACK
    return _notice(book, case, kind, step)


def _last_warning(case: Case, book: Book) -> tuple[int, Asked] | None:
    return max(_warnings(case, book), key=lambda one: one[0], default=None)


def _warnings(case: Case, book: Book) -> Iterator[tuple[int, Asked]]:
    for step in range(1, case.policy.dunning.max_warnings + 2):
        asked = _notice(book, case, WARNING, step)
        if asked is not None and asked.at >= case.opened_at:
            yield step, asked


def _notice(book: Book, case: Case, kind: str, step: int) -> Asked | None:
    for name in case.names:
        asked = book.notices.get(f"{name}|{kind}|{step}")
        if asked is not None:
            return asked
    return None


def _ask(case: Case, kind: str, step: int, at: datetime) -> f.NoticeReported:
    return f.NoticeReported(subject=case.key, kind=kind, step=step, at=at, outcome=Outcome.ASKED)


def _hold_ends_at(case: Case, zone: str) -> datetime:
    return case.policy.dunning.hold_days.after(case.held_at or case.deadline, zone)
