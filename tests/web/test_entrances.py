"""One table of requests, answered alike by the event loop, gunicorn, `flask run` and a test client."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kulanz.config import load
from kulanz.store import inbox
from kulanz.store.database import Database
from kulanz.web import create_app
from kulanz.web.webhooks import MAX_BODY
from tests.lemonsqueezy import SECRET, sign, subscription_updated, wire
from tests.web.hostile import AN_EVENT, BAD_SIGNATURES
from tests.web.test_server import ROOT, free_port, until

PATH = "/webhooks/lemonsqueezy"
JSON, NO_CACHE = "application/json", "no-store"
Reply = tuple[int, dict[str, str], Any]
Ask = Callable[..., Reply]
_numbers = count()


def a_new_event() -> bytes:
    number = next(_numbers)
    return wire(subscription_updated(webhook_id=f"entrance-{number}", subscription=500_000 + number))


def signed(body: bytes) -> dict[str, str]:
    return {"X-Signature": sign(body)}


def _by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def environ(folder: Path) -> dict[str, str]:
    """What an operator would set; everything else is the default, the spool and group commit included."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(ROOT / root) for root in ("app", "workers")),
        "KULANZ_DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'kulanz.db'}",
        "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
        "LEMONSQUEEZY_MODE": "live",
        "ENCRYPTION_KEYS": "6b" * 32,
    }


