"""The words of a notice: written once, kept encrypted, hashed into the ledger, shown as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kulanz import pipeline
from kulanz.crypto import places
from kulanz.policy.effects import SendLetter, SendMail, words_digest
from kulanz.processing.outbox import effect_row
from kulanz.queries import evidence
from kulanz.queries.evidence.check import check
from kulanz.queries.evidence.page import DATA_BEGINS, written
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import accounts, codec, ledger, outbox
from kulanz.store.outbox import EffectRow
from tests.days import days_go_by, product, settings_of
from tests.fake_servers import Mailbox, a_mailbox
from tests.lemonsqueezy import MONDAY
from tests.replacing import replace
from tests.workers.instance import an_unpaid_account


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "templates" / "en"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def services(tmp_path: Path, database_url: str, mailbox: Mailbox, templates: Path) -> Iterator[Services]:
    """An account that did not pay on Monday, at a merchant's with templates of his own."""
    stated = {
        "smtp_url": mailbox.url,
        "mail_from": "billing@shop.example",
        "templates": templates.parent,
        "ops_alert_to": "ops@shop.example",
        "test_clock": True,
    }
    with product(settings_of(tmp_path, database_url, **stated), at=MONDAY) as services:
        an_unpaid_account(services, 1)
        yield services


def test_evidence_shows_a_mail_as_it_was_whatever_the_templates_say_today(
    services: Services, mailbox: Mailbox, templates: Path
) -> None:
    own = templates / "grace_reminder.txt"
    own.write_text("Dear baker\n\nPay by {{ deadline | moment }}, please.")
    days_go_by(services, 4)
    own.write_text("Other words\n\n{{ deadline | moment }}")

    page = evidence.of_account(services, "org_1")

    (mail,) = (item for item in data_of(page)["sent"] if item["type"] == "grace_reminder")
    received = next(each for each in mailbox.accepted if each["X-Kulanz-Notice"] == "grace_reminder")
    text, html = ("\n".join(part.get_content().splitlines()).strip() for part in received.iter_parts())
    assert (mail["title"], received["Subject"]) == ("Dear baker", "Dear baker")
    assert mail["text"].strip() == mail["words"]["text"].strip() == text
    assert mail["words"]["html"].strip() == html
    assert mail["words"]["sender"] == received["From"] == "billing@shop.example"
    assert b"Other words" not in page
    assert check(page).problems == ()


def test_the_hash_of_the_words_is_in_the_ledger_and_their_text_is_not(services: Services) -> None:
    days_go_by(services, 4)

    effect = stored(services, "grace_reminder")
    with services.database.read() as conn:
        rows = ledger.of_account(conn, "org_1", 0, 100)
    (recorded,) = (change for row in rows for change in row.detail["changes"] if change["rule"] == "notice.recorded")
    assert effect.words is not None
    assert recorded["detail"] == {
        "notice": "grace_reminder",
        "step": effect.step,
        "outcome": "done",
        "sha256": effect.words.digest,
    }
    assert "Reminder: your payment" in effect.words.subject
    assert "Reminder: your payment" not in str(rows)
    assert b"Reminder: your payment" not in row_of(services, "grace_reminder").payload
    (mail,) = (item for item in data_of(evidence.of_account(services, "org_1"))["sent"] if item["words"])
    assert mail["recorded_in"]["account"] == "org_1"
    assert mail["words_sha256"] == effect.words.digest


@pytest.mark.parametrize("change", [{"text": "Pay double"}, {"html": "<p>Pay double</p>"}, {"salt": "00"}])
@pytest.mark.parametrize("covered", [False, True])
def test_words_that_were_changed_show_even_under_the_right_key(
    services: Services, change: dict[str, str], *, covered: bool
) -> None:
    days_go_by(services, 4)
    document = data_of(evidence.of_account(services, "org_1"))
    (mail,) = (item for item in document["sent"] if item["words"])
    mail["words"] |= change
    if covered:
        mail["text"], mail["words_sha256"] = mail["words"]["text"], words_digest(mail["words"])

    problems = check(written(document, services.vault.signer)).problems

    assert problems == (f"the words of {mail['id']} are not those whose hash was recorded",)


