"""The languages that a request asks for."""

from __future__ import annotations

from flask import request

MOST = 10
"""Maximum number of languages of an Accept-Language header that are read."""


def accepted() -> tuple[str, ...]:
    """Return the languages of the Accept-Language header, the preferred first."""
    return tuple(name for name, quality in request.accept_languages if quality > 0)[:MOST]
