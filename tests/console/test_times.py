"""Times are shown in the zone that a reader has chosen and in the browser's language."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from kulanz.queries.accounts import read_by
from kulanz.runtime.clock import real_now
from kulanz.web.console.reading import Reading
from tests.console.operator import Operator

DAY = f"{real_now() + timedelta(days=20):%Y-%m-%d}"
A_DAY = f"{DAY}T12:00"

pytestmark = pytest.mark.usefixtures("in_grace")


@pytest.mark.parametrize(
    ("language", "pattern"), [(None, "2026-"), ("de-DE,de;q=0.8", ". "), ("en-US", ", 20"), ("zz", "-"), ("*", "-")]
)
def test_dates_are_written_in_the_browsers_language(operator: Operator, language: str | None, pattern: str) -> None:
    headers = {"Accept-Language": language} if language else {}

    page = operator.client.get("/ops/accounts?sort=deadline", headers=headers)

    assert page.status_code == 200
    (shown, *_) = [part.partition("</time>")[0].partition(">")[2] for part in page.text.split("<time ")[1:]]
    assert pattern in shown or language is None


def test_a_story_is_told_in_the_readers_zone(reader: Operator) -> None:
    before = reader.see("/ops/accounts/org_42")

    chosen = reader.post("/ops/zone", zone="Asia/Kolkata")
    after = reader.see("/ops/accounts/org_42")

    assert chosen.status_code == 303
    assert "When (UTC)" in before
    assert "When (Asia/Kolkata)" in after
    assert before.count("<time ") == after.count("<time ")
    assert ">2" in before
    assert "Z</time>" in before
    assert "Z</time>" not in after


@pytest.mark.parametrize("zone", ["", "../../etc/passwd", "Mars/Olympus", "UTC\r\nSet-Cookie: a=b"])
def test_a_zone_that_there_is_not_is_refused_and_a_cookie_that_names_one_is_ignored(
    operator: Operator, zone: str
) -> None:
    assert operator.post("/ops/zone", zone=zone).status_code == 400

    operator.client.set_cookie("kulanz_zone", "Mars/Olympus", path="/ops")
    assert "When (UTC)" in operator.see("/ops/accounts/org_42")


@pytest.mark.parametrize(
    ("zone", "at"), [("Pacific/Kiritimati", "9999-12-31T23:59:59Z"), ("America/New_York", "0001-01-01T00:00:00Z")]
)
def test_a_time_that_a_zone_cannot_write_is_shown_in_utc(zone: str, at: str) -> None:
    shown = Reading(zone, (), read_by((), zone))

    assert at[:10] in shown.instant(at)
    assert at[:10] in shown.sentence(f"until {at}")


def test_what_only_looks_like_a_time_is_left_as_it_is() -> None:
    said = "found 2026-99-99T99:99:99Z"

    assert Reading("Europe/Vienna", (), read_by((), "Europe/Vienna")).sentence(said) == said


def test_all_times_of_a_page_are_in_the_one_zone_that_the_reader_chose(operator: Operator) -> None:
    operator.post("/ops/zone", zone="Asia/Kolkata")
    operator.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en-US"
    page = operator.see("/ops/accounts/org_42")
    looked = operator.post("/ops/accounts/org_42/preview", order="extend_grace", reason="kind", until=A_DAY)

    for shown in (page, looked.text):
        main = shown.partition("<main")[2]
        assert "(UTC)" not in main
        assert "UTC</time>" not in main
    assert re.search(r"stays on until <time [^>]+>\w+ \d+, 20\d\d \d\d:\d\d (IST|UTC\+05:30)</time>", page)
    assert "Until (Asia/Kolkata)" in page
    assert "Next deadline (Asia/Kolkata)" in operator.see("/ops/accounts")


def test_a_form_takes_times_in_the_readers_zone(operator: Operator) -> None:
    operator.post("/ops/zone", zone="Asia/Kolkata")

    looked = operator.post("/ops/accounts/org_42/preview", order="extend_grace", reason="kind", until=A_DAY)
    none = operator.post("/ops/accounts/org_42/preview", order="extend_grace", reason="kind", until="0001-01-01T00:00")

    assert looked.status_code == 200
    assert f'datetime="{DAY}T06:30:00Z"' in looked.text
    assert none.status_code == 422


@pytest.mark.parametrize(("chosen", "lang"), [("fr", "fr"), ("en", "en"), ("", "de")])
def test_a_chosen_language_goes_before_the_browsers(operator: Operator, chosen: str, lang: str) -> None:
    german = {"Accept-Language": "de-AT, fr;q=0.5"}
    operator.post("/ops/zone", zone="UTC", language="it")
    assert '<html lang="de">' in operator.client.get("/ops/log", headers=german).text

    operator.post("/ops/zone", zone="UTC", language=chosen)

    assert f'<html lang="{lang}">' in operator.client.get("/ops/log", headers=german).text


def test_a_language_without_words_is_refused(operator: Operator) -> None:
    refused = operator.client.post(
        "/ops/zone", data={"token": operator.token, "zone": "UTC", "language": "it"}, headers={"Accept-Language": "de"}
    )

    assert refused.status_code == 400
    assert "Die Konsole spricht diese Sprache nicht." in refused.text


def test_an_amount_and_a_number_are_written_as_the_reader_writes_them(operator: Operator) -> None:
    page = operator.client.get("/ops/accounts/org_42", headers={"Accept-Language": "de-DE"}).text

    assert "49,00\N{NO-BREAK SPACE}€" in page
    assert "EUR" not in page.partition('id="cases"')[2].partition("</section>")[0]
