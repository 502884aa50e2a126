"""`kulanz mail`: check the templates, preview a notice, and send one to oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec.structs import replace as evolve

from kulanz.cli.options import emit, json_option, mail_address, services
from kulanz.errors import NotFoundError, RefusedError
from kulanz.formats.wording import how_many

if TYPE_CHECKING:
    from kulanz.policy.effects import SendMail
    from kulanz.services import Services

locale_option = click.option("--locale", help="Language and country, such as de-AT [default: MAIL_LOCALE].")
step_option = click.option("--step", type=click.IntRange(0), default=1, show_default=True, help="Which reminder.")


@click.group()
def mail() -> None:
    """Check, preview and try the mails to customers."""


@mail.command()
@json_option
def check(*, as_json: bool) -> None:
    """Render each notice in each language with sample data, and print errors with file and line."""
    from kulanz.config import environment, load
    from kulanz.delivery import template_check
    from kulanz.delivery.languages import languages
    from kulanz.delivery.notices import REQUIRED
    from kulanz.services import brand_of

    settings = load(environment())
    found = template_check.problems(settings.templates, brand_of(settings), settings.mail_locale)
    spoken = languages(settings.templates)
    document = {"sound": not found, "languages": spoken, "notices": sorted(REQUIRED), "problems": found}
    sound = f"{how_many(len(REQUIRED), 'notice')} in {', '.join(spoken)}: sound"
    emit(document, as_json, "\n".join(found) or sound)
    if found:
        raise RefusedError(how_many(len(found), "problem"))


@mail.command()
@click.argument("notice")
@locale_option
@step_option
@click.option("--account", help="An account's own: the last such notice that was decided for it.")
@click.option("--html", is_flag=True, help="Print the HTML part alone.")
@json_option
def preview(*, notice: str, locale: str | None, step: int, account: str | None, html: bool, as_json: bool) -> None:
    """Print a notice as a customer would get it; a sent notice is printed as it was sent."""
    from kulanz.delivery.trial import ACCOUNT, sample, written
    from kulanz.runtime.clock import real_now

    with services(needs_database=account is not None) as opened:
        effect = _last(opened, account, notice) if account else sample(notice, step)
        effect = effect if locale is None else evolve(effect, locale=locale, words=None)
        words, fault = written(effect, opened.channels(), real_now(), account or ACCOUNT)
    document = {
        "notice": effect.notice,
        "sent": effect.words is not None,
        "language": words.language,
        "from": words.sender,
        "reply_to": words.reply_to,
        "subject": words.subject,
        "text": words.text,
        "html": words.html,
        "fault": fault,
    }
    emit(document, as_json, words.html if html else f"From: {words.sender}\nSubject: {words.subject}\n\n{words.text}")
    if fault:
        click.echo(f"kulanz: note: {fault}; these are our words instead", err=True)


@mail.command()
@click.argument("notice")
@click.option("--to", required=True, callback=lambda *given: mail_address(given[2]), help="Your own address.")
@locale_option
@step_option
@json_option
def test(*, notice: str, to: str, locale: str | None, step: int, as_json: bool) -> None:
    """Send a notice with sample data to an address of yours; no account and no record has it."""
    from kulanz.delivery.trial import sample, send
    from kulanz.runtime.clock import real_now

    with services(needs_database=False) as opened:
        written, fault = send(sample(notice, step, locale), to, opened.channels(), real_now())
        filed = opened.settings.data_dir / "mail" if opened.settings.smtp_url is None else None
    document = {"notice": notice, "to": to, "subject": written.subject, "file": str(filed) if filed else None}
    words = f"written to {filed}, as SMTP_URL is not set" if filed else f"handed to the mail server for {to}"
    emit(document | {"fault": fault}, as_json, f"{written.subject}: {words}")


def _last(opened: Services, account: str, notice: str) -> SendMail:
    """Return the last mail of a kind that was decided for an account."""
    from kulanz.policy.effects import SendMail
    from kulanz.queries.sent_notices import notice as stored
    from kulanz.queries.views import view
    from kulanz.store import outbox

    with opened.database.read() as conn:
        name = view(opened, conn, account).account.id
        rows = [row for row in outbox.of_account(conn, name) if row.type == notice and row.kind == "SendMail"]
        effect = stored(opened, conn, rows[-1]) if rows else None
    if not isinstance(effect, SendMail):
        raise NotFoundError(f"no mail {notice} was decided for {account}")
    return effect
