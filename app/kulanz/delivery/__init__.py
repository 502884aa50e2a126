"""Carries effects out: callbacks to the merchant's product, mails, calls to the provider.

Importing this is light: HTTP, templates and dates of all languages are loaded by whoever carries the first effect out.
"""

from __future__ import annotations

from kulanz.delivery.means import Errand, Means
from kulanz.delivery.report import Report, State
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
    spread,
)

_Call = CancelSubscription | ResumeSubscription | LookUpSubscription | RefundPayment | DisableLicence
__all__ = [
    "Errand",
    "Means",
    "Report",
    "State",
    "carry_out",
]


def carry_out(effect: Effect, means: Means, errand: Errand) -> Report:
    """Make one attempt to carry the effect out; whatever the far end does becomes a report, never an exception."""
    from kulanz.delivery.callback import call_back  # noqa: PLC0415
    from kulanz.delivery.files import drop  # noqa: PLC0415
    from kulanz.delivery.letter import send_letter  # noqa: PLC0415
    from kulanz.delivery.mail import send  # noqa: PLC0415

    match effect:
        case Notify():
            return call_back(effect, means, errand)
        case SendMail():
            return send(effect, means, errand)
        case SendLetter():
            return send_letter(effect, means, errand)
        case DropFile():
            return drop(effect, means, errand)
        case AlertOperators():
            return _alert(effect, means, errand)
        case _:
            return _at_the_provider(effect, means, errand)


def _at_the_provider(effect: _Call, means: Means, errand: Errand) -> Report:
    from kulanz.delivery.money import disable, refund  # noqa: PLC0415
    from kulanz.delivery.provider import look_up, resume_renewal, stop_renewal  # noqa: PLC0415

    match effect:
        case CancelSubscription():
            return stop_renewal(effect, means.providers, errand.attempts)
        case ResumeSubscription():
            return resume_renewal(effect, means.providers, errand.attempts)
        case LookUpSubscription():
            return look_up(effect, means.providers, errand.now)
        case RefundPayment():
            return refund(effect, means.providers, errand.attempts)
        case DisableLicence():
            return disable(effect, means.providers, errand.attempts)


def _alert(effect: AlertOperators, means: Means, errand: Errand) -> Report:
    """Alert in one attempt, for whoever did not ask for `spread`: done where either way worked, or nobody is named."""
    reports = [carry_out(part, means, errand) for part in spread(effect, means.ops_alert_to)]
    return min(reports, key=lambda report: _BEST_FIRST.index(report.state))


_BEST_FIRST = (State.DONE, State.UNKNOWN, State.RETRY, State.PARKED, State.TODO, State.SKIPPED)
