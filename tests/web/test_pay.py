"""The page behind the link of a mail: it shows what the mail said, leads to a fresh page, and ends with its case."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kulanz.commands import execute
from kulanz.commands.commands import SetOverride
from kulanz.crypto import places
from kulanz.delivery import pages
from kulanz.delivery.languages import LANGUAGES
from kulanz.delivery.pages import PAGES
from kulanz.delivery.pay_links import PLACE
from kulanz.delivery.template_check import check as check_templates
from kulanz.policy.effects import SendMail
from kulanz.policy.facts import OverrideKind
from kulanz.queries import evidence
from kulanz.queries.evidence.check import check
from kulanz.queries.evidence.page import DATA_BEGINS
from kulanz.queries.pay_page import PageKind
from kulanz.services import Services, build
from kulanz.store import accounts, codec, erasing, outbox
from kulanz.web.application import create_app
from tests.days import DAY, days_go_by, happens, product, settings_of, settle
from tests.fake_servers import a_mailbox
from tests.lemonsqueezy import (
    MONDAY,
    Purchase,
    dispute_created,
    subscription_created,
    subscription_expired,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_updated,
)
from tests.provider_server import API_KEY, Provider, Reply, a_provider

OWN = Purchase().subscription
BILLING = "https://product.example.com/billing"
PUBLIC = "https://pay.example.com"
FRESH = "https://shop.lemonsqueezy.com/subscription/1/payment-details?expires=1&signature=fresh"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with a_provider() as provider:
        yield provider


@pytest.fixture
def services(tmp_path: Path, sqlite_url: str, provider: Provider) -> Iterator[Services]:
    """An account whose renewal failed on Monday, and was reminded."""
    told = {
        "billing_url": BILLING,
        "public_url": PUBLIC,
        "test_clock": True,
        "lemonsqueezy_api_key": API_KEY,
        "lemonsqueezy_api_url": provider.url,
    }
    with product(settings_of(tmp_path, sqlite_url, **told), at=MONDAY - 40 * DAY) as services:
        unpaid(services, provider)
        yield services


@pytest.fixture
def client(services: Services) -> Iterator[FlaskClient]:
    app = create_app(services)
    yield app.test_client()
    app.end()


def unpaid(services: Services, provider: Provider) -> None:
    bought = subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY)
    failed = subscription_updated(at=MONDAY, status="past_due", urls={"update_payment_method": FRESH})
    provider.add(failed)
    happens(services, -30, bought)
    happens(services, 0, failed, subscription_payment_failed())
    days_go_by(services, 4)


def mails(services: Services) -> list[str]:
    files = sorted((services.settings.data_dir / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    return ["".join(part.get_content() for part in mail.iter_parts()) for mail in read]


def links(services: Services) -> list[str]:
    """The path of the link in each mail that has one."""
    result = []
    for mail in mails(services):
        found = set(re.findall(r"https://pay\.example\.com(/pay/[A-Za-z0-9_-]+)", mail))
        assert len(found) <= 1  # The text and the HTML have the same.
        result.extend(found)
    return result


def test_a_mail_about_an_unpaid_renewal_links_to_its_page(services: Services, client: FlaskClient) -> None:
    (link,) = links(services)

    answer = client.get(link)

    assert answer.status_code == 200
    words = " ".join(answer.text.split())
    for told in ("Your open payment for Professional", "March 9, 2026", "free plan", "Go to the payment page"):
        assert told in words
    assert "org_42" not in words
    assert "@" not in words.partition("</style>")[2]


def test_opening_the_page_asks_the_provider_for_nothing(
    services: Services, client: FlaskClient, provider: Provider
) -> None:
    (link,) = links(services)
    before = len(provider.calls)

    for method in (client.get, client.head):
        assert method(link).status_code == 200

    assert len(provider.calls) == before


def test_the_button_leads_to_the_providers_fresh_page(
    services: Services, client: FlaskClient, provider: Provider
) -> None:
    (link,) = links(services)
    fresher = FRESH.replace("fresh", "fresher")
    provider.change(OWN, urls={"update_payment_method": fresher, "customer_portal": "https://shop.example/portal"})

    answer = client.post(link)

    assert (answer.status_code, answer.headers["Location"]) == (303, fresher)
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_where_the_provider_has_no_page_the_button_leads_on(
    services: Services, client: FlaskClient, provider: Provider
) -> None:
    (link,) = links(services)
    portal = {"customer_portal": "https://shop.example/portal"}
    for urls, leads_to in (
        (portal, "https://shop.example/portal"),
        ({"update_payment_method": "javascript:alert(1)"}, BILLING),
        ({"update_payment_method": f"https://shop.example/{'x' * 5000}"}, BILLING),
        ({"update_payment_method": "https://shop.example/a b"}, BILLING),
        ({"update_payment_method": 7, **portal}, "https://shop.example/portal"),
        (None, BILLING),
    ):
        provider.change(OWN, urls=urls)

        assert client.post(link).headers["Location"] == leads_to


def test_a_provider_that_is_away_is_a_sentence_and_the_billing_page(
    services: Services, client: FlaskClient, provider: Provider
) -> None:
    (link,) = links(services)
    for reply in (Reply(status=500), Reply(reset=True), Reply(status=404), Reply(body=b"no json")):
        provider.queue(reply)

        answer = client.post(link)

        assert answer.status_code == 503
        assert "cannot be reached at the moment" in answer.text
        assert f'href="{BILLING}"' in answer.text
    assert client.post(link).status_code == 303


def test_after_the_payment_the_page_says_so_and_then_is_no_page(services: Services, client: FlaskClient) -> None:
    (link,) = links(services)
    happens(services, 4, subscription_payment_recovered(at=MONDAY + 4 * DAY), subscription_updated(at=MONDAY + 4 * DAY))

    answer, pressed = client.get(link), client.post(link)
    assert "Thank you: your payment has arrived" in answer.text
    assert "<form" not in answer.text
    assert (pressed.status_code, pressed.text.count("Thank you")) == (200, 2)

    happens(services, 30)
    assert visible(client, link) == visible(client, "/pay/" + "A" * 43)


def test_wrong_and_ended_links_look_alike(client: FlaskClient) -> None:
    wrong = visible(client, "/pay/" + "B" * 43)

    assert wrong[0] == 404
    assert "This link does not lead anywhere" in wrong[1]
    for token in ("A" * 43, "a", PLACE, "A" * 5000, "%00", "..%2Fv1", "a/b", "é" * 43):
        assert visible(client, f"/pay/{token}") == wrong
        assert client.post(f"/pay/{token}").status_code == 404


def test_the_link_of_one_account_shows_nothing_of_another(
    services: Services, client: FlaskClient, provider: Provider
) -> None:
    other = {"account": "org_43", "customer": 91, "subscription": 92, "order": 93, "invoice": 94}
    link = links(services)[0]
    happens(services, 3, subscription_created(at=MONDAY, began=MONDAY, **other))
    before = visible(client, link)

    happens(services, 3, subscription_expired(at=MONDAY + 3 * DAY, status="expired", **other))

    assert visible(client, link) == before
    client.post(link)
    assert provider.calls[-1] == f"GET /v1/subscriptions/{OWN}"


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
            outbox.retry(tx, [unknown.id])
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


def test_a_subscription_that_was_given_up_is_offered_again(services: Services, client: FlaskClient) -> None:
    (link,) = links(services)
    days_go_by(services, 45)

    answer = client.get(link)

    assert "Subscribe again" in answer.text
    assert f'href="{BILLING}"' in answer.text
    assert "<form" not in answer.text


def test_the_page_may_have_the_merchants_own_words(services: Services, client: FlaskClient, tmp_path: Path) -> None:
    (link,) = links(services)
    folder = tmp_path / "templates" / "en" / "pages"
    folder.mkdir(parents=True)
    own = create_app(build(replace(services.settings, templates=folder.parents[1]))).test_client()
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


def test_where_nothing_is_asked_the_page_asks_for_nothing(services: Services, client: FlaskClient) -> None:
    (link,) = links(services)
    happens(services, 3.5, dispute_created(at=MONDAY + 3.5 * DAY))

    answer, pressed = client.get(link), client.post(link)

    assert "There is nothing to pay" in answer.text
    assert "<form" not in answer.text
    assert pressed.status_code == 200


def test_a_case_that_was_waived_asks_for_nothing(services: Services, client: FlaskClient) -> None:
    waiver = SetOverride(kind=OverrideKind.WAIVE, until=None, reason="a mistake of ours")
    execute.command(services, "org_42", waiver, "ops", signed_in=True)

    assert "There is nothing to pay" in client.get(links(services)[0]).text


def test_a_link_leads_to_its_provider_no_more_often_than_people_press(services: Services, client: FlaskClient) -> None:
    (link,) = links(services)

    answers = [client.post(link) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [303] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert client.get(link).status_code == 200


def test_one_address_may_ask_only_so_often(services: Services, client: FlaskClient) -> None:
    answers = [client.get(f"/pay/{number}").status_code for number in range(121)]

    assert answers == [404] * 120 + [429]


def test_the_page_may_be_shown_in_no_frame_and_is_kept_nowhere(services: Services, client: FlaskClient) -> None:
    headers = client.get(links(services)[0]).headers

    security = headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in security
    assert "unsafe" not in security
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "Set-Cookie" not in headers


def test_a_page_is_in_the_accounts_language(services: Services, client: FlaskClient, provider: Provider) -> None:
    told = {"at": MONDAY + DAY, "status": "past_due", "custom_data": {"account_id": "org_42", "locale": "de-AT"}}
    happens(services, 4, subscription_updated(**told))

    answer = client.get(links(services)[0])

    assert '<html lang="de">' in answer.text
    assert "Ihre offene Zahlung" in answer.text


def test_an_account_that_was_erased_has_no_page(services: Services, client: FlaskClient) -> None:
    (link,) = links(services)
    with services.database.write() as tx:
        counts = erasing.destroy(tx, ["org_42"])

    assert counts["pay_links"] == 1
    assert visible(client, link) == visible(client, "/pay/" + "B" * 43)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    token=st.text(max_size=80),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]),
    body=st.binary(max_size=200),
    language=st.text(st.characters(codec="latin-1", categories=["L", "N", "P"]), max_size=40),
    peer=st.ip_addresses(v=4).map(str),
)
def test_strange_requests_open_nothing_and_break_nothing(
    client: FlaskClient, *, token: str, method: str, body: bytes, language: str, peer: str
) -> None:
    answer = client.open(
        f"/pay/{quote(token, safe='')}",
        method=method,
        data=body,
        headers={"Accept-Language": language},
        environ_base={"REMOTE_ADDR": peer},
    )

    assert answer.status_code in ({200, 404} if method == "OPTIONS" else {404, 405})
    assert "Your open payment" not in answer.text


def visible(client: FlaskClient, link: str) -> tuple[int, str]:
    """What a browser is shown, without what is different each time."""
    answer = client.get(link)
    return answer.status_code, re.sub(r'nonce="[^"]*"', "", answer.text)
