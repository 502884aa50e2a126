"""The webhook door on its own: size, method, path, and what it does when everything behind it breaks."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask.testing import FlaskClient

from kulanz.ingest.receiver import WebhookResponse
from kulanz.web.webhooks import MAX_BODY
from tests.web.conftest import ReceiverInMemory

PATH = "/webhooks/lemonsqueezy"


def test_a_delivery_is_handed_on_byte_for_byte(client: FlaskClient, receiver: ReceiverInMemory) -> None:
    body = b' {"a":\t"\\u00e4\\/"}\r\n\xff'

    response = client.post(PATH, data=body, headers={"X-Signature": "ab"}, content_type="text/plain")

    assert response.status_code == 200
    assert response.json == {"status": "accepted", "event": "evt_1"}
    assert receiver.bodies == [body]
    assert receiver.headers[0]["x-signature"] == "ab"


def test_an_empty_body_is_handed_on(client: FlaskClient, receiver: ReceiverInMemory) -> None:
    client.post(PATH)

    assert receiver.bodies == [b""]


def test_a_body_of_exactly_the_limit_is_taken(client: FlaskClient, receiver: ReceiverInMemory) -> None:
    response = client.post(PATH, data=b"x" * MAX_BODY)

    assert response.status_code == 200
    assert len(receiver.bodies[0]) == MAX_BODY


def test_one_byte_more_is_refused(client: FlaskClient, receiver: ReceiverInMemory) -> None:
    response = client.post(PATH, data=b"x" * (MAX_BODY + 1))

    assert (response.status_code, response.json) == (413, {"error": "payload_too_large"})
    assert receiver.bodies == []


def test_nobody_waits_for_a_body_that_is_announced_as_far_too_large(
    client: FlaskClient, receiver: ReceiverInMemory
) -> None:
    stream = BytesIO(b"x" * 10)
    announced = {"wsgi.input": stream, "CONTENT_LENGTH": str(100 * MAX_BODY)}

    response = client.post(PATH, environ_overrides=announced)

    assert (response.status_code, stream.tell()) == (413, 0)


@pytest.mark.parametrize("announced", ["", "0", "10", "-5", "many", "\u00b2", "9" * 5000])
def test_what_comes_is_counted_whatever_is_announced(
    client: FlaskClient, receiver: ReceiverInMemory, announced: str
) -> None:
    stream = BytesIO(b"x" * (MAX_BODY + 10))
    lie = {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": announced}

    response = client.post(PATH, environ_overrides=lie)

    assert response.status_code == 413
    assert receiver.bodies == []


def test_a_body_that_never_ends_is_not_read_for_ever(client: FlaskClient) -> None:
    class Endless:
        given = 0

        def read(self, size: int) -> bytes:
            self.given += size
            return b"x" * size

    stream = Endless()

    response = client.post(PATH, environ_overrides={"wsgi.input": stream, "wsgi.input_terminated": True})

    assert response.status_code == 413
    assert stream.given < 8 * MAX_BODY


def test_no_more_is_read_than_a_server_that_marks_no_end_announces(
    client: FlaskClient, receiver: ReceiverInMemory
) -> None:
    lie = {"wsgi.input": BytesIO(b"0123456789"), "CONTENT_LENGTH": "4"}

    client.post(PATH, environ_overrides=lie)

    assert receiver.bodies == [b"0123"]


@pytest.mark.parametrize(
    "path", ["/webhooks/", "/webhooks/nobody", "/webhooks/lemonsqueezy/", "/webhooks/lemonsqueezy/x", "/webhooks/\x00"]
)
def test_an_endpoint_that_nobody_set_up_is_not_found(client: FlaskClient, path: str) -> None:
    response = client.post(path)

    assert (response.status_code, response.json) == (404, {"error": "unknown_endpoint"})


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_only_post_delivers(client: FlaskClient, receiver: ReceiverInMemory, method: str) -> None:
    response = client.open(PATH, method=method)

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert receiver.bodies == []


def test_who_cannot_be_served_is_told_when_to_come_back(client: FlaskClient, receiver: ReceiverInMemory) -> None:
    receiver.answer = WebhookResponse(status=503, document={"error": "storage_unavailable"}, retry_after=5)

    response = client.post(PATH)

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"


def test_a_fault_of_ours_shows_nothing_of_itself(client: FlaskClient, receiver: ReceiverInMemory) -> None:
    receiver.breaks = True

    response = client.post(PATH)

    assert (response.status_code, response.json) == (500, {"error": "internal_error"})


def test_every_answer_is_counted_by_its_word(client: FlaskClient) -> None:
    def counted() -> float:
        page = client.get("/metrics").get_data(as_text=True)
        name = 'kulanz_deliveries_total{answer="method_not_allowed",endpoint="lemonsqueezy"} '
        return sum(float(line.removeprefix(name)) for line in page.splitlines() if line.startswith(name))

    before = counted()

    client.get(PATH)

    assert counted() == before + 1
