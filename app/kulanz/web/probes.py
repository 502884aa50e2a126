"""Probes: liveness, readiness, and `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from flask import Blueprint, Response, jsonify, request
from prometheus_client import generate_latest

from kulanz.telemetry import metrics
from kulanz.web.api.tokens import bearer, same
from kulanz.web.problems import ForbiddenError, UnauthorizedError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via")


def own_counts() -> bytes:
    """Return this process's counters, in Prometheus's text format."""
    return generate_latest(metrics.REGISTRY)


def blueprint(
    *,
    ready: Callable[[], bool],
    closing: Callable[[], bool],
    metrics_token: str | None,
    metrics_page: Callable[[], bytes] = own_counts,
) -> Blueprint:
    """Return `/livez`, `/readyz` and `/metrics`; `closing` returns whether the server is shutting down."""
    probes = Blueprint("probes", __name__)

    @probes.get("/livez")
    def livez() -> Response:
        return _uncached(jsonify(status="ok"))

    @probes.get("/readyz")
    def readyz() -> tuple[Response, int]:
        if closing():
            return _uncached(jsonify(status="closing")), 503
        if not ready():
            return _uncached(jsonify(status="storage_unavailable")), 503
        return _uncached(jsonify(status="ok")), 200

    @probes.get("/metrics")
    def show_metrics() -> Response:
        _check_reader(metrics_token)
        return Response(metrics_page(), content_type=CONTENT_TYPE)

    return probes


def _check_reader(token: str | None) -> None:
    """Admit holders of the token; without one configured, only a local peer without forwarding headers."""
    if token is not None:
        if not same(bearer(request.headers.get("Authorization")), token):
            raise UnauthorizedError("A valid bearer token is needed.")
    elif not _is_local_peer():
        raise ForbiddenError("METRICS_TOKEN is not set: metrics are for peers on this host alone.")


def _is_local_peer() -> bool:
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
