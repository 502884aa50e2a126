"""Facts first, then timers: no timer overtakes a delivery that was acknowledged before it came due (I13)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update

from kulanz import pipeline
from kulanz.policy import document
from kulanz.processing import circuit_breaker, facts_first
from kulanz.queries.accounts import account_document, explanation
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import accounts, inbox, ledger, outbox, receivers, tables, timers
from tests.days import DAY, deliver, product, settings_of, settle
from tests.lemonsqueezy import (
    MONDAY,
    Payload,
    subscription_created,
    subscription_expired,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)

HOUR = timedelta(hours=1)
BOUGHT = MONDAY - 30 * DAY


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    with product(
        settings_of(tmp_path, database_url, test_clock=True, ops_alert_to="ops@shop.example"), at=MONDAY
    ) as services:
        yield services


def with_policy(folder: Path, database_url: str, **replaced: str) -> Services:
    """Services whose policy is plexo's, but for some lines."""
    text = document.preset("plexo")
    for key, line in replaced.items():
        (old,) = [each for each in text.splitlines() if each.startswith(f"{key} =")]
        text = text.replace(old, line)
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return build(settings_of(folder, database_url, test_clock=True, policy=str(path)))


def ids(number: int) -> dict[str, int | str]:
    return {"account": f"org_{number}", "subscription": number, "customer": number + 1, "invoice": number + 2}


def a_purchase(number: int) -> Payload:
    return subscription_created(at=BOUGHT, began=BOUGHT, **ids(number))


def go_on_to(services: Services, at: datetime) -> None:
    """Do what falls due until then, each at its time."""
    while True:
        settle(services)
        with services.database.read() as conn:
            due = timers.next_due(conn)
        if due is None or due > at:
            break
        services.clock.set(max(due, services.clock.now()))
    services.clock.set(at)


def an_account_in_grace(services: Services, number: int = 10) -> None:
    """A week of grace that ends in an hour; the warning has gone out."""
    deliver(services, a_purchase(number), subscription_payment_failed(**ids(number)))
    go_on_to(services, MONDAY + 7 * DAY - HOUR)


def rules(services: Services, account: str = "org_10") -> list[str]:
    with services.database.read() as conn:
        return [row.rule for row in ledger.of_account(conn, account, 0, 1000)]


def standing(services: Services, account: str = "org_10") -> str:
    return str(account_document(services, account).standing)


def alerts(services: Services) -> set[str]:
    with services.database.read() as conn:
        return {row.subject for row in outbox.listing(conn, None, "") if row.type == "ops_alert"}


def drain(services: Services, limit: int) -> None:
    while pipeline.process(services, limit).moved:
        pass


def test_a_payment_that_lies_in_the_inbox_when_grace_ends_is_read_first(services: Services) -> None:
    an_account_in_grace(services)
    deliver(services, *map(a_purchase, range(100, 160, 10)), subscription_payment_success(**ids(10)))
    services.clock.set(MONDAY + 8 * DAY)

    drain(services, limit=2)

    assert standing(services) == "good"
    assert "dunning.hold_placed" not in rules(services)


def test_a_grace_of_zero_days_takes_nothing_while_later_deliveries_are_to_be_read(
    database_url: str, tmp_path: Path
) -> None:
    services = with_policy(tmp_path, database_url, grace='grace = "0d"', reminders="reminders = []")
    services.clock.set(MONDAY)
    deliver(services, a_purchase(10), subscription_payment_failed(**ids(10)))
    deliver(services, subscription_payment_success(**ids(10)))

    drain(services, limit=2)

    assert standing(services) == "good"
    assert "dunning.hold_placed" not in rules(services)
    services.close()


