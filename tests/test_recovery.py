"""The report of recovery: every failed payment is in it once, by what became of it and what had been done before."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from kulanz.commands import books, execute
from kulanz.commands.commands import EraseAccount, SetOverride
from kulanz.commands.links import Link, link
from kulanz.documents.reports import Recovery, RecoveryFigures
from kulanz.errors import InvalidInputError
from kulanz.policy import document
from kulanz.policy.facts import OverrideKind
from kulanz.processing import circuit_breaker
from kulanz.queries import money, recovery
from kulanz.queries.gauges import Gauges
from kulanz.services import Services
from kulanz.store import ledger, migrate
from tests.days import DAY, happens, product, settings_of
from tests.lemonsqueezy import (
    MONDAY,
    Payload,
    subscription_created,
    subscription_expired,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_updated,
)

HOUR = timedelta(hours=1)
BEGAN = MONDAY - 30 * DAY
PRICE = 4900
ENDS = {1: 1, 2: 3, 3: 10}
"""The days on which three of them pay: before any notice, after a reminder, and on hold."""


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    with product(settings_of(tmp_path, database_url, test_clock=True), at=BEGAN - 5 * DAY) as services:
        yield services


def ids(number: int) -> dict[str, int | str]:
    return {"account": f"org_{number}", "subscription": number, "customer": number + 100, "invoice": number + 200}


def bought(number: int) -> Payload:
    return subscription_created(at=BEGAN, began=BEGAN, **ids(number))


def failed(number: int, at: datetime = MONDAY) -> Payload:
    return subscription_payment_failed(at=at, **ids(number))


def paid(number: int, at: datetime) -> Payload:
    return subscription_payment_recovered(at=at, **ids(number))


@pytest.fixture
def shop(services: Services) -> Services:
    """Six failed renewals: three are paid, one ends on hold, one is waived; then one more fails and is open."""
    happens(services, -30, *(bought(number) for number in range(1, 7)))
    happens(services, 0, *(failed(number) for number in range(1, 6)))
    execute.command(services, "org_5", SetOverride(kind=OverrideKind.WAIVE, until=None, reason="our mistake"), "ann")
    for day in (1, 2, 3, 4, 5, 7, 10):
        payments = [paid(number, MONDAY + day * DAY) for number, end in ENDS.items() if end == day]
        happens(services, day + 0.01, *payments)
    happens(services, 15, subscription_expired(at=MONDAY + 15 * DAY, **ids(4)), failed(6, MONDAY + 15 * DAY))
    return services


def report(services: Services) -> Recovery:
    return recovery.report(services)


def one(rows: Iterable[RecoveryFigures], key: str | None = None) -> RecoveryFigures:
    (row,) = (row for row in rows if row.key == key)
    return row


def test_each_failed_payment_is_told_once_by_what_became_of_it(shop: Services) -> None:
    result = report(shop)

    total = one(result.totals)
    assert (total.cases, total.amount, total.currency) == (6, 6 * PRICE, "EUR")
    assert (total.recovered, total.recovered_amount) == (3, 3 * PRICE)
    assert (total.lost, total.open, total.dropped) == (1, 1, 1)
    assert total.rate == 0.75
    assert [(row.key, row.cases) for row in result.months] == [("2026-03", 6)]
    assert [(row.key, row.cases) for row in result.plans] == [("professional", 6)]
    assert [(row.key, row.cases) for row in result.policy_versions] == [("1", 6)]


def test_what_had_been_done_before_the_money_came_is_told(shop: Services) -> None:
    brought = {row.key: row.recovered for row in report(shop).steps if row.recovered}

    assert brought == {"retry": 1, "reminder_1": 1, "hold": 1}
    assert one(report(shop).steps, "hold").lost == 1


def test_the_time_to_recovery_counts_whole_days_from_the_first_failure(shop: Services) -> None:
    time = report(shop).days_to_recovery

    assert [(part.days, part.cases) for part in time.within] == [(1, 1), (3, 2), (7, 2), (14, 3), (30, 3)]
    assert (time.cases, time.median) == (3, 3)


def test_the_report_equals_the_metrics_and_the_ledger(shop: Services) -> None:
    total = one(report(shop).totals)

    page = Gauges(shop).page().decode()

    assert f'kulanz_mrr_at_risk{{currency="EUR"}} {total.open_amount}' in page
    assert f'kulanz_dunning_recovered_amount{{currency="EUR"}} {total.recovered_amount}' in page
    assert f'kulanz_dunning_cases_opened{{currency="EUR",policy_version="1"}} {total.cases}' in page
    with shop.database.read() as conn:
        decided = [row.rule for number in range(1, 7) for row in ledger.of_account(conn, f"org_{number}", 0, 99)]
    assert decided.count("dunning.recovered") == total.recovered
    assert decided.count("dunning.grace_started") == total.cases


def test_a_hold_whose_subscription_has_ended_is_lost_and_not_at_risk(services: Services) -> None:
    happens(services, -30, bought(1), bought(2))
    happens(services, 0, failed(1), failed(2))
    for day in (2, 5, 7):
        happens(services, day + 0.01)
    held = one(report(services).totals)

    ended = {"status": "cancelled", "ends_at": MONDAY + 10 * DAY}
    happens(services, 9, subscription_updated(at=MONDAY + 9 * DAY, **ids(1), **ended))
    happens(services, 11)
    happens(services, 12, subscription_updated(at=MONDAY + 9 * DAY + HOUR, **ids(1), **ended))

    after = one(report(services).totals)
    assert (held.open, held.lost) == (2, 0)
    assert (after.open, after.lost) == (1, 1)


def test_csv_has_a_line_for_all_that_are_alike_and_sums_up_to_the_report(shop: Services) -> None:
    result = report(shop)

    lines = list(csv.DictReader(io.StringIO(recovery.as_csv(recovery.sums(shop)))))

    assert sum(int(line["cases"]) for line in lines) == 6
    brought = sum(int(line["amount_minor_units"]) for line in lines if line["outcome"] == "recovered")
    assert brought == one(result.totals).recovered_amount


def test_the_document_is_the_one_that_the_api_describes(shop: Services) -> None:
    answered = msgspec.json.encode(report(shop))

    read = msgspec.json.decode(answered, type=Recovery)

    assert (read.first, read.to) == ("2025-04", "2026-03")
    assert read.totals[0].recovered == 3
    assert read.days_to_recovery.median == 3


@pytest.mark.parametrize(("first", "last"), [("2026-13", None), ("2026-3", None), ("2026-05", "2026-04"), ("x", "y")])
def test_months_that_are_none_are_refused(services: Services, first: str, last: str | None) -> None:
    with pytest.raises(InvalidInputError):
        recovery.report(services, first, last)


def test_a_payment_is_counted_in_the_month_in_which_it_failed(services: Services) -> None:
    begin = datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC)
    day = (begin - MONDAY) / DAY
    happens(services, -30, bought(1))
    happens(services, day, failed(1, begin))
    happens(services, day + 2, paid(1, begin + 2 * DAY))

    april, may = recovery.report(services, "2026-04", "2026-04"), recovery.report(services, "2026-05", "2026-05")

    assert (one(april.totals).recovered, may.totals) == (1, ())


def test_what_was_recovered_stays_in_the_report_when_its_purchase_goes_to_another_account(shop: Services) -> None:
    before = report(shop)

    link(shop, [Link(source="org_1", target="org_new", reason="renamed")], "ann")

    assert report(shop).totals == before.totals
    assert report(shop).steps == before.steps


def test_what_was_recovered_stays_in_the_report_without_a_name_when_the_data_are_destroyed(shop: Services) -> None:
    before = report(shop)

    execute.command(shop, "org_1", EraseAccount(reason="Art. 17"), "ann")
    execute.command(shop, "org_6", EraseAccount(reason="Art. 17"), "ann")

    total = one(report(shop).totals)
    with shop.database.read() as conn:
        kept = conn.execute(text("SELECT key, opened_at, closed_at, lost_at FROM matters WHERE account = ''")).all()
        named = conn.execute(text("SELECT count(*) FROM matters WHERE account IN ('org_1', 'org_6')")).scalar_one()
    assert (total.recovered, total.lost, total.open, total.dropped) == (3, 2, 0, 1)
    assert report(shop).days_to_recovery == before.days_to_recovery
    assert named == 0
    assert len(kept) == 2
    assert not any(key.startswith("lemonsqueezy") for key, *_ in kept)
    assert all("14:08" not in str(at) for _, *times in kept for at in times)


def test_after_an_upgrade_what_is_open_or_was_given_up_is_told_as_before(shop: Services) -> None:
    with shop.database.read() as conn:
        before = money.outlook(conn, shop.clock.now(conn))
    migrate.downgrade(shop.database, "0014")

    migrate.upgrade(shop.database)
    books.rebuild(shop)

    with shop.database.read() as conn:
        after = money.outlook(conn, shop.clock.now(conn))
    total = one(report(shop).totals)
    assert after == before
    assert (total.recovered, total.lost, total.open, total.dropped) == (3, 1, 1, 1)
    assert {row.key for row in report(shop).steps} == {"unknown", "hold", "retry"}


def test_who_pays_while_the_limit_keeps_the_access_was_spared_by_it(tmp_path: Path, sqlite_url: str) -> None:
    limited = tmp_path / "limited.toml"
    preset = document.preset("plexo")
    limited.write_text(preset.replace("accounts = 25", "accounts = 1").replace("share = 0.1", "share = 0.0"), "utf-8")
    settings = settings_of(tmp_path, sqlite_url, test_clock=True, policy=str(limited))
    with product(settings, at=BEGAN - 5 * DAY) as services:
        happens(services, -30, bought(1), bought(2))
        happens(services, 0, failed(1), failed(2))
        for day in (2, 5, 7):
            happens(services, day + 0.01)
        with services.database.read() as conn:
            tripped = circuit_breaker.status(conn, services.clock.now(conn)).on_since
            (spared,) = conn.execute(text("SELECT account FROM matters WHERE state = 'grace'")).scalars()

        happens(services, 9, paid(int(spared.removeprefix("org_")), MONDAY + 9 * DAY))

        assert tripped is not None
        assert [(row.key, row.recovered) for row in report(services).spared] == [("limit", 1)]


def test_the_next_days_say_who_is_warned_and_who_loses_access_with_the_sum(services: Services) -> None:
    happens(services, -30, *(bought(number) for number in range(1, 4)))
    happens(services, 0, failed(1))
    happens(services, 3, failed(2, MONDAY + 3 * DAY))
    happens(services, 6, failed(3, MONDAY + 6 * DAY))

    with services.database.read() as conn:
        outlook = money.outlook(conn, services.clock.now(conn))

    assert [(row.account, row.at) for row in outlook.losing.rows] == [
        ("org_1", MONDAY + 7 * DAY),
        ("org_2", MONDAY + 10 * DAY),
    ]
    assert [row.account for row in outlook.warned.rows] == ["org_2", "org_3"]
    assert [(each.amount, each.number) for each in outlook.losing.sums] == [(2 * PRICE, 2)]


@pytest.mark.parametrize(
    ("by", "last"), [("day", "2026-03-17"), ("week", "2026-03-16"), ("month", "2026-03"), ("year", "2026")]
)
def test_money_is_told_by_the_day_on_which_it_failed_came_back_or_was_lost(shop: Services, by: str, last: str) -> None:
    with shop.database.read() as conn:
        figures = money.money(conn, shop.clock.now(conn), by)

    (euro,) = figures.currencies
    (course,) = figures.courses
    assert figures.labels[-1] == last
    assert (euro.at_risk.amount, euro.this_month.recovered.number, euro.this_month.lost.number) == (PRICE, 3, 1)
    assert euro.this_month.rate == 0.75
    assert euro.last_month.failed.number == 0
    assert sum(course.values["failed"]) == 5 * PRICE
    assert sum(course.values["recovered"]) == 3 * PRICE


def test_the_money_of_a_policy_version_is_told_beside_the_rate_of_the_version_before() -> None:
    def figures(version: str, recovered: int, lost: int, still: int = 0, currency: str = "EUR") -> RecoveryFigures:
        amounts = {"recovered_amount": recovered, "lost_amount": lost, "open_amount": still, "dropped_amount": 0}
        numbers = dict.fromkeys(("cases", "amount", "recovered", "lost", "open", "dropped"), 0)
        return RecoveryFigures(key=version, currency=currency, rate=None, **numbers, **amounts)

    rows = (
        *(figures("1", 6000, 4000), figures("1", 100, 0, currency="USD")),
        *(figures("2", 9000, 1000, 5000), figures("3", 0, 100, currency="USD")),
    )

    found = [(gain.version, gain.before, gain.currency, gain.amount, gain.open_amount) for gain in recovery.gains(rows)]

    assert found == [("2", "1", "EUR", 3000, 5000), ("3", "1", "USD", -100, 0)]
