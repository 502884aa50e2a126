"""The script that pages of a product load: small, the same for everybody, with nothing that a strict CSP forbids."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from kulanz.web import embed
from kulanz.web.application import WebApp

SCRIPT = files(embed).joinpath("notice.js").read_bytes()


def test_the_script_is_small_and_whole() -> None:
    assert len(SCRIPT) < 8 * 1024
    assert SCRIPT.startswith(b"// <kulanz-notice>")


@pytest.mark.parametrize(
    "forbidden",
    [
        r"innerHTML",
        r"outerHTML",
        r"insertAdjacentHTML",
        r"\beval\b",
        r"new Function",
        r"\.style\b",
        r"<style",
        r"import",
    ],
)
def test_the_script_needs_nothing_that_a_strict_policy_forbids(forbidden: str) -> None:
    assert not re.search(forbidden, SCRIPT.decode())


def test_pages_of_every_origin_may_load_the_script_without_a_token(app: WebApp) -> None:
    answer = app.test_client().get("/embed/notice.js", headers={"Origin": "https://product.example.com"})

    assert (answer.status_code, answer.data) == (200, SCRIPT)
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


def test_a_script_that_has_not_changed_is_not_sent_again(app: WebApp) -> None:
    tag = app.test_client().get("/embed/notice.js").headers["ETag"]

    again = app.test_client().get("/embed/notice.js", headers={"If-None-Match": tag})

    assert (again.status_code, again.data) == (304, b"")


def test_nothing_else_is_embedded(app: WebApp) -> None:
    client = app.test_client()

    assert [client.get(path).status_code for path in ("/embed/", "/embed/notice.py", "/embed/../notice.js")] == [
        404
    ] * 3
    assert client.post("/embed/notice.js").status_code == 405
