"""The console shows every mail before a customer gets it, and sends one to the operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kulanz.config import OpsUser
from kulanz.delivery.notices import REQUIRED
from kulanz.services import Services
from kulanz.store import audit_log
from tests.console.operator import Operator
from tests.days import product, settings_of
from tests.fake_servers import Mailbox, a_mailbox

USERS = (
    OpsUser(name="ops", password="correct horse"),
    OpsUser(name="eve", password="battery staple", read_only=True),
)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def services(tmp_path: Path, sqlite_url: str, mailbox: Mailbox) -> Iterator[Services]:
    """A merchant with words of his own for one reminder."""
    folder = tmp_path / "templates" / "en"
    folder.mkdir(parents=True)
    (folder / "grace_reminder.2.txt").write_text("Dear baker\n\nPay by {{ deadline | moment }}, please.")
    (folder / "recovered.txt").write_text("Thanks\n\n{{ deadline.nothing.at.all }}")
    told = {"ops_users": USERS, "smtp_url": mailbox.url, "templates": folder.parent, "brand_name": "Acme"}
    with product(settings_of(tmp_path, sqlite_url, **told)) as services:
        yield services


def test_every_notice_is_shown_in_each_language(operator: Operator) -> None:
    for notice in REQUIRED:
        for locale, language in (("de-AT", "de"), ("en", "en"), ("xx", None)):
            if language is None:
                operator.see(f"/ops/mails?notice={notice}&locale={locale}", status=400)
                continue
            page = operator.see(f"/ops/mails?notice={notice}&locale={locale}")
            html = operator.client.get(f"/ops/mails/html?notice={notice}&locale={locale}")
            assert f'<html lang="{language}">' in html.text
            assert "Subject: " in page


def test_the_merchants_own_words_are_shown_and_what_is_wrong_with_them(operator: Operator) -> None:
    assert "Dear baker" in operator.see("/ops/mails?notice=grace_reminder&step=2")
    assert "Dear baker" not in operator.see("/ops/mails?notice=grace_reminder&step=1")
    assert "en/recovered.txt:3" in operator.see("/ops/mails?notice=recovered")


def test_the_html_part_runs_nothing(operator: Operator) -> None:
    answer = operator.client.get("/ops/mails/html?notice=downgraded")

    security = answer.headers["Content-Security-Policy"]
    assert security.startswith("sandbox; default-src 'none'")
    assert security.endswith("frame-ancestors 'none'")
    assert answer.headers["X-Frame-Options"] == "DENY"
    operator.post("/ops/logout")
    assert operator.client.get("/ops/mails/html").status_code == 303


def test_a_mail_is_sent_to_who_asks_and_that_is_noted(operator: Operator, services: Services, mailbox: Mailbox) -> None:
    sent = operator.post("/ops/mails/test", notice="grace_warning", locale="de", step="1", to="me@acme.example")

    assert sent.status_code == 303
    assert "handed to the mail server" in operator.see(sent.headers["Location"])
    (mail,) = mailbox.accepted
    assert (mail["To"], mail["X-Kulanz-Notice"]) == ("me@acme.example", "grace_warning")
    assert mail["Content-Language"] == "de"
    with services.database.read() as conn:
        noted = audit_log.about(conn, "grace_warning")
    assert [(act.actor, act.act) for act in noted] == [("ops", "sent a test mail")]


def test_what_cannot_be_sent_is_refused_in_a_sentence(operator: Operator, mailbox: Mailbox) -> None:
    for fields, status in (
        ({"notice": "grace_warning", "to": "nobody"}, 400),
        ({"notice": "grace_warning", "to": "a@b.example\r\nBcc: c@d.example"}, 400),
        ({"notice": "nothing", "to": "me@acme.example"}, 404),
        ({"notice": "grace_warning", "to": "me@acme.example", "step": "-1"}, 400),
        ({"notice": "grace_warning", "to": "me@acme.example", "locale": "../.."}, 400),
    ):
        answer = operator.post("/ops/mails/test", **fields)
        assert answer.status_code == status, (fields, answer.text)
        assert "Traceback" not in answer.text
    assert mailbox.accepted == []


def test_who_may_only_read_sends_nothing(reader: Operator, mailbox: Mailbox) -> None:
    assert "Send it to yourself" not in reader.see("/ops/mails")
    assert reader.post("/ops/mails/test", notice="recovered", to="me@acme.example").status_code == 403
    assert mailbox.accepted == []
