"""Who gets into the console, for how long, and what other sites and readers can make of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from kulanz.config import ApiToken, OpsUser, Settings
from kulanz.services import Services, build
from kulanz.web.application import WebApp
from kulanz.web.attempts import MOST_ADDRESSES, Attempts
from kulanz.web.console import passwords
from kulanz.web.console.login import ATTEMPTS_PER_ADDRESS, WINDOW
from kulanz.web.console.sessions import COOKIE, ConsoleSession, ConsoleSessions
from tests.console.conftest import Serve
from tests.console.operator import Operator

PAGES = (
    "/ops/",
    "/ops/accounts",
    "/ops/accounts/org_42",
    "/ops/events",
    "/ops/events/evt_1",
    "/ops/events/retry",
    "/ops/effects",
    "/ops/mails",
    "/ops/disputes",
    "/ops/policies",
    "/ops/policies/plexo",
    "/ops/policies/diff?old=plexo&new=1",
    "/ops/log",
    "/ops/queues/",
    "/ops/queues/0/view/workers",
    "/ops/queues/0/data/queues.json",
    "/ops/queues/static/js/jquery-3.5.1.min.js",
    "/ops/queues/requeue/kulanz-events",
    "/ops/nothing/of/the/kind",
)
CHANGES = (
    "/ops/logout",
    "/ops/accounts/org_42/preview",
    "/ops/accounts/org_42/orders",
    "/ops/events/evt_1/payload",
    "/ops/events/evt_1/retry",
    "/ops/events/evt_1/skip",
    "/ops/events/retry",
    "/ops/effects/retry",
    "/ops/mails/test",
    "/ops/queues/requeue/kulanz-events",
    "/ops/queues/queue/kulanz-events/failed/empty",
    "/ops/queues/job/1/delete",
)


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Who may come in is not the database's business."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def test_the_bare_address_leads_to_the_console(client: FlaskClient, operator: Operator) -> None:
    assert client.get("/").headers["Location"] == "/ops/"
    assert client.get("/", follow_redirects=True).request.path == "/ops/login"
    assert operator.client.get("/", follow_redirects=True).request.path == "/ops/"
    assert client.post("/").status_code == 405


def test_who_is_not_logged_in_is_sent_to_the_login_from_every_page(client: FlaskClient) -> None:
    answers = {path: client.get(path) for path in PAGES}

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(PAGES, 303)
    assert {answer.headers["Location"].partition("?")[0] for answer in answers.values()} == {"/ops/login"}


def test_who_is_not_logged_in_changes_nothing(client: FlaskClient) -> None:
    assert {path: client.post(path).status_code for path in CHANGES} == dict.fromkeys(CHANGES, 401)


def test_the_login_leads_on_to_the_page_that_was_asked_for(client: FlaskClient) -> None:
    requested = client.get("/ops/events?state=parked", follow_redirects=True)
    form = {"name": "ops", "password": "correct horse", "next": "/ops/events?state=parked"}

    response = client.post("/ops/login", data=form)

    assert 'name="next" value="/ops/events?state=parked"' in requested.text
    assert response.headers["Location"] == "/ops/events?state=parked"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/ops/", "/ops\\evil", "/v1/accounts"])
def test_the_login_leads_nowhere_else(client: FlaskClient, elsewhere: str) -> None:
    form = {"name": "ops", "password": "correct horse", "next": elsewhere}

    assert client.post("/ops/login", data=form).headers["Location"] == "/ops/"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    form = {"name": "ops", "password": "correct horse"}

    plainly = client.post("/ops/login", data=form).headers["Set-Cookie"]
    by_tls = client.post("/ops/login", data=form, base_url="https://localhost").headers["Set-Cookie"]
    claimed = client.post("/ops/login", data=form, headers={"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]

    for cookie in (plainly, by_tls):
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/ops" in cookie
    assert "Secure" in by_tls
    assert "Secure" not in plainly
    assert "Secure" not in claimed


def test_a_proxy_that_is_trusted_is_believed_about_tls(serve: Serve) -> None:
    client = serve(trusted_proxies=("127.0.0.0/8",)).test_client()

    response = client.post(
        "/ops/login", data={"name": "ops", "password": "correct horse"}, headers={"X-Forwarded-Proto": "https"}
    )

    assert "Secure" in response.headers["Set-Cookie"]


@pytest.mark.parametrize(("name", "password"), [("ops", "wrong"), ("eve", "correct horse"), ("", ""), ("ops", "")])
def test_a_wrong_name_or_password_lets_nobody_in(client: FlaskClient, name: str, password: str) -> None:
    response = client.post("/ops/login", data={"name": name, "password": password})

    assert response.status_code == 401
    assert "Set-Cookie" not in response.headers
    assert "No user has this name and password" in response.text


def test_guessing_is_cut_short_and_the_right_password_then_waits_too(client: FlaskClient) -> None:
    for _ in range(ATTEMPTS_PER_ADDRESS):
        assert client.post("/ops/login", data={"name": "ops", "password": "guess"}).status_code == 401

    response = client.post("/ops/login", data={"name": "ops", "password": "correct horse"})

    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0


def guesses(client: FlaskClient, number: int, *, peer: str = "6.6.6.6", forwarded: str | None = None) -> list[int]:
    """Try wrong passwords, as a client behind a proxy where `forwarded` is given."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    form = {"name": "ops", "password": "guess"}
    around = {"REMOTE_ADDR": peer}
    return [
        client.post("/ops/login", data=form, headers=headers, environ_overrides=around).status_code
        for _ in range(number)
    ]


