"""The systems at the other end of a wire, as real local servers: a callback receiver and a mail server."""

from __future__ import annotations

import asyncio
import base64
import email.policy
import secrets
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from standardwebhooks import Webhook


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver answers to one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: float = 0.0
    """Seconds of silence before the answer."""
    drop: bool = False
    """Close the connection instead of answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    connection: int
    """The client's port: the same for requests that came over one connection."""


@dataclass(slots=True)
class CallbackReceiver:
    """A merchant's product that records what it is told; `answers` are given first, then 200."""

    secret: str = field(default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode())
    answers: deque[Answer] = field(default_factory=deque)
    requests: list[Received] = field(default_factory=list)
    url: str = ""

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Every body whose signature is good; a bad one raises."""
        webhook = Webhook(self.secret)
        return [webhook.verify(request.body, request.headers) for request in self.requests]

    @property
    def types(self) -> list[str]:
        return [document["type"] for document in self.documents]

    def await_count(self, count: int, seconds: float = 10.0) -> None:
        """Return when that many requests have arrived."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < count:
            assert time.monotonic() < deadline, f"{len(self.requests)} of {count} callbacks after {seconds} s"
            time.sleep(0.01)


@contextmanager
def a_callback_receiver() -> Iterator[CallbackReceiver]:
    """Run a receiver on a port of its own."""
    receiver = CallbackReceiver()
    with serving(_recording(receiver)) as port:
        receiver.url = f"http://127.0.0.1:{port}/kulanz"
        yield receiver


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Run an HTTP server in threads and give its port."""
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away: that is what some tests are about."""


def _whole_body(handler: BaseHTTPRequestHandler) -> bytes:
    """Read a body; a request of which only a part arrived, as its sender was killed, was never made."""
    length = int(handler.headers.get("Content-Length", "0"))
    body = handler.rfile.read(length)
    if len(body) < length:
        raise ConnectionResetError(f"{len(body)} of {length} bytes arrived")
    return body


def _recording(receiver: CallbackReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            with suppress(ConnectionError):
                super().handle_one_request()

        def do_POST(self) -> None:
            body = _whole_body(self)
            answer = receiver.answers.popleft() if receiver.answers else Answer()
            receiver.requests.append(
                Received(
                    method=self.command,
                    path=self.path,
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=body,
                    connection=self.client_address[1],
                )
            )
            time.sleep(answer.after)
            self._reply(answer)

        def do_GET(self) -> None:
            self.do_POST()

        def _reply(self, answer: Answer) -> None:
            if answer.drop:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    return Handler


@dataclass(slots=True)
class Mailbox:
    """A mail server that keeps what it accepts. Set a reply (`"451 4.3.0 later"`) to make it fail at that step."""

    port: int = 0
    users: dict[str, str] = field(default_factory=dict)
    sender_reply: str | None = None
    recipient_reply: str | None = None
    data_reply: str | None = None
    """In place of the 250 after the whole letter; the letter is not kept."""
    drop_at: str | None = None
    """Where the line is cut: `rcpt`, or `data` after the whole letter has arrived (which is kept)."""
    after: float = 0.0
    """Seconds of silence between keeping a letter and saying so."""
    accepted: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    _controller: Controller | None = None
    _tls: ssl.SSLContext | None = None
    _implicit: bool = False

    @property
    def url(self) -> str:
        return f"{'smtps' if self._implicit else 'smtp'}://127.0.0.1:{self.port}"

    @property
    def notices(self) -> list[str]:
        return [str(message["X-Kulanz-Notice"]) for message in self.accepted]

    def open(self) -> None:
        """Listen on the port again, after `close`."""
        self._controller = _MailController(self)
        self._controller.start()

    def close(self) -> None:
        """Refuse connections."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_MAIL(  # noqa: N802 - aiosmtpd finds a handler by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.sender_reply or "250 OK"

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.drop_at == "rcpt":
            _cut(server)
        envelope.rcpt_tos.append(address)
        return self.recipient_reply or "250 OK"

    async def handle_DATA(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.data_reply is not None:
            return self.data_reply
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content.replace(b"\r\n", b"\n"), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.accepted.append(message)
        self.envelopes.append((str(envelope.mail_from), ",".join(envelope.rcpt_tos)))
        self.encrypted.append(session.ssl is not None or self._implicit)
        await asyncio.sleep(self.after)
        if self.drop_at == "data":
            _cut(server)
        return "250 OK"


def _cut(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


class _MailController(Controller):
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        tls = mailbox._tls
        super().__init__(
            mailbox,
            hostname="127.0.0.1",
            port=mailbox.port,
            ssl_context=tls if mailbox._implicit else None,
        )

    def factory(self) -> SMTP:
        mailbox = self._mailbox
        return SMTP(
            mailbox,
            tls_context=None if mailbox._implicit else mailbox._tls,
            auth_required=bool(mailbox.users),
            auth_require_tls=mailbox._tls is not None and not mailbox._implicit,
            authenticator=self._authenticate,
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        self._mailbox.logins.append(user)
        return AuthResult(success=self._mailbox.users.get(user) == password, handled=False)


@contextmanager
def a_mailbox(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, users: dict[str, str] | None = None
) -> Iterator[Mailbox]:
    """Run a mail server; with `tls` it offers STARTTLS, or speaks TLS from the start where `implicit`."""
    mailbox = Mailbox(port=a_free_port(), users=users or {}, _tls=tls, _implicit=implicit)
    mailbox.open()
    try:
        yield mailbox
    finally:
        mailbox.close()
