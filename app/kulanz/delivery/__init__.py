"""Delivery of effects: callbacks to the merchant's product, mails, calls to the provider.

Importing this is light: HTTP, templates and locale data are loaded at the first delivery.
"""

from __future__ import annotations

from msgspec.structs import replace as evolve

from kulanz.delivery.channels import Attempt, Channels
from kulanz.delivery.report import AttemptReport, AttemptState
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
    fan_out,
)

_ProviderCall = CancelSubscription | ResumeSubscription | LookUpSubscription | RefundPayment | DisableLicence
__all__ = [
    "Attempt",
    "AttemptReport",
    "AttemptState",
    "Channels",
    "deliver",
    "with_words",
]


def deliver(effect: Effect, channels: Channels, attempt: Attempt) -> AttemptReport:
    """Make one attempt to deliver the effect; a failure of the remote server becomes a report, never an exception."""
    from kulanz.delivery.callback import send_callback  # noqa: PLC0415
    from kulanz.delivery.files import drop  # noqa: PLC0415
    from kulanz.delivery.letter import send_letter  # noqa: PLC0415
    from kulanz.delivery.mail import send  # noqa: PLC0415

    match effect:
        case Notify():
            return send_callback(effect, channels, attempt)
        case SendMail():
            return send(effect, channels, attempt)
        case SendLetter():
            return send_letter(effect, channels, attempt)
        case DropFile():
            return drop(effect, channels, attempt)
        case AlertOperators():
            return _alert(effect, channels, attempt)
        case _:
            return _call_provider(effect, channels, attempt)


def with_words(effect: Effect, channels: Channels, attempt: Attempt) -> tuple[Effect, str | None]:
    """Return a notice with the text to be sent, and the fault of a template.

    Every attempt sends the same text. A notice that cannot be rendered is left unchanged, and `deliver` reports it.
    """
    if not isinstance(effect, SendMail | SendLetter) or effect.words is not None:
        return effect, None
    from kulanz.delivery import letter, mail  # noqa: PLC0415
    from kulanz.errors import UntranslatableError  # noqa: PLC0415

    try:
        if isinstance(effect, SendMail):
            words, fault = mail.write(effect, channels, attempt)
        else:
            words, fault = letter.write(effect, channels, attempt)
    except UntranslatableError:
        return effect, None
    return evolve(effect, words=words), str(fault) if fault else None


def _call_provider(effect: _ProviderCall, channels: Channels, attempt: Attempt) -> AttemptReport:
    from kulanz.delivery.money import disable, refund  # noqa: PLC0415
    from kulanz.delivery.provider import look_up, resume_renewal, stop_renewal  # noqa: PLC0415

    clients = {name: client.checked(attempt.before_write) for name, client in channels.providers.items()}
    match effect:
        case CancelSubscription():
            return stop_renewal(effect, clients, attempt.attempts)
        case ResumeSubscription():
            return resume_renewal(effect, clients, attempt.attempts)
        case LookUpSubscription():
            return look_up(effect, clients, attempt.now)
        case RefundPayment():
            return refund(effect, clients, attempt.attempts, attempt.earlier)
        case DisableLicence():
            return disable(effect, clients, attempt.attempts)


def _alert(effect: AlertOperators, channels: Channels, attempt: Attempt) -> AttemptReport:
    """Alert in one attempt, for callers without `fan_out`: done if mail or callback worked, or no receiver is set."""
    reports = [deliver(part, channels, attempt) for part in fan_out(effect, channels.ops_alert_to)]
    return min(reports, key=lambda report: _STATES_BEST_FIRST.index(report.state))


_STATES_BEST_FIRST = (
    AttemptState.DONE,
    AttemptState.UNKNOWN,
    AttemptState.RETRY,
    AttemptState.PARKED,
    AttemptState.TODO,
    AttemptState.SKIPPED,
)
