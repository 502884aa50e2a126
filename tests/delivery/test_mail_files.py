"""Mails as files, where there is no mail server."""

from __future__ import annotations

import email.policy
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from kulanz.delivery import AttemptState, deliver
from kulanz.delivery.letterbox import post, remove
from kulanz.policy.facts import Outcome
from tests.delivery import values
from tests.fake_servers import Mailbox


def test_a_mail_becomes_a_private_file_with_the_time_and_the_effect_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mail"

    report = deliver(values.mail(), values.the_channels(mail_dir=folder), values.an_attempt())

    (file,) = folder.iterdir()
    assert report.state is AttemptState.DONE
    assert file.name == "20260306T120000Z-ef_2.eml"
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    mail = message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert (mail["To"], mail["X-Kulanz-Notice"]) == ("anna@example.com", "grace_warning")


@pytest.mark.parametrize(("counts", "outcome"), [(True, Outcome.DONE), (False, Outcome.FAILED)])
def test_a_file_counts_as_delivered_only_where_the_settings_say_so(
    tmp_path: Path, *, counts: bool, outcome: Outcome
) -> None:
    channels = values.the_channels(mail_dir=tmp_path, files_count_as_delivered=counts)

    report = deliver(values.mail(), channels, values.an_attempt())

    assert (report.state, report.outcome) == (AttemptState.DONE, outcome)


def test_the_same_effect_is_never_written_twice(tmp_path: Path) -> None:
    channels = values.the_channels(mail_dir=tmp_path)

    deliver(values.mail(), channels, values.an_attempt())
    deliver(values.mail(), channels, values.an_attempt(now=values.NOON + timedelta(days=1), attempts=1))
    deliver(values.mail(id="x-ef_2"), channels, values.an_attempt())

    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "20260306T120000Z-ef_2.eml",
        "20260306T120000Z-x-ef_2.eml",
    ]


@pytest.mark.parametrize("ident", ["../../outside", "/etc/cron.d/x", "a\x00b", "ä" * 200, "mail:org_42|grace|1"])
def test_no_id_leads_out_of_the_folder(tmp_path: Path, ident: str) -> None:
    folder = tmp_path / "mail"

    deliver(values.mail(id=ident), values.the_channels(mail_dir=folder), values.an_attempt())

    assert [path.name for path in tmp_path.iterdir()] == ["mail"]
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_tried_again_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")

    report = deliver(values.mail(), values.the_channels(mail_dir=tmp_path / "mail"), values.an_attempt())

    assert (report.state, report.error) == (AttemptState.RETRY, "the mail cannot be written (FileExistsError)")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "anna@example.com\r\nBcc: eve@example.com",
        "anna@example.com, eve@example.com",
        "Anna <anna@example.com>",
        "an na@example.com",
        "anna@exa mple.com",
        "anna@example.com\x00",
        "anna@",
        "anna@..",
        "änna@example.com",
        "an..na@example.com",
        ".anna@example.com",
        "anna@example.com.",
    ],
)
def test_an_address_that_is_not_exactly_one_gets_no_mail(mailbox: Mailbox, address: str) -> None:
    report = deliver(values.mail(to=address), values.the_channels(smtp_url=mailbox.url), values.an_attempt())

    assert (report.state, report.error) == (AttemptState.PARKED, "no usable mail address of the customer")
    assert mailbox.envelopes == []


@pytest.mark.parametrize(
    ("domain", "reached"), [("bücher.example", "xn--bcher-kva.example"), ("faß.example", "xn--fa-hia.example")]
)
def test_a_domain_with_umlauts_is_reached_by_its_own_name(mailbox: Mailbox, domain: str, reached: str) -> None:
    deliver(values.mail(to=f"anna@{domain}"), values.the_channels(smtp_url=mailbox.url), values.an_attempt())

    assert mailbox.envelopes[0][1] == f"anna@{reached}"


def test_an_account_id_cannot_add_a_header(mailbox: Mailbox) -> None:
    account = "org\r\nBcc: eve@example.com\r\n\r\nHello"

    deliver(values.mail(), values.the_channels(smtp_url=mailbox.url), values.an_attempt(account=account))

    assert mailbox.accepted[0]["Bcc"] is None
    assert mailbox.accepted[0]["X-Kulanz-Account"] == "org Bcc: eve@example.com Hello"


def test_what_was_posted_is_removed_by_its_name_whole_or_half_written_and_nothing_else(tmp_path: Path) -> None:
    posted = post(b"whole", tmp_path, "ef_1", values.NOON)
    (tmp_path / f".{posted.name}.x7_.part").write_bytes(b"ha")
    others = {post(b"another", tmp_path, name, values.NOON).name for name in ("ef_1.mail", "ef_11", "x-ef_1")}
    others.add(post(b"of another kind", tmp_path, "ef_2", values.NOON, ".json").name)

    assert remove(tmp_path, {"ef_1", "ef_3"}) == 2

    assert {path.name for path in tmp_path.iterdir()} == others
    assert remove(tmp_path / "nowhere", {"ef_1"}) == 0
