"""Links of mails and the records: a token of each attempt that nothing keeps, and the merchant's own page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from flask.testing import FlaskClient

from kulanz.crypto import places
from kulanz.delivery import pages
from kulanz.delivery.languages import LANGUAGES
from kulanz.delivery.pages import PAGES
from kulanz.delivery.pay_links import PLACE
from kulanz.delivery.template_check import check as check_templates
from kulanz.policy.effects import SendMail
from kulanz.queries import evidence
from kulanz.queries.evidence.check import check
from kulanz.queries.evidence.page import DATA_BEGINS
from kulanz.queries.pay_page import PageKind
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import accounts, codec, erasing, outbox
from tests.applications import an_application
from tests.days import days_go_by, happens, product, settle
from tests.fake_servers import a_mailbox
from tests.provider_server import Provider
from tests.web.paying import BILLING, PUBLIC, links, mails, visible


def test_each_attempt_has_a_link_of_its_own_and_the_records_have_none(services: Services) -> None:
    days_go_by(services, 6)
    found = links(services)
    assert len({*found}) == len(found) == 3

    page = evidence.of_account(services, "org_42")

    tokens = [link.removeprefix("/pay/").encode() for link in found]
    assert not any(token in page for token in tokens)
    assert PLACE.encode() in page
    assert check(page).problems == ()
    sent = json.loads(page.partition(DATA_BEGINS)[2].rpartition(b"</script>")[0])["sent"]
    assert [bool(mail["recorded_in"]) for mail in sent if mail.get("words")] == [True] * 3
    with services.database.read() as conn:
        key = services.vault.data_key(accounts.data_key(conn, "org_42") or b"", "org_42")
        rows = [row for row in outbox.of_account(conn, "org_42") if row.kind == "SendMail"]
        kept = [codec.read_effect(row.kind, key.open(row.payload, places.effect(row.account, row.id))) for row in rows]
    assert all(isinstance(mail, SendMail) and mail.words and PLACE in mail.words.text for mail in kept)
    stored = Path(services.settings.database_url.removeprefix("sqlite:///")).read_bytes()
    assert not any(token in stored for token in tokens)


def test_a_mail_that_is_sent_once_more_has_another_link_and_both_work(services: Services, client: FlaskClient) -> None:
    with a_mailbox() as mailbox:
        posting = build(replace(services.settings, smtp_url=mailbox.url))
        mailbox.drop_at = "data"  # It may have arrived, so it is not sent again by itself.
        happens(posting, 4.5)
        mailbox.drop_at = None
        with posting.database.write() as tx:
            (unknown,) = (row for row in outbox.of_account(tx, "org_42") if row.state == "unknown")
            outbox.retry(tx, [unknown.id], real_now())
        settle(posting)
        posting.close()

    read = ["".join(part.get_content() for part in mail.iter_parts()) for mail in mailbox.accepted]
    first, second = ({*re.findall(r"/pay/[A-Za-z0-9_-]+", mail)} for mail in read)
    assert len(first) == len(second) == 1
    assert first != second
    pages = [visible(client, link) for link in (*first, *second)]
    assert pages[0] == pages[1]
    assert "Your open payment" in pages[0][1]


def test_without_a_public_url_mails_link_to_the_billing_page(
    services: Services, provider: Provider, tmp_path: Path
) -> None:
    plain = build(replace(services.settings, public_url=None))
    happens(plain, 5)
    plain.close()

    assert len(links(services)) == 1
    assert BILLING in mails(services)[-1]
    assert PUBLIC not in mails(services)[-1]


def test_an_account_that_was_erased_has_no_page(services: Services, client: FlaskClient) -> None:
    (link,) = links(services)
    with services.database.write() as tx:
        counts = erasing.destroy(tx, ["org_42"])

    assert counts["pay_links"] == 1
    assert visible(client, link) == visible(client, "/pay/" + "B" * 43)


def test_the_page_may_have_the_merchants_own_words(services: Services, client: FlaskClient, tmp_path: Path) -> None:
    (link,) = links(services)
    folder = tmp_path / "templates" / "en" / "pages"
    folder.mkdir(parents=True)
    with (
        product(replace(services.settings, templates=folder.parents[1])) as own_services,
        an_application(own_services) as app,
    ):
        own = app.test_client()
        (folder / "due.txt").write_text("Dear <baker>\n\nPay by {{ deadline | day }} ({{ stage }}).\n\n> Pay & be well")

        answer = own.get(link)

        assert check_templates(folder.parents[1]) == []
        for told in (
            "Dear &lt;baker&gt;",
            "Pay by March\N{NO-BREAK SPACE}9,\N{NO-BREAK SPACE}2026 (grace).",
            "Pay &amp; be well",
        ):
            assert told in answer.text
        for wrong, problem in (
            ("Dear baker\n\nNo button.", "en/pages/due.txt:1: a payment that is due has a button"),
            ("Dear\n\n{{ nothing }}\n\n> Pay", "en/pages/due.txt:3: there is no variable nothing"),
            ("> Pay", "en/pages/due.txt:1: the first line is the title"),
            ("Dear\n\n{{ amount_due + 1 }}\n\n> Pay", "en/pages/due.txt:3: it fails where a value is missing"),
        ):
            (folder / "due.txt").write_text(wrong)
            (fault,) = check_templates(folder.parents[1])
            assert str(fault).startswith(problem)
        (folder / "due.txt").write_text("Dear\n\n{{ deadline.nothing }}\n\n> Pay")
        assert "Your open payment" in own.get(link).text
        (folder / "due.txt").rename(folder / "overdue.txt")
        (fault,) = check_templates(folder.parents[1])
        assert "there is no page pages/overdue.txt" in str(fault)


def test_every_page_has_words_in_each_language() -> None:
    assert {*PAGES} == {str(kind) for kind in PageKind}
    for language in LANGUAGES:
        folder = Path(pages.__file__).parent / "templates" / language / "pages"
        assert {path.stem for path in folder.glob("*")} == {*PAGES}