def enters(client: FlaskClient, *, peer: str) -> bool:
    form = {"name": "ops", "password": "correct horse"}
    return client.post("/ops/login", data=form, environ_overrides={"REMOTE_ADDR": peer}).status_code == 303


def test_a_flood_from_one_address_keeps_nobody_out_at_another(client: FlaskClient) -> None:
    refused = guesses(client, 1_001)

    assert refused == [401] * ATTEMPTS_PER_ADDRESS + [429] * (1_001 - ATTEMPTS_PER_ADDRESS)
    assert not enters(client, peer="6.6.6.6")
    assert enters(client, peer="6.6.6.7")
    assert enters(client, peer="2001:db8::1")


def test_a_subscribers_whole_ipv6_network_counts_as_one_address(client: FlaskClient) -> None:
    for number in range(ATTEMPTS_PER_ADDRESS):
        assert guesses(client, 1, peer=f"2001:db8:0:7:{number}::1") == [401]

    assert not enters(client, peer="2001:db8:0:7:ffff::9")
    assert enters(client, peer="2001:db8:0:8::1")


@pytest.mark.parametrize("proxy", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_behind_a_trusted_proxy_each_client_has_a_count_of_its_own(serve: Serve, proxy: str) -> None:
    client = serve(trusted_proxies=("10.0.0.0/8",)).test_client()

    for number in range(ATTEMPTS_PER_ADDRESS):  # What a client writes stands to the left; some proxies write a port.
        assert guesses(client, 1, peer=proxy, forwarded=f"9.9.9.{number}, 203.0.113.9:{5000 + number}") == [401]

    assert guesses(client, 1, peer=proxy, forwarded="9.9.9.99, 203.0.113.9") == [429]
    assert guesses(client, 1, peer=proxy, forwarded="203.0.113.10") == [401]
    assert guesses(client, 1, peer=proxy, forwarded="[2001:db8::1]:443, 10.0.0.2") == [401]


def test_who_is_no_trusted_proxy_gets_no_new_count_by_naming_clients(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(ATTEMPTS_PER_ADDRESS):
        assert guesses(client, 1, forwarded=f"9.9.9.{number}") == [401]

    assert guesses(client, 1, forwarded="9.9.9.99") == [429]
    assert "event=ops.login_throttled unknown_proxy=true" in capsys.readouterr().err


def test_a_refused_attempt_writes_nothing(settings: Settings, serve: Serve) -> None:
    tokens = (ApiToken(name="shop", token="a-token"),)
    app = serve(api_tokens=tokens, metrics_token="m")
    app.at_begin.clear()  # What a process reports of itself when it begins is no attempt.
    client = app.test_client()
    with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as other:
        before = other.execute("PRAGMA data_version").fetchone()

        guesses(client, ATTEMPTS_PER_ADDRESS + 1)
        for path in ("/v1/accounts", "/metrics"):
            assert client.get(path, headers={"Authorization": "Bearer guess"}).status_code == 401

        assert other.execute("PRAGMA data_version").fetchone() == before


def test_wrong_tokens_keep_no_right_one_out(serve: Serve) -> None:
    client = serve(api_tokens=(ApiToken(name="shop", token="a-token"),)).test_client()

    refused = {client.get("/v1/accounts", headers={"Authorization": "Bearer x"}).status_code for _ in range(1_001)}

    assert refused == {401}
    assert client.get("/v1/accounts", headers={"Authorization": "Bearer a-token"}).status_code == 200


def test_counts_end_with_their_window_and_never_take_much_memory() -> None:
    attempts = Attempts(ATTEMPTS_PER_ADDRESS, WINDOW)
    for number in range(MOST_ADDRESSES + 5):
        attempts.wait(f"source {number}", 0.0)
    for _ in range(ATTEMPTS_PER_ADDRESS):
        assert attempts.wait("one", 10.0) == 0

    assert len(attempts._counts) == MOST_ADDRESSES
    assert attempts.wait("one", 20.0) == WINDOW.total_seconds() - 10
    assert attempts.wait("one", 10.0 + WINDOW.total_seconds()) == 0
    assert list(attempts._counts) == ["one"]


def test_logins_that_are_right_are_not_counted(client: FlaskClient) -> None:
    for _ in range(2 * ATTEMPTS_PER_ADDRESS):
        assert client.post("/ops/login", data={"name": "ops", "password": "correct horse"}).status_code == 303


def test_a_right_login_gives_nobody_more_guesses_at_the_password_of_another(client: FlaskClient) -> None:
    for _ in range(ATTEMPTS_PER_ADDRESS - 1):
        assert client.post("/ops/login", data={"name": "ops", "password": "guess"}).status_code == 401
        assert client.post("/ops/login", data={"name": "eve", "password": "battery staple"}).status_code == 303

    assert client.post("/ops/login", data={"name": "ops", "password": "guess"}).status_code == 401
    assert client.post("/ops/login", data={"name": "ops", "password": "guess"}).status_code == 429


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "http://localhost@evil.example"])
def test_an_origin_that_is_none_is_another_site(client: FlaskClient, origin: str) -> None:
    response = client.post("/ops/login", data={"name": "ops", "password": "correct horse"}, headers={"Origin": origin})

    assert response.status_code == 403


