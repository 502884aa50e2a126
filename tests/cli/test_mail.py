"""`kulanz mail`: templates checked, notices previewed and tried, before a customer gets them."""

from __future__ import annotations

import email.policy
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from kulanz.services import Services
from tests.cli.conftest import Kulanz
from tests.days import days_go_by
from tests.fake_servers import Mailbox, a_mailbox
from tests.lemonsqueezy import MONDAY
from tests.workers.instance import an_unpaid_account


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def services(kulanz: Kulanz, sqlite_url: str) -> Iterator[Services]:
    """An account that was reminded on Thursday."""
    with kulanz.services(sqlite_url, at=MONDAY) as services:
        an_unpaid_account(services, 1)
        days_go_by(services, 4)
        yield services


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    (tmp_path / "templates" / "en").mkdir(parents=True)
    return tmp_path / "templates"


def test_our_own_words_are_sound_in_each_language(kulanz: Kulanz) -> None:
    result = kulanz("mail", "check", "--json")

    assert result.code == 0
    assert result.document["sound"] is True
    assert result.document["languages"] == ["de", "en", "fr"]


def test_a_bad_template_is_named_by_file_and_line_and_ends_with_1(kulanz: Kulanz, templates: Path) -> None:
    (templates / "en" / "grace_warning.txt").write_text("Pay\n\nBy {{ dedline | moment }}")

    result = kulanz("mail", "check", KULANZ_TEMPLATES=str(templates))

    assert result.code == 1
    assert result.out == "KULANZ_TEMPLATES: en/grace_warning.txt:3: there is no variable dedline\n"
    assert result.err == "kulanz: 1 problem\n"


@pytest.mark.parametrize("command", [("web",), ("worker", "--burst"), ("up", "--port", "1")])
def test_nothing_starts_with_words_that_could_not_be_sent(
    kulanz: Kulanz, services: Services, templates: Path, command: tuple[str, ...]
) -> None:
    (templates / "en" / "grace_warning.txt").write_text("Pay\n\nSoon.")

    result = kulanz(*command, KULANZ_TEMPLATES=str(templates), BRAND_LOGO="/nowhere.png")

    assert result.code == 1
    assert "KULANZ_TEMPLATES: en/grace_warning.txt:1: deadline is promised and is missing" in result.err
    assert "BRAND_LOGO: /nowhere.png cannot be read" in result.err
    assert "Traceback" not in result.err


def test_a_preview_shows_a_notice_with_sample_data_in_any_language(kulanz: Kulanz, services: Services) -> None:
    result = kulanz("mail", "preview", "grace_warning", "--locale", "de-AT", BRAND_NAME="Bäckerei")

    assert result.code == 0
    assert "From: Bäckerei <kulanz@localhost>\nSubject: Letzter Hinweis" in result.out
    assert "€ 19,99" in result.out


def test_a_preview_of_html_is_the_page_alone(kulanz: Kulanz, services: Services) -> None:
    assert kulanz("mail", "preview", "recovered", "--html").out.startswith("<!doctype html>")


def test_a_preview_of_an_account_is_what_it_was_sent(kulanz: Kulanz, services: Services, templates: Path) -> None:
    (templates / "en" / "grace_reminder.txt").write_text("Mine\n\n{{ deadline | moment }}")

    sent = kulanz("mail", "preview", "grace_reminder", "--account", "org_1", "--json", KULANZ_TEMPLATES=str(templates))
    anew = kulanz(
        "mail", "preview", "grace_reminder", "--account", "org_1", "--locale", "en", "--json",
        KULANZ_TEMPLATES=str(templates),
    )  # fmt: skip

    assert sent.document["sent"] is True
    assert sent.document["subject"].startswith("Reminder: your payment is still open")
    assert (anew.document["sent"], anew.document["subject"]) == (False, "Mine")


def test_a_preview_says_where_a_template_fails(kulanz: Kulanz, services: Services, templates: Path) -> None:
    (templates / "en" / "grace_warning.txt").write_text("Pay\n\nSoon.")

    result = kulanz("mail", "preview", "grace_warning", KULANZ_TEMPLATES=str(templates))

    assert "Final notice" in result.out
    assert "en/grace_warning.txt:1: deadline is promised and is missing" in result.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("preview", "grace_end"), "there is no notice 'grace_end'; there are grace_started, "),
        (("preview", "recovered", "--account", "org_1"), "no mail recovered was decided for org_1"),
        (("preview", "recovered", "--account", "org_9"), "org_9"),
        (("test", "grace_end", "--to", "a@shop.example"), "there is no notice 'grace_end'"),
        (("test", "recovered", "--to", "a\r\nBcc: b@c.d"), "is not a mail address"),
    ],
)
def test_what_there_is_not_is_said_on_one_line(
    kulanz: Kulanz, services: Services, arguments: tuple[str, ...], told: str
) -> None:
    result = kulanz("mail", *arguments)

    assert result.code in {1, 2}
    assert told in result.err
    assert result.err.count("\n") == 1


def test_a_try_goes_to_ones_own_address_and_leaves_no_trace(
    kulanz: Kulanz, services: Services, mailbox: Mailbox
) -> None:
    before = kulanz("effects", "list", "--json").out

    result = kulanz("mail", "test", "grace_warning", "--to", "me@shop.example", SMTP_URL=mailbox.url)

    assert result.code == 0
    assert mailbox.envelopes == [("kulanz@localhost", "me@shop.example")]
    assert mailbox.notices == ["grace_warning"]
    assert kulanz("effects", "list", "--json").out == before


def test_a_try_without_a_mail_server_is_a_file_and_one_that_is_refused_says_so(
    kulanz: Kulanz, services: Services, mailbox: Mailbox
) -> None:
    kulanz("mail", "test", "recovered", "--to", "me@shop.example")
    mailbox.recipient_reply = "550 5.1.1 no such user"
    refused = kulanz("mail", "test", "recovered", "--to", "me@shop.example", SMTP_URL=mailbox.url)

    (file,) = (kulanz.data_dir / "mail").glob("*-test-*.eml")
    assert message_from_bytes(file.read_bytes(), policy=email.policy.default)["To"] == "me@shop.example"
    assert (refused.code, refused.err) == (1, "kulanz: the mail server refused the recipient (550 5.1.1)\n")


def test_a_notice_is_previewed_and_tried_before_there_is_a_database(kulanz: Kulanz) -> None:
    shown = kulanz("mail", "preview", "grace_reminder")
    tried = kulanz("mail", "test", "grace_reminder", "--to", "you@shop.example")

    assert "Subject: Reminder" in shown.out
    assert (shown.code, tried.code) == (0, 0)
