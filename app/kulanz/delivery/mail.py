"""Sends one notice as a mail: to the mail server, or to a file while there is none."""

from __future__ import annotations

import hashlib
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from kulanz.delivery.backoff import try_again
from kulanz.delivery.letterbox import post
from kulanz.delivery.means import Errand, Means
from kulanz.delivery.notices import Letter, Reader, locale_of, one_line, render, zone_of
from kulanz.delivery.report import Report, State, parked
from kulanz.delivery.smtp import deliver, mail_server
from kulanz.errors import FarEndError, UnknownOutcomeError, UntranslatableError
from kulanz.formats.mail_addresses import ascii_address
from kulanz.policy.effects import SendMail
from kulanz.policy.facts import Outcome


def send(effect: SendMail, means: Means, errand: Errand) -> Report:
    """Send the notice once: what a server has taken, or may have taken, is never sent again (I11)."""
    recipient = ascii_address(effect.to)
    sender = ascii_address(parseaddr(means.mail_from)[1])
    if recipient is None or sender is None:
        whose = "the customer" if recipient is None else "MAIL_FROM"
        return parked(f"no usable mail address of {whose}")
    try:
        written = letter(effect, means, errand)
    except UntranslatableError as error:
        return parked(error.detail)
    message = _message(effect, written, means, errand, sender=sender, recipient=recipient)
    return _handed_over(message.as_bytes(), effect, means, errand, sender=sender, recipient=recipient)


def letter(effect: SendMail, means: Means, errand: Errand) -> Letter:
    """Put a notice into words; `UntranslatableError` where there is no such notice or its data does not fit."""
    return render(effect.notice, effect.data, _reader(effect, means, errand))


def _reader(effect: SendMail, means: Means, errand: Errand) -> Reader:
    return Reader(
        locale=locale_of(effect.locale, means.mail_locale),
        zone=zone_of(effect.data.get("timezone"), means.timezone),
        account=str(one_line(errand.account)),
        sender=parseaddr(means.mail_from)[0] or None,
        billing_url=means.billing_url,
    )


def _message(
    effect: SendMail, letter: Letter, means: Means, errand: Errand, *, sender: str, recipient: str
) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(display_name=parseaddr(means.mail_from)[0], addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(means.clock())
    message["Message-ID"] = f"<{hashlib.sha256(effect.id.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"
    message["Content-Language"] = letter.language
    message["Auto-Submitted"] = "auto-generated"
    message["X-Kulanz-Notice"] = effect.notice
    message["X-Kulanz-Account"] = str(one_line(errand.account))
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def _handed_over(
    letter: bytes, effect: SendMail, means: Means, errand: Errand, *, sender: str, recipient: str
) -> Report:
    if not means.smtp_url:
        return _filed(letter, effect, means, errand)
    try:
        server = mail_server(means.smtp_url, means.tls, means.patience.total_seconds())
        deliver(letter, sender, recipient, server)
    except UnknownOutcomeError as error:
        return Report(state=State.UNKNOWN, outcome=Outcome.UNKNOWN, error=error.detail)
    except FarEndError as error:
        if error.retryable:
            return try_again(error.detail, errand.attempts)
        return parked(error.detail)
    return Report(state=State.DONE, outcome=Outcome.DONE)


def _filed(letter: bytes, effect: SendMail, means: Means, errand: Errand) -> Report:
    """Write a file. Nobody reads it: it counts as delivered only where nobody is meant to (DOMAIN section 3)."""
    if means.mail_dir is None:
        return Report(state=State.SKIPPED, outcome=Outcome.FAILED, error="neither SMTP_URL nor a mail folder is set")
    try:
        post(letter, means.mail_dir, effect.id, errand.now)
    except OSError as error:
        return try_again(f"the mail cannot be written ({type(error).__name__})", errand.attempts)
    delivered = means.files_count_as_delivered
    return Report(
        state=State.DONE,
        outcome=Outcome.DONE if delivered else Outcome.FAILED,
        error=None if delivered else "written to a file, as SMTP_URL is not set: nobody was reached",
    )