def test_a_login_that_cannot_be_counted_is_refused(serve: Serve, tmp_path: object) -> None:
    client = serve(database_url=f"sqlite:///{tmp_path}/nowhere/kulanz.db").test_client()

    response = client.post("/ops/login", data={"name": "ops", "password": "correct horse"})

    assert response.status_code >= 500
    assert "Set-Cookie" not in response.headers


def test_logging_out_ends_the_session_for_whoever_holds_its_cookie(app: WebApp, operator: Operator) -> None:
    cookie = operator.client.get_cookie(COOKIE, path="/ops")
    assert cookie is not None

    assert operator.post("/ops/logout").status_code == 303

    thief = app.test_client()
    thief.set_cookie(COOKIE, cookie.value, path="/ops")
    assert thief.get("/ops/").status_code == 303
    assert operator.client.get("/ops/").status_code == 303


@pytest.mark.parametrize(("began", "seen"), [(-13 * 3600, -60), (-3 * 3600, -3 * 3600)])
def test_a_session_runs_out(services: Services, app: WebApp, began: int, seen: int) -> None:
    sessions = ConsoleSessions(services)
    fresh = sessions.begin(services.settings.ops_users[0])
    old = msgspec.structs.replace(fresh, began=fresh.began + began, seen=fresh.seen + seen)
    client = app.test_client()

    client.set_cookie(COOKIE, sessions._written(old), path="/ops")

    assert client.get("/ops/").status_code == 303


def test_a_cookie_that_was_changed_or_made_elsewhere_is_nobodys(
    services: Services, settings: Settings, app: WebApp
) -> None:
    user = OpsUser(name="ops", password="correct horse")
    elsewhere = build(replace(settings, encryption_keys=(b"x" * 32,)))
    other_password = build(replace(settings, ops_users=(replace(user, password="older"),)))
    session = ConsoleSession(user="ops", id="abc", began=2_000_000_000, seen=2_000_000_000)

    for forger in (elsewhere, other_password):
        client = app.test_client()
        client.set_cookie(COOKIE, ConsoleSessions(forger)._written(session), path="/ops")
        assert client.get("/ops/").status_code == 303
        forger.close()
    for junk in ("", ".", "a.b", "W10=.W10=", "é.é"):
        client = app.test_client()
        client.set_cookie(COOKIE, junk, path="/ops")
        assert client.get("/ops/").status_code == 303


