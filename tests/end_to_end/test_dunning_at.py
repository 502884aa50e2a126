"""Stories of the preset `dunning-at` through the front door: HTTP, the clock, the command line."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.end_to_end.instance import TOKEN, Instance, an_instance_on_its_database, days
from tests.end_to_end.test_stories import bought
from tests.lemonsqueezy import (
    Purchase,
    dispute_created,
    dispute_resolved,
    subscription_cancelled,
    subscription_payment_failed,
    subscription_updated,
)

BOB = "a-token-of-bobs"
DEBTOR = {
    "birth_name": "Ada Byron",
    "postal_address": "Ring 1\n1010 Wien",
    "birth_date": "1990-05-17",
    "profession": "Mathematician",
    "passport_copy": "archive 7",
}


@pytest.fixture(scope="module")
def instance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    settings = {"KULANZ_POLICY": "dunning-at", "API_TOKENS": f"tests:{TOKEN},bob:{BOB},eve:eves-token:read"}
    with an_instance_on_its_database(request, tmp_path_factory, **settings) as instance:
        yield instance


def overdue(instance: Instance, start: datetime, **told: Any) -> Purchase:
    """A customer whose renewal has just failed, and whom the provider calls past due from then on."""
    purchase = bought(instance, start, **told)
    instance.provider.change(purchase.subscription, status="past_due")
    instance.deliver_event(
        subscription_payment_failed(at=start, purchase=purchase),
        subscription_updated(at=start, purchase=purchase, status="past_due"),
    )
    return purchase


def given_up(instance: Instance, start: datetime) -> Purchase:
    purchase = overdue(instance, start)
    instance.advance_to(start + days(57))
    assert [case["state"] for case in instance.account(purchase)["dunning_cases"]] == ["exhausted"]
    return purchase


def call(instance: Instance, method: str, path: str, document: dict[str, Any] | None = None, token: str = TOKEN) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, instance.url + path, json=document, headers=headers, timeout=10)


def files(instance: Instance, collection: str) -> dict[str, Path]:
    """The files that were left for the agency, by their kind."""
    folder = Path(instance.environ["KULANZ_DATA_DIR"]) / "collections"
    return {path.stem.partition(f"{collection}-")[2]: path for path in folder.glob(f"*{collection}-*.json")}


def letters(instance: Instance, purchase: Purchase) -> list[str]:
    stated = [item for item in instance.mailbox.accepted if purchase.email in str(item["To"])]
    return [str(item["Subject"]) for item in stated if item["X-Kulanz-Notice"] == "dunning_level"]


def handed_over(instance: Instance, purchase: Purchase) -> str:
    proposed = call(instance, "POST", f"/v1/accounts/{purchase.account}/collections", {"reason": "no answer"})
    assert proposed.status_code == 201, proposed.text
    approved = call(instance, "POST", f"/v1/collections/{proposed.json()['id']}/approve", {}, BOB)
    assert (approved.status_code, approved.json()["state"]) == (200, "handed_over"), approved.text
    instance.settle()
    return str(proposed.json()["id"])


def test_three_letters_go_out_and_a_transfer_in_two_parts_ends_it(instance: Instance, start: datetime) -> None:
    purchase = overdue(instance, start)
    due = instance.account(purchase)["dunning_cases"][0]["amount_due"]

    instance.advance_to(start + days(22))
    part = instance.post(f"/v1/accounts/{purchase.account}/payments", {"amount": due - 100, "currency": "EUR"})
    instance.advance_to(start + days(36))
    (case,) = instance.account(purchase)["dunning_cases"]
    rest = instance.post(f"/v1/accounts/{purchase.account}/payments", {"amount": 100, "currency": "EUR"})
    instance.advance_to(start + days(90))

    assert (part.status_code, rest.status_code, rest.json()["unmatched"]) == (201, 201, 0)
    assert (case["level"], case["fees"], case["amount_due"]) == (3, 0, 100)
    number = str(purchase.invoice)
    assert letters(instance, purchase) == [
        f"Payment reminder for invoice {number}",
        f"Demand for payment of invoice {number}",
        f"Last demand for payment of invoice {number}",
    ]
    mails = [item for item in instance.mailbox.accepted if purchase.email in str(item["To"])]
    assert ["Thank you for your payment of" in str(item) for item in mails[-2:]] == [True, False]
    account = instance.account(purchase)
    assert (account["standing"], account["dunning_cases"]) == ("good", [])
    assert {timer["kind"] for timer in account["timers"]} <= {"renewal_overdue"}
    told = [name for name in instance.callbacks_received(purchase) if name.startswith("account.")]
    assert told.count("account.dunning_level") == 3
    assert told[-1] == "account.recovered"


def test_a_transfer_that_names_another_accounts_invoice_pays_nothing_before_a_person_looks(
    instance: Instance, start: datetime
) -> None:
    payer, other = overdue(instance, start), overdue(instance, start)
    due = instance.account(payer)["dunning_cases"][0]["amount_due"]
    money = {"amount": due, "currency": "EUR", "reference": f"Rechnung {other.invoice}"}

    asked = instance.post(f"/v1/accounts/{payer.account}/payments", money)
    own = instance.post(f"/v1/accounts/{other.account}/payments", money)
    instance.settle()

    assert (asked.status_code, asked.json()["unmatched"], own.json()["unmatched"]) == (201, due, 0)
    assert [case["amount_due"] for case in instance.account(payer)["dunning_cases"]] == [due]
    assert instance.account(other)["dunning_cases"] == []
    timeline = str(instance.get(f"/v1/accounts/{payer.account}/timeline?limit=500"))
    assert "alert.transfer_names_another_account" in timeline
    assert "overpaid" not in timeline


def test_a_customer_who_cancels_still_gets_the_letters_for_what_fell_due_before(
    instance: Instance, start: datetime
) -> None:
    purchase = overdue(instance, start)
    left = start + days(1)

    instance.advance_to(left)
    instance.provider.change(purchase.subscription, status="cancelled", ends_at=start)
    instance.deliver_event(subscription_cancelled(at=left, purchase=purchase, ends_at=start))
    instance.advance_to(start + days(36))

    (case,) = instance.account(purchase)["dunning_cases"]
    assert (case["state"], case["level"]) == ("grace", 3)
    assert len(letters(instance, purchase)) == 3


def test_what_was_charged_is_listed_for_the_customers_own_pages(instance: Instance, start: datetime) -> None:
    purchase = overdue(instance, start)

    listed = instance.get(f"/v1/accounts/{purchase.account}/charges")
    again = instance.cli("account", "charges", str(purchase.account), "--json")
    table = instance.cli("account", "charges", str(purchase.account))

    (charge,) = [each for each in listed["charges"] if not each["paid"]]
    assert (charge["invoice_id"], charge["subscription_id"]) == (str(purchase.invoice), str(purchase.subscription))
    assert (charge["total"], charge["currency"], charge["refunded"]) == (purchase.price, "EUR", 0)
    assert (charge["reason"], charge["decimals"]) == ("renewal", 2)
    assert again == listed
    assert "49.00 EUR" in table["text"]


def test_a_dispute_stops_the_letters_and_nothing_else_is_taken(instance: Instance, start: datetime) -> None:
    purchase = overdue(instance, start)
    instance.advance_to(start + days(8))

    instance.deliver_event(dispute_created(at=start + days(8), purchase=purchase))
    instance.advance_to(start + days(40))
    during = instance.account(purchase)
    instance.deliver_event(dispute_resolved(at=start + days(40), purchase=purchase, status="won"))
    instance.advance_to(start + days(54))

    assert (during["access"], [case["state"] for case in during["dunning_cases"]]) == ("full", ["frozen"])
    assert [timer["kind"] for timer in during["timers"] if timer["kind"] == "dunning_level"] == []
    assert len(letters(instance, purchase)) == 2


def test_two_names_hand_a_debt_over_with_what_the_policy_names(instance: Instance, start: datetime) -> None:
    purchase = given_up(instance, start)
    account = f"/v1/accounts/{purchase.account}"
    held = call(instance, "PUT", f"{account}/debtor", DEBTOR)

    proposed = call(instance, "POST", f"{account}/collections", {"reason": "no answer"})
    ident = proposed.json()["id"]
    again = call(instance, "POST", f"/v1/collections/{ident}/approve", {})
    reader = call(instance, "POST", f"/v1/collections/{ident}/approve", {}, "eves-token")
    nothing = files(instance, ident)
    approved = call(instance, "POST", f"/v1/collections/{ident}/approve", {}, BOB)
    instance.settle()

    assert (held.status_code, held.json()["held"]) == (200, sorted(DEBTOR))
    assert "Byron" not in held.text
    assert (proposed.status_code, proposed.json()["state"]) == (201, "proposed")
    assert (again.status_code, reader.status_code, nothing) == (409, 403, {})
    assert sorted(item["actor"] for item in approved.json()["approvals"]) == ["bob", "tests"]
    file = files(instance, ident)["handover"]
    package = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert package["birth_name"] == "Ada Byron"
    assert "passport_copy" not in package
    whole = json.dumps(package["statement"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert sha256(whole.encode()).hexdigest() == approved.json()["statement_sha256"]
    assert [case["state"] for case in instance.account(purchase)["dunning_cases"]] == ["in_collections"]
    assert instance.callbacks_received(purchase)[-1] == "collections.handed_over"
    stated = [item for item in instance.callbacks.documents if item["data"].get("collection") == ident]
    assert "Byron" not in json.dumps(stated)
    assert instance.cli("replay", "--shuffle", "--json")["differing"] == []


def test_a_payment_brings_a_debt_back_and_the_report_is_to_be_corrected(instance: Instance, start: datetime) -> None:
    purchase = given_up(instance, start)
    ident = handed_over(instance, purchase)
    sent = len(instance.mails(purchase))
    reports = [call(instance, "POST", f"/v1/collections/{ident}/credit-report", {}, token) for token in (TOKEN, BOB)]
    instance.advance_to(start + days(120))
    quiet = len(instance.mails(purchase))

    instance.post(f"/v1/accounts/{purchase.account}/payments", {"amount": 50_000, "currency": "EUR"})
    instance.settle()

    assert [item.status_code for item in reports] == [200, 200]
    assert reports[1].json()["credit_report"]["reported_at"] is not None
    assert quiet == sent
    shown = instance.get(f"/v1/collections/{ident}")
    assert (shown["state"], shown["recall_cause"]) == ("recalled", "paid")
    assert files(instance, ident).keys() == {"handover", "credit-report", "recall"}
    assert "collections.recalled" in instance.callbacks_received(purchase)
    assert ident in {item["id"] for item in instance.get("/v1/collections")["collections"]}
    assert ident not in {item["id"] for item in instance.get("/v1/collections?open=true")["collections"]}


def test_a_disputed_debt_is_neither_handed_over_nor_reported(instance: Instance, start: datetime) -> None:
    purchase = given_up(instance, start)
    ident = handed_over(instance, purchase)

    instance.deliver_event(dispute_created(at=start + days(57), purchase=purchase))
    refused = call(instance, "POST", f"/v1/accounts/{purchase.account}/collections", {"reason": "again"})
    report = call(instance, "POST", f"/v1/collections/{ident}/credit-report", {})

    assert instance.get(f"/v1/collections/{ident}")["recall_cause"] == "disputed"
    assert (refused.status_code, report.status_code) == (409, 409)
    assert "disputed" in refused.json()["detail"]


def test_the_command_line_proposes_shows_recalls_and_approves_by_a_token_only(
    instance: Instance, start: datetime, tmp_path: Path
) -> None:
    purchase = given_up(instance, start)
    account = str(purchase.account)
    for name, token in (("tests", TOKEN), ("bob", BOB), ("eve", "eves-token")):
        (tmp_path / name).write_text(token + "\n")

    planned = instance.cli("collections", "propose", account, "--reason", "no answer", "--dry-run", "--json")
    proposed = instance.cli("collections", "propose", account, "--reason", "no answer", "--actor", "ada", "--json")
    ident = proposed["account"]["collections"][0]["id"]
    eve = instance.run("collections", "approve", ident, "--token-file", str(tmp_path / "eve"))
    instance.cli("collections", "approve", ident, "--token-file", str(tmp_path / "tests"), "--json")
    half = instance.cli("collections", "show", ident, "--json")
    instance.cli("collections", "approve", ident, "--token-file", str(tmp_path / "bob"), "--json")
    whole = instance.cli("collections", "show", ident, "--json")
    explained = instance.run("account", "explain", account)[1]
    instance.cli("collections", "recall", ident, "--reason", "our mistake", "--json")
    instance.settle()

    assert planned["dry_run"]
    assert eve[0] == 1
    assert (half["state"], half["proposed_by"], len(half["approvals"])) == ("proposed", "ada", 1)
    assert whole["state"] == "handed_over"
    assert "was handed over to a collection agency" in explained
    assert f"is with a collection agency ({ident})" in explained
    listed = instance.cli("collections", "list", "--json")["collections"]
    assert {item["id"]: item["state"] for item in listed}[ident] == "recalled"
    assert json.loads(files(instance, ident)["recall"].read_text())["cause"] == "operator"
    assert [case["state"] for case in instance.account(purchase)["dunning_cases"]] == ["exhausted"]


def test_who_chose_letters_gets_them_on_paper_and_they_count(instance: Instance, start: datetime) -> None:
    purchase = overdue(instance, start)
    account = f"/v1/accounts/{purchase.account}"
    call(instance, "PUT", f"{account}/debtor", DEBTOR)
    chosen = call(instance, "PUT", f"{account}/delivery", {"by": "letter"})

    instance.advance_to(start + days(57))
    ident = handed_over(instance, purchase)

    folder = Path(instance.environ["KULANZ_DATA_DIR"]) / "letters"
    pages = [page for page in folder.iterdir() if f"invoice {purchase.invoice}" in page.read_text()]
    assert (chosen.status_code, chosen.json()) == (200, {"by": "letter", "postal_address_known": True})
    assert letters(instance, purchase) == []
    assert {"Ring 1<br>" in page.read_text() for page in pages} == {True}
    assert len(pages) == 3
    assert {stat.S_IMODE(page.stat().st_mode) for page in pages} == {0o600}
    assert instance.get(f"/v1/collections/{ident}")["state"] == "handed_over"

    instance.cli("collections", "recall", ident, "--reason", "paid there", "--json")
    instance.settle()
    instance.cli("account", "erase", str(purchase.account), "--reason", "Art. 17", "--yes", "--json")
    assert [page for page in folder.iterdir() if "Ring 1<br>" in page.read_text()] == []
    assert files(instance, ident) == {}


def test_a_mandate_is_revoked_without_reasons_and_the_product_hears_of_it(instance: Instance, start: datetime) -> None:
    purchase = bought(instance, start)
    path = f"/v1/accounts/{purchase.account}/mandates"

    granted = call(instance, "POST", path, {"granted_by": "portal", "reference": "M-1"})
    revoked = call(instance, "DELETE", f"{path}/{granted.json()['id']}")
    again = call(instance, "DELETE", f"{path}/{granted.json()['id']}")
    other = instance.cli("mandate", "grant", str(purchase.account), "--reference", "M-2", "--json")
    instance.settle()

    assert (granted.status_code, granted.json()["state"]) == (201, "active")
    assert (revoked.status_code, revoked.json()["state"], again.status_code) == (200, "revoked", 409)
    assert instance.callbacks_received(purchase).count("mandate.revoked") == 1
    assert sorted(item["state"] for item in other["account"]["mandates"]) == ["active", "revoked"]
    assert instance.account(purchase)["plan"] == "professional"


@pytest.mark.parametrize(
    ("method", "path", "document", "status"),
    [
        ("PUT", "/v1/accounts/nobody/delivery", {"by": "letter"}, 404),
        ("PUT", "/v1/accounts/nobody/delivery", {"by": "pigeon"}, 422),
        ("POST", "/v1/accounts/nobody/mandates", {"granted_by": "staff"}, 404),
        ("POST", "/v1/accounts/nobody/mandates", {"granted_by": "us"}, 422),
        ("DELETE", "/v1/accounts/nobody/mandates/man_0", None, 404),
        ("POST", "/v1/accounts/nobody/collections", {"reason": "r"}, 404),
        ("POST", "/v1/collections/col_0/approve", {}, 404),
        ("POST", "/v1/collections/col_0/recall", {"reason": "r"}, 404),
        ("POST", "/v1/collections/col_0/recall", {}, 422),
        ("POST", "/v1/collections/col_0/credit-report", {"by": "me"}, 422),
        ("GET", "/v1/collections/col_0", None, 404),
        ("GET", "/v1/collections?open=perhaps", None, 400),
        ("GET", "/v1/collections?cursor=x", None, 400),
        ("PUT", "/v1/accounts/nobody/debtor", {}, 404),
        ("PUT", "/v1/accounts/nobody/debtor", {"iban": "x"}, 422),
        ("PUT", "/v1/accounts/nobody/debtor", {"birth_date": "soon"}, 422),
        ("GET", "/v1/accounts/nobody/debtor", None, 404),
    ],
)
def test_what_makes_no_sense_is_refused(
    instance: Instance, method: str, path: str, document: dict[str, Any] | None, status: int
) -> None:
    answer = call(instance, method, path, document)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")


def test_who_owes_is_for_tokens_that_may_change_things(instance: Instance, start: datetime) -> None:
    purchase = overdue(instance, start)
    path = f"/v1/accounts/{purchase.account}/debtor"
    call(instance, "PUT", path, DEBTOR)

    assert call(instance, "GET", path).json()["birth_name"] == "Ada Byron"
    assert call(instance, "GET", path, token="eves-token").status_code == 403
    assert instance.account(purchase)["debtor"]["held"] == sorted(DEBTOR)
    log = Path(instance.log).read_text() if instance.log else ""
    assert "Byron" not in log
