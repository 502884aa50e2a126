"""Money, the next seven days and the report of recovery on the console."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from kulanz.services import Services
from tests.console.operator import Operator
from tests.days import tell
from tests.lemonsqueezy import subscription_payment_recovered

pytestmark = pytest.mark.usefixtures("in_grace")


def paid(services: Services, now: datetime) -> None:
    tell(services, subscription_payment_recovered(at=now))


def test_the_overview_says_what_waits_the_money_and_who_loses_access_next(operator: Operator) -> None:
    page = operator.see("/ops/?by=month")

    places = [page.index(word) for word in ("Money of failed payments", "The next seven days", "<summary>Health:")]
    assert places == sorted(places)
    assert "Lose access unless they pay" in page
    assert 'href="/ops/accounts/org_42"' in page.partition("The next seven days")[2]


def test_a_chart_has_its_values_on_an_axis_and_in_a_table(operator: Operator, now: datetime) -> None:
    page = operator.see("/ops/?by=month")

    chart = page.partition('<figure class="plot">')[2].partition("</figure>")[0]
    assert "50.00 EUR</span>" in chart
    failed_in = f"{now - timedelta(hours=1):%Y-%m}"
    assert f'<th scope="row">{failed_in}</th><td class="number">49.00 EUR</td>' in chart


def test_the_report_and_its_download_tell_the_same(operator: Operator, services: Services, now: datetime) -> None:
    paid(services, now)

    page, csv = operator.see("/ops/recovery"), operator.see("/ops/recovery.csv")

    assert "provider&#39;s retry, before a notice" in page
    assert "49.00 EUR" in page
    assert csv.splitlines()[1].endswith(",EUR,professional,1,recovered,retry,,1,4900")


def test_a_reader_sees_the_report_and_the_next_days(reader: Operator) -> None:
    assert "Lose access" in reader.see("/ops/ahead")
    assert "By month of failure" in reader.see("/ops/recovery")


@pytest.mark.parametrize("wrong", ["from=soon", "from=2026-05&to=2026-04", "to=2026-13", "from=0000-01"])
def test_months_that_are_none_are_refused(operator: Operator, wrong: str) -> None:
    assert "Bad request" in operator.see(f"/ops/recovery?{wrong}", status=400)


def test_an_unknown_period_of_the_charts_is_refused(operator: Operator) -> None:
    operator.see("/ops/?by=decade", status=400)


def test_years_ago_nothing_failed(operator: Operator, now: datetime) -> None:
    long_ago = f"{now - timedelta(days=4000):%Y-%m}"

    assert "No payment failed in these months." in operator.see(f"/ops/recovery?from={long_ago}&to={long_ago}")


def test_a_rate_says_how_much_is_still_open_and_each_group_of_bars_has_its_label(
    operator: Operator, services: Services, now: datetime
) -> None:
    before = operator.see("/ops/recovery")
    paid(services, now)
    after = operator.see("/ops/recovery")

    assert "so far, 49.00 EUR open" in before
    assert "so far," not in after
    failed_in = f"{now - timedelta(hours=1):%Y-%m}"
    assert f'<p class="axis" aria-hidden="true"><span>{failed_in}</span></p>' in after
    assert "a month there and here differ" in after
