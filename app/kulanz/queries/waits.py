"""Conditions that hold an event, a timer, an outgoing action or an account, each with its evidence and its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from kulanz.formats.messages import Message, message
from kulanz.policy.state import Moment, Situation
from kulanz.processing import circuit_breaker, facts_first
from kulanz.processing.dispatcher import MISSING_SUBSCRIPTION_AFTER
from kulanz.queries import case_waits
from kulanz.queries.views import AccountView
from kulanz.queries.wait import Wait
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
_NO_ANSWER = message("no answer")
_NEXT_WORKER = message("The next free worker takes it; `kulanz queue status` shows whether one lives.")
_TRIED_AGAIN = message("It is tried again at {again_at}.")


def of_account(services: Services, conn: Connection, seen: AccountView) -> list[Wait]:
    """Return all that holds an account: events, receivers, the conditions of its cases, outgoing actions, timers."""
    now = services.clock.now(conn)
    events, receivers = _held_back(conn, seen)
    breaker = circuit_breaker.status(conn, now)
    situation = Situation(parked=bool(events), braked=breaker.on_since is not None)
    moment = Moment(seen.terms, seen.account.zone(seen.terms), now, situation)
    cases = (wait for case in seen.state.cases for wait in case_waits.of_case(case, seen, moment, breaker))
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
            return [_waiting(event)]
        case "parked":
            problem = message("{event} could not be applied: {reason}.")
        case "quarantined":
            problem = message("{event} is not of the provider's shape: {reason}.")
        case _:
            return []
    return [
        Wait(
            held=name,
            condition=f"event_{event.state}",
            evidence=problem.given(event=name, reason=event.reason or message("no reason was recorded")),
            ends=message(
                "`kulanz events retry {event}` or `kulanz events skip {event} --reason …` settles it.", event=name
            ),
        )
    ]


def of_effect(row: EffectRow) -> list[Wait]:
    """Return what an outgoing action waits for; nothing for one that has ended."""
    if row.state in UNDONE_STATES:
        twice = message("It may have been done: the remote server may get it twice.")
        return [
            Wait(
                held=row.id,
                condition=f"effect_{row.state}",
                evidence=message(
                    "Not done: {effect} ({state}: {error}).",
                    effect=_name(row.type),
                    state=_name(row.state),
                    error=row.error or _NO_ANSWER,
                ),
                ends=message("`kulanz effects retry {id}` tries it again.", id=row.id).also(
                    twice if row.state == "unknown" else None
                ),
            )
        ]
    return [_pending(row)] if row.state == "pending" else []


def of_timer(services: Services, conn: Connection, timer: TimerRow) -> list[Wait]:
    """Return why a timer does not fire: its time has not come, the clock jumped, or facts come first."""
    if timer.due_at > services.clock.now(conn):
        evidence = message("The timer {timer} is due at {due_at}.")
        return [_of_timer(timer, "not_due", evidence, message("It fires then."), timer.due_at)]
    jump, first = clock_guard.jump(conn), inbox.first_received(conn)
    if jump is not None:
        jumped = message(
            "The timer {timer} is due since {due_at}, and the host's time jumped from {last_seen} to {found}.",
            last_seen=datetime.fromisoformat(jump["last_seen"]),
            found=datetime.fromisoformat(jump["found"]),
        )
        return [_of_timer(timer, "clock_jumped", jumped, message("`kulanz clock accept` ends this."))]
    if first is not None:
        unapplied = message("The timer {timer} is due since {due_at}, and {event} is not applied yet.")
        ends = message("Every event that came before it is applied first.")
        return [_of_timer(timer, "facts_first", unapplied.given(event=event_id(first)), ends)]
    silent = facts_first.waited_for(conn)
    if silent:
        until = max(row.missed_since or real_now() for row in silent) + facts_first.RECEIVERS_WAITED_FOR
        unheard = message(
            "The timer {timer} is due since {due_at}, and of {receivers} no report of an empty spool has come.",
            receivers=[row.id for row in silent],
        )
        ends = message("The report ends this; at {given_up_at} dunning no longer waits for it.", given_up_at=until)
        return [_of_timer(timer, "receiver_silent", unheard, ends, until)]
    free = message("The timer {timer} is due since {due_at}, and no worker has taken it.")
    return [_of_timer(timer, "worker", free, _NEXT_WORKER)]


def _of_timer(timer: TimerRow, condition: str, evidence: Message, ends: Message, until: datetime | None = None) -> Wait:
    return Wait(
        held=f"{timer.kind} of {timer.subject}" if timer.subject else timer.kind,
        condition=condition,
        evidence=evidence.given(timer=_name(timer.kind), due_at=timer.due_at),
        ends=ends,
        until=until,
    )


def _waiting(event: Event) -> Wait:
    name, asked_at = event_id(event.id), event.received_at + MISSING_SUBSCRIPTION_AFTER
    _, kind, ident = (event.waits_for or "::").split(":", 2)
    return Wait(
        held=name,
        condition="object_unknown",
        evidence=message(
            "{event} waits since {since_at}: no event has named {object} yet.",
            event=name,
            since_at=event.received_at,
            object=f"{kind} {ident}" if kind and ident else message("its subscription"),
        ),
        ends=message("An event that names it ends this; the provider is asked at {asked_at}.", asked_at=asked_at),
        until=asked_at,
    )


def _received(conn: Connection, event: Event) -> Wait:
    """Return why a received event is not applied: a worker is at it, its last try failed, or others come first."""
    name, claim = event_id(event.id), claims.holder(conn, event.id)
    if claim is not None:
        return Wait(
            held=name,
            condition="claim",
            evidence=message(
                "{event} is with the worker {worker} since {since_at}.",
                event=name,
                worker=claim.worker,
                since_at=claim.claimed_at,
            ),
            ends=message("The worker settles it, or gives it back; a worker that dies counts as a failed try."),
        )
    again_at = inbox.next_attempt(conn, event.id)
    if again_at is not None and again_at > real_now():
        return Wait(
            held=name,
            condition="backoff",
            evidence=message(
                "{event} failed {attempts} of {most} times: {reason}.",
                event=name,
                attempts=event.attempts,
                most=inbox.MAX_ATTEMPTS,
                reason=event.reason or message("no reason was recorded"),
            ),
            ends=_TRIED_AGAIN.given(again_at=again_at),
            until=again_at,
        )
    first = inbox.first_received(conn)
    queued = message("{event} waits since {since_at} for a worker.")
    if first is not None and first < event.id:
        queued = message("{event} waits since {since_at} for a worker; {first} comes first.")
    return Wait(
        held=name,
        condition="worker",
        evidence=queued.given(event=name, since_at=event.received_at, first=event_id(first or event.id)),
        ends=_NEXT_WORKER,
    )


def _pending(row: EffectRow) -> Wait:
    now, until, ends = real_now(), None, _NEXT_WORKER
    if row.lease_until is not None and row.lease_until > now:
        condition, until = "lease", row.lease_until
        evidence = message("{effect} ({id}) is leased to a worker until {lease_until}.").also(
            message("The attempt began at {began_at}.", began_at=row.begun_at) if row.begun_at else None
        )
        ends = message("The worker records the outcome or renews the lease; when it lapses, another worker takes over.")
    elif row.next_attempt_at > now:
        condition, until = "backoff", row.next_attempt_at
        failed = message("{effect} ({id}) failed {attempts} times, the last with: {error}.")
        evidence = failed if row.attempts else message("{effect} ({id}) is not due yet.")
        ends = _TRIED_AGAIN.given(again_at=row.next_attempt_at)
    else:
        condition = "worker"
        evidence = message("{effect} ({id}) is due, and no worker has taken it.").also(
            message("A worker died at it, which began at {began_at}.", began_at=row.begun_at) if row.begun_at else None
        )
    given = {"effect": _name(row.type), "id": row.id, "lease_until": row.lease_until, "attempts": row.attempts}
    evidence = evidence.given(**given, error=row.error or _NO_ANSWER)
    return Wait(held=row.id, condition=condition, evidence=evidence, ends=ends, until=until)


def _name(word: str) -> Message:
    """Return a name of ours, which a reader of another language is told in words."""
    return Message(text=word.replace("_", " "))


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
            evidence=message("Dunning is held back: {event} is not applied and may report a payment.", event=name),
            ends=message("`kulanz events retry {event}` or `kulanz events skip {event}` settles it.", event=name),
        )
    for receiver in receivers:
        yield Wait(
            held="dunning",
            condition="receiver_silent",
            evidence=message(
                "Dunning is held back: the receiver {receiver} has not reported that its spool is empty.",
                receiver=receiver,
            ),
            ends=message("Its report ends this, or 15 minutes without one."),
        )


def _of_effects(conn: Connection, account: str) -> Iterator[Wait]:
    for state in (*UNDONE_STATES, "pending"):
        for row in outbox.listing(conn, state, account):
            yield from of_effect(row)
