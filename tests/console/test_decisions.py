"""Refund requests and policies at the console: looked at, decided about, tried and put in force."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

import pytest

from kulanz.commands import refund_requests
from kulanz.commands.commands import RequestRefund
from kulanz.policy import document
from kulanz.queries import accounts, refunds
from kulanz.services import Services
from kulanz.store import policies
from tests.console.operator import HIDDEN, Operator
from tests.days import policy_in_force, tell
from tests.lemonsqueezy import subscription_created, subscription_payment_success

LENIENT = document.preset("plexo").replace('grace = "7d"', 'grace = "10d"')


@pytest.fixture
def asked(services: Services, now: datetime) -> str:
    """A request for a payment of five days ago, and its id."""
    with services.database.write() as tx:
        services.adopt_policy(tx)
    paid_at = now - timedelta(days=5)
    tell(
        services,
        subscription_created(at=paid_at),
        subscription_payment_success(at=paid_at, invoice=77, billing_reason="initial"),
    )
    command = RequestRefund(
        payment="77", contact_email="ada@shop.example", organisation="Bakery Ada", reason="we found another"
    )
    request, _ = refund_requests.request(services, "org_42", command, "tests")
    return request.id


def test_a_request_is_listed_with_what_the_policy_says_and_shown_without_who_asked(
    asked: str, operator: Operator
) -> None:
    listed, page = operator.see("/ops/refunds?state=requested"), operator.see(f"/ops/refunds/{asked}")
    overview = operator.see("/ops/")

    assert f"/ops/refunds/{asked}" in listed
    assert "not yet denied or paid" in overview
    assert "<strong>eligible</strong>" in page
    assert "statutory rights are not affected" in page.lower()
    assert "Bakery Ada" not in page
    assert "ada@shop.example" not in page
    assert asked not in operator.see("/ops/refunds?late=yes")
    assert asked in operator.see("/ops/accounts/org_42")


def test_what_the_policy_says_of_a_request_is_told_in_the_readers_language(asked: str, operator: Operator) -> None:
    page = operator.client.get(f"/ops/refunds/{asked}", headers={"Accept-Language": "de"}).text

    assert "Der Grund: für diese Zahlung gilt die Garantie, und ihre Frist läuft noch." in page
    assert "Gesetzliche Rechte bleiben davon unberührt." in page


def test_who_asked_is_shown_when_asked_for_and_that_is_noted(operator: Operator, reader: Operator, asked: str) -> None:
    page = operator.post(f"/ops/refunds/{asked}/asked")

    assert "Bakery Ada" in page.text
    assert "looked at personal data" in operator.see("/ops/log")
    assert reader.post(f"/ops/refunds/{asked}/asked").status_code == 403


def test_an_approval_is_looked_at_first_and_then_given(operator: Operator, services: Services, asked: str) -> None:
    looked = operator.post("/ops/accounts/org_42/preview", order="approve_refund", refund=asked, currency="EUR")
    assert refunds.refund_request(services, asked).state == "requested"

    done = operator.post("/ops/accounts/org_42/orders", **dict(HIDDEN.findall(looked.text.partition("<main")[2])))

    assert "Approve the refund: what will happen" in looked.text
    assert done.status_code == 303
    stored_document = refunds.refund_request(services, asked)
    assert (stored_document.state, stored_document.decided_by) == ("approved", "ops")


def test_a_denial_of_what_the_policy_grants_needs_a_reason(operator: Operator, services: Services, asked: str) -> None:
    bare = operator.post("/ops/accounts/org_42/preview", order="deny_refund", refund=asked)
    stated = operator.order("org_42", order="deny_refund", refund=asked, reason="asked twice")

    assert bare.status_code == 422
    assert "say why it is denied" in bare.text
    assert stated.status_code == 303
    assert refunds.refund_request(services, asked).state == "denied"


@pytest.mark.usefixtures("in_grace")
def test_a_policy_is_tried_and_nothing_is_written(operator: Operator, services: Services) -> None:
    with services.database.write() as tx:
        services.adopt_policy(tx)

    page = operator.post("/ops/policies/trial", document=LENIENT)

    assert page.status_code == 200
    assert "dunning.grace" in page.text
    assert "more lenient" in page.text
    assert re.search(r"of 1 account would differ", page.text)
    with services.database.read() as conn:
        assert [row.version for row in policies.all(conn)] == [1]


def test_a_reader_may_try_a_policy_and_not_put_it_in_force(reader: Operator, services: Services) -> None:
    with services.database.write() as tx:
        services.adopt_policy(tx)

    tried = reader.post("/ops/policies/trial", document=LENIENT)

    assert tried.status_code == 200
    assert "/ops/policies/activation" not in tried.text
    assert reader.post("/ops/policies/activation", document=LENIENT, reason="x").status_code == 403


@pytest.mark.usefixtures("in_grace")
def test_a_policy_that_was_tried_is_put_in_force_once(operator: Operator, services: Services) -> None:
    with services.database.write() as tx:
        services.adopt_policy(tx)
    form = activation(operator.post("/ops/policies/trial", document=LENIENT).text)

    unreasoned = operator.post("/ops/policies/activation", **form)
    done = operator.post("/ops/policies/activation", **form, reason="agreed on Monday")
    again = operator.post("/ops/policies/activation", **form, reason="agreed on Monday")

    assert unreasoned.status_code == 400
    assert done.status_code == 303
    assert again.status_code == 409
    with services.database.read() as conn:
        (_, row) = policies.all(conn)
    assert (row.version, row.actor) == (2, "ops")
    assert "put in force" in operator.see("/ops/log")
    assert policy_in_force(services).version == 2


def test_a_document_that_was_not_looked_at_is_not_put_in_force(operator: Operator, services: Services) -> None:
    with services.database.write() as tx:
        services.adopt_policy(tx)
    form = activation(operator.post("/ops/policies/trial", document=LENIENT).text)

    other = operator.post("/ops/policies/activation", **{**form, "document": LENIENT.replace("10d", "1d")}, reason="x")

    assert other.status_code == 409
    with services.database.read() as conn:
        assert len(policies.all(conn)) == 1


def test_what_is_wrong_with_a_document_is_said_on_the_page_with_the_document_still_there(operator: Operator) -> None:
    page = operator.post("/ops/policies/trial", document=LENIENT.replace('grace = "10d"', 'grase = "10d"'))
    late = operator.post("/ops/policies/trial", document=LENIENT, since="2020-01-01T00:00")

    assert page.status_code == 422
    assert "grase" in page.text
    assert "This cannot be used" in page.text
    assert late.status_code == 409
    assert "in the past" in late.text


def test_two_policies_are_compared_key_by_key(operator: Operator) -> None:
    others = [name for name in document.presets() if name != "plexo"]

    page = operator.see(f"/ops/policies/diff?old=plexo&new={others[0]}")

    assert "For the customer" in page


def activation(page: str) -> dict[str, str]:
    """Return the hidden fields of the form that puts what was tried in force."""
    form = page.partition('action="/ops/policies/activation"')[2].partition("</form>")[0]
    fields = re.findall(r'<input type="hidden" name="([a-z0-9_]+)" value="([^"]*)">', form)
    return {name: html.unescape(value) for name, value in fields if name != "token"}


@pytest.mark.usefixtures("in_grace")
def test_an_account_is_closed_and_stays_after_all(operator: Operator, services: Services) -> None:
    page = operator.see("/ops/accounts/org_42")
    requested = operator.order("org_42", order="request_closure", reason="they asked by mail")
    closing = operator.see("/ops/accounts/org_42")
    (closure,) = accounts.account_document(services, "org_42").closures
    stayed = operator.order("org_42", order="withdraw_closure", subject=closure.id, reason="they stay")

    assert "Close the account" in page
    assert (requested.status_code, stayed.status_code) == (303, 303)
    assert "they asked by mail" in closing
    assert "Withdraw the closure" in closing
    (closure,) = accounts.account_document(services, "org_42").closures
    assert closure.state == "withdrawn"
    assert operator.post("/ops/accounts/org_42/preview", order="request_closure").status_code == 422


@pytest.mark.parametrize("document", ["a = " + "[" * 20_000, "a = " + "9" * 5000], ids=["deep", "long"])
def test_a_document_that_no_reader_can_take_is_said_on_the_page(reader: Operator, document: str) -> None:
    response = reader.post("/ops/policies/trial", document=document)

    assert response.status_code == 422
    assert "not TOML" in response.text
