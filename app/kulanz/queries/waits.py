"""Conditions that hold an event, a timer, an outgoing action or an account, each with its evidence and its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from kulanz.formats.wording import how_many
from kulanz.policy.areas.dunning import holds, notices
from kulanz.policy.book import Book
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.state import Case, CaseState, Moment, Situation, State
from kulanz.processing import circuit_breaker, facts_first
from kulanz.processing.circuit_breaker import BreakerStatus
from kulanz.processing.dispatcher import MISSING_SUBSCRIPTION_AFTER
from kulanz.queries.sentences import read_out
from kulanz.queries.views import AccountView, JsonDocument
from kulanz.runtime import clock_guard
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import inbox, outbox, timers
from kulanz.store.database import Connection
from kulanz.store.inbox import Event, claims, event_id
from kulanz.store.outbox import EffectRow
from kulanz.store.timers import TimerRow

UNDONE_STATES = ("parked", "todo", "unknown")
"""Outgoing actions that need a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One condition: a stable word for it, the sentence that proves it, and the sentence that says how it ends."""

    held: str
    """The id of the event or outgoing action, the kind of a timer, or the key of a case."""
    condition: str
    evidence: str
    ends: str
    until: datetime | None = None
    """When it ends without a person, if that is known."""

    @property
    def sentence(self) -> str:
        """Evidence and end, as `explain` reads them out."""
        return read_out(f"{self.evidence} {self.ends}")


def document(wait: Wait) -> JsonDocument:
    """Return a condition as a JSON document."""
    return {
        "held": wait.held,
        "condition": wait.condition,
        "evidence": read_out(wait.evidence),
        "ends": read_out(wait.ends),
        "until": rfc3339(wait.until) if wait.until is not None else None,
    }


def of_account(services: Services, conn: Connection, seen: AccountView) -> list[Wait]:
    """Return all that holds an account: events, receivers, the conditions of its cases, outgoing actions, timers."""
    now = services.clock.now(conn)
    events, receivers = _held_back(conn, seen)
    breaker = circuit_breaker.status(conn, now)
    situation = Situation(parked=bool(events), braked=breaker.on_since is not None)
    moment = Moment(seen.terms, seen.account.zone(seen.terms), now, situation)
    cases = (wait for case in seen.state.cases for wait in _of_case(case, seen, moment, breaker))
    due = [timer for timer in timers.of_account(conn, seen.account.id) if timer.due_at <= now]
    return [
        *_of_facts_first(events, receivers),
        *cases,
        *_of_effects(conn, seen.account.id),
        *(wait for timer in due for wait in of_timer(services, conn, timer)),
    ]


def of_event(conn: Connection, event: Event) -> list[Wait]:
    """Return what an event waits for; nothing for one that is settled."""
    name = event_id(event.id)
    match event.state:
        case "received":
            return [_received(conn, event)]
        case "waiting":
            asked_at = event.received_at + MISSING_SUBSCRIPTION_AFTER
            return [
                Wait(
                    held=name,
                    condition="object_unknown",
                    evidence=f"{name} waits since {rfc3339(event.received_at)}: no event has named {_object(event)}.",
                    ends=f"An event that names it ends this; the provider is asked at {rfc3339(asked_at)}.",
                    until=asked_at,
                )
            ]
        case "parked" | "quarantined":
            what = "is not of the provider's shape" if event.state == "quarantined" else "could not be applied"
            return [
                Wait(
                    held=name,
                    condition=f"event_{event.state}",
                    evidence=f"{name} {what}: {event.reason or 'no reason was recorded'}.",
                    ends=f"`kulanz events retry {name}` or `kulanz events skip {name} --reason …` settles it.",
                )
            ]
        case _:
            return []


def of_effect(row: EffectRow) -> list[Wait]:
    """Return what an outgoing action waits for; nothing for one that has ended."""
    if row.state in UNDONE_STATES:
        twice = " It may have been done: the remote server may get it twice." if row.state == "unknown" else ""
        return [
            Wait(
                held=row.id,
                condition=f"effect_{row.state}",
                evidence=f"Not done: {_action(row)} ({row.state}: {row.error or 'no answer'}).",
                ends=f"`kulanz effects retry {row.id}` tries it again.{twice}",
            )
        ]
    return [_pending(row)] if row.state == "pending" else []


def of_timer(services: Services, conn: Connection, timer: TimerRow) -> list[Wait]:
    """Return why a timer does not fire: its time has not come, the clock jumped, or facts come first."""
    now, what = services.clock.now(conn), f"The timer {timer.kind.replace('_', ' ')}"
    if timer.due_at > now:
        at = rfc3339(timer.due_at)
        return [_of_timer(timer, "not_due", f"{what} is due at {at}.", "It fires then.", timer.due_at)]
    since = f"{what} is due since {rfc3339(timer.due_at)}"
    jump, first = clock_guard.jump(conn), inbox.first_received(conn)
    if jump is not None:
        moved = f"the host's time jumped from {jump['last_seen']} to {jump['found']}"
        return [_of_timer(timer, "clock_jumped", f"{since}, and {moved}.", "`kulanz clock accept` ends this.")]
    if first is not None:
        ends = "Every event that came before it is applied first."
        return [_of_timer(timer, "facts_first", f"{since}, and {event_id(first)} is not applied yet.", ends)]
    silent = facts_first.waited_for(conn)
    if silent:
        names = ", ".join(row.id for row in silent)
        given_up = max(row.missed_since or real_now() for row in silent) + facts_first.RECEIVERS_WAITED_FOR
        ends = f"Its report ends this; at {rfc3339(given_up)} dunning no longer waits for it."
        why = f"{since}, and the receiver {names} has not reported that its spool is empty."
        return [_of_timer(timer, "receiver_silent", why, ends, given_up)]
    return [_of_timer(timer, "worker", f"{since}, and no worker has taken it.", "The next free worker takes it.")]


def _of_timer(timer: TimerRow, condition: str, evidence: str, ends: str, until: datetime | None = None) -> Wait:
    held = f"{timer.kind} of {timer.subject}" if timer.subject else timer.kind
    return Wait(held=held, condition=condition, evidence=evidence, ends=ends, until=until)


def _received(conn: Connection, event: Event) -> Wait:
    """Return why a received event is not applied: a worker is at it, its last try failed, or others come first."""
    name, claim = event_id(event.id), claims.holder(conn, event.id)
    if claim is not None:
        return Wait(
            held=name,
            condition="claim",
            evidence=f"{name} is with the worker {claim.worker} since {rfc3339(claim.claimed_at)}.",
            ends="The worker settles it, or gives it back; a worker that dies counts as a failed try.",
        )
    again_at = inbox.next_attempt(conn, event.id)
    if again_at is not None and again_at > real_now():
        why = f": {event.reason}" if event.reason else ""
        return Wait(
            held=name,
            condition="backoff",
            evidence=f"{name} failed {event.attempts} of {inbox.MAX_ATTEMPTS} times{why}.",
            ends=f"It is tried again at {rfc3339(again_at)}.",
            until=again_at,
        )
    first = inbox.first_received(conn)
    before = f"; {event_id(first)} comes first" if first is not None and first < event.id else ""
    return Wait(
        held=name,
        condition="worker",
        evidence=f"{name} waits since {rfc3339(event.received_at)} for a worker{before}.",
        ends="The next free worker applies it; `kulanz queue status` shows whether one lives.",
    )


def _object(event: Event) -> str:
    _, kind, ident = (event.waits_for or "::").split(":", 2)
    return f"the {kind} {ident}" if kind and ident else "its subscription"


def _pending(row: EffectRow) -> Wait:
    now, what = real_now(), f"{_action(row).capitalize()} ({row.id})"
    if row.lease_until is not None and row.lease_until > now:
        began = f", and tries it since {rfc3339(row.begun_at)}" if row.begun_at else ""
        return Wait(
            held=row.id,
            condition="lease",
            evidence=f"{what} is leased to a worker until {rfc3339(row.lease_until)}{began}.",
            ends="The worker records the outcome, or renews its lease; when the lease lapses another worker takes it.",
            until=row.lease_until,
        )
    if row.next_attempt_at > now:
        tried = f" failed {row.attempts} times, the last with: {row.error or 'no answer'}" if row.attempts else " waits"
        return Wait(
            held=row.id,
            condition="backoff",
            evidence=f"{what}{tried}.",
            ends=f"It is tried again at {rfc3339(row.next_attempt_at)}.",
            until=row.next_attempt_at,
        )
    died = f"; a worker died at it, which began at {rfc3339(row.begun_at)}" if row.begun_at else ""
    return Wait(
        held=row.id,
        condition="worker",
        evidence=f"{what} is due, and no worker has taken it{died}.",
        ends="The next free worker takes it; `kulanz queue status` shows whether one lives.",
    )


def _action(row: EffectRow) -> str:
    return row.type.replace("_", " ")


def _held_back(conn: Connection, seen: AccountView) -> tuple[list[int], list[str]]:
    """Return the events and the receivers that keep the dunning of an account back, where it has a case."""
    if not any(case.open for case in seen.state.cases):
        return [], []
    events = facts_first.holding_back(conn, seen.account.id, seen.account.book)
    return events, [row.id for row in facts_first.waited_for(conn)]


def _of_facts_first(events: Sequence[int], receivers: Sequence[str]) -> Iterator[Wait]:
    """Yield the events and receivers that keep dunning from taking anything and from sending notices."""
    for number in events:
        name = event_id(number)
        yield Wait(
            held="dunning",
            condition="event_not_applied",
            evidence=f"Dunning is held back: {name} is not applied and may tell of a payment.",
            ends=f"`kulanz events retry {name}` or `kulanz events skip {name}` settles it.",
        )
    for receiver in receivers:
        yield Wait(
            held="dunning",
            condition="receiver_silent",
            evidence=f"Dunning is held back: the receiver {receiver} has not reported that its spool is empty.",
            ends="Its report ends this, or 15 minutes without one.",
        )


def _of_case(case: Case, seen: AccountView, moment: Moment, breaker: BreakerStatus) -> Iterator[Wait]:
    """Yield what holds a case: a dispute or a pause that freezes it, or what keeps a due hold from being placed."""
    paid = f"A payment closes the case {case.key} at once."
    if case.frozen_since is not None and case.open:
        why = "rests while its subscription is paused" if case.paused else "waits for the dispute"
        evidence = f"The case {case.key} {why}, since {rfc3339(case.frozen_since)}; a payment closes it at once."
        ends = "The end of the pause" if case.paused else _disputes(seen.state, case)
        frozen_by = "subscription_paused" if case.paused else "dispute_open"
        yield Wait(held=case.key, condition=frozen_by, evidence=evidence, ends=f"{ends} ends this.")
        return
    condition = holds.blocked(case, seen.account.book, moment) or _unanswered(case, seen.account.book, moment)
    if condition is None:
        return
    why, ends, until = _obstacle(condition, case, seen.account.book, breaker)
    yield Wait(
        held=case.key,
        condition=condition,
        evidence=f"The grace of subscription {case.subscription} is over, but nothing is taken yet: {why}.",
        ends=f"{ends} {paid}",
        until=until,
    )


def _disputes(state: State, case: Case) -> str:
    keys = [each.key for each in state.chargebacks if each.contested_since and case.subscription in each.about]
    return f"The word of the bank about {', '.join(keys)}" if keys else "The word of the bank"


def _unanswered(case: Case, book: Book, moment: Moment) -> str | None:
    """Return the condition of a case whose grace is over and that nothing blocks: it was asked about, or warned."""
    if case.state is not CaseState.GRACE or moment.at < case.deadline:
        return None
    if case.policy.dunning.grace and not notices.warned_in_time(case, book, moment):
        return "warning_not_delivered"
    return "provider_gives_no_answer" if _asked_at(case, book) else None


def _obstacle(condition: str, case: Case, book: Book, breaker: BreakerStatus) -> tuple[str, str, datetime | None]:
    """Return the evidence of a condition, what ends it, and when."""
    if condition == "hold_waits_for_parked_event":
        return "an event that is not applied may tell of a payment", "Settling the event ends this.", None
    if condition == "mass_action_brake":
        since = (
            f", since {rfc3339(breaker.on_since)} for {how_many(breaker.waiting, 'account')}"
            if breaker.on_since
            else ""
        )
        why = f"the circuit breaker for mass downgrades is tripped (`kulanz breaker show`){since}"
        return why, "`kulanz breaker release --until T --reason …` ends this.", None
    if condition == "provider_gives_no_answer":
        asked = _asked_at(case, book)
        until = asked[0] + holds.LOOK_GIVES_UP
        why = (
            f"the provider has not yet answered whether it is paid (asked {len(asked)} times since {rfc3339(asked[0])})"
        )
        return why, f"Its answer ends this; from {rfc3339(until)} on the facts that are known decide.", until
    warning = notices.last_warning(case, book)
    told = f" (number {warning[0]}, asked for at {rfc3339(warning[1].at)}: {warning[1].outcome})" if warning else ""
    if condition == "warning_cannot_be_delivered":
        ends = f"`kulanz account extend-grace` or a new address, then `kulanz account explain` ({case.key})."
        return f"no final warning could be delivered, so an operator decides{told}", ends, None
    return (
        f"the final warning has not been delivered in time{told}",
        "Its delivery, or a further warning, ends this.",
        None,
    )


def _asked_at(case: Case, book: Book) -> list[datetime]:
    looks = book.looks.get(case.subscription)
    return [at for at, _ in looks.asked if at >= case.deadline] if looks else []


def _of_effects(conn: Connection, account: str) -> Iterator[Wait]:
    for state in (*UNDONE_STATES, "pending"):
        for row in outbox.listing(conn, state, account):
            yield from of_effect(row)
