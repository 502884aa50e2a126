"""What machines ask about the process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kulanz.services import Services
from kulanz.web.application import WebApp, assemble
from tests.web.conftest import ReceiverInMemory


def test_a_process_that_answers_is_alive(app: WebApp, receiver: ReceiverInMemory) -> None:
    receiver.able = False

    assert app.test_client().get("/livez").status_code == 200


def test_it_is_ready_while_deliveries_can_be_made_durable(app: WebApp, receiver: ReceiverInMemory) -> None:
    able = app.test_client().get("/readyz")
    receiver.able = False
    unable = app.test_client().get("/readyz")

    assert (able.status_code, unable.status_code) == (200, 503)


def test_it_is_not_ready_once_it_closes(app: WebApp) -> None:
    app.closing = lambda: True

    response = app.test_client().get("/readyz")

    assert (response.status_code, response.json) == (503, {"status": "closing"})


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 403),
        ("", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 403),
    ],
)
def test_without_a_token_metrics_are_for_this_host_alone(
    app: WebApp, peer: str, headers: dict[str, str], status: int
) -> None:
    response = app.test_client().get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": peer})

    assert response.status_code == status


def test_with_a_token_metrics_are_for_who_has_it(services: Services) -> None:
    app = assemble(ReceiverInMemory(), services, replace(services.settings, metrics_token="m-secret"))

    refused = app.test_client().get("/metrics")
    wrong = app.test_client().get("/metrics", headers={"Authorization": "Bearer m"})
    shown = app.test_client().get("/metrics", headers={"Authorization": "Bearer m-secret"})

    assert (refused.status_code, wrong.status_code, shown.status_code) == (401, 401, 200)
    assert "kulanz_deliveries_total" in shown.text


@pytest.mark.parametrize("path", ["/ops", "/ops/", "/ops/queues", "/", "/nowhere", "/static/x"])
def test_what_is_not_there_is_a_problem_document(app: WebApp, path: str) -> None:
    response = app.test_client().get(path)

    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