def test_a_mail_of_a_version_that_kept_no_words_shows_in_our_words_as_before(
    services: Services, templates: Path
) -> None:
    (templates / "grace_reminder.txt").write_text("Mine\n\n{{ deadline | moment }}")
    days_go_by(services, 4)
    row, effect = row_of(services, "grace_reminder"), stored(services, "grace_reminder")
    with services.database.write() as tx:
        key = accounts.data_key(tx, row.account)
        plain = msgspec.json.decode(codec.encode(effect))
        del plain["words"]
        old = services.vault.data_key(key or b"", row.account).seal(
            msgspec.json.encode(plain), places.effect(row.account, row.id)
        )
        outbox.reseal(tx, row.id, old)

    page = evidence.of_account(services, "org_1")

    (mail,) = (item for item in data_of(page)["sent"] if item["type"] == "grace_reminder")
    assert mail["words"] is mail["words_sha256"] is None
    assert mail["title"].startswith("Reminder: your payment is still open")
    assert b"did not keep the words" in page
    assert check(page).problems == ()


def test_a_template_that_fails_sends_our_words_and_alerts_operators(
    services: Services, mailbox: Mailbox, templates: Path
) -> None:
    for notice in ("grace_reminder", "grace_warning"):
        (templates / f"{notice}.txt").write_text("Soon\n\nNo promise.")

    days_go_by(services, 8)

    subjects = {each["X-Kulanz-Notice"]: each["Subject"] for each in mailbox.accepted}
    alerts = [each for each in mailbox.accepted if each["Subject"].startswith("Kulanz: template failed")]
    texts = [" ".join(each.get_body(("plain",)).get_content().split()) for each in alerts]
    assert subjects["grace_reminder"].startswith("Reminder: your payment")
    assert subjects["grace_warning"].startswith("Final notice")
    assert {each["To"] for each in alerts} == {"ops@shop.example"}
    assert any("en/grace_warning.txt:1: deadline is promised and is missing" in text for text in texts)


def test_each_attempt_hands_over_the_same_words(services: Services, mailbox: Mailbox, templates: Path) -> None:
    own = templates / "grace_reminder.txt"
    own.write_text("First\n\n{{ deadline | moment }}")
    mailbox.data_reply = "451 4.3.0 later"
    days_go_by(services, 4)
    own.write_text("Second\n\n{{ deadline | moment }}")
    mailbox.data_reply = None
    with services.database.write() as tx:
        outbox.retry(tx, [row_of(services, "grace_reminder").id], real_now())

    pipeline.deliver(services)

    assert [each["Subject"] for each in mailbox.accepted] == ["First"]


def test_a_restart_with_other_settings_changes_nothing_that_was_sent(services: Services) -> None:
    days_go_by(services, 4)
    before = data_of(evidence.of_account(services, "org_1"))["sent"]

    other = build(replace(services.settings, mail_from="New <new@shop.example>", brand_name="New", templates=None))
    try:
        after = data_of(evidence.of_account(other, "org_1"))["sent"]
    finally:
        other.close()

    assert after == before


def test_a_letter_on_paper_is_kept_and_shown_as_a_mail_is(services: Services, tmp_path: Path) -> None:
    days_go_by(services, 4)
    letter = SendLetter(
        id="ef_paper",
        notice="refund_decided",
        subject="rr_1",
        step=1,
        to="Ada Byron\nRing 1",
        by="file",
        locale="en",
        data={"decision": "approved"},
    )
    with services.database.write() as tx:
        key = services.vault.data_key(accounts.data_key(tx, "org_1") or b"", "org_1")
        payload = key.seal(codec.encode(letter), places.effect("org_1", letter.id))
        outbox.add(tx, [effect_row(letter, "org_1", payload, services.clock.now(tx), None)])

    pipeline.deliver(services)

    page = evidence.of_account(services, "org_1")
    (paper,) = (item for item in data_of(page)["sent"] if item["kind"] == "SendLetter")
    (file,) = (tmp_path / "letters").iterdir()
    assert (paper["to"], paper["title"]) == ("Ada Byron\nRing 1", "Your refund request has been approved")
    assert paper["words"]["html"] == file.read_text()
    assert paper["recorded_in"]["account"] == "org_1"
    assert check(page).problems == ()


def row_of(services: Services, notice: str) -> EffectRow:
    with services.database.read() as conn:
        return next(row for row in outbox.of_account(conn, "org_1") if row.type == notice)


def stored(services: Services, notice: str) -> SendMail:
    row = row_of(services, notice)
    with services.database.read() as conn:
        key = accounts.data_key(conn, row.account)
    place = places.effect(row.account, row.id)
    effect = codec.read_effect(row.kind, services.vault.data_key(key or b"", row.account).open(row.payload, place))
    assert isinstance(effect, SendMail)
    return effect


def data_of(file: bytes) -> dict[str, Any]:
    begin = file.index(DATA_BEGINS) + len(DATA_BEGINS)
    document: dict[str, Any] = msgspec.json.decode(file[begin : file.rindex(b"</script>")])
    return document
