"""Effects: outgoing actions as values, which a decision asks for and `kulanz.delivery` carries out.

An effect's `id` is made from its purpose, so the same wish is one effect however often it is decided (I5, I11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from msgspec import Struct, field


class Notify(Struct, frozen=True, kw_only=True):
    """Send a callback to the merchant's product (CONTRACT section 4)."""

    id: str
    type: str
    """`account.grace_started`, `account.downgraded`, …"""
    subject: str
    """The case, dispute, subscription or account of the callback."""
    step: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    """JSON-ready: entitlement, reason and what the type adds; no personal data."""


class Words(Struct, frozen=True, kw_only=True):
    """The words of a notice as handed over: written once, kept with it, and hashed into the ledger."""

    language: str
    subject: str
    text: str
    html: str
    sender: str
    """As the mail names it; empty on paper."""
    reply_to: str | None
    salt: str
    """Random salt: without it the words could be guessed from the ledger's hash."""

    @property
    def digest(self) -> str:
        """Return the hash of the words for the ledger."""
        return words_digest({name: getattr(self, name) for name in self.__struct_fields__})


def words_digest(words: Mapping[str, Any]) -> str:
    """Return SHA-256 over words as JSON: sorted keys, no spaces, UTF-8."""
    canonical = json.dumps(words, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


class SendMail(Struct, frozen=True, kw_only=True):
    """Send one notice to the customer of the subscription concerned."""

    id: str
    notice: str
    """`grace_reminder`, `grace_warning`, `downgraded`, … the value of `X-Kulanz-Notice`."""
    subject: str
    step: int
    to: str
    locale: str | None
    data: dict[str, Any] = field(default_factory=dict)
    """The fields for the template: `plan`, `deadline`, `amount_due`, `currency`, …; timestamps as RFC 3339."""
    words: Words | None = None
    """None: no attempt has begun, or one of a version that kept no words."""


class AlertOperators(Struct, frozen=True, kw_only=True):
    """Alert the operators: a mail to `OPS_ALERT_TO` and an `ops.alert` callback."""

    id: str
    topic: str
    subject: str
    data: dict[str, Any] = field(default_factory=dict)


class CancelSubscription(Struct, frozen=True, kw_only=True):
    """Stop the renewal at the provider (plexo 6.2, 10)."""

    id: str
    subscription: str
    cause: str
    step: int = 1


class ResumeSubscription(Struct, frozen=True, kw_only=True):
    """Take a cancellation of ours back at the provider."""

    id: str
    subscription: str
    step: int = 1
    trial_ends_at: datetime | None = None


class LookUpSubscription(Struct, frozen=True, kw_only=True):
    """Ask the provider for the subscription before access is taken (the re-check of DOMAIN section 3)."""

    id: str
    subscription: str
    case: str
    """Empty where it is about a renewal that nothing is heard of."""
    invoice: str | None = None
    """The unpaid invoice of the case: it is asked for too."""


class RefundPayment(Struct, frozen=True, kw_only=True):
    """Give money back at the provider, to the original payment (plexo 9.3)."""

    id: str
    subject: str
    """The request."""
    payment: str
    kind: str
    """`order` or `invoice`: which of the provider's records of the payment the key is of."""
    amount: int
    currency: str
    before: int
    """The refunded amount at its approval: the refund moves that by `amount` (I11)."""
    step: int = 0
    """Which of the request's decisions it is for: one may lapse and be followed by another."""


class DisableLicence(Struct, frozen=True, kw_only=True):
    """Disable a licence key at the provider, as its price went back (plexo 8)."""

    id: str
    subject: str
    """The request."""
    licence: str


class SendLetter(Struct, frozen=True, kw_only=True):
    """Send one notice on paper, to the postal address of the debtor."""

    id: str
    notice: str
    subject: str
    step: int
    to: str
    """The address on the envelope, in lines."""
    by: str
    """`file` or `callback`: how it gets to the print partner."""
    locale: str | None
    data: dict[str, Any] = field(default_factory=dict)
    words: Words | None = None


class DropFile(Struct, frozen=True, kw_only=True):
    """Write a file for a collection agency or credit bureau: it holds personal data, so it is private to the user."""

    id: str
    folder: str
    """Within the data directory: `collections`."""
    subject: str
    """The hand-over that it is about."""
    kind: str
    """`handover`, `recall` or `credit-report`: part of its name."""
    content: str


Effect = (
    Notify
    | SendMail
    | AlertOperators
    | CancelSubscription
    | ResumeSubscription
    | LookUpSubscription
    | RefundPayment
    | DisableLicence
    | SendLetter
    | DropFile
)

NOTICE_DUE = "notice.due"
"""The callback in place of a mail that the merchant's product writes: its delivery counts as the mail's."""
OPERATORS_NOTICE = "ops_alert"
"""The mail of an alert: it is for operators, so it counts as no notice of its case or dispute."""
EFFECT_KINDS: dict[str, type[Effect]] = {kind.__name__: kind for kind in Effect.__args__}
"""Every kind of effect by its name: how a recorded effect finds its type again."""


def in_place_of_mail(effect: Effect) -> Effect:
    """Return the mail that a callback stands for, so that both are judged alike; else the effect."""
    if not isinstance(effect, Notify) or effect.type != NOTICE_DUE:
        return effect
    return SendMail(
        id=effect.id, notice=effect.data["notice"], subject=effect.subject, step=effect.step, to="", locale=None
    )


def fan_out(effect: Effect, ops_alert_to: str | None = None) -> tuple[Effect, ...]:
    """Return the outbox entries of an effect: an alert has two channels, each with its own attempts and outcome."""
    if not isinstance(effect, AlertOperators):
        return (effect,)
    data = {"topic": effect.topic, "subject": effect.subject, **effect.data}
    call = Notify(id=f"{effect.id}.callback", type="ops.alert", subject=effect.subject, data=data)
    if not ops_alert_to:
        return (call,)
    mail = SendMail(
        id=f"{effect.id}.mail",
        notice=OPERATORS_NOTICE,
        subject=effect.subject,
        step=0,
        to=ops_alert_to,
        locale=None,
        data=data,
    )
    return (mail, call)
