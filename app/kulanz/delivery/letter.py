"""Sends one notice on paper: a page for the print partner, in a folder of its own or as a callback."""

from __future__ import annotations

from email.utils import parseaddr

from kulanz.delivery.backoff import try_again
from kulanz.delivery.callback import send_callback
from kulanz.delivery.channels import Attempt, Channels
from kulanz.delivery.letterbox import LETTERS, post
from kulanz.delivery.notices import Recipient, RenderedNotice, locale_of, one_line, render, zone_of
from kulanz.delivery.report import AttemptReport, AttemptState, parked
from kulanz.errors import UntranslatableError
from kulanz.policy.effects import Notify, SendLetter
from kulanz.policy.facts import Outcome


def send_letter(effect: SendLetter, channels: Channels, attempt: Attempt) -> AttemptReport:
    """Hand the letter to whoever prints it: what is written, or what the callback took, counts as delivered."""
    try:
        letter = render(effect.notice, effect.data, _reader(effect, channels, attempt))
    except UntranslatableError as error:
        return parked(error.detail)
    return (
        _called(effect, letter, channels, attempt)
        if effect.by == "callback"
        else _filed(effect, letter, channels, attempt)
    )


def _reader(effect: SendLetter, channels: Channels, attempt: Attempt) -> Recipient:
    lines = (str(one_line(line)) for line in effect.to.splitlines())
    return Recipient(
        locale=locale_of(effect.locale, channels.mail_locale),
        zone=zone_of(effect.data.get("timezone"), channels.timezone),
        account=str(one_line(attempt.account)),
        sender=parseaddr(channels.mail_from)[0] or None,
        billing_url=channels.billing_url,
        bank=channels.bank,
        to=tuple(line for line in lines if line),
        from_lines=channels.sender_lines,
        on=attempt.decided_at,
    )


def _filed(effect: SendLetter, letter: RenderedNotice, channels: Channels, attempt: Attempt) -> AttemptReport:
    if channels.drop_dir is None:
        return AttemptReport(state=AttemptState.SKIPPED, outcome=Outcome.FAILED, error="no data directory is set")
    try:
        post(letter.html.encode(), channels.drop_dir / LETTERS, effect.id, attempt.now, ".html")
    except OSError as error:
        return try_again(f"the letter cannot be written ({type(error).__name__})", attempt.attempts)
    return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)


def _called(effect: SendLetter, letter: RenderedNotice, channels: Channels, attempt: Attempt) -> AttemptReport:
    data = {
        "notice": effect.notice,
        "to": effect.to,
        "language": letter.language,
        "subject": letter.subject,
        "text": letter.text,
        "html": letter.html,
    }
    call = Notify(id=effect.id, type="letter.requested", subject=effect.subject, step=effect.step, data=data)
    return send_callback(call, channels, attempt)
