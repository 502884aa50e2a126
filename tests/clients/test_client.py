"""The Python client in front of every kind of answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kulanz_client import (
    Access,
    CallbackError,
    Client,
    ConfigurationError,
    Count,
    OnFailure,
    Source,
    UnavailableError,
)

from tests.clients.fake_kulanz import OLDER_SECRET, SECRET, Answer, FakeKulanz, entitlement, signed
from tests.clients.instance import ROOT

AWAY = {
    "503": Answer(status=503, body={}),
    "500": Answer(status=500, body={}),
    "429": Answer(status=429, body={}),
    "a closed connection": Answer(drop=True),
    "a proxy's page": Answer(body="<html>maintenance</html>"),
    "an answer of another kind": Answer(body={"plan": "professional"}),
    "an access that is not known here": Answer(body=entitlement(access="half")),
    "a redirect": Answer(status=302, headers={"Location": "/elsewhere"}),
    "a plain 404 of a proxy": Answer(status=404, headers={"Content-Type": "text/plain"}, body="no backend"),
}


def test_an_answer_younger_than_the_ttl_is_not_asked_for_again(kulanz: FakeKulanz) -> None:
    client = kulanz.client()

    first = client.entitlement("org_42")
    kulanz.now += 29
    second = client.entitlement("org_42")

    assert len(kulanz.asked) == 1
    assert kulanz.asked[0].path == "/v1/accounts/org_42/entitlement"
    assert (first.plan, first.source, first.age) == ("professional", Source.KULANZ, timedelta())
    assert (second.plan, second.source, second.age) == ("professional", Source.CACHE, timedelta(seconds=29))


def test_a_refresh_asks_at_every_age(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    client.entitlement("org_42")
    kulanz.answer = lambda _: Answer(body=entitlement("enterprise", 4))

    assert client.entitlement("org_42", refresh=True).plan == "enterprise"


def test_after_the_ttl_the_etag_is_sent_and_a_304_makes_the_answer_young_again(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    kulanz.answer = lambda requested_asked: (
        Answer(status=304)
        if requested_asked.headers.get("if-none-match") == '"v3"'
        else Answer(body=entitlement(), headers={"ETag": '"v3"'})
    )

    client.entitlement("org_42")
    kulanz.now += 31
    again = client.entitlement("org_42")
    kulanz.now += 29
    cached = client.entitlement("org_42")

    assert (again.plan, again.source, again.age) == ("professional", Source.KULANZ, timedelta())
    assert cached.source is Source.CACHE
    assert client.counts[Count.NOT_MODIFIED] == 1


@pytest.mark.parametrize("answer", AWAY.values(), ids=AWAY)
def test_each_call_says_what_counts_while_kulanz_gives_no_answer(kulanz: FakeKulanz, answer: Answer) -> None:
    client = kulanz.client()
    client.entitlement("org_42")
    kulanz.now += 60
    kulanz.answer = lambda _: answer

    existing = client.entitlement("org_42")
    opened = client.entitlement("org_42", on_failure=OnFailure.OPEN)
    closed = client.entitlement("org_42", on_failure=OnFailure.CLOSED)
    with pytest.raises(UnavailableError):
        client.entitlement("stranger")

    assert (existing.plan, existing.source, existing.age) == ("professional", Source.LAST_KNOWN, timedelta(seconds=60))
    assert client.covers(opened, "enterprise")
    assert (closed.plan, closed.access, closed.known) == ("free", Access.FREE, False)
    counted = (Count.LAST_KNOWN, Count.OPEN, Count.CLOSED, Count.UNAVAILABLE)
    assert [client.counts[name] for name in counted] == [1, 1, 1, 1]


def test_a_kept_connection_that_the_server_has_closed_is_no_outage(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    kulanz.answer = lambda _: Answer(drop=True) if len(kulanz.asked) == 1 else Answer(body=entitlement())

    assert client.entitlement("org_42").source is Source.KULANZ
    assert client.counts[Count.FAILED] == 0


def test_what_is_known_is_kept_for_a_week_and_no_longer(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    client.entitlement("org_42")
    kulanz.answer = lambda _: AWAY["503"]

    kulanz.now += timedelta(days=7).total_seconds()
    assert client.entitlement("org_42").age == timedelta(days=7)

    kulanz.now += 1
    with pytest.raises(UnavailableError):
        client.entitlement("org_42")


def test_a_server_that_does_not_answer_is_asked_once_then_left_alone_for_a_while(kulanz: FakeKulanz) -> None:
    client = kulanz.client(timeout=timedelta(milliseconds=500))
    released = threading.Event()
    kulanz.answer = lambda _: Answer(status=503 if released.wait(10) else 500)

    for account in ("org_1", "org_2", "org_3", "org_4"):
        with pytest.raises(UnavailableError):
            client.entitlement(account)

    assert len(kulanz.asked) == 1
    released.set()

    kulanz.now += 5
    kulanz.answer = lambda _: Answer(body=entitlement())
    assert client.entitlement("org_42").source is Source.KULANZ


def test_after_the_pause_one_thread_tries_for_all(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    kulanz.answer = lambda _: AWAY["503"]
    with pytest.raises(UnavailableError):
        client.entitlement("org_1")
    kulanz.now += 5
    release = threading.Event()
    kulanz.answer = lambda _: Answer(body=entitlement()) if release.wait(10) else AWAY["500"]

    with ThreadPoolExecutor(1) as threads:
        trial = threads.submit(client.entitlement, "org_2")
        while len(kulanz.asked) < 2:
            time.sleep(0.01)
        with pytest.raises(UnavailableError):
            client.entitlement("org_3")
        release.set()

    assert trial.result().source is Source.KULANZ
    assert len(kulanz.asked) == 2


def test_a_failure_about_one_account_keeps_no_other_from_being_asked_for(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    kulanz.answer = lambda requested_asked: (
        AWAY["500"] if "org_1" in requested_asked.path else Answer(body=entitlement())
    )

    with pytest.raises(UnavailableError):
        client.entitlement("org_1")

    assert client.entitlement("org_42").source is Source.KULANZ


def test_the_pause_that_kulanz_asks_for_is_kept_up_to_a_minute(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    kulanz.answer = lambda _: Answer(status=503, headers={"Retry-After": "86400"})

    with pytest.raises(UnavailableError) as raised:
        client.entitlement("org_42")

    assert raised.value.retry_after == 60


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("mode", OnFailure)
def test_a_refused_token_is_an_error_even_where_an_answer_is_known(
    kulanz: FakeKulanz, status: int, mode: OnFailure
) -> None:
    client = kulanz.client()
    client.entitlement("org_42")
    kulanz.now += 60
    kulanz.answer = lambda _: Answer(status=status, body={})

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="refuses the token"):
            client.entitlement("org_42", on_failure=mode)


def test_a_refused_token_is_an_error_right_after_an_outage_too(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    client.entitlement("org_42")
    kulanz.now += 60
    kulanz.answer = lambda _: AWAY["503"]
    client.entitlement("org_42")
    kulanz.now += 5
    kulanz.answer = lambda _: Answer(status=401, body={})

    for _ in range(2):
        with pytest.raises(ConfigurationError):
            client.entitlement("org_42")


def test_an_unknown_account_has_the_free_plan_and_is_not_known(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    kulanz.answer = lambda requested_asked: (
        Answer(body={}) if "openapi" in requested_asked.path else Answer(status=404, body={})
    )

    stranger = client.entitlement("stranger")

    assert (stranger.plan, stranger.access, stranger.known, stranger.version) == ("free", Access.FREE, False, 0)
    assert client.covers(stranger, "free")
    assert not client.covers(stranger, "professional")
    assert client.counts[Count.UNKNOWN] == 1


def test_an_account_that_kulanz_answers_as_unknown_is_not_known_either(kulanz: FakeKulanz) -> None:
    kulanz.answer = lambda _: Answer(body=entitlement("free", 0, known=False))

    assert not kulanz.client().entitlement("org_42").known


@pytest.mark.parametrize("answer", [Answer(status=404, body={}), *list(AWAY.values())[4:]])
def test_an_address_that_never_answered_as_kulanz_is_a_mistake_of_the_configuration(
    kulanz: FakeKulanz, answer: Answer
) -> None:
    kulanz.answer = lambda _: answer

    with pytest.raises(ConfigurationError, match="is this the address of Kulanz"):
        kulanz.client().entitlement("org_42", on_failure=OnFailure.OPEN)


def test_an_address_with_v1_at_its_end_is_understood(kulanz: FakeKulanz) -> None:
    Client(f"{kulanz.url}/v1/", "a-token").entitlement("org_42")

    assert kulanz.asked[0].path == "/v1/accounts/org_42/entitlement"


def test_threads_that_want_the_same_account_share_one_question(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    release = threading.Event()
    kulanz.answer = lambda _: Answer(body=entitlement()) if release.wait(10) else AWAY["500"]

    with ThreadPoolExecutor(20) as threads:
        answers = [threads.submit(client.entitlement, "org_42") for _ in range(20)]
        time.sleep(0.1)
        release.set()

    assert {answer.result().plan for answer in answers} == {"professional"}
    assert len(kulanz.asked) == 1


def test_many_threads_and_accounts_leave_counts_that_add_up(kulanz: FakeKulanz) -> None:
    client = kulanz.client(size=5)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: client.entitlement(f"org_{number % 9}"), range(400)))

    assert client.counts[Count.ASKED] == len(kulanz.asked)
    assert client.counts[Count.FAILED] == 0


def test_the_cache_forgets_what_was_not_used_for_longest(kulanz: FakeKulanz) -> None:
    client = kulanz.client(size=2)

    for account in ("org_1", "org_2", "org_1", "org_3", "org_1", "org_2"):
        client.entitlement(account)

    assert [requested_asked.path.split("/")[3] for requested_asked in kulanz.asked] == [
        "org_1",
        "org_2",
        "org_3",
        "org_2",
    ]


def test_the_token_counts_and_not_what_a_netrc_file_says(kulanz: FakeKulanz, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    environ = os.environ | {"NETRC": str(netrc), "PYTHONPATH": str(ROOT / "clients" / "python")}
    code = f"from kulanz_client import Client; Client({kulanz.url!r}, 'a-token').entitlement('org_42')"

    subprocess.run([sys.executable, "-c", code], env=environ, check=True)

    assert kulanz.asked[0].headers["authorization"] == "Bearer a-token"


def test_plans_rise_in_the_given_order_and_no_access_covers_nothing(kulanz: FakeKulanz) -> None:
    client = kulanz.client()

    def read(document: object) -> bool:
        kulanz.answer = lambda _: Answer(body=document)
        return client.covers(client.entitlement("org_42", refresh=True), "professional")

    assert read(entitlement("enterprise"))
    assert read(entitlement("professional"))
    assert not read(entitlement("startup"))
    assert not read(entitlement("free"))
    assert not read(entitlement("professional", access="none"))


def test_without_a_list_of_plans_a_plan_covers_itself_and_free_only(kulanz: FakeKulanz) -> None:
    client = kulanz.client(plans=())
    result = client.entitlement("org_42")

    assert client.covers(result, "professional")
    assert client.covers(result, "free")
    assert not client.covers(result, "enterprise")


def test_a_misspelt_plan_is_an_error_and_no_locked_door(kulanz: FakeKulanz) -> None:
    for plan in ("profesional", "Professional"):
        with pytest.raises(ValueError, match="there is no plan"):
            kulanz.client().check_plan(plan)


def test_a_notice_is_passed_on_and_an_unusable_one_left_out(kulanz: FakeKulanz) -> None:
    notice = {"severity": "warning", "text": "Pay.", "deadline": "2026-03-08T14:08:20Z", "link": "https://pay.example"}
    kulanz.answer = lambda requested_asked: Answer(
        body=entitlement(notice=notice if "org_42" in requested_asked.path else {"text": 1})
    )
    client = kulanz.client()

    stated, unusable = client.entitlement("org_42").notice, client.entitlement("org_43")

    assert stated is not None
    assert (stated.severity, stated.text, stated.link, stated.who) == ("warning", "Pay.", "https://pay.example", None)
    assert stated.deadline == datetime(2026, 3, 8, 14, 8, 20, tzinfo=UTC)
    assert (unusable.plan, unusable.notice) == ("professional", None)


def test_the_language_of_notices_is_asked_for_where_the_product_has_one(kulanz: FakeKulanz) -> None:
    kulanz.client(language="de-AT, en;q=0.5").entitlement("org_42")
    kulanz.client().entitlement("org_42")

    assert [asked.headers.get("accept-language") for asked in kulanz.asked] == ["de-AT, en;q=0.5", None]
    with pytest.raises(ConfigurationError, match="language"):
        kulanz.client(language="de\r\nX: y")


def test_every_id_that_kulanz_takes_is_asked_for(kulanz: FakeKulanz) -> None:
    for account in ("auth0|5f7c8ec7", "ada+shop@example.com", "_org", "a" * 128):
        assert kulanz.client().entitlement(account).plan == "professional"

    assert [asked.path.split("/")[3] for asked in kulanz.asked][:2] == ["auth0%7C5f7c8ec7", "ada%2Bshop%40example.com"]


@pytest.mark.parametrize("account", ["", ".", "..", "a/b", "a b", "ä", "x" * 129, "org_42\n"])
def test_an_id_that_kulanz_cannot_have_is_refused(kulanz: FakeKulanz, account: str) -> None:
    with pytest.raises(ValueError, match="an account id has"):
        kulanz.client().entitlement(account)

    assert kulanz.asked == []


@pytest.mark.parametrize(
    ("url", "token", "secret"),
    [
        ("kulanz.example", "t", SECRET),
        ("ftp://kulanz.example", "t", SECRET),
        ("http://me:pw@kulanz.example", "t", SECRET),
        ("http://kulanz.example", " ", SECRET),
        ("http://kulanz.example", "tökén", SECRET),
        ("http://kulanz.example", "t", "whsec_ä"),
        ("http://kulanz.example", "t", "whsec_"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_once(url: str, token: str, secret: str) -> None:
    with pytest.raises(ConfigurationError):
        Client(url, token, callback_secret=secret)


def test_a_callback_with_a_later_version_takes_the_place_of_the_cached_answer(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    client.entitlement("org_42")

    callback = client.receive(*signed(4))

    now = client.entitlement("org_42")
    assert (callback.id, callback.type, callback.rule, callback.clause, callback.stale) == (
        *("ef_1", "account.suspended", "dispute.suspended", "5.1"),
        False,
    )
    assert (now.access, now.source, now.version) == (Access.NONE, Source.CACHE, 4)
    assert now.may("export")
    assert not now.may("import")
    assert len(kulanz.asked) == 1


@pytest.mark.parametrize(("version", "stale"), [(2, True), (3, False)])
def test_a_callback_with_no_later_version_changes_nothing(kulanz: FakeKulanz, version: int, stale: bool) -> None:  # noqa: FBT001
    client = kulanz.client()
    client.entitlement("org_42")

    callback = client.receive(*signed(version))

    assert callback.stale is stale
    assert client.entitlement("org_42").access is Access.FULL


def test_a_callback_that_overtakes_an_answer_wins_by_its_version(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    requested, release = threading.Event(), threading.Event()

    def slow(_: object) -> Answer:
        requested.set()
        release.wait(10)
        return Answer(body=entitlement(version=3))

    kulanz.answer = slow
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(client.entitlement, "org_42")
        requested.wait(10)
        client.receive(*signed(4))
        release.set()

    assert answer.result().access is Access.NONE


def test_an_answer_is_believed_though_its_version_is_earlier_as_after_a_restored_backup(kulanz: FakeKulanz) -> None:
    client = kulanz.client()
    client.entitlement("org_42")
    kulanz.now += 60
    kulanz.answer = lambda _: Answer(body=entitlement("free", version=1))

    assert client.entitlement("org_42").version == 1


def test_a_callback_about_an_account_never_asked_for_is_the_last_known_and_asked_about_again(
    kulanz: FakeKulanz,
) -> None:
    client = kulanz.client()
    client.receive(*signed(1))

    assert client.entitlement("org_42").access is Access.FULL

    other = kulanz.client()
    other.receive(*signed(1))
    kulanz.answer = lambda _: AWAY["503"]
    assert other.entitlement("org_42").access is Access.NONE


def test_a_callback_about_no_account_has_no_entitlement(kulanz: FakeKulanz) -> None:
    callback = kulanz.client().receive(*signed(1, account_id=None))

    assert (callback.account_id, callback.entitlement) == (None, None)


def test_the_new_and_the_old_secret_are_accepted_during_a_change(kulanz: FakeKulanz) -> None:
    client = kulanz.client(callback_secret=(SECRET, OLDER_SECRET))

    for secret in (SECRET, OLDER_SECRET):
        client.receive(*signed(1, secret=secret))


Signed = tuple[bytes, dict[str, str]]


def _malformed(**headers: str) -> Signed:
    body, given = signed(4)
    return body, given | {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize(
    "callback",
    [
        lambda: signed(4, secret=OLDER_SECRET),
        lambda: signed(4, age=timedelta(minutes=6)),
        lambda: signed(4, age=-timedelta(minutes=6)),
        lambda: (signed(4)[0], {}),
        lambda: (signed(4)[0] + b" ", signed(4)[1]),
        lambda: (b"\xff", signed(4)[1]),
        lambda: _malformed(webhook_signature="v1"),
        lambda: _malformed(webhook_signature="v1,ä"),
        lambda: _malformed(webhook_timestamp="nan"),
        lambda: signed(4, body="no JSON"),
        lambda: signed(4, body="[]"),
        lambda: signed(4, body='{"type": "account.suspended"}'),
        lambda: signed(4, entitlement={"plan": "free"}),
    ],
)
def test_a_callback_that_cannot_be_trusted_is_refused_and_counted(
    kulanz: FakeKulanz, callback: Callable[[], Signed]
) -> None:
    client = kulanz.client()

    with pytest.raises(CallbackError):
        client.receive(*callback())

    assert client.counts[Count.CALLBACK_REFUSED] == 1


def test_callbacks_without_a_secret_are_a_mistake_of_the_configuration(kulanz: FakeKulanz) -> None:
    with pytest.raises(ConfigurationError):
        kulanz.client(callback_secret=()).receive(*signed(1))
