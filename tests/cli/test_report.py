"""What became of failed payments, on the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kulanz.services import Services
from tests.cli.conftest import Kulanz
from tests.days import DAY, happens
from tests.lemonsqueezy import (
    MONDAY,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_recovered,
)


@pytest.fixture
def shop(kulanz: Kulanz, sqlite_url: str) -> Iterator[Services]:
    kulanz.settings["KULANZ_TEST_CLOCK"] = "1"
    with kulanz.services(sqlite_url, at=MONDAY - 31 * DAY) as services:
        yield services


@pytest.fixture
def recovered(shop: Services) -> None:
    happens(shop, -30, subscription_created(at=MONDAY - 30 * DAY, began=MONDAY - 30 * DAY))
    happens(shop, 0, subscription_payment_failed(at=MONDAY))
    happens(shop, 1, subscription_payment_recovered(at=MONDAY + DAY))


@pytest.mark.usefixtures("shop")
def test_a_store_in_which_no_payment_failed_is_told_so(kulanz: Kulanz) -> None:
    assert "No payment failed." in kulanz("report", "recovery").out
    assert kulanz("report", "recovery", "--csv").out.splitlines()[1:] == []


@pytest.mark.usefixtures("recovered")
def test_the_report_is_a_table_json_or_csv(kulanz: Kulanz) -> None:
    read = kulanz("report", "recovery", "--from", "2026-03", "--to", "2026-03")
    document = kulanz("report", "recovery", "--json").document
    lines = kulanz("report", "recovery", "--csv").out.splitlines()

    assert "1: 49.00 EUR" in read.out
    assert "100%" in read.out
    assert max(len(line) for line in read.out.splitlines()) <= 80
    assert (document["to"], document["totals"][0]["recovered_amount"]) == ("2026-03", 4900)
    assert lines[1] == "2026-03,EUR,professional,1,recovered,retry,,1,4900"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("wrong", [["--from", "March"], ["--to", "2026-13"], ["--from", "2026-05", "--to", "2026-04"]])
def test_months_that_are_none_are_refused_in_one_line(kulanz: Kulanz, wrong: list[str]) -> None:
    result = kulanz("report", "recovery", *wrong)

    assert (result.code, result.err.count("\n"), result.out) == (1, 1, "")


@pytest.mark.usefixtures("shop")
def test_csv_and_json_exclude_each_other(kulanz: Kulanz) -> None:
    assert kulanz("report", "recovery", "--csv", "--json").code == 2