def test_a_session_outlives_a_rotation_of_keys(services: Services, settings: Settings, serve: Serve) -> None:
    cookie = ConsoleSessions(services)._written(ConsoleSessions(services).begin(settings.ops_users[0]))
    client = serve(encryption_keys=(b"n" * 32, b"k" * 32)).test_client()

    client.set_cookie(COOKIE, cookie, path="/ops")

    assert client.get("/ops/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_change_that_another_site_asks_for_is_refused(operator: Operator, headers: dict[str, str]) -> None:
    form = {"token": operator.token}

    answers = {path: operator.client.post(path, data=form, headers=headers).status_code for path in CHANGES}

    assert answers == dict.fromkeys(CHANGES, 403)


@pytest.mark.parametrize("token", [None, "", "junk", "00" * 32])
def test_a_change_without_the_sessions_token_is_refused(operator: Operator, token: str | None) -> None:
    form = {"token": token} if token is not None else {}

    answers = {path: operator.client.post(path, data=form).status_code for path in CHANGES}

    assert answers == dict.fromkeys(CHANGES, 403)


def test_another_site_cannot_log_somebody_in(client: FlaskClient) -> None:
    form = {"name": "ops", "password": "correct horse"}

    assert client.post("/ops/login", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_reader_changes_nothing(reader: Operator) -> None:
    changes = [path for path in CHANGES if path != "/ops/logout"]

    answers = {path: reader.post(path) for path in changes}

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(changes, 403)
    assert all("change nothing" in answer.text for answer in answers.values())


def test_a_reader_may_leave(reader: Operator) -> None:
    assert reader.post("/ops/logout").status_code == 303


def test_without_users_the_console_is_closed(serve: Serve) -> None:
    client = serve(ops_users=()).test_client()

    for path in ("/ops/", "/ops/login", "/ops/queues/"):
        response = client.get(path)
        assert response.status_code == 403
        assert "OPS_PASSWORD" in response.text
    assert client.post("/ops/login", data={"name": "", "password": ""}).status_code == 403


def test_every_page_forbids_scripts_styles_and_frames_of_others(operator: Operator) -> None:
    for path in (*(page for page in PAGES[:-2] if "static" not in page), "/ops/login"):
        headers = operator.client.get(path).headers
        policy = headers["Content-Security-Policy"]

        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert ("script-src" in policy) == ("/queues/" in path), path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert "no-store" in headers["Cache-Control"], path


def test_no_page_has_a_script_or_a_style_of_its_own(operator: Operator) -> None:
    for path in PAGES:
        if "/queues/" not in path:
            page = operator.client.get(path).text
            assert not any(word in page for word in ("<script", "<style", "style=", "onclick", "javascript:"))


@pytest.mark.parametrize("size", [70_000, 2_000_000])
def test_a_form_of_unlikely_size_is_refused(client: FlaskClient, size: int) -> None:
    assert client.post("/ops/login", data={"name": "x" * size, "password": ""}).status_code == 413


class TestHashedPasswords:
    """Two users whose passwords are kept as hashes, beside one with a plain password."""

    @pytest.fixture
    def users(self) -> tuple[OpsUser, ...]:
        return (
            OpsUser(name="ann", password=generate_password_hash("correct horse", "scrypt:1024:8:1")),
            OpsUser(name="bob", password=generate_password_hash("paper clip", "pbkdf2:sha256:10"), read_only=True),
            OpsUser(name="eve", password="battery staple"),
        )

    @pytest.mark.parametrize(
        ("name", "password"), [("ann", "correct horse"), ("bob", "paper clip"), ("eve", "battery staple")]
    )
    def test_each_gets_in_by_the_own_password(self, serve: Serve, users, name: str, password: str) -> None:
        Operator(serve(ops_users=users).test_client()).log_in(name, password)

    def test_nobody_gets_in_by_anything_else(self, settings: Settings, users) -> None:
        names = [user.name for user in users] + ["", "mallory"]
        wrong = ["correct horse", "paper clip", "battery staple", "", *(user.password for user in users[:2])]
        right = {("ann", "correct horse"), ("bob", "paper clip"), ("eve", "battery staple")}

        let_in = {(n, p) for n in names for p in wrong if passwords.user_with(users, n, p) is not None}

        assert let_in == right
