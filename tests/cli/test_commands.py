from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from kulanz.providers.signing import lemonsqueezy
from tests.lemonsqueezy import SECRET


class Door(HTTPServer):
    """Keeps what is posted, and answers with the status that it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.status = 200
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/webhooks/lemonsqueezy"


class Visit(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.headers.append(dict(self.headers))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b'{"status": "accepted"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield door
        door.shutdown()
        thread.join()


def test_help_is_quick():
    def seconds(code: str) -> float:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        _, process.returncode, used = os.wait4(process.pid, 0)
        assert process.returncode == 0
        return used.ru_utime + used.ru_stime

    bare = min(seconds("import click") for _ in range(5))
    ours = min(seconds("from kulanz.cli import main; main(['--help'])") for _ in range(5))

    assert ours < 3 * bare


def test_every_command_can_be_imported_and_explains_itself(kulanz):
    listed = [line.split()[0] for line in kulanz("--help").out.partition("Commands:")[2].splitlines() if line.strip()]

    answers = {name: kulanz(name, "--help").code for name in listed}

    assert answers == dict.fromkeys(listed, 0)
    assert {"up", "web", "worker", "clock", "migrate", "send", "demo", "doctor"} <= set(listed)


def test_a_wrong_call_is_a_usage_error(kulanz):
    assert kulanz("nothing").code == 2
    assert kulanz("clock", "advance", "7x").code == 2
    assert kulanz("clock", "set", "2026-03-01T09:00:00").code == 2
    assert kulanz("account", "suspend", "org_1").code == 2
    assert kulanz("events", "retry").code == 2


def test_a_refusal_is_one_line_and_no_traceback(kulanz):
    refused = kulanz("account", "list", ENCRYPTION_KEYS="")

    assert refused.code == 1
    assert refused.out == ""
    assert refused.err.startswith("kulanz: ENCRYPTION_KEYS is not set")
    assert refused.err.count("\n") == 1


def test_a_database_that_is_not_there_is_named(kulanz):
    refused = kulanz("account", "list")

    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "kulanz migrate" in refused.err


def test_a_database_that_does_not_answer_is_named(kulanz):
    refused = kulanz("account", "list", DATABASE_URL="postgresql://u:hush@127.0.0.1:1/x")

    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "hush" not in refused.err


def test_settings_are_shown_masked(kulanz):
    shown = kulanz("config", "show", "--json")

    assert shown.document["LEMONSQUEEZY_WEBHOOK_SECRETS"] == "****"
    assert shown.document["KULANZ_POLICY"] == "plexo"
    assert SECRET not in shown.out


def test_web_refuses_to_start_where_no_endpoint_has_a_secret(kulanz):
    refused = kulanz("web", LEMONSQUEEZY_WEBHOOK_SECRETS="")

    assert refused.code == 1
    assert "LEMONSQUEEZY_WEBHOOK_SECRETS" in refused.err


def test_the_bytes_of_a_file_are_sent_as_they_are_and_signed(kulanz, door, tmp_path):
    body = b'{ "meta": {"event_name": "order_created"}, "data":  {} }\n'
    (tmp_path / "payload.json").write_bytes(body)

    sent = kulanz("send", str(tmp_path / "payload.json"), "--url", door.url)

    assert (sent.code, sent.err) == (0, "")
    assert "200" in sent.out
    assert door.bodies == [body]
    assert door.headers[0]["X-Event-Name"] == "order_created"
    assert lemonsqueezy(door.headers[0]["X-Signature"], body, [SECRET.encode()]) == 0


def test_an_event_can_be_given_another_name_and_secret(kulanz, door):
    sent = kulanz(
        "send", "-", "--event", "dispute_created", "--secret", "other", "--url", door.url, stdin=b'{"data": {"a": "/"}}'
    )

    assert sent.code == 0
    assert door.bodies == [b'{"data":{"a":"\\/"},"meta":{"event_name":"dispute_created"}}']
    assert lemonsqueezy(door.headers[0]["X-Signature"], door.bodies[0], [b"other"]) == 0


def test_send_fails_where_the_answer_is_not_200(kulanz, door):
    door.status = 401

    sent = kulanz("send", "-", "--url", door.url, "--json", stdin=b"{}")

    assert sent.code == 1
    assert sent.document["answers"] == [{"file": "-", "status": 401, "answer": {"status": "accepted"}}]
    assert sent.err.startswith("kulanz: 1 of 1 not accepted")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "ftp://x", "http://"])
def test_send_says_that_there_is_no_answer(kulanz, url):
    sent = kulanz("send", "-", "--url", url, stdin=b"{}")

    assert (sent.code, sent.err.count("\n")) == (1, 1)


@pytest.mark.parametrize("stdin", [b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_send_cannot_name_what_is_no_payload(kulanz, door, stdin):
    sent = kulanz("send", "-", "--event", "x", "--url", door.url, stdin=stdin)

    assert (sent.code, sent.err.count("\n")) == (1, 1)
    assert door.bodies == []


def test_a_preset_is_valid_and_a_wrong_policy_has_all_its_problems_listed(kulanz, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('name = "x"\nnonsense = 1\n[dunning]\ngrace = "seven"\n')

    assert kulanz("policy", "check", "plexo").code == 0
    refused = kulanz("policy", "check", str(wrong), "--json")
    assert refused.code == 1
    assert len(refused.document["problems"]) >= 2
    assert refused.err.count("\n") == 1


def test_a_policy_that_cannot_be_read_says_why_in_words(kulanz, tmp_path):
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b'name = "\xff"')
    matches = [kulanz("policy", "check", str(path)) for path in (binary, tmp_path / "none.toml", tmp_path / "." / "")]

    assert [item.code for item in matches] == [1, 1, 1]
    assert [item.err.removesuffix("\n").rpartition(": ")[2] for item in matches] == [
        "is not UTF-8 text",
        "there is no such file",
        "cannot be read (Is a directory)",
    ]


def test_the_text_of_a_preset_is_printed_as_written(kulanz):
    assert 'grace = "7d"' in kulanz("policy", "show", "plexo").out
    assert json.loads(kulanz("policy", "show", "plexo", "--json").out)["name"] == "plexo"
    assert kulanz("policy", "show", "nowhere").code == 1


def test_output_for_nobody_ends_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "kulanz", "policy", "show", "plexo"]

    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (1, b"")
    os.close(writing)
