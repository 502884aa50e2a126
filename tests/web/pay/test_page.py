"""The page behind the link of a mail: it shows what the mail said, leads to a fresh page, and ends with its case."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kulanz.commands import execute
from kulanz.commands.commands import SetOverride
from kulanz.delivery.pay_links import PLACE
from kulanz.policy.facts import OverrideKind
from kulanz.services import Services
from tests.days import DAY, days_go_by, happens
from tests.lemonsqueezy import (
    MONDAY,
    dispute_created,
    subscription_created,
    subscription_expired,
    subscription_payment_recovered,
    subscription_updated,
)
from tests.provider_server import Provider, Reply
from tests.web.paying import BILLING, FRESH, OWN, links, visible


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


def test_a_provider_that_refuses_a_page_for_this_purchase_leads_to_the_billing_page(
    services: Services, client: FlaskClient, provider: Provider
) -> None:
    (link,) = links(services)

    for status in (400, 404, 409, 410, 422):
        provider.queue(Reply(status=status))
        answer = client.post(link)
        assert (answer.status_code, answer.headers["Location"]) == (303, BILLING)


def test_a_provider_that_is_away_is_a_sentence_and_the_billing_page(
    services: Services, client: FlaskClient, provider: Provider
) -> None:
    (link,) = links(services)
    for reply in (Reply(status=500), Reply(reset=True), Reply(status=401), Reply(body=b"no json")):
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


def test_a_subscription_that_was_given_up_is_offered_again(services: Services, client: FlaskClient) -> None:
    (link,) = links(services)
    days_go_by(services, 45)

    answer = client.get(link)

    assert "Subscribe again" in answer.text
    assert f'href="{BILLING}"' in answer.text
    assert "<form" not in answer.text


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


def test_the_log_says_where_all_customers_count_as_their_proxy(
    services: Services, client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    link, headers = links(services)[0], {"X-Forwarded-For": "203.0.113.7"}

    for _ in range(121):
        client.get(link, headers=headers)

    told = capsys.readouterr().err
    assert told.count("event=pay.throttled unknown_proxy=true") == 1
    assert link.rpartition("/")[2] not in told


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