def test_a_steady_stream_of_deliveries_delays_a_timer_and_never_starves_it(services: Services) -> None:
    an_account_in_grace(services)
    services.clock.set(MONDAY + 8 * DAY)
    deliver(services, *map(a_purchase, range(100, 150, 10)))
    rounds = 0

    while standing(services) == "grace" and rounds < 20:
        rounds += 1
        deliver(services, a_purchase(1000 + 20 * rounds), a_purchase(1010 + 20 * rounds))
        pipeline.process(services, 2)

    with services.database.read() as conn:
        assert inbox.first_received(conn) is not None
    assert standing(services) == "on_hold"
    assert 2 < rounds < 20


def a_payment_of_the_customer(number: int = 10) -> Payload:
    """A success that names no subscription: only who paid."""
    payload = subscription_payment_success(**ids(number))
    payload["data"]["attributes"]["subscription_id"] = None
    del payload["meta"]["custom_data"]
    return payload


def an_update_of_unknown_status(number: int = 10) -> Payload:
    payload = subscription_updated(at=MONDAY + DAY, **ids(number))
    payload["data"]["attributes"]["status"] = "revived"
    return payload


@pytest.mark.parametrize("payload", [a_payment_of_the_customer(), an_update_of_unknown_status()], ids=["payer", "word"])
def test_an_event_that_may_be_the_payment_holds_back_warning_and_hold_until_it_is_settled(
    services: Services, payload: Payload
) -> None:
    deliver(services, a_purchase(10), subscription_payment_failed(**ids(10)), payload)
    days = [MONDAY + day * DAY for day in (1, 4, 6, 8, 12)]

    for at in days:
        services.clock.set(at)
        settle(services)
    held = standing(services)
    before = rules(services)
    outlook = " ".join(explanation(services, "org_10", steps=0).outlook)
    with services.database.write() as tx:
        (event,) = [*inbox.listing(tx, "waiting", None, 9), *inbox.listing(tx, "parked", None, 9)]
        inbox.skip(tx, event.id, "not the renewal")
        circuit_breaker.recheck_waiting(tx, services.clock.now(tx))
    settle(services)
    go_on_to(services, MONDAY + 20 * DAY)

    assert held == "grace"
    assert not {"notice.sent", "dunning.deadline_moved", "dunning.hold_placed"} & set(before)
    assert f"evt_{event.id}" in outlook
    assert standing(services) == "on_hold"


def test_what_is_held_back_is_not_due_for_the_test_clock(services: Services) -> None:
    deliver(services, a_purchase(10), subscription_payment_failed(**ids(10)), a_payment_of_the_customer())
    go_on = MONDAY + 8 * DAY
    services.clock.set(go_on)
    settle(services)

    with services.database.read() as conn:
        assert pipeline.next_due(conn, go_on) != timers.next_due(conn) == go_on + facts_first.LOOK_AGAIN


def test_the_provider_expiring_many_accounts_in_grace_takes_no_more_than_the_limit(
    database_url: str, tmp_path: Path
) -> None:
    services = with_policy(tmp_path, database_url, accounts="accounts = 2")
    services.clock.set(MONDAY)
    numbers = (10, 20, 30, 40)
    for number in numbers:
        deliver(services, a_purchase(number), subscription_payment_failed(**ids(number)))
    go_on_to(services, MONDAY + 6 * DAY)
    deliver(services, *(subscription_expired(at=MONDAY + 6 * DAY, **ids(number)) for number in numbers))

    go_on_to(services, MONDAY + 8 * DAY)

    plans = sorted(account_document(services, f"org_{number}").plan for number in numbers)
    with services.database.read() as conn:
        assert circuit_breaker.status(conn, services.clock.now(conn)).on_since is not None
    assert plans == ["free", "free", "professional", "professional"]
    services.close()


