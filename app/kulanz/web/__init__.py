"""HTTP: the webhook endpoint, the API, the console and the probes, as one Flask application."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kulanz.config import Settings
    from kulanz.web.application import WebApp


def create_app(settings: Settings | None = None) -> WebApp:
    """Build the application from its settings, by default those of the environment.

    The factory for any WSGI server: `flask --app kulanz.web run`, `gunicorn 'kulanz.web:create_app()'`. It starts no
    thread and opens no connection; the first request of each process does, so that a server may fork after it.
    Settings that are wrong end the process with a line for each.
    """
    # Imported here: the process that watches over the servers of `kulanz web` never needs the application.
    import atexit  # noqa: PLC0415
    import sys  # noqa: PLC0415
    from multiprocessing.util import Finalize  # noqa: PLC0415

    from kulanz import config, services  # noqa: PLC0415
    from kulanz.errors import ConfigurationError  # noqa: PLC0415
    from kulanz.telemetry import logs  # noqa: PLC0415
    from kulanz.web import application  # noqa: PLC0415

    try:
        settings = settings or config.load(config.environment())
        logs.configure("web", as_json=settings.log == "json")
        built = services.build(settings)
    except ConfigurationError as error:
        sys.exit("\n".join(f"kulanz: {problem}" for problem in error.problems))
    app = application.create_app(built)
    app.at_begin.append(built.counters.start)
    app.at_end.append(built.counters.close)
    atexit.register(app.end)
    Finalize(None, app.end, exitpriority=1)  # A process of `multiprocessing` runs this, and no atexit.
    return app
