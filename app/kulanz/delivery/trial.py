"""Mails with sample data: a preview, and one to oneself. No account and no record has them."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace as evolve

from kulanz.delivery import Attempt, AttemptReport, Channels, deliver
from kulanz.delivery.mail import write
from kulanz.delivery.notices import REQUIRED
from kulanz.delivery.report import AttemptState
from kulanz.delivery.samples import EVERYTHING
from kulanz.errors import NotFoundError, RefusedError
from kulanz.policy.effects import SendMail, Words

ACCOUNT = "org_42"
"""The account that the sample data are about."""


def sample(notice: str, step: int, locale: str | None = None) -> SendMail:
    """Return a notice with sample data; NotFoundError if there is none of that name."""
    if notice not in REQUIRED:
        raise NotFoundError(f"there is no notice {notice!r}; there are {', '.join(REQUIRED)}")
    return SendMail(
        id="preview",
        notice=notice,
        subject="",
        step=step,
        to="you@example.com",
        locale=locale,
        data=dict(EVERYTHING),
    )


def written(effect: SendMail, channels: Channels, now: datetime, account: str = ACCOUNT) -> tuple[Words, str | None]:
    """Return the text of a notice, as sent if it was recorded, and the reason if it is not the merchant's."""
    if effect.words is not None:
        return effect.words, None
    words, fault = write(effect, channels, Attempt(account=account, decided_at=now, now=now))
    return words, str(fault) if fault else None


def send(effect: SendMail, to: str, channels: Channels, now: datetime) -> tuple[Words, str | None]:
    """Send a sample to an address and return its text; RefusedError if it was not sent."""
    effect = evolve(effect, id=f"test-{now:%Y%m%dT%H%M%S%f}", to=to)
    words, fault = written(effect, channels, now)
    attempt = Attempt(account=ACCOUNT, decided_at=now, now=now)
    report: AttemptReport = deliver(evolve(effect, words=words), channels, attempt)
    if report.state is not AttemptState.DONE:
        raise RefusedError(report.error or f"the mail was not sent ({report.state})")
    return words, fault
