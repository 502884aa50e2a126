"""The application: webhooks through a door of their own, everything else through Flask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response

from kulanz.config import Settings
from kulanz.ingest.receiver import Receiver
from kulanz.queries.gauges import Gauges
from kulanz.services import Services
from kulanz.web import probes, problems
from kulanz.web.api import views
from kulanz.web.api.service import AccountService, Service
from kulanz.web.console import application
from kulanz.web.webhooks import WEBHOOK_PREFIX, WebhookApp, WebhookReceiver

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


class WebApp(Flask):
    """The application; `closing` tells whether the server that runs it has been told to stop."""

    def __init__(self, receiver: WebhookReceiver) -> None:
        super().__init__(__name__, static_folder=None)
        self.url_map.merge_slashes = False
        self.closing: Callable[[], bool] = lambda: False
        self.receiver = receiver
        self.begin = receiver.begin
        self._door = WebhookApp(receiver)

    def wsgi_app(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Let webhooks in by their own door, all else by Flask's."""
        if environ["PATH_INFO"].startswith(WEBHOOK_PREFIX):
            return self._door(environ, start_response)
        return super().wsgi_app(environ, start_response)

    def is_closing(self) -> bool:
        """Whether no more work should be sent here."""
        return self.closing()


def create_app(services: Services) -> WebApp:
    """Return the application over these services; it starts no thread and opens no connection until it is asked."""
    gauges = Gauges(services)
    app = assemble(Receiver(services), AccountService(services), services.settings, metrics_page=gauges.page)
    application.register(app, services)
    return app


def assemble(
    receiver: WebhookReceiver,
    service: Service,
    settings: Settings,
    metrics_page: Callable[[], bytes] = probes.own_counts,
) -> WebApp:
    """Return the application made of these parts; without `metrics_page` it tells what this process has counted."""
    app = WebApp(receiver)
    problems.register(app)
    app.register_blueprint(
        probes.blueprint(
            ready=receiver.ready,
            closing=app.is_closing,
            metrics_token=settings.metrics_token,
            metrics_page=metrics_page,
        )
    )
    app.register_blueprint(views.blueprint(service, settings.api_tokens))
    app.after_request(_hardened)
    return app


def _hardened(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
