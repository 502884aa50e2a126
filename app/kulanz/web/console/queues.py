"""rq-dashboard under `/ops/queues`: behind the guard of the console, in its frame, without passwords.

It runs as an application of its own that only the console calls, so that nothing of it is reachable past the guard.
Its scripts are the one exception from our policy of none: they are its own files and the inline ones of its pages, by
a nonce, and its templates are compiled in the browser (`unsafe-eval`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, g, make_response, render_template, request, url_for
from markupsafe import Markup
from redis import Redis
from redis.exceptions import RedisError
from rq import SimpleWorker, requeue_job
from rq.job import Job
from rq.serializers import JSONSerializer

from kulanz.errors import NotFoundError
from kulanz.formats.messages import message
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import connect
from kulanz.services import Services
from kulanz.store import audit_log
from kulanz.web.console.reading import reading
from kulanz.web.console.sessions import ConsoleSessions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

REDIS_TIMEOUT = 2.0
TEMPLATES = Path(__file__).parent / "templates" / "queues"
READABLE = re.compile(r"|0(/.*)?|static/.*|favicon\.ico")
"""Paths allowed for GET: pages, their data and their files. `GET /requeue/<queue>` changes state and is closed."""
CHANGES = re.compile(r"job/[^/]+/(delete|requeue)|requeue/[^/]+|queue/[^/]+/([^/]+/empty|compact)")
QUEUE_CONTENT_SECURITY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src 'self'; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


FRAME: ContextVar[dict[str, Any]] = ContextVar("frame")
"""Values of our frame around the dashboard's pages, for the current request."""


class Dashboard(Flask):
    """The application that rq-dashboard's blueprint runs in; it takes its connection from here."""

    redis_conn: Redis


class QueuePages:
    """Hands requests on to the dashboard."""

    def __init__(self, services: Services, sessions: ConsoleSessions) -> None:
        self._services = services
        self._sessions = sessions
        self._lock = Lock()
        self._dashboard: Dashboard | None = None

    def register(self, blueprint: Blueprint) -> None:
        """Add the view; paths that are not allowed here are not found."""
        blueprint.add_url_rule("/queues/", "queues", self.show, methods=["GET", "POST"], defaults={"rest": ""})
        blueprint.add_url_rule("/queues/<path:rest>", "queues", self.show, methods=["GET", "POST"])

    def show(self, rest: str) -> Response:
        """Answer as the dashboard does, or say that Redis is away."""
        allowed = CHANGES if request.method == "POST" else READABLE
        if not allowed.fullmatch(rest):
            raise NotFoundError(message("There is no such page among the queues."))
        url = self._services.settings.redis_url
        if find_spec("rq_dashboard") is None:
            return Response(render_template("ops/no_queues.html", missing="kulanz[dashboard]"), 503)
        if url is None:
            return Response(render_template("ops/no_queues.html", why=message("REDIS_URL is not set")), 503)
        dashboard = self._made(url)
        try:
            dashboard.redis_conn.ping()
        except (RedisError, OSError) as error:
            return Response(render_template("ops/no_queues.html", why=type(error).__name__), 503)
        if request.method == "POST":
            self._note(rest)
        return self._answered(dashboard, rest)

    def _answered(self, dashboard: Dashboard, rest: str) -> Response:
        nonce = secrets.token_urlsafe(16)
        script = url_for("ops.queues", rest="").rstrip("/")
        frame = {
            "nonce": nonce,
            "text": reading().text,
            "language": reading().language,
            "token": self._sessions.token(g.session),
            "style": url_for("ops_assets.static", filename="queues.css"),
            "console_style": url_for("ops_assets.static", filename="ops.css"),
            "header": Markup(render_template("ops/header.html")),  # nosec B704 # noqa: S704 - ours, escaped
        }

        def answer(wsgi: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            inner = {**wsgi, "SCRIPT_NAME": request.script_root + script, "PATH_INFO": f"/{rest}"}
            return dashboard(inner, start_response)

        existing = FRAME.set(frame)
        try:
            response = make_response(answer)
        finally:
            FRAME.reset(existing)
        response.headers["Content-Security-Policy"] = QUEUE_CONTENT_SECURITY.format(nonce=nonce)
        return response

    def _note(self, rest: str) -> None:
        with self._services.database.write() as tx:
            audit_log.record(
                tx, at=real_now(), actor=g.user.name, act="changed a queue", subject="queues", detail=rest[:200]
            )

    def _made(self, url: str) -> Dashboard:
        with self._lock:
            if self._dashboard is None:
                self._dashboard = _dashboard(connect(url, timeout=REDIS_TIMEOUT))
            return self._dashboard


def _dashboard(redis: Redis) -> Dashboard:
    """Make the application: our frame around its pages, our connection, and no address of Redis that it could show."""
    import rq_dashboard.web  # noqa: PLC0415 - only who looks at queues loads it

    _speak_json(rq_dashboard.web)
    package = Path(rq_dashboard.web.__file__).parent
    app = Dashboard("rq_dashboard", static_folder=str(package / "static"), template_folder=str(TEMPLATES))
    app.config["RQ_DASHBOARD_REDIS_URL"] = ("Redis",)
    app.redis_conn = redis
    app.register_blueprint(rq_dashboard.web.blueprint)
    app.before_request_funcs.pop(
        "rq_dashboard", None
    )  # It would open a new connection for each request, by an address with its password.
    app.context_processor(lambda: {"frame": FRAME.get(), "_": FRAME.get()["text"]})
    app.register_error_handler(RedisError, lambda _: ("Redis does not answer.", 503))
    return app


def _speak_json(dashboard: ModuleType) -> None:
    """Let the dashboard read our jobs' JSON; its default is to unpickle them, which mostly fails and is never safe."""
    dashboard.__dict__["config"].serializer = JSONSerializer
    dashboard.__dict__["requeue_job"] = partial(requeue_job, serializer=JSONSerializer)
    dashboard.__dict__["Job"] = SimpleNamespace(fetch=partial(Job.fetch, serializer=JSONSerializer))
    dashboard.__dict__["Worker"] = SimpleNamespace(all=partial(SimpleWorker.all, serializer=JSONSerializer))
