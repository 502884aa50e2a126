"""Logging in and out. Attempts are counted before they are judged, each for the source that it came from."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from time import monotonic

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from kulanz.config import OpsUser
from kulanz.formats.messages import Message, message
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, console_sessions
from kulanz.telemetry.logs import log
from kulanz.web import peers
from kulanz.web.attempts import Attempts
from kulanz.web.console.sessions import ConsoleSessions

WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_ADDRESS = 10
"""Attempts within the window."""


class LoginPages:
    """The login page and the way out."""

    def __init__(self, services: Services, sessions: ConsoleSessions) -> None:
        self._services = services
        self._sessions = sessions
        self._attempts = Attempts(ATTEMPTS_PER_ADDRESS, WINDOW)

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/login", "login", self.login, methods=["GET"])
        blueprint.add_url_rule("/login", "enter", self.enter, methods=["POST"])
        blueprint.add_url_rule("/logout", "leave", self.leave, methods=["POST"])

    def login(self) -> Response:
        """Show the login page; a person with a session is redirected."""
        if self._sessions.read(request) is not None:
            return make_response(redirect(_wanted(request.args.get("next")), code=303))
        return self._page()

    def enter(self) -> Response:
        """Begin a session for a name and its password."""
        trusted = self._services.settings.trusted_proxies
        source = peers.origin(request, trusted)
        wait = self._attempts.wait(source, monotonic())
        if wait:
            log.warning("ops.login_throttled", unknown_proxy=peers.behind_unknown_proxy(request, trusted))
            response = self._page(message("Too many attempts. Wait a quarter of an hour."), 429)
            response.headers["Retry-After"] = str(ceil(wait))
            return response
        user = self._sessions.user(request.form.get("name", ""), request.form.get("password", ""))
        if user is None:
            log.warning("ops.login_refused")
            return self._page(message("No user has this name and password."), 401)
        return self._begun(user, source)

    def leave(self) -> Response:
        """End the session."""
        response = make_response(redirect(url_for("ops.login", left=1), code=303))
        self._sessions.end(g.session, request, response)
        g.left = True
        return response

    def _begun(self, user: OpsUser, source: str) -> Response:
        with self._services.database.write() as tx:
            console_sessions.clear_attempts(tx)
            audit_log.record(tx, at=real_now(), actor=user.name, act="logged in", subject="console")
        self._attempts.uncount(source)
        log.info("ops.login", actor=user.name)
        response = make_response(redirect(_wanted(request.form.get("next")), code=303))
        self._sessions.write(self._sessions.begin(user), request, response)
        return response

    def _page(self, problem: Message | None = None, status: int = 200) -> Response:
        users = self._services.settings.ops_users
        page = render_template(
            "ops/login.html",
            problem=problem,
            next=request.values.get("next", ""),
            name=request.form.get("name") or (users[0].name if len(users) == 1 else ""),
            left=request.args.get("left") == "1",
        )
        return make_response(page, status)


def _wanted(path: str | None) -> str:
    """Return the page that was requested before the login, if it is a page of the console."""
    overview: str = url_for("ops.overview")
    plain = path is not None and path.startswith(overview) and path.isprintable() and "\\" not in path
    return path if path is not None and plain else overview
