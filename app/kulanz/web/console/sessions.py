"""Sessions of operators: a signed cookie that names the user, runs out, and ends for every holder at log-out."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64Error
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
from flask import Request, Response

from kulanz.config import OpsUser
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import console_sessions
from kulanz.web import peers
from kulanz.web.console import passwords

COOKIE = "kulanz_ops"
COOKIE_PATH = "/ops"
IDLE, WHOLE = timedelta(hours=2), timedelta(hours=12)
"""A session ends so long after it was last used, and after it began."""
RENEWED_AFTER = timedelta(minutes=1)


class ConsoleSession(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Content of the cookie; times in seconds since 1970."""

    user: str
    id: str
    began: int
    seen: int

    @property
    def ends_at(self) -> datetime:
        """Latest end of the session."""
        return datetime.fromtimestamp(self.began, UTC) + WHOLE


class ConsoleSessions:
    """Begins, reads and ends sessions. A new password ends those of its user; the keys may be rotated under them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._users = {user.name: user for user in services.settings.ops_users}

    def user(self, name: str, password: str) -> OpsUser | None:
        """Return the user with this password."""
        return passwords.user_with([*self._users.values()], name, password)

    def begin(self, user: OpsUser) -> ConsoleSession:
        """Return a new session."""
        now = int(real_now().timestamp())
        return ConsoleSession(user=user.name, id=secrets.token_urlsafe(18), began=now, seen=now)

    def read(self, request: Request) -> tuple[ConsoleSession, OpsUser] | None:
        """Return the session of a request and its user, if the session is valid and has not ended."""
        session = self._signed(request.cookies.get(COOKIE, ""))
        user = self._users.get(session.user) if session else None
        if session is None or user is None or self._is_over(session):
            return None
        return session, user

    def write(self, session: ConsoleSession, request: Request, response: Response) -> None:
        """Give the browser its cookie, with the time of now."""
        renewed = msgspec.structs.replace(session, seen=int(real_now().timestamp()))
        secure = peers.is_https(request, self._services.settings.trusted_proxies)
        response.set_cookie(
            COOKIE, self._written(renewed), path=_path(request), httponly=True, samesite="Strict", secure=secure
        )

    def is_due(self, session: ConsoleSession) -> bool:
        """Whether the cookie should be renewed."""
        return real_now() - datetime.fromtimestamp(session.seen, UTC) > RENEWED_AFTER

    def end(self, session: ConsoleSession, request: Request, response: Response) -> None:
        """End a session for every holder of its cookie."""
        with self._services.database.write() as tx:
            console_sessions.end(tx, session.id, now=real_now(), until=session.ends_at)
        response.delete_cookie(COOKIE, path=_path(request), httponly=True, samesite="Strict")

    def token(self, session: ConsoleSession) -> str:
        """Return the CSRF token of this session's forms."""
        return self._services.vault.sign(_token_of(session)).hex()

    def knows_token(self, session: ConsoleSession, token: str) -> bool:
        """Whether a form's token is this session's."""
        try:
            mac = bytes.fromhex(token)
        except ValueError:
            return False
        return self._services.vault.has_signed(_token_of(session), mac)

    def _is_over(self, session: ConsoleSession) -> bool:
        now = real_now()
        if now > session.ends_at or now - datetime.fromtimestamp(session.seen, UTC) > IDLE:
            return True
        with self._services.database.read() as conn:
            return console_sessions.has_ended(conn, session.id)

    def _written(self, session: ConsoleSession) -> str:
        said = msgspec.json.encode(session)
        mac = self._services.vault.sign(self._message(session, said))
        return f"{urlsafe_b64encode(said).decode()}.{urlsafe_b64encode(mac).decode()}"

    def _signed(self, cookie: str) -> ConsoleSession | None:
        said, _, mac = cookie.partition(".")
        try:
            written, presented = urlsafe_b64decode(said), urlsafe_b64decode(mac)
            session = msgspec.json.decode(written, type=ConsoleSession)
        except (NotBase64Error, ValueError, msgspec.DecodeError):
            return None
        signed = self._services.vault.has_signed(self._message(session, written), presented)
        return session if signed else None

    def _message(self, session: ConsoleSession, said: bytes) -> bytes:
        user = self._users.get(session.user)
        password = sha256(user.password.encode()).digest() if user else b""
        return b"ops session\0" + password + said


def _path(request: Request) -> str:
    return request.script_root + COOKIE_PATH


def _token_of(session: ConsoleSession) -> bytes:
    return b"ops token\0" + session.id.encode()
