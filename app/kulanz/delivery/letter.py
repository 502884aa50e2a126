"""Sends one notice on paper: a page for the print partner, in a folder of its own or as a callback."""

from __future__ import annotations

from kulanz.delivery.backoff import try_again
from kulanz.delivery.callback import send_callback
from kulanz.delivery.channels import Attempt, Channels
from kulanz.delivery.letterbox import LETTERS, post
from kulanz.delivery.notices import one_line, render
from kulanz.delivery.reading import kept, reader
from kulanz.delivery.report import AttemptReport, AttemptState, parked
from kulanz.delivery.wording import TemplateFault
from kulanz.errors import UntranslatableError
from kulanz.policy.effects import Notify, SendLetter, Words
from kulanz.policy.facts import Outcome


def send_letter(effect: SendLetter, channels: Channels, attempt: Attempt) -> AttemptReport:
    """Hand the letter over to the print service: a written file or an accepted callback counts as delivered."""
    try:
        letter = effect.words or write(effect, channels, attempt)[0]
    except UntranslatableError as error:
        return parked(error.detail)
    return (
        _called(effect, letter, channels, attempt)
        if effect.by == "callback"
        else _filed(effect, letter, channels, attempt)
    )


def write(effect: SendLetter, channels: Channels, attempt: Attempt) -> tuple[Words, TemplateFault | None]:
    """Render a notice; `UntranslatableError` for an unknown notice or unsuitable data."""
    lines = (str(one_line(line)) for line in effect.to.splitlines())
    to = tuple(line for line in lines if line)
    written_for = reader(channels, attempt, effect.locale, effect.data, effect.step, to=to, on=attempt.decided_at)
    rendered = render(effect.notice, effect.data, written_for)
    return kept(rendered, "", None), rendered.fault


def _filed(effect: SendLetter, letter: Words, channels: Channels, attempt: Attempt) -> AttemptReport:
    if channels.drop_dir is None:
        return AttemptReport(state=AttemptState.SKIPPED, outcome=Outcome.FAILED, error="no data directory is set")
    try:
        post(letter.html.encode(), channels.drop_dir / LETTERS, effect.id, attempt.now, ".html")
    except OSError as error:
        return try_again(f"the letter cannot be written ({type(error).__name__})", attempt.attempts)
    return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)


def _called(effect: SendLetter, letter: Words, channels: Channels, attempt: Attempt) -> AttemptReport:
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
