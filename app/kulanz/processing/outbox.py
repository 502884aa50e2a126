"""Writes effects into the outbox: their type there, and their due time."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from kulanz.crypto import places
from kulanz.policy import effects
from kulanz.policy.effects import AlertOperators, Effect, Notify, fan_out
from kulanz.policy.topics import is_listed
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import codec, outbox, todos
from kulanz.store.database import Connection
from kulanz.store.outbox import EffectRow
from kulanz.store.todos import TodoRow


def effect_row(effect: Effect, account: str, payload: bytes, now: datetime, decision: int | None) -> EffectRow:
    """Return the outbox's row of an effect: decided in policy time, due in real time."""
    return EffectRow(
        id=effect.id,
        account=account,
        kind=type(effect).__name__,
        type=type_of(effect),
        subject=_subject(effect),
        step=getattr(effect, "step", 0),
        payload=payload,
        state="pending",
        attempts=0,
        created_at=now,
        next_attempt_at=real_now(),
        decision_seq=decision,
    )


def type_of(effect: Effect) -> str:
    """Return an effect's type, as named in the outbox and in the record of its decision."""
    match effect:
        case effects.Notify():
            return effect.type
        case effects.SendMail() | effects.SendLetter():
            return effect.notice
        case effects.AlertOperators():
            return effect.topic
        case effects.DropFile():
            return effect.kind
        case _:
            return _PROVIDER_CALL_TYPES[type(effect)]


_PROVIDER_CALL_TYPES: dict[type[Effect], str] = {
    effects.CancelSubscription: "cancel",
    effects.ResumeSubscription: "resume",
    effects.LookUpSubscription: "look_up",
    effects.RefundPayment: "refund",
    effects.DisableLicence: "disable_licence",
}
CALLS = tuple(_PROVIDER_CALL_TYPES.values())
"""Names of provider calls in the outbox."""


def _subject(effect: Effect) -> str:
    return str(getattr(effect, "subject", None) or getattr(effect, "subscription", ""))


def alert(
    services: Services, tx: Connection, *, topic: str, subject: str, account: str | None = None, period: str = ""
) -> None:
    """Alert operators about something that no decision is about; once for a subject, or once for it in each period.

    It stays in the to-do list until a person has seen it, unless the list computes it from the current state.
    """
    if is_listed(topic):
        known, about = account or "", f"{subject} ({period})" if period else subject
        ident = todos.todo_id(topic, known, about)
        todos.add(tx, [TodoRow(ident, known, topic, about, services.clock.now(tx), by_policy=False)])
    ident = "ef_" + sha256("|".join(filter(None, (topic, subject, period))).encode()).hexdigest()[:32]
    effect = AlertOperators(id=ident, topic=topic, subject=subject, data={"account_id": account})
    rows = []
    for part in fan_out(effect, services.settings.ops_alert_to):
        if isinstance(part, Notify) and services.settings.callback_url is None:
            continue
        payload = services.vault.seal(codec.encode(part), places.effect("", part.id))
        rows.append(effect_row(part, "", payload, services.clock.now(tx), None))
    if rows:
        outbox.add(tx, rows)