@contextmanager
def a_process(folder: Path, *command: str) -> Iterator[Ask]:
    port = free_port()
    words = [word.format(port=port) for word in command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env={**environ(folder), "PORT": str(port)}, stdout=log, stderr=log
        )

    def ask(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            chunked = body is not None and not isinstance(body, bytes)
            connection.request(method, path, body, headers or {}, encode_chunked=chunked)
            response = connection.getresponse()
            return response.status, _by_name(response.getheaders()), json.loads(response.read() or b"null")
        finally:
            connection.close()

    def is_ready() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    try:
        assert until(is_ready, 30), (folder / "log").read_text()
        yield ask
    finally:
        process.terminate()
        process.wait(20)
    assert "Traceback" not in (folder / "log").read_text()


@contextmanager
def a_client(folder: Path) -> Iterator[Ask]:
    app = create_app(load(environ(folder)))
    client = app.test_client()

    def ask(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        whole = body if isinstance(body, bytes | None) else b"".join(body)
        response = client.open(path, method=method, data=whole, headers=headers)
        return response.status_code, _by_name(response.headers), response.get_json(silent=True)

    try:
        yield ask
    finally:
        app.receiver.close()


ENTRANCES = {
    "event loop": ("-m", "kulanz", "web", "--host", "127.0.0.1"),
    "gunicorn": ("-m", "gunicorn", "-w", "2", "--preload", "-b", "127.0.0.1:{port}", "kulanz.web:create_app()"),
    "flask run": ("-m", "flask", "--app", "kulanz.web", "run", "--port", "{port}"),
}


@pytest.fixture(scope="module", params=[*ENTRANCES, "test client"])
def entrance(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path
) -> Iterator[tuple[Ask, Path]]:
    folder = tmp_path_factory.mktemp("entrance")
    shutil.copyfile(_sqlite_template, folder / "kulanz.db")
    with ExitStack() as stack:
        words = ENTRANCES.get(request.param)
        yield stack.enter_context(a_process(folder, *words) if words else a_client(folder)), folder


@pytest.fixture
def ask(entrance: tuple[Ask, Path]) -> Ask:
    return entrance[0]


def test_a_delivery_is_durable_when_it_is_accepted_and_known_when_it_comes_again(entrance: tuple[Ask, Path]) -> None:
    ask, folder = entrance
    body = a_new_event()

    status, headers, document = ask("POST", PATH, body, signed(body))
    database = Database(f"sqlite:///{folder / 'kulanz.db'}")
    with database.read() as conn:
        recorded = inbox.get(conn, int(document["event"].removeprefix("evt_")))
    database.dispose()
    again = ask("POST", PATH, body, signed(body))

    assert (status, document["status"], headers["content-type"], headers["cache-control"]) == (
        200,
        "accepted",
        JSON,
        NO_CACHE,
    )
    assert recorded is not None
    assert (again[0], again[2]) == (200, document | {"status": "duplicate"})


REFUSED = {
    "no signature": ("POST", PATH, AN_EVENT, {}, 401, "invalid_signature"),
    "a wrong signature": ("POST", PATH, AN_EVENT, {"X-Signature": BAD_SIGNATURES["wrong"]}, 401, "invalid_signature"),
    "an empty body": ("POST", PATH, b"", {}, 401, "invalid_signature"),
    "an unknown endpoint": ("POST", "/webhooks/nowhere", AN_EVENT, {}, 404, "unknown_endpoint"),
    "an endpoint without a secret": ("POST", "/webhooks/stripe", AN_EVENT, {}, 404, "unknown_endpoint"),
    "no endpoint": ("POST", "/webhooks/", AN_EVENT, {}, 404, "unknown_endpoint"),
    "a longer path": ("POST", f"{PATH}/more", AN_EVENT, {}, 404, "unknown_endpoint"),
    "a path that begins with a slash": ("POST", f"/webhooks/{PATH}", AN_EVENT, {}, 404, "unknown_endpoint"),
    "one byte too many": ("POST", PATH, b"x" * (MAX_BODY + 1), {}, 413, "payload_too_large"),
    "GET": ("GET", PATH, None, {}, 405, "method_not_allowed"),
    "OPTIONS": ("OPTIONS", PATH, None, {}, 405, "method_not_allowed"),
    "DELETE": ("DELETE", PATH, None, {}, 405, "method_not_allowed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_has_the_same_status_document_and_headers(ask: Ask, name: str) -> None:
    method, path, body, sent, status, error = REFUSED[name]

    answered, headers, document = ask(method, path, body, sent)

    assert (answered, document) == (status, {"error": error})
    assert (headers["content-type"], headers["cache-control"]) == (JSON, NO_CACHE)
    assert headers.get("allow") == ("POST" if status == 405 else None)


def test_a_body_without_an_announced_length_is_counted_as_it_comes(ask: Ask) -> None:
    body = a_new_event()

    taken = ask("POST", PATH, (piece for piece in (body[:100], body[100:])), signed(body))
    refused = ask("POST", PATH, (b"x" * 65536 for _ in range(MAX_BODY // 65536 + 1)), {})

    assert (taken[0], taken[2]["status"]) == (200, "accepted")
    assert (refused[0], refused[2]) == (413, {"error": "payload_too_large"})


def test_a_signed_body_that_is_no_json_is_kept_and_refused(ask: Ask) -> None:
    status, _, document = ask("POST", PATH, b"hello", signed(b"hello"))

    assert (status, document["error"], document["event"].startswith("evt_")) == (400, "malformed_payload", True)


def test_a_delivery_goes_to_the_spool_while_the_database_is_away(
    entrance: tuple[Ask, Path], request: pytest.FixtureRequest
) -> None:
    ask, folder = entrance
    database = Database(f"sqlite:///{folder / 'kulanz.db'}")
    body = a_new_event()

    with database.write():  # The one writer of SQLite: nothing else is written meanwhile.
        status, _, document = ask("POST", PATH, body, signed(body))
    database.dispose()

    assert (status, document["status"], len(document["event"])) == (200, "accepted", len("evt_") + 64)
    assert until(lambda: ask("POST", PATH, body, signed(body))[2]["event"] != document["event"], 20)


def test_settings_that_are_wrong_end_the_process_with_one_line_each(tmp_path: Path) -> None:
    wrong = {**environ(tmp_path), "ENCRYPTION_KEYS": "", "PORT": "many"}

    ended = subprocess.run(
        [sys.executable, "-c", "from kulanz.web import create_app; create_app()"],
        env=wrong,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert all(line.startswith("kulanz: ") for line in ended.stderr.splitlines())
    assert len(ended.stderr.splitlines()) == 2
