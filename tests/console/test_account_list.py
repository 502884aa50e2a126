"""The list of accounts in the console: its order, its filters, who sees addresses, and the file."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta

import pytest

from kulanz.runtime.clock import real_now
from kulanz.services import Services
from tests.console.operator import Operator
from tests.days import tell
from tests.lemonsqueezy import subscription_created

pytestmark = pytest.mark.usefixtures("in_grace")
ROW = re.compile(r'<th scope="row"><a class="id" href="/ops/accounts/([^"]+)"')


@pytest.fixture(autouse=True)
def _a_good_one(services: Services, now: datetime) -> None:
    tell(
        services,
        subscription_created(
            at=now, account="aaa", customer=7, subscription=8, order=9, buyer="=Zoe", email="zoe@shop.example"
        ),
    )


def listed(operator: Operator, query: str) -> list[str]:
    return ROW.findall(operator.see(f"/ops/accounts?{query}"))


def test_a_list_is_put_in_order_by_its_headers_and_keeps_its_filters(operator: Operator) -> None:
    assert listed(operator, "") == ["aaa", "org_42"]
    assert listed(operator, "sort=deadline") == ["org_42", "aaa"]
    assert listed(operator, "sort=amount") == ["org_42", "aaa"]
    assert listed(operator, "sort=standing") == ["org_42", "aaa"]
    assert listed(operator, "due=30") == ["org_42"]
    assert listed(operator, "standing=good&plan=professional") == ["aaa"]

    page = operator.see("/ops/accounts?sort=amount&standing=grace")

    assert 'aria-sort="descending"' in page
    assert 'href="/ops/accounts?sort=deadline&amp;standing=grace"' in page
    assert "49.00 EUR" in page


def test_pages_of_any_order_follow_each_other(operator: Operator, services: Services, now: datetime) -> None:
    bought = [
        subscription_created(at=now, account=f"n{number:02}", customer=100 + number, subscription=200 + number)
        for number in range(60)
    ]
    tell(services, *bought)

    for sort in ("id", "deadline", "amount", "plan", "standing"):
        first = operator.see(f"/ops/accounts?sort={sort}")
        (following,) = re.findall(r'href="([^"]+)">Next page', first)
        second = operator.see(following.replace("&amp;", "&"))

        names = ROW.findall(first) + ROW.findall(second)
        assert len(names) == len({*names}) == 62, sort


def test_who_may_only_look_sees_no_address_whole(operator: Operator, reader: Operator) -> None:
    for path in ("/ops/accounts", "/ops/accounts?sort=amount"):
        assert "ada@shop.example" in operator.see(path)
        page = reader.see(path)
        assert "a•••@s•••.example" in page
        assert "shop.example" not in page


def test_the_file_has_all_rows_no_formula_and_a_note_in_the_log(operator: Operator, reader: Operator) -> None:
    response = operator.post("/ops/accounts.csv?sort=deadline")

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    head, *rows = csv.reader(response.text.splitlines())
    assert [row[0] for row in rows] == ["org_42", "aaa"]
    assert dict(zip(head, rows[0], strict=True)) | {"due_at": ""} == {
        "account_id": "org_42",
        "standing": "grace",
        "plan": "professional",
        "access": "full",
        "owed": "49.00 EUR",
        "deadline": "grace_reminder",
        "due_at": "",
        "name": "Änne Öztürk / Bäckerei",
        "mail": "ada@shop.example",
    }
    assert "'=Zoe" in rows[1]
    assert "downloaded" in operator.see("/ops/log")
    assert "shop.example" not in reader.post("/ops/accounts.csv").text
    assert operator.see("/ops/log").count("downloaded") == 1


@pytest.mark.parametrize(
    "query",
    ["sort=age", "due=5", "sort=deadline&after=!!", "sort=amount&after=WyJhIiw5XQ", "sort=deadline&after=WyJhIl0"],
)
def test_an_order_or_a_place_in_it_that_there_is_not_is_refused(operator: Operator, query: str) -> None:
    response = operator.client.get(f"/ops/accounts?{query}")

    assert response.status_code in {400, 422}


def test_a_page_names_the_customer_and_leads_to_the_providers_own_page_of_them(
    operator: Operator, reader: Operator
) -> None:
    page = operator.see("/ops/accounts/org_42")

    assert "ada@shop.example" in page
    assert re.search(r'<a href="https://app\.lemonsqueezy\.com/customers/\d+" rel="noreferrer">customer', page)
    assert "shop.example" not in reader.see("/ops/accounts/org_42")


def test_what_takes_something_from_the_customer_stands_apart_from_what_helps(operator: Operator) -> None:
    helps, apart, takes = operator.see("/ops/accounts/org_42").partition('id="dangers"')

    assert apart
    assert re.findall("<summary>([^<]+)", helps)[:2] == ["Extend grace", "Waive"]
    assert {"Suspend", "Open a dispute", "Close the account"} <= {*re.findall("<summary>([^<]+)", takes)}


def test_a_preview_says_what_differs_and_who_is_told(operator: Operator) -> None:
    waived = text_of(operator.post("/ops/accounts/org_42/preview", order="waive", reason="kind").text)
    until = (real_now() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M")
    suspended = text_of(
        operator.post("/ops/accounts/org_42/preview", order="suspend", until=until, reason="abuse").text
    )

    assert re.search(r"standing grace good", waived)
    assert re.search(r"owed 49\.00 EUR \u2013", waived)
    assert re.search(r"next deadline grace reminder, \S+ \u2013", waived)
    assert re.search(r"plan professional the same", waived)
    assert "The customer gets no message." in waived
    assert re.search(r"access full none", suspended)
    assert "Your product Your product receives account.suspended." in suspended


def text_of(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page.partition("<main")[2]).split())


@pytest.mark.parametrize("part", ["shop", "sho", "ada", "ada shop"])
def test_who_may_only_look_learns_no_name_or_address_by_searching_for_its_parts(
    operator: Operator, reader: Operator, part: str
) -> None:
    assert operator.client.get(f"/ops/accounts?q={part}").text.count("org_")
    answer = reader.client.get(f"/ops/accounts?q={part}")

    assert answer.status_code == 200
    assert "org_" not in answer.text


def test_who_may_only_look_finds_an_account_by_its_ids_and_a_whole_address(reader: Operator) -> None:
    for whole in ("org_42", "ada@shop.example", "810233"):
        assert "org_42" in reader.client.get("/ops/accounts", query_string={"q": whole}).text, whole
