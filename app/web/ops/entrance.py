"""Logging in and out. Attempts are counted before they are judged, so that a failing count lets nobody in."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from app.clock import real_now
from app.config import OpsUser
from app.logs import log
from app.services import Services
from app.store import acts, logins
from app.web import peers
from app.web.ops.sessions import Sessions

WINDOW = timedelta(minutes=15)
FROM_ONE_ADDRESS, FROM_ALL = 10, 1_000
"""Attempts within the window."""


class Entrance:
    """The login page and the way out."""

    def __init__(self, services: Services, sessions: Sessions) -> None:
        self._services = services
        self._sessions = sessions

    def register(self, blueprint: Blueprint) -> None:
        """Add the views."""
        blueprint.add_url_rule("/login", "login", self.login, methods=["GET"])
        blueprint.add_url_rule("/login", "enter", self.enter, methods=["POST"])
        blueprint.add_url_rule("/logout", "leave", self.leave, methods=["POST"])

    def login(self) -> Response:
        """Show the login page; who is in already goes on."""
        if self._sessions.read(request) is not None:
            return make_response(redirect(_wanted(request.args.get("next")), code=303))
        return self._page()

    def enter(self) -> Response:
        """Begin a session for a name and its password."""
        address = peers.address(request, self._services.settings.trusted_proxies)
        here, everywhere = (self._services.vault.fingerprint(f"login:{place}") for place in (address, "everywhere"))
        now = real_now()
        with self._services.database.write() as tx:
            tried_here = logins.attempt(tx, here, now=now, until=now + WINDOW)
            tried = logins.attempt(tx, everywhere, now=now, until=now + WINDOW)
        if tried_here > FROM_ONE_ADDRESS or tried > FROM_ALL:
            log.warning("ops.login_throttled")
            response = self._page("Too many attempts. Wait a quarter of an hour.", 429)
            response.headers["Retry-After"] = str(int(WINDOW.total_seconds()))
            return response
        user = self._sessions.user(request.form.get("name", ""), request.form.get("password", ""))
        if user is None:
            log.warning("ops.login_refused")
            return self._page("No user has this name and password.", 401)
        return self._begun(user, here)

    def leave(self) -> Response:
        """End the session."""
        response = make_response(redirect(url_for("ops.login", left=1), code=303))
        self._sessions.end(g.session, response)
        g.left = True
        return response

    def _begun(self, user: OpsUser, here: bytes) -> Response:
        with self._services.database.write() as tx:
            logins.forget(tx, here)
            acts.note(tx, at=real_now(), actor=user.name, act="logged in", subject="console")
        log.info("ops.login", actor=user.name)
        response = make_response(redirect(_wanted(request.form.get("next")), code=303))
        self._sessions.write(self._sessions.begin(user), request, response)
        return response

    def _page(self, problem: str | None = None, status: int = 200) -> Response:
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
    """Return where somebody was going, if that is a page of the console."""
    overview: str = url_for("ops.overview")
    plain = path is not None and path.startswith(overview) and path.isprintable() and "\\" not in path
    return path if path is not None and plain else overview
