"""Access control of the console: a session for every path but the login, no change by GET, none from another site."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from flask import Request, Response, g, make_response, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from kulanz.config import OpsUser, Settings
from kulanz.formats.messages import message
from kulanz.web import peers
from kulanz.web.console.sessions import ConsoleSession, ConsoleSessions
from kulanz.web.problems import BadRequestError, ForbiddenError, UnauthorizedError

MAX_BODY = 64 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOGIN = frozenset({"ops.login", "ops.enter"})
FOR_READERS = frozenset({"ops.accounts_csv", "ops.choose_zone", "ops.leave", "ops.try_policy"})
"""Endpoints that are called by POST and change nothing."""
TOKEN, TOKEN_HEADER = "token", "X-Ops-Token"
CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class AccessControl:
    """Access check before every view of the console."""

    def __init__(self, settings: Settings, sessions: ConsoleSessions) -> None:
        self._settings = settings
        self._sessions = sessions

    def admit(self) -> Response | None:
        """Let a request pass, send it to the login, or refuse it."""
        request.max_content_length = MAX_BODY
        if not self._settings.ops_users:
            raise ForbiddenError(message("The console is closed: set OPS_PASSWORD or OPS_USERS, and start again."))
        _check_characters(request)
        if request.endpoint in LOGIN:
            self._check_origin()
            return None
        matches = self._sessions.read(request)
        if matches is None:
            return _to_login()
        g.session, g.user = matches
        if request.method not in SAFE_METHODS:
            self._check_change(*matches)
        return None

    def send_off(self, response: Response) -> Response:
        """Harden an answer, and renew the cookie while it is in use."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if "session" in g and not g.get("left") and self._sessions.is_due(g.session):
            self._sessions.write(g.session, request, response)
        return response

    def _check_change(self, session: ConsoleSession, user: OpsUser) -> None:
        self._check_origin()
        token = request.headers.get(TOKEN_HEADER) or request.form.get(TOKEN, "")
        if not self._sessions.knows_token(session, token):
            raise ForbiddenError(
                message("This form is of another session. Go back, load the page again and repeat it.")
            )
        if user.read_only and request.endpoint not in FOR_READERS:
            raise ForbiddenError(message("You may look at everything here, and change nothing."))

    def _check_origin(self) -> None:
        """Refuse a change that another site asks for; a browser says where it comes from."""
        if request.method not in SAFE_METHODS and not _is_own(
            request, peers.host(request, self._settings.trusted_proxies)
        ):
            raise ForbiddenError(message("This came from another site."))


def _check_characters(request: Request) -> None:
    """Refuse NUL wherever a text may have it: PostgreSQL takes it as part of no text, not even of a question."""
    told = (request.path, *_values(request.args), *_values(request.form))
    if any("\0" in text for text in told):
        raise BadRequestError(message("There is a character in this that no text has."))


def _values(given: MultiDict[str, str]) -> Iterator[str]:
    return (text for _, text in given.items(multi=True))


def _is_own(request: Request, host: str) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == host


def _to_login() -> Response:
    if request.method not in {"GET", "HEAD"}:
        raise UnauthorizedError(message("Log in first; your session may have ended."))
    requested = request.script_root + request.full_path.rstrip("?")
    wanted = {"next": requested} if requested.rstrip("/") != url_for("ops.overview").rstrip("/") else {}
    return make_response(redirect(f"{url_for('ops.login')}{'?' if wanted else ''}{urlencode(wanted)}", code=303))
