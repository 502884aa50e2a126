"""Hands one mail to a mail server, and knows at each step whether it may have been taken (I11)."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from kulanz.errors import FarEndError, UnknownOutcomeError

_LAST_WORD = 6
"""Factor of the time limit for a whole mail: giving up on it would leave the outcome unknown."""
_SUBMISSION, _IMPLICIT_TLS = 587, 465
_SUCCESS, _GO_AHEAD, _PERMANENT = 2, 354, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Mail server of `SMTP_URL`: `smtp://` (STARTTLS if offered) or `smtps://`."""

    host: str
    port: int
    implicit_tls: bool
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    seconds: float = 10.0
    """For one step of the conversation."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def needs_tls(self) -> bool:
        """Whether TLS is required for mail and password: on the submission port, and with a login."""
        return not _is_loopback(self.host) and (self.port == _SUBMISSION or self.user is not None)


def mail_server(url: str, tls: ssl.SSLContext, seconds: float) -> MailServer:
    """Return where an `SMTP_URL` leads; `FarEndError` where it leads nowhere."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FarEndError("SMTP_URL cannot be read", retryable=True) from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise FarEndError("SMTP_URL is not smtp://… or smtps://…", retryable=True)
    implicit = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname,
        port=port or (_IMPLICIT_TLS if implicit else _SUBMISSION),
        implicit_tls=implicit,
        tls=tls,
        seconds=seconds,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
    )


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def deliver(letter: bytes, sender: str, recipient: str, server: MailServer) -> None:
    """Return once the server has accepted the letter.

    `FarEndError`: it was not accepted; not retryable where the server refused it for good. `UnknownOutcomeError`: it
    was sent to its end and the server's word on it never came.
    """
    with _open(server, sender.rpartition("@")[2]) as line:
        with _translated("the mail server broke off"):
            _expect(line.mail(sender), "the sender")
            _expect(line.rcpt(recipient), "the recipient")
            _start_data(line)
            line.send(_framed(letter))
        _finish_data(line, server.seconds * _LAST_WORD)


def probe(server: MailServer, name: str) -> None:
    """Return once the server has let us in, with TLS and by our password where it has to be so; else `FarEndError`."""
    with _open(server, name):
        pass


@contextmanager
def _open(server: MailServer, name: str) -> Iterator[smtplib.SMTP]:
    with _translated("the mail server cannot be reached"):
        line = _connected(server, name)
    try:
        with _translated("the mail server did not let us in"):
            _secure(line, server)
        yield line
        with suppress(smtplib.SMTPException, OSError):
            line.quit()
    finally:
        line.close()


def _connected(server: MailServer, name: str) -> smtplib.SMTP:
    if server.implicit_tls:
        return smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=name, timeout=server.seconds, context=server.tls
        )
    return smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=server.seconds)


def _secure(line: smtplib.SMTP, server: MailServer) -> None:
    line.ehlo_or_helo_if_needed()
    if not server.implicit_tls:
        _start_tls(line, server)
    if server.user is not None:
        line.login(server.user, server.password or "")


def _start_tls(line: smtplib.SMTP, server: MailServer) -> None:
    if line.has_extn("starttls"):
        line.starttls(context=server.tls)
        line.ehlo()
    elif server.needs_tls:
        raise FarEndError("the mail server offers no encryption, so nothing is sent to it", retryable=True)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn a failure before the end of the mail into an error without addresses."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise FarEndError(f"{what} ({error.smtp_code})", retryable=True, answer=error.smtp_code) from None
    except ssl.SSLError:
        raise FarEndError("the mail server's certificate is not trusted, or its TLS failed", retryable=True) from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise FarEndError(f"{what} ({type(error).__name__})", retryable=True) from None


def _start_data(line: smtplib.SMTP) -> None:
    line.putcmd("data")
    code, reply = line.getreply()
    if code != _GO_AHEAD:
        raise _refusal(code, reply, "the letter")


def _finish_data(line: smtplib.SMTP, seconds: float) -> None:
    """Send the end of the mail; from here on only the server's reply shows the outcome."""
    try:
        if line.sock is not None:
            line.sock.settimeout(seconds)
        line.send(b".\r\n")
        code, reply = line.getreply()
    except (smtplib.SMTPException, OSError):
        raise UnknownOutcomeError("the mail server broke off after it had the whole letter") from None
    match code // 100:
        case 2:
            return
        case 4 | 5:
            raise _refusal(code, reply, "the letter")
    raise UnknownOutcomeError("the mail server's answer to the letter cannot be read")


def _expect(answer: tuple[int, bytes], what: str) -> None:
    code, reply = answer
    if code // 100 != _SUCCESS:
        raise _refusal(code, reply, what)


def _refusal(code: int, reply: bytes, what: str) -> FarEndError:
    """Describe a refusal by its codes alone: a mail server's text often repeats the address."""
    enhanced = re.match(rb"[245]\.\d{1,3}\.\d{1,3}\b", reply)
    codes = f"{code} {enhanced[0].decode()}" if enhanced else f"{code}"
    return FarEndError(f"the mail server refused {what} ({codes})", retryable=code < _PERMANENT, answer=code)


def _framed(letter: bytes) -> bytes:
    """Return the letter as DATA wants it: CRLF at each line's end, a leading dot doubled."""
    lines = letter.splitlines()
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
