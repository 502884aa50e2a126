"""Text forms of times, durations, money and outgoing actions on the console."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from kulanz.formats.messages import Message, Money, message
from kulanz.policy.effects import (
    AlertOperators,
    CancelSubscription,
    DisableLicence,
    DropFile,
    Effect,
    LookUpSubscription,
    Notify,
    RefundPayment,
    ResumeSubscription,
    SendLetter,
    SendMail,
)
from kulanz.policy.topics import topic_of

INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)")
_SPANS = (
    (86_400, message("{number} d")),
    (3_600, message("{number} h")),
    (60, message("{number} min")),
    (1, message("{number} s")),
)
ACTION_KINDS = {
    "AlertOperators": "alert",
    "CancelSubscription": "provider",
    "DropFile": "file",
    "LookUpSubscription": "provider",
    "Notify": "callback",
    "ResumeSubscription": "provider",
    "SendLetter": "letter",
    "SendMail": "mail",
}
STATE_TONES = {
    "good": "good",
    "handled": "good",
    "done": "good",
    "won": "good",
    "recovered": "good",
    "paid": "good",
    "announced": "warn",
    "approval": "warn",
    "proposed": "warn",
    "handed_over": "bad",
    "active": "good",
    "usable": "good",
    "blocked": "warn",
    "requested": "warn",
    "review": "warn",
    "approved": "warn",
    "sent": "warn",
    "failed": "bad",
    "claim": "warn",
    "paid_twice": "warn",
    "held_back": "warn",
    "late": "bad",
    "held": "bad",
    "urgent": "bad",
    "in_force": "good",
    "more_lenient": "good",
    "stricter": "bad",
    "grace": "warn",
    "waiting": "warn",
    "pending": "warn",
    "todo": "warn",
    "frozen": "warn",
    "inquiry": "warn",
    "warned": "warn",
    "on_hold": "bad",
    "suspended": "bad",
    "parked": "bad",
    "quarantined": "bad",
    "unknown": "bad",
    "opened": "bad",
    "under_review": "bad",
    "lost": "bad",
}

STEP_WORDS = {
    "retry": message("provider's retry, before a notice"),
    "first_notice": message("first notice"),
    "warning": message("final warning"),
    "hold": message("after the hold"),
    "given_up": message("after it was given up"),
    "limit": message("mass-action limit"),
    "look": message("re-check at the provider"),
}
"""Names of the steps of dunning on reports, and of the reasons for kept access; reminders have their numbers."""


def span(of: timedelta) -> Message:
    """Return a length of time in its two largest units: `6 d 3 h`."""
    left = int(abs(of).total_seconds())
    parts: list[Message] = []
    for size, unit in _SPANS:
        number, left = divmod(left, size)
        if number:
            parts.append(unit.given(number=number))
    larger, *smaller = parts or [_SPANS[-1][1].given(number=0)]
    return (
        larger if not smaller else Message(text="{larger} {smaller}", values={"larger": larger, "smaller": smaller[0]})
    )


def ago(at: datetime | str, now: datetime) -> Message:
    """Return the time since a past timestamp, or until a future one."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    if moment > now:
        return message("in {span}", span=span(moment - now))
    return message("{span} ago", span=span(now - moment))


def words(name: object) -> Message:
    """Return a name of ours as people write it."""
    return Message(text=str(name).replace("_", " "))


def figure_name(key: str) -> Message | str:
    """Return a group's name in readable form: a step of dunning by its name, else the key."""
    number = key.removeprefix("reminder_")
    return STEP_WORDS.get(key, key) if number == key else message("reminder {number}", number=number)


def kind(effect_kind: str) -> str:
    """Return the channel of an effect."""
    return ACTION_KINDS.get(effect_kind, effect_kind)


def tone(state: Any) -> str:
    """Return the colour of a state; its word means the same."""
    return STATE_TONES.get(str(state), "plain")


def effect(wanted: Effect) -> Message:
    """Return a sentence about an outgoing action."""
    match wanted:
        case SendMail():
            return message("A mail “{notice}” is sent to {to}.", notice=words(wanted.notice), to=wanted.to)
        case Notify():
            return message("Your product receives {type}.", type=wanted.type)
        case AlertOperators():
            return message("Operators are alerted: {topic}.", topic=words(topic_of(wanted.topic).says))
        case SendLetter():
            return message("A letter “{notice}” is sent to the customer.", notice=words(wanted.notice))
        case DropFile():
            return message("A file is left in the data directory: {kind}.", kind=words(wanted.kind))
        case _:
            return _call(wanted)


def _call(wanted: Effect) -> Message:
    match wanted:
        case CancelSubscription():
            sentence = message("Subscription {subscription} is cancelled at the provider.")
            return sentence.given(subscription=wanted.subscription)
        case ResumeSubscription():
            sentence = message("Our cancellation of subscription {subscription} is taken back at the provider.")
            return sentence.given(subscription=wanted.subscription)
        case LookUpSubscription():
            sentence = message("The provider is asked about subscription {subscription}.")
            return sentence.given(subscription=wanted.subscription)
        case RefundPayment():
            amount = Money(wanted.amount, wanted.currency)
            return message(
                "{amount} of payment {payment} go back at the provider.", amount=amount, payment=wanted.payment
            )
        case DisableLicence():
            return message("Licence {licence} is disabled at the provider.", licence=wanted.licence)
        case _:
            return words(type(wanted).__name__)
