"""Text forms of times, durations, money and outgoing actions on the console."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from kulanz.formats.money import plain as money
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

INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)")
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
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
    "retry": "provider's retry, before a notice",
    "first_notice": "first notice",
    "warning": "final warning",
    "hold": "after the hold",
    "given_up": "after it was given up",
    "limit": "mass-action limit",
    "look": "re-check at the provider",
}
"""Names of the steps of dunning on reports, and of the reasons for kept access; reminders have their numbers."""


def span(of: timedelta) -> str:
    """Return a length of time in its two largest units: `6 d 3 h`."""
    left = int(abs(of).total_seconds())
    parts = []
    for size, unit in _SPANS:
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def ago(at: datetime | str | None, now: datetime) -> str:
    """Return the time since a past timestamp, or until a future one."""
    if at is None:
        return ""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    if moment > now:
        return f"in {span(moment - now)}"
    return f"{span(now - moment)} ago"


def words(name: Any) -> str:
    """Return a name of ours as people write it."""
    return str(name).replace("_", " ")


def percent(share: float | None) -> str:
    """Return a share in whole percent."""
    return "-" if share is None else f"{share:.0%}"


def figure_name(key: str) -> str:
    """Return a group's name in readable form: a step of dunning by its name, else the key."""
    return STEP_WORDS.get(key, key.replace("_", " ", 1) if key.startswith("reminder_") else key)


def kind(effect_kind: str) -> str:
    """Return the channel of an effect."""
    return ACTION_KINDS.get(effect_kind, effect_kind)


def tone(state: Any) -> str:
    """Return the colour of a state; its word means the same."""
    return STATE_TONES.get(str(state), "plain")


def effect(wanted: Effect) -> str:
    """Return a sentence about an outgoing action."""
    match wanted:
        case SendMail():
            return f"A mail “{words(wanted.notice)}” is sent to {wanted.to}."
        case Notify():
            return f"Your product receives {wanted.type}."
        case AlertOperators():
            return f"Operators are alerted: {words(wanted.topic)}."
        case SendLetter():
            return f"A letter “{words(wanted.notice)}” is sent to the customer."
        case DropFile():
            return f"A file is left in the data directory: {words(wanted.kind)}."
        case _:
            return _call(wanted)


def _call(wanted: Effect) -> str:
    match wanted:
        case CancelSubscription():
            return f"Subscription {wanted.subscription} is cancelled at the provider."
        case ResumeSubscription():
            return f"Our cancellation of subscription {wanted.subscription} is taken back at the provider."
        case LookUpSubscription():
            return f"The provider is asked about subscription {wanted.subscription}."
        case RefundPayment():
            return f"{money(wanted.amount, wanted.currency)} of payment {wanted.payment} go back at the provider."
        case DisableLicence():
            return f"Licence {wanted.licence} is disabled at the provider."
        case _:
            return f"{type(wanted).__name__}."
