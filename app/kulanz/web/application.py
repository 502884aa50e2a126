"""The Flask application: the webhook endpoint, the API, the console and the probes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Flask, Response
from werkzeug.routing import Rule

from kulanz.config import Settings
from kulanz.ingest.receiver import Receiver
from kulanz.queries.gauges import Gauges
from kulanz.services import Services
from kulanz.web import embed, peers, probes, problems, webhooks
from kulanz.web.api import views
from kulanz.web.console import application
from kulanz.web.pay import PayPages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class LazyRule(Rule):
    """URL rule that compiles its URL builders at their first use: most addresses are only matched."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002
        compile_builder = super()._compile_builder

        @cache
        def builder() -> Callable[..., tuple[str, str]]:
            return compile_builder(append_unknown)

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            return builder()(rule, **values)

        return build


class WebApp(Flask):
    """The application; `closing` returns whether its server is shutting down."""

    url_rule_class = LazyRule

    def __init__(self, receiver: Receiver, trusted_proxies: Sequence[str] = ()) -> None:
        super().__init__(__name__, static_folder=None)
        self.url_map.merge_slashes = False
        self.closing: Callable[[], bool] = lambda: False
        self.receiver = receiver
        self._trusted_proxies = trusted_proxies
        self.at_begin: list[Callable[[], object]] = [receiver.begin]
        """Background tasks of a process, started once in each process."""
        self.at_end: list[Callable[[], object]] = [receiver.leave]
        """Tasks run once at the end of a process that was started."""
        self._begun_in: int | None = None
        self._ended = False
        self.before_request(self.begin)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer below the path that a trusted proxy names and takes away, so that links and cookies have it."""
        if prefix := peers.prefix(environ, self._trusted_proxies):
            environ["SCRIPT_NAME"] = prefix
        return super().wsgi_app(environ, start_response)

    def begin(self) -> None:
        """Start the background tasks; a second call in the same process does nothing."""
        if self._begun_in != os.getpid():
            self._begun_in = os.getpid()
            for start in self.at_begin:
                start()

    def end(self) -> None:
        """Run the final tasks of a started process; a second call does nothing."""
        if self._begun_in == os.getpid() and not self._ended:
            self._ended = True
            for finish in self.at_end:
                finish()

    def is_closing(self) -> bool:
        """Whether no more work should be sent here."""
        return self.closing()


def create_app(services: Services) -> WebApp:
    """Return the application over these services; it starts no thread and opens no connection until it is asked."""
    gauges = Gauges(services)
    app = assemble(Receiver(services), services, services.settings, metrics_page=gauges.page)
    app.register_blueprint(PayPages(services).blueprint())
    application.register(app, services)
    return app


def assemble(
    receiver: Receiver,
    services: Services,
    settings: Settings,
    metrics_page: Callable[[], bytes] = probes.own_counts,
) -> WebApp:
    """Return the application made of these parts; without `metrics_page` it shows this process's counters."""
    app = WebApp(receiver, settings.trusted_proxies)
    problems.register(app)
    app.register_blueprint(webhooks.blueprint(receiver))
    app.register_blueprint(
        probes.blueprint(
            ready=receiver.ready,
            closing=app.is_closing,
            metrics_token=settings.metrics_token,
            metrics_page=metrics_page,
        )
    )
    app.register_blueprint(views.blueprint(services, settings.api_tokens))
    app.register_blueprint(embed.blueprint())
    app.after_request(_hardened)
    return app


def _hardened(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
