"""The conditions that hold a dunning case: a freeze, or an obstacle to a hold that is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kulanz.formats.messages import Message, counted, message
from kulanz.policy.areas.dunning import enforcement, notices
from kulanz.policy.book import Book
from kulanz.policy.state import Case, CaseState, Moment, State
from kulanz.processing.circuit_breaker import BreakerStatus
from kulanz.queries.views import AccountView
from kulanz.queries.wait import Wait


def of_case(case: Case, seen: AccountView, moment: Moment, breaker: BreakerStatus) -> Iterator[Wait]:
    """Yield what holds a case: a dispute or a pause that freezes it, or what keeps a due hold from being placed."""
    if case.frozen_since is not None and case.open:
        yield _frozen(case, seen.state)
        return
    condition = enforcement.blocked(case, seen.account.book, moment) or _unanswered(case, seen.account.book, moment)
    if condition is None:
        return
    why, ends, until = _obstacle(condition, case, seen.account.book, breaker)
    yield Wait(
        held=case.key,
        condition=condition,
        evidence=message(
            "The grace of subscription {subscription} is over, but nothing is taken yet: {why}.",
            subscription=case.subscription,
            why=why,
        ),
        ends=ends.also(message("A payment closes the case {case} at once.", case=case.key)),
        until=until,
    )


def _frozen(case: Case, state: State) -> Wait:
    if case.paused:
        condition = "subscription_paused"
        evidence = message(
            "The case {case} rests while its subscription is paused, since {since_at}; a payment closes it at once."
        )
        ends = message("The end of the pause ends this.")
    else:
        condition = "dispute_open"
        evidence = message("The case {case} waits for the dispute, since {since_at}; a payment closes it at once.")
        keys = [each.key for each in state.chargebacks if each.contested_since and case.subscription in each.about]
        ends = message("The bank's decision about {disputes} ends this.", disputes=keys or message("the dispute"))
    evidence = evidence.given(case=case.key, since_at=case.frozen_since)
    return Wait(held=case.key, condition=condition, evidence=evidence, ends=ends)


def _unanswered(case: Case, book: Book, moment: Moment) -> str | None:
    """Return the condition of a case whose grace is over and that nothing blocks: it was asked about, or warned."""
    if case.state is not CaseState.GRACE or moment.at < case.deadline:
        return None
    if case.policy.dunning.grace and not notices.warned_in_time(case, book, moment):
        return "warning_not_delivered"
    return "provider_gives_no_answer" if _asked_at(case, book) else None


def _obstacle(
    condition: str, case: Case, book: Book, breaker: BreakerStatus
) -> tuple[Message, Message, datetime | None]:
    """Return the evidence of a condition, what ends it, and when."""
    if condition == "hold_waits_for_parked_event":
        ends = message("Settling the event ends this.")
        return message("an event that is not applied may report a payment"), ends, None
    if condition == "mass_action_brake":
        why = counted(
            "the circuit breaker for mass downgrades is tripped since {since_at}, and {number} account waits",
            "the circuit breaker for mass downgrades is tripped since {since_at}, and {number} accounts wait",
            breaker.waiting,
            since_at=breaker.on_since,
        )
        return why, message("`kulanz breaker release --until T --reason …` ends this."), None
    if condition == "provider_gives_no_answer":
        asked = _asked_at(case, book)
        until = asked[0] + enforcement.LOOK_GIVES_UP
        why = message(
            "the provider has not yet answered whether it is paid (first asked at {first_at}, last at {last_at})",
            first_at=asked[0],
            last_at=asked[-1],
        )
        ends = message("Its answer ends this; from {until} on, the facts that are known decide.", until=until)
        return why, ends, until
    return *_undelivered(condition, case, book), None


def _undelivered(condition: str, case: Case, book: Book) -> tuple[Message, Message]:
    warning = notices.last_warning(case, book)
    asked_at, outcome = (warning[1].at, str(warning[1].outcome)) if warning else (None, None)
    if condition == "warning_cannot_be_delivered":
        why = message("no final warning could be delivered, so an operator decides (the last of {asked_at}: {outcome})")
        ends = message("`kulanz account extend-grace` ends this: a further warning goes out.")
    else:
        why = message("the final warning has not been delivered in time (the last of {asked_at}: {outcome})")
        ends = message("Its delivery ends this, or a further warning.")
    return why.given(asked_at=asked_at, outcome=outcome), ends


def _asked_at(case: Case, book: Book) -> list[datetime]:
    looks = book.looks.get(case.subscription)
    return [at for at, _ in looks.asked if at >= case.deadline] if looks else []
