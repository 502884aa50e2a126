"""Sends one notice as a mail: to the mail server, or to a file while there is none."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime, parseaddr
from pathlib import Path

from kulanz.delivery import pay_links
from kulanz.delivery.backoff import try_again
from kulanz.delivery.brand import LOGO_CID, logo_kind
from kulanz.delivery.channels import Attempt, Channels
from kulanz.delivery.letterbox import post
from kulanz.delivery.notices import one_line, render
from kulanz.delivery.reading import kept, reader
from kulanz.delivery.report import AttemptReport, AttemptState, parked
from kulanz.delivery.smtp import deliver, mail_server
from kulanz.delivery.wording import TemplateFault
from kulanz.errors import FarEndError, UnknownOutcomeError, UntranslatableError
from kulanz.formats.mail_addresses import ascii_address
from kulanz.policy.effects import SendMail, Words
from kulanz.policy.facts import Outcome


class _Subject(UnstructuredHeader, BaseHeader):
    """A subject that is folded whole by RFC 2047: `email`'s own folding doubles a space before an encoded word."""

    def fold(self, *, policy: Policy) -> str:
        text = str(self)
        header = Header(text, "us-ascii" if text.isascii() else "utf-8", header_name="Subject")
        return f"Subject: {header.encode(linesep=policy.linesep)}{policy.linesep}"


def _headers() -> HeaderRegistry:
    registry = HeaderRegistry()
    registry.map_to_type("subject", _Subject)
    return registry


MAIL_POLICY = SMTP.clone(header_factory=_headers())


def send(effect: SendMail, channels: Channels, attempt: Attempt) -> AttemptReport:
    """Send the notice once: a mail that a server has taken, or may have taken, is never sent again (I11)."""
    recipient = ascii_address(effect.to)
    sender = ascii_address(parseaddr(channels.mail_from)[1])
    if recipient is None or sender is None:
        whose = "the customer" if recipient is None else "MAIL_FROM"
        return parked(f"no usable mail address of {whose}")
    try:
        words = effect.words or write(effect, channels, attempt)[0]
    except UntranslatableError as error:
        return parked(error.detail)
    if attempt.pay_token is not None:
        words = pay_links.filled(words, attempt.pay_token)
    message = _message(effect, words, channels, attempt, recipient=recipient)
    return _handed_over(message.as_bytes(), effect, channels, attempt, sender=sender, recipient=recipient)


def write(effect: SendMail, channels: Channels, attempt: Attempt) -> tuple[Words, TemplateFault | None]:
    """Render a notice; `UntranslatableError` for an unknown notice or unsuitable data."""
    link = pay_links.place_of(effect.notice, channels.public_url)
    recipient = reader(channels, attempt, effect.locale, effect.data, effect.step, billing_url=link)
    rendered = render(effect.notice, effect.data, recipient)
    return kept(rendered, _sender(channels), channels.reply_to), rendered.fault


def message_id(effect_id: str, sender: str) -> str:
    """Return the Message-ID of an effect's mail (RFC 5322, 3.6.4), the same at each attempt, also after a restore.

    Mail servers and their logs can be searched for it, to see whether the mail was sent before.
    """
    return f"<{hashlib.sha256(effect_id.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"


def _sender(channels: Channels) -> str:
    """Return the mail's From: the name in MAIL_FROM, else that of the brand."""
    name, address = parseaddr(channels.mail_from)
    return str(Address(display_name=name or channels.brand.name or "", addr_spec=ascii_address(address) or ""))


def _message(effect: SendMail, words: Words, channels: Channels, attempt: Attempt, *, recipient: str) -> EmailMessage:
    message = EmailMessage(policy=MAIL_POLICY)
    name, address = parseaddr(words.sender)
    message["From"] = Address(display_name=name, addr_spec=address)
    message["To"] = Address(addr_spec=recipient)
    if words.reply_to:
        message["Reply-To"] = Address(addr_spec=words.reply_to)
    message["Subject"] = words.subject
    message["Date"] = format_datetime(channels.clock())
    message["Message-ID"] = message_id(effect.id, address)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Kulanz-Notice"] = effect.notice
    message["X-Kulanz-Account"] = str(one_line(attempt.account))
    message.set_content(words.text)
    message.add_alternative(words.html, subtype="html")
    message["Content-Language"] = words.language  # What sets the content takes such a header away.
    _enclose_logo(message, words, channels.brand.logo_file)
    return message


def _enclose_logo(message: EmailMessage, words: Words, logo: Path | None) -> None:
    """Attach the logo's file if the text uses it; without the file the mail is sent all the same."""
    if logo is None or f"cid:{LOGO_CID}" not in words.html:
        return
    with suppress(OSError):
        content = logo.read_bytes()
        html = message.get_body(("html",))
        if isinstance(html, EmailMessage):
            kind = logo_kind(content) or "png"
            html.add_related(content, "image", kind, cid=f"<{LOGO_CID}>", disposition="inline")


def _handed_over(
    letter: bytes, effect: SendMail, channels: Channels, attempt: Attempt, *, sender: str, recipient: str
) -> AttemptReport:
    if not channels.smtp_url:
        return _filed(letter, effect, channels, attempt)
    try:
        server = mail_server(channels.smtp_url, channels.tls, channels.step_timeout.total_seconds())
        deliver(letter, sender, recipient, server)
    except UnknownOutcomeError as error:
        return AttemptReport(state=AttemptState.UNKNOWN, outcome=Outcome.UNKNOWN, error=error.detail)
    except FarEndError as error:
        if error.retryable:
            return try_again(error.detail, attempt.attempts)
        return parked(error.detail)
    return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)


def _filed(letter: bytes, effect: SendMail, channels: Channels, attempt: Attempt) -> AttemptReport:
    """Write a file. It counts as delivered only in tests and demonstrations (DOMAIN section 3)."""
    if channels.mail_dir is None:
        return AttemptReport(
            state=AttemptState.SKIPPED, outcome=Outcome.FAILED, error="neither SMTP_URL nor a mail folder is set"
        )
    try:
        post(letter, channels.mail_dir, effect.id, attempt.now)
    except OSError as error:
        return try_again(f"the mail cannot be written ({type(error).__name__})", attempt.attempts)
    delivered = channels.files_count_as_delivered
    return AttemptReport(
        state=AttemptState.DONE,
        outcome=Outcome.DONE if delivered else Outcome.FAILED,
        error=None if delivered else "written to a file, as SMTP_URL is not set: the mail was not sent",
    )
