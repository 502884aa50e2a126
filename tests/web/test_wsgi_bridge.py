"""Requests on their way from the event loop to Flask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask, Response, jsonify, request

from kulanz.web.server.rsgi import RsgiHeaders as Told
from kulanz.web.server.wsgi import environ_of, handle


class Headers:
    """Headers as granian tells them."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = pairs

    def items(self) -> list[tuple[str, str]]:
        return list(self.pairs)

    def get_all(self, name: str) -> list[str]:
        return [value for existing, value in self.pairs if existing == name]


@dataclass
class Asked:
    path: str = "/"
    method: str = "GET"
    query_string: str = ""
    headers: Headers = field(default_factory=Headers)
    client: str = "10.0.0.7:51000"
    server: str = "127.0.0.1:8000"
    http_version: str = "1.1"
    scheme: str = "http"


@pytest.fixture
def flask() -> Flask:
    app = Flask(__name__)

    @app.route("/<path:place>", methods=["GET", "POST"])
    def echo(place: str) -> Response:
        answer = jsonify(
            place=place,
            query=request.args.to_dict(flat=False),
            body=request.get_data(as_text=True),
            cookies=request.cookies,
            peer=request.remote_addr,
            type=request.content_type,
            length=request.content_length,
            forwarded=request.headers.getlist("X-Forwarded-For"),
        )
        answer.set_cookie("one", "1")
        answer.set_cookie("two", "2")
        return answer

    return app


def test_flask_hears_what_was_asked(flask: Flask) -> None:
    headers = Headers(
        ("content-type", "text/plain"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-for", "2.2.2.2"),
        ("content-length", "999"),
    )

    status, _, answer = handle(flask, Asked("/für/uns", "POST", "x=%201&x=2", headers), b"gr\xc3\xbc\xc3\x9fe")

    stated = flask.json.loads(answer)
    assert status == 200
    assert (stated["place"], stated["query"], stated["body"]) == ("für/uns", {"x": [" 1", "2"]}, "grüße")
    assert (stated["cookies"], stated["peer"]) == ({"a": "1", "b": "2"}, "10.0.0.7")
    assert (stated["type"], stated["length"]) == ("text/plain", 7)
    assert stated["forwarded"] == ["1.1.1.1,2.2.2.2"]


@pytest.mark.parametrize(
    "name", ["x_forwarded-for", "x-forwarded_for", "x_forwarded_for", "content_type", "content_length", "cookie_"]
)
def test_a_header_whose_name_has_an_underscore_is_dropped(name: str) -> None:
    stated = (("x-forwarded-for", "203.0.113.9"), ("content-type", "text/plain"))

    for pairs in ((*stated, (name, "6.6.6.6")), ((name, "6.6.6.6"), *stated)):
        requested_asked = Asked(headers=Headers(*pairs))
        environ = environ_of(requested_asked, b"x")
        assert "6.6.6.6" not in environ.values()
        assert (environ["HTTP_X_FORWARDED_FOR"], environ["CONTENT_TYPE"]) == ("203.0.113.9", "text/plain")
        assert dict(Told(requested_asked)) == dict(stated)
        assert name not in Told(requested_asked)


def test_every_header_of_an_answer_is_told_also_one_that_comes_twice(flask: Flask) -> None:
    _, headers, _ = handle(flask, Asked("/x"), b"")

    assert [value.partition(";")[0] for name, value in headers if name == "Set-Cookie"] == ["one=1", "two=2"]


def test_an_answer_in_parts_is_put_together_and_closed() -> None:
    class Parts:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a", b"b"])

        def close(self) -> None:
            self.closed = True

    parts = Parts()

    def app(_environ, start_response):
        start_response("203 Somehow", [("X-A", "b")])
        return parts

    assert handle(app, Asked(), b"") == (203, [("X-A", "b")], b"ab")
    assert parts.closed


@pytest.mark.parametrize(("client", "peer"), [("127.0.0.1:80", "127.0.0.1"), ("[::1]:80", "::1"), ("", "")])
def test_who_asked_is_told_without_the_port(client: str, peer: str) -> None:
    assert environ_of(Asked(client=client), b"")["REMOTE_ADDR"] == peer
