"""The console below a path of a proxy: links, forms, cookies and ways back have it; strangers cannot make one up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import Client

from kulanz.config import Settings
from kulanz.services import Services
from kulanz.web.application import WebApp
from tests.applications import an_application

LINK = re.compile(r'(?:href|src|action)="(/[^"]*)"')
LOGIN = {"name": "ops", "password": "correct horse"}
PAGES = ("", "accounts", "accounts/org_42", "events", "effects", "disputes", "refunds", "policies", "log", "queues/")


@pytest.fixture
def trusting(services: Services, settings: Settings) -> Iterator[WebApp]:
    with an_application(replace(services, settings=replace(settings, trusted_proxies=("127.0.0.1",)))) as app:
        yield app


class Proxy:
    """Shows an application below `/billing`, and says so as proxies do."""

    def __init__(self, app: WebApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert environ["PATH_INFO"].startswith("/billing/"), environ["PATH_INFO"]
        rest = environ["PATH_INFO"].removeprefix("/billing")
        said = {"PATH_INFO": rest, "REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_PREFIX": "/billing"}
        return self._app({**environ, **said}, start_response)


@pytest.mark.usefixtures("in_grace")
def test_every_link_and_the_cookie_have_the_path_of_a_trusted_proxy(trusting: WebApp) -> None:
    browser = Client(Proxy(trusting))

    sent = browser.get("/billing/ops/accounts?plan=professional")
    entered = browser.post(sent.headers["Location"], data=LOGIN | {"next": "/billing/ops/accounts"})
    pages = {page: browser.get(f"/billing/ops/{page}") for page in PAGES}

    assert sent.headers["Location"].startswith("/billing/ops/login?next=%2Fbilling%2Fops%2Faccounts")
    assert entered.headers["Location"] == "/billing/ops/accounts"
    assert "Path=/billing/ops;" in entered.headers["Set-Cookie"] + ";"
    for page, answer in pages.items():
        links = LINK.findall(answer.text)
        assert answer.status_code == 200, page
        assert links, page
        assert [link for link in links if not link.startswith("/billing/")] == [], page


@pytest.mark.parametrize("prefix", ["//evil.example", "/..", "evil.example", "/a b", "/a/../b", "https://evil.example"])
def test_an_odd_path_is_ignored(trusting: WebApp, prefix: str) -> None:
    answer = trusting.test_client().get("/ops/", headers={"X-Forwarded-Prefix": prefix})
    assert answer.headers["Location"] == "/ops/login"


def test_nobody_but_a_trusted_proxy_names_a_path(app: WebApp, trusting: WebApp) -> None:
    headers = {"X-Forwarded-Prefix": "/billing"}
    stranger = {"REMOTE_ADDR": "203.0.113.9"}

    assert app.test_client().get("/ops/", headers=headers).headers["Location"] == "/ops/login"
    assert trusting.test_client().get("/ops/", headers=headers).headers["Location"] == "/billing/ops/login"
    refused = trusting.test_client().get("/ops/", headers=headers, environ_overrides=stranger)
    assert refused.headers["Location"] == "/ops/login"
