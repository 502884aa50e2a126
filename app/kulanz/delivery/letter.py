"""Sends one notice on paper: a page for the print partner, in a folder of its own or as a callback."""

from __future__ import annotations

from email.utils import parseaddr

from kulanz.delivery.backoff import try_again
from kulanz.delivery.callback import call_back
from kulanz.delivery.letterbox import LETTERS, post
from kulanz.delivery.means import Errand, Means
from kulanz.delivery.notices import Letter, Reader, locale_of, one_line, render, zone_of
from kulanz.delivery.report import Report, State, parked
from kulanz.errors import UntranslatableError
from kulanz.policy.effects import Notify, SendLetter
from kulanz.policy.facts import Outcome


def send_letter(effect: SendLetter, means: Means, errand: Errand) -> Report:
    """Hand the letter to whoever prints it: what is written, or what the callback took, counts as delivered."""
    try:
        letter = render(effect.notice, effect.data, _reader(effect, means, errand))
    except UntranslatableError as error:
        return parked(error.detail)
    return _called(effect, letter, means, errand) if effect.by == "callback" else _filed(effect, letter, means, errand)


def _reader(effect: SendLetter, means: Means, errand: Errand) -> Reader:
    lines = (str(one_line(line)) for line in effect.to.splitlines())
    return Reader(
        locale=locale_of(effect.locale, means.mail_locale),
        zone=zone_of(effect.data.get("timezone"), means.timezone),
        account=str(one_line(errand.account)),
        sender=parseaddr(means.mail_from)[0] or None,
        billing_url=means.billing_url,
        to=tuple(line for line in lines if line),
        on=errand.decided_at,
    )


def _filed(effect: SendLetter, letter: Letter, means: Means, errand: Errand) -> Report:
    if means.drop_dir is None:
        return Report(state=State.SKIPPED, outcome=Outcome.FAILED, error="no data directory is set")
    try:
        post(letter.html.encode(), means.drop_dir / LETTERS, effect.id, errand.now, ".html")
    except OSError as error:
        return try_again(f"the letter cannot be written ({type(error).__name__})", errand.attempts)
    return Report(state=State.DONE, outcome=Outcome.DONE)


def _called(effect: SendLetter, letter: Letter, means: Means, errand: Errand) -> Report:
    data = {
        "notice": effect.notice,
        "to": effect.to,
        "language": letter.language,
        "subject": letter.subject,
        "text": letter.text,
        "html": letter.html,
    }
    call = Notify(id=effect.id, type="letter.requested", subject=effect.subject, step=effect.step, data=data)
    return call_back(call, means, errand)
