"""What `/metrics` tells: the same whichever process is asked, exact where it is read, and nothing that was not."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from kulanz.commands import refund_requests
from kulanz.commands.commands import RequestRefund
from kulanz.config import Settings
from kulanz.queries.cached import BackgroundValue, gather
from kulanz.queries.gauges import Gauges
from kulanz.services import Services, build
from kulanz.store import inbox, metric_sums
from kulanz.telemetry import metrics
from tests.console.conftest import Serve
from tests.days import tell
from tests.lemonsqueezy import (
    dispute_created,
    subscription_created,
    subscription_payment_recovered,
    subscription_payment_success,
    subscription_updated,
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
ROOT = Path(__file__).resolve().parents[2]
COUNTING = """
from kulanz.telemetry import metrics
from kulanz.config import environment, load
from kulanz.services import build
services = build(load(environment()))
metrics.DELIVERIES.labels("lemonsqueezy", "accepted").inc(3)
metrics.EVENT_LAG.observe(0.2)
services.counters.flush()
metrics.DELIVERIES.labels("lemonsqueezy", "accepted").inc(4)
services.counters.start()
services.close()
"""


def read(page: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"kulanz_{name}", frozenset(labels.items())))


def look(services: Services) -> Samples:
    return read(Gauges(services).page().decode())


def park(services: Services, now: datetime) -> None:
    with services.database.write() as tx:
        newest = inbox.listing(tx, None, None, 1)[0].id
        inbox.failed(tx, newest, "broken", permanent=True, now_real=now)


def counting(settings: Settings, tmp_path: Path) -> None:
    """Count in a process of its own."""
    url = settings.database_url
    given = {"DATABASE_URL": url, "KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": "a" * 64}
    subprocess.run([sys.executable, "-c", COUNTING], cwd=ROOT, env=given, check=True, timeout=60)


@pytest.mark.usefixtures("in_grace")
def test_the_page_tells_what_the_records_hold(services: Services, now: datetime) -> None:
    park(services, now)

    samples = look(services)

    assert of(samples, "inbox_events", state="parked") == 1
    assert of(samples, "inbox_events", state="received") == 0
    assert (of(samples, "inbox_oldest_seconds", state="parked") or -1) >= 0
    assert of(samples, "accounts", standing="grace") == 1
    assert of(samples, "mrr_at_risk", currency="EUR") == 4900
    assert of(samples, "dunning_cases_opened", policy_version="1", currency="EUR") == 1
    assert of(samples, "reading_ok", source="flow") == 1
    assert of(samples, "notice_before_action_violations_total") == 0


@pytest.mark.usefixtures("in_grace")
def test_a_recovery_is_told_by_where_the_case_was_and_what_showed_it(services: Services, now: datetime) -> None:
    tell(services, subscription_payment_recovered(at=now), subscription_updated(at=now, status="active"))

    samples = look(services)

    assert of(samples, "dunning_recoveries", stage="grace", cause="payment") == 1
    assert of(samples, "dunning_cases_recovered", policy_version="1", currency="EUR") == 1
    assert of(samples, "dunning_cases_opened", policy_version="1", currency="EUR") == 1
    assert of(samples, "mrr_at_risk", currency="EUR") is None


def test_disputes_are_told_by_what_became_of_them(services: Services, now: datetime) -> None:
    tell(services, subscription_created(at=now - timedelta(days=9)), dispute_created(at=now))

    assert of(look(services), "disputes", status="opened") == 1


@pytest.mark.usefixtures("in_grace")
def test_refund_requests_are_counted_by_state(services: Services, now: datetime) -> None:
    tell(services, subscription_payment_success(at=now, invoice=77))
    command = RequestRefund(payment="77", contact_email="ada@shop.example", organisation="Bakery Ada")
    refund_requests.request(services, "org_42", command, "tests")

    assert of(look(services), "refund_requests", state="requested") == 1


@pytest.mark.usefixtures("in_grace")
def test_every_sample_is_declared_and_its_labels_are_words_of_a_small_set(client: FlaskClient) -> None:
    client.post("/webhooks/lemonsqueezy", data=b"{}")
    client.get("/v1/accounts")

    samples = read(client.get("/metrics").text)

    assert {name for name, _ in samples} <= metrics.names()
    values = {value for _, labels in samples for _, value in labels}
    assert not [value for value in values if "org_" in value or "evt_" in value or "@" in value]


def test_a_metric_is_shown_under_its_former_name_too_and_keeps_what_was_counted_under_it(services: Services) -> None:
    labels = '{heard="no",queue="kulanz-effects"}'
    with services.database.write() as tx:
        metric_sums.add(
            tx, [(f"kulanz_doorbell_rings_total{labels}", 41.0), (f"kulanz_notifications_total{labels}", 1.0)]
        )

    samples = look(services)

    by_current_name = of(samples, "notifications_total", heard="no", queue="kulanz-effects")
    assert by_current_name == of(samples, "doorbell_rings_total", heard="no", queue="kulanz-effects") == 42
    assert of(samples, "breaker_tripped") == of(samples, "brake_on") == 0
    assert of(samples, "gauge_read_ok", source="flow") == of(samples, "reading_ok", source="flow") == 1


def test_what_several_processes_count_is_added_up(settings: Settings, services: Services, tmp_path: Path) -> None:
    before = of(look(services), "deliveries_total", endpoint="lemonsqueezy", answer="accepted") or 0

    for _ in range(2):
        counting(settings, tmp_path)
    samples = look(services)

    assert of(samples, "deliveries_total", endpoint="lemonsqueezy", answer="accepted") == before + 14
    assert of(samples, "event_lag_seconds_bucket", le="0.5") == of(samples, "event_lag_seconds_count") == 2
    assert of(samples, "event_lag_seconds_bucket", le="0.1") == 0


def test_two_processes_tell_the_same(services: Services, settings: Settings) -> None:
    metrics.REQUESTS.labels("GET", "200").inc()
    other = build(settings)

    first, second = look(services), look(other)
    other.close()

    assert of(first, "requests_total", method="GET", status="200") == of(
        second, "requests_total", method="GET", status="200"
    )


def test_what_cannot_be_read_is_not_told_as_nothing(serve: Serve) -> None:
    away = serve(database_url="postgresql://nobody@127.0.0.1:1/none", redis_url="redis://127.0.0.1:1/0")

    samples = read(away.test_client().get("/metrics").text)

    assert of(samples, "gauge_read_ok", source="flow") == 0
    assert of(samples, "gauge_read_ok", source="redis") == 0
    assert {name for name, _ in samples} == {
        "kulanz_gauge_read_ok",
        "kulanz_gauge_read_duration_seconds",
        "kulanz_reading_ok",
        "kulanz_reading_duration_seconds",
        "kulanz_spool_bytes",
    }


def test_a_slow_reading_is_not_waited_for_once_there_is_one() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def find() -> int:
        if not existing:
            existing.append(1)
            return 1
        begun.set()
        go_on.wait(30)
        return 2

    existing: list[int] = []
    kept: BackgroundValue[int] = BackgroundValue(find, 0.0)
    gather([kept])

    while not begun.is_set():
        gather([kept])
    stated = kept.value
    go_on.set()

    assert stated == 1


def test_a_reading_that_fails_leaves_none() -> None:
    answers = [0, 1]
    kept: BackgroundValue[float] = BackgroundValue(lambda: 1 / answers.pop(), 0.0)
    gather([kept])
    assert kept.value == 1

    while answers:
        gather([kept])
    gather([kept])

    assert kept.value is None