def test_five_workers_together_take_no_more_accounts_than_one_limit(postgresql_url: str, tmp_path: Path) -> None:
    workers = [with_policy(tmp_path, postgresql_url, accounts="accounts = 3") for _ in range(5)]
    services = workers[0]
    services.clock.set(MONDAY)
    numbers = range(10, 210, 10)
    for number in numbers:
        deliver(services, a_purchase(number), subscription_payment_failed(**ids(number)))
    go_on_to(services, MONDAY + 7 * DAY - HOUR)
    services.clock.set(MONDAY + 7 * DAY + HOUR)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda worker: drain(worker, limit=2), workers))

    with services.database.read() as conn:
        standings = [row.standing for row in accounts.page(conn, None, None, None, 100)]
    assert standings.count("on_hold") == 3
    for worker in workers:
        worker.close()


def test_after_an_outage_nothing_is_taken_before_each_receiver_reports_an_empty_spool(services: Services) -> None:
    an_account_in_grace(services)
    with services.database.write() as tx:
        receivers.report(tx, "host-a", real_now() - HOUR, lambda: True)
    services.clock.set(MONDAY + 8 * DAY)
    settle(services)
    silent = standing(services)

    for empty in (False, True):
        with services.database.write() as tx:
            receivers.report(tx, "host-a", real_now(), partial(bool, empty))
        settle(services)
        if not empty:
            still = standing(services)

    assert (silent, still, standing(services)) == ("grace", "grace", "on_hold")


def reports(services: Services, *, empty: bool = True) -> bool:
    """Let a receiver report; return whether a worker had asked."""
    with services.database.write() as tx:
        return receivers.report(tx, "host-a", real_now(), partial(bool, empty))


def test_a_report_from_before_an_outage_of_a_moment_does_not_count(services: Services) -> None:
    an_account_in_grace(services)
    reports(services)
    services.clock.set(MONDAY + 8 * DAY)
    settle(services)
    asked = standing(services)

    # What lay in the spool during the outage is in the inbox when the next report says that the spool is empty.
    deliver(services, subscription_payment_success(**ids(10)))
    answered = [reports(services), reports(services)]
    settle(services)

    assert (asked, answered, standing(services)) == ("grace", [True, False], "good")
    assert "dunning.hold_placed" not in rules(services)


def test_what_an_answer_brings_along_is_read_before_the_timer_that_asked(services: Services) -> None:
    an_account_in_grace(services)
    reports(services)
    services.clock.set(MONDAY + 8 * DAY)
    pipeline.process(services, 1)
    deliver(services, *map(a_purchase, range(100, 130, 10)), subscription_payment_success(**ids(10)))
    reports(services)

    drain(services, limit=1)

    assert standing(services) == "good"
    assert "dunning.hold_placed" not in rules(services)


def test_a_grace_of_zero_days_waits_for_the_spool_too(database_url: str, tmp_path: Path) -> None:
    services = with_policy(tmp_path, database_url, grace='grace = "0d"', reminders="reminders = []")
    services.clock.set(MONDAY)
    reports(services)
    deliver(services, a_purchase(10), subscription_payment_failed(**ids(10)))
    settle(services)
    asked = standing(services)
    reports(services)

    settle(services)

    assert (asked, standing(services)) == ("grace", "on_hold")
    services.close()


def test_a_receiver_of_an_earlier_version_that_reports_is_not_waited_for(services: Services) -> None:
    an_account_in_grace(services)
    reports(services)
    with services.database.write() as tx:
        tx.execute(update(tables.receivers).values(answered=None))
    services.clock.set(MONDAY + 8 * DAY)

    settle(services)

    assert standing(services) == "on_hold"


def test_a_receiver_that_never_comes_back_is_waited_for_a_quarter_of_an_hour_and_told_of(services: Services) -> None:
    an_account_in_grace(services)
    with services.database.write() as tx:
        receivers.report(tx, "host-a", real_now() - HOUR, lambda: True)
        receivers.miss(tx, ["host-a"], real_now() - facts_first.RECEIVERS_WAITED_FOR)
    services.clock.set(MONDAY + 8 * DAY)

    settle(services)

    assert standing(services) == "on_hold"
    assert any(subject.startswith("host-a since ") for subject in alerts(services))
