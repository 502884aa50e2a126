"""The API over real accounts: from a delivery to what a program reads, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kulanz import documents, pipeline
from kulanz.commands.commands import OpenDispute
from kulanz.config import ApiToken
from kulanz.ingest.receiver import Receiver
from kulanz.queries import accounts
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import idempotency
from kulanz.web.api import results
from kulanz.web.api.idempotency import StoreResponse, once
from kulanz.web.application import assemble
from tests.days import product, settings_of
from tests.lemonsqueezy import (
    Payload,
    delivery,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_updated,
)

WRITER = {"Authorization": "Bearer w-secret"}
A_DISPUTE = {"amount": 4900, "currency": "EUR", "fee": 1500, "fee_currency": "USD", "reason": "not recognised"}


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    tokens = (ApiToken(name="writer", token="w-secret", read_only=False),)
    with product(settings_of(tmp_path, database_url, api_tokens=tokens)) as services:
        yield services


@pytest.fixture
def client(services: Services) -> Iterator[FlaskClient]:
    receiver = Receiver(services)
    app = assemble(receiver, services, services.settings)
    yield app.test_client()
    receiver.close()


def tell(client: FlaskClient, services: Services, *payloads: Payload) -> None:
    """Deliver events and apply them."""
    for payload in payloads:
        body, headers = delivery(payload)
        assert client.post("/webhooks/lemonsqueezy", data=body, headers=headers).status_code == 200
    while pipeline.process(services).events:
        pass


def read(client: FlaskClient, path: str, form: type[msgspec.Struct]) -> Any:
    response = client.get(path, headers=WRITER)
    assert response.status_code == 200, response.text
    return msgspec.json.decode(response.data, type=form)


def account(client: FlaskClient, name: str = "org_42") -> documents.Account:
    stored_account: documents.Account = read(client, f"/v1/accounts/{name}", documents.Account)
    return stored_account


def post(client: FlaskClient, path: str, body: Any, key: str | None = None) -> TestResponse:
    return client.post(path, json=body, headers=WRITER | ({"Idempotency-Key": key} if key else {}))


@pytest.fixture
def in_grace(client: FlaskClient, services: Services) -> None:
    now = real_now().replace(microsecond=0)
    tell(
        client,
        services,
        subscription_created(at=now - timedelta(days=40)),
        subscription_updated(at=now - timedelta(hours=1), status="past_due"),
        subscription_payment_failed(at=now - timedelta(hours=1)),
    )


@pytest.mark.usefixtures("in_grace")
def test_every_document_is_as_it_is_described(client: FlaskClient) -> None:
    other_account = account(client)
    many = read(client, "/v1/accounts", documents.Accounts)
    entitlement = read(client, "/v1/accounts/org_42/entitlement", documents.Entitlement)
    timeline = read(client, "/v1/accounts/org_42/timeline", documents.Timeline)

    assert (other_account.plan, other_account.access, other_account.standing) == ("professional", "full", "grace")
    assert [case.failures for case in other_account.dunning_cases] == [1]
    assert many.accounts == (other_account,)
    assert (entitlement.plan, entitlement.version) == ("professional", other_account.version)
    assert [decision.rule for decision in timeline.decisions]


@pytest.mark.usefixtures("in_grace")
@pytest.mark.parametrize(
    ("query", "accepted", "why"),
    [
        ("", None, r"Subscription \S+ is unpaid; access stays on until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\."),
        ("", "it, de-AT;q=0.8", r"Das Abonnement \S+ ist unbezahlt; der Zugang bleibt bis .*\sUhr \(.*\)\."),
        ("?locale=fr", "de", r"L.abonnement \S+ est impayé.* à \d\d:\d\d \(.*\)\."),
        ("?locale=en-US", None, r"Subscription \S+ is unpaid; access stays on until .*\s[AP]M \(.*\)\."),
        ("?locale=it", "de", r"Subscription \S+ is unpaid; access stays on until .*Z\."),
    ],
)
def test_an_account_is_explained_in_the_readers_language(
    client: FlaskClient, query: str, accepted: str | None, why: str
) -> None:
    headers = WRITER | ({} if accepted is None else {"Accept-Language": accepted})

    answer = client.get(f"/v1/accounts/org_42/explanation{query}", headers=headers)

    explained = msgspec.json.decode(answer.data, type=documents.Explanation)
    assert re.fullmatch(why, explained.why[0])
    assert (explained.plan, explained.standing) == ("professional", "grace")
    assert all(step.sentences for step in explained.steps)
    assert len(explained.outlook) > 0
    assert answer.headers["Vary"] == "Authorization, Accept-Language"


@pytest.mark.usefixtures("in_grace")
def test_every_document_writes_its_times_as_the_contract_says(client: FlaskClient) -> None:
    text = client.get("/v1/accounts/org_42", headers=WRITER).text + client.get("/v1/accounts", headers=WRITER).text

    assert "+00:00" not in text
    assert 'Z"' in text


def test_what_was_never_heard_of_is_not_found(client: FlaskClient) -> None:
    for path in ("", "/entitlement", "/explanation", "/timeline"):
        assert client.get(f"/v1/accounts/org_9{path}", headers=WRITER).status_code == 404
    assert post(client, "/v1/accounts/org_9/disputes", A_DISPUTE).status_code == 404
    assert post(client, "/v1/disputes/operator:0/close", {"outcome": "won"}).status_code == 404
    assert read(client, "/v1/accounts", documents.Accounts).accounts == ()


def test_accounts_are_read_page_by_page(client: FlaskClient, services: Services) -> None:
    names = [f"org_{number}" for number in range(10, 17)]
    for number, name in enumerate(names, start=100):
        tell(client, services, subscription_created(account=name, subscription=number, customer=number, order=number))

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = read(client, f"/v1/accounts?limit=3{cursor and '&cursor=' + cursor}", documents.Accounts)
        seen += [other_account.account_id for other_account in page.accounts]
        cursor = page.next_cursor

    assert seen == names


def test_accounts_are_read_in_another_order_by_cursors_of_that_order(client: FlaskClient, services: Services) -> None:
    for number in (100, 101, 102):
        bought = {"account": f"org_{number}", "subscription": number, "customer": number, "order": number}
        tell(client, services, subscription_created(**bought))

    page = read(client, "/v1/accounts?sort=deadline&limit=2", documents.Accounts)
    cursor = page.next_cursor
    rest = read(client, f"/v1/accounts?sort=deadline&limit=2&cursor={cursor}", documents.Accounts)

    assert [each.account_id for each in (*page.accounts, *rest.accounts)] == ["org_100", "org_101", "org_102"]
    for query, status in (
        (f"sort=deadline&cursor={cursor}x", 400),
        ("sort=age", 400),
        ("due_before=2026-03-01", 400),
        ("due_before=soon", 400),
    ):
        assert client.get(f"/v1/accounts?{query}", headers=WRITER).status_code == status, query
    first = read(client, "/v1/accounts?limit=2", documents.Accounts).next_cursor
    assert client.get(f"/v1/accounts?sort=amount&cursor={first}", headers=WRITER).status_code == 422


@pytest.mark.usefixtures("in_grace")
def test_a_dispute_by_hand_suspends_and_winning_it_releases(client: FlaskClient) -> None:
    opened = post(client, "/v1/accounts/org_42/disputes", A_DISPUTE)
    dispute = msgspec.json.decode(opened.data, type=documents.Dispute)
    suspended = account(client)
    allowed = read(client, "/v1/accounts/org_42/entitlement", documents.Entitlement)
    closed = post(client, f"/v1/disputes/{dispute.id}/close", {"outcome": "won"})
    after = account(client)

    assert (opened.status_code, dispute.status, dispute.fee) == (201, "opened", 1500)
    assert (suspended.standing, suspended.access, suspended.plan) == ("suspended", "none", "free")
    assert "export" in allowed.allows
    assert closed.status_code == 200
    assert msgspec.json.decode(closed.data, type=documents.Dispute).status == "won"
    assert (after.standing, after.access) == ("grace", "full")


def test_a_dispute_that_the_provider_told_of_can_be_closed_by_hand(client: FlaskClient, services: Services) -> None:
    now = real_now().replace(microsecond=0) - timedelta(hours=1)
    tell(client, services, subscription_created(at=now), dispute_created(at=now))
    (dispute,) = account(client).disputes

    closed = post(client, f"/v1/disputes/{dispute.id}/close", {"outcome": "won"})

    assert closed.status_code == 200
    assert account(client).standing == "good"


@pytest.mark.usefixtures("in_grace")
def test_an_exception_is_made_and_shown(client: FlaskClient) -> None:
    until = real_now() + timedelta(days=20)
    body = {"kind": "extend_grace", "until": until.isoformat(), "reason": "waiting for the bank"}

    response = post(client, "/v1/accounts/org_42/overrides", body)

    override = msgspec.json.decode(response.data, type=documents.Override)
    assert response.status_code == 201
    assert (override.kind, override.actor, override.reason) == ("extend_grace", "writer", "waiting for the bank")
    assert account(client).overrides == (override,)


@pytest.mark.usefixtures("in_grace")
@pytest.mark.parametrize(("days", "status"), [(365, 201), (367, 422), (0, 422), (-1, 422), (1_000_000, 422)])
def test_an_exception_lasts_a_year_at_most(client: FlaskClient, days: int, status: int) -> None:
    until = (real_now() + timedelta(days=days)).isoformat()

    response = post(client, "/v1/accounts/org_42/overrides", {"kind": "exempt", "until": until, "reason": "r"})

    assert response.status_code == status


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
@pytest.mark.usefixtures("in_grace")
def test_an_end_that_no_calendar_has_is_refused(client: FlaskClient, until: str) -> None:
    response = post(client, "/v1/accounts/org_42/overrides", {"kind": "exempt", "until": until, "reason": "r"})

    assert response.status_code == 422


def test_what_the_account_does_not_allow_is_refused(client: FlaskClient, services: Services) -> None:
    tell(client, services, subscription_created())

    response = post(client, "/v1/accounts/org_42/overrides", {"kind": "waive", "reason": "goodwill"})

    assert response.status_code == 409
    assert response.content_type == "application/problem+json"


@pytest.mark.usefixtures("in_grace")
def test_a_repeat_is_answered_and_not_done_again(client: FlaskClient) -> None:
    path = "/v1/accounts/org_42/disputes"
    first = post(client, path, A_DISPUTE, key="k1")
    repeat = post(client, path, A_DISPUTE, key="k1")
    other = post(client, path, A_DISPUTE | {"amount": 1}, key="k1")

    assert (first.status_code, repeat.status_code, other.status_code) == (201, 200, 422)
    assert repeat.json == first.json
    assert len(account(client).disputes) == 1


@pytest.mark.usefixtures("in_grace")
def test_a_repeat_while_the_first_is_running_is_refused(client: FlaskClient, services: Services) -> None:
    inside: list[type[Exception]] = []

    def act(_: StoreResponse) -> dict[str, Any]:
        with pytest.raises(Exception, match=r".") as again:
            once(services, actor="writer", key="k1", request=b"r", act=lambda _: {})
        inside.append(again.type)
        return {"id": "x"}

    made = once(services, actor="writer", key="k1", request=b"r", act=act)

    assert made == ({"id": "x"}, False)
    assert [kind.__name__ for kind in inside] == ["RefusedError"]


@pytest.mark.usefixtures("in_grace")
def test_the_answer_is_kept_by_the_very_transaction_that_does_what_was_asked(services: Services) -> None:
    order = OpenDispute(amount=4900, currency="EUR", reason="told by mail")

    def act(_: StoreResponse) -> dict[str, Any]:
        def dies(*_: object) -> None:
            raise RuntimeError("the process ends before the answer is kept")

        return results.order(services, "org_42", order, "writer", dies)

    with pytest.raises(RuntimeError):
        once(services, actor="writer", key="k1", request=b"r", act=act)

    assert accounts.account_document(services, "org_42").disputes == ()


@pytest.mark.usefixtures("in_grace")
def test_a_request_that_was_refused_may_be_tried_again_under_its_key(client: FlaskClient, services: Services) -> None:
    body = {"kind": "exempt", "until": "2001-01-01T00:00:00Z", "reason": "r"}

    answers = [post(client, "/v1/accounts/org_42/overrides", body, key="k1") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [422, 422]
    with services.database.write() as tx:
        assert idempotency.begin(tx, "writer", "k1", b"another", real_now()) is None


@pytest.mark.usefixtures("in_grace")
def test_a_transfer_in_two_parts_pays_what_is_owed(client: FlaskClient) -> None:
    due = account(client).dunning_cases[0].amount_due
    path = "/v1/accounts/org_42/payments"

    first = post(
        client, path, {"amount": due - 100, "currency": "EUR", "reference": "thank you", "transaction_id": "T1"}
    )
    half = account(client)
    repeat = post(
        client, path, {"amount": due - 100, "currency": "EUR", "reference": "thank you", "transaction_id": "T1"}
    )
    second = post(client, path, {"amount": 300, "currency": "EUR"})
    after = account(client)

    payment = msgspec.json.decode(first.data, type=documents.Payment)
    assert (first.status_code, payment.actor, payment.unmatched) == (201, "writer", 0)
    assert [case.amount_due for case in half.dunning_cases] == [100]
    assert (repeat.status_code, repeat.json) == (200, first.json)
    assert (second.status_code, msgspec.json.decode(second.data, type=documents.Payment).unmatched) == (201, 200)
    assert (after.standing, after.dunning_cases) == ("good", ())
    assert {timer.kind for timer in after.timers} <= {"renewal_overdue"}
    assert [other_payment.amount for other_payment in after.payments] == [due - 100, 300]


@pytest.mark.usefixtures("in_grace")
def test_a_transfer_that_makes_no_sense_is_refused_whole(client: FlaskClient) -> None:
    changes: list[dict[str, Any]] = [
        {"amount": 0},
        {"amount": -5},
        {"amount": "19.99"},
        {"amount": 10**16},
        {"currency": "USD"},
        {"currency": "XXZ"},
        {"currency": "eur"},
        {"received_at": "2999-01-01T00:00:00Z"},
        {"received_at": "0001-01-01T00:00:00+23:59"},
        {"received_at": "2026-01-01T00:00:00"},
        {"date": "2999-01-01"},
        {"date": "2026-01-01", "received_at": "2026-01-01T00:00:00Z"},
        {"invoice_id": "nonesuch"},
        {"reference": "\0"},
        {"payee": "us"},
    ]
    before = account(client)

    for change in changes:
        response = post(client, "/v1/accounts/org_42/payments", {"amount": 100, "currency": "EUR"} | change)

        assert (response.status_code, response.content_type) == (422, "application/problem+json"), change
        assert account(client) == before, change


def test_a_transfer_for_nobody_is_not_found(client: FlaskClient) -> None:
    assert post(client, "/v1/accounts/org_9/payments", {"amount": 100, "currency": "EUR"}).status_code == 404


@pytest.mark.usefixtures("in_grace")
def test_a_transfer_that_is_none_is_voided_and_owed_again(client: FlaskClient) -> None:
    due = account(client).dunning_cases[0].amount_due
    path = "/v1/accounts/org_42/payments"
    paid = post(client, path, {"amount": due, "currency": "EUR"}).json
    assert paid is not None

    voided = post(client, f"{path}/{paid['id']}/void", {"reason": "sent back"})
    again = post(client, f"{path}/{paid['id']}/void", {"reason": "sent back"})
    unknown = post(client, f"{path}/pay_0/void", {"reason": "sent back"})

    payment = msgspec.json.decode(voided.data, type=documents.Payment)
    assert (voided.status_code, payment.void_reason, payment.unmatched) == (200, "sent back", 0)
    assert (again.status_code, unknown.status_code) == (409, 404)
    assert [case.amount_due for case in account(client).dunning_cases] == [due]


@pytest.mark.usefixtures("in_grace")
def test_a_repeat_of_a_transfer_under_one_key_is_answered_and_not_recorded_again(client: FlaskClient) -> None:
    body = {"amount": 100, "currency": "EUR"}

    answers = [post(client, "/v1/accounts/org_42/payments", body, key="k7") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert len(account(client).payments) == 1


def test_an_account_is_read_and_told_whatever_signs_its_id_has(client: FlaskClient, services: Services) -> None:
    tell(client, services, subscription_created(account="auth0|5f7c+1"))
    path = "/v1/accounts/auth0%7C5f7c%2B1"

    account = read(client, path, documents.Account)
    plainly = read(client, "/v1/accounts/auth0|5f7c+1", documents.Account)
    opened = client.post(f"{path}/disputes", json=A_DISPUTE, headers=WRITER)
    evidence = client.get(f"{path}/evidence", headers=WRITER)

    assert (account.account_id, plainly.account_id, opened.status_code) == ("auth0|5f7c+1", "auth0|5f7c+1", 201)
    assert evidence.headers["Content-Disposition"] == 'attachment; filename="auth0_5f7c+1.evidence.html"'


def test_a_list_goes_on_after_an_account_of_any_id(client: FlaskClient, services: Services) -> None:
    stated = [("a|1", 1), ("a|2", 2)]
    for account, number in stated:
        bought = subscription_created(account=account, customer=number, subscription=number, order=number)
        tell(client, services, bought)

    first = read(client, "/v1/accounts?limit=1", documents.Accounts)
    rest = read(client, f"/v1/accounts?limit=1&cursor={first.next_cursor}", documents.Accounts)

    assert [other_account.account_id for page in (first, rest) for other_account in page.accounts] == ["a|1", "a|2"]
