"""Applications that end with their test: none of their threads opens a connection when its pool is closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kulanz.services import Services
from kulanz.web.application import WebApp, create_app
from tests.days import await_readings


@contextmanager
def an_application(services: Services) -> Iterator[WebApp]:
    """Give the application over services; end it before they are closed."""
    app = create_app(services)
    try:
        yield app
    finally:
        app.receiver.close()
        await_readings()
