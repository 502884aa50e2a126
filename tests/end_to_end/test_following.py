"""`kulanz provider-sim --follow`: the simulator's clock and the test clock of a running instance move together."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.end_to_end.instance import ROOT, Instance, an_instance
from tests.fake_servers import a_free_port

STRIPE_SECRET = "whsec_of-the-simulator"


@dataclass(frozen=True)
class Followed:
    """A running instance and the simulator that moves its clock."""

    instance: Instance
    console: str

    def act(self, name: str, **fields: object) -> dict[str, Any]:
        answer = requests.post(f"{self.console}console/{name}", json=fields, timeout=120)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def now(self) -> datetime:
        return datetime.fromisoformat(requests.get(f"{self.console}state", timeout=5).json()["now"])


@contextmanager
def a_followed_instance(folder: Path, provider: str, *options: str) -> Iterator[Followed]:
    port = a_free_port()
    settings = {
        f"{provider.upper()}_API_URL": f"http://127.0.0.1:{port}/v1",
        f"{provider.upper()}_API_KEY": "sk_test_any" if provider == "stripe" else "any",
        "STRIPE_WEBHOOK_SECRETS": STRIPE_SECRET,
        "KULANZ_PLANS": "lemonsqueezy:47001=professional,stripe:price_pro=professional",
    }
    with an_instance(folder, **settings) as instance:
        command = [sys.executable, "-m", "kulanz", "provider-sim", "--follow", "--provider", provider]
        place = ["--port", str(port), "--webhook-url", instance.url]
        with subprocess.Popen(
            [*command, *place, *options], cwd=ROOT, env={**instance.environ}, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            console = re.sub(r"console +", "", process.stdout.readline()).strip()
            try:
                yield Followed(instance, console)
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("provider", ["lemonsqueezy", "stripe"])
def test_a_failed_renewal_is_told_and_looked_up_at_its_time(tmp_path: Path, provider: str) -> None:
    with a_followed_instance(tmp_path, provider, "--speed", "0") as followed:
        bought = followed.act("subscribe", account="org_42", email="buyer@shop.example")["done"]
        plan = followed.instance.account("org_42")["plan"]
        followed.act("clock", days=10)
        followed.act("fail", subscription=bought["subscription"])
        failed_at = followed.now()
        followed.act("clock", days=30)
        both = followed.now(), followed.instance.now()
        decisions = followed.instance.get("/v1/accounts/org_42/timeline?limit=100")["decisions"]

    assert plan == "professional"
    assert both == (failed_at + timedelta(days=30),) * 2
    (began,) = days(decisions, "dunning.grace_started")
    assert [round(day - began, 3) for day in days(decisions, "dunning.failure_counted")[:2]] == [3, 7]
    assert [round(day - began, 3) for day in days(decisions, "dunning.hold_placed")] == [7]


def days(decisions: list[dict[str, Any]], rule: str) -> list[float]:
    """Return when a rule was applied, in days."""
    return [datetime.fromisoformat(each["at"]).timestamp() / 86400 for each in decisions if each["rule"] == rule]


def test_the_simulator_catches_up_with_a_clock_that_a_command_moves(tmp_path: Path) -> None:
    with a_followed_instance(tmp_path, "lemonsqueezy", "--speed", "0") as followed:
        followed.act("subscribe", account="org_42")
        (before,) = renewals(followed.instance)

        followed.instance.advance("31d")
        target = followed.instance.now()
        deadline = time.monotonic() + 30
        while followed.now() < target:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (after,) = renewals(followed.instance)

    assert after - before == timedelta(days=30)


def renewals(instance: Instance) -> list[datetime]:
    """Return when the account's subscriptions renew next."""
    return [datetime.fromisoformat(each["renews_at"]) for each in instance.account("org_42")["subscriptions"]]


def test_follow_takes_its_time_from_the_instance(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kulanz", "provider-sim", "--follow", "--at", "2026-01-01", "--port", "0"]
    place = ["--webhook-url", "http://127.0.0.1:9", "--secret", STRIPE_SECRET]
    result = subprocess.run(
        [*command, *place],
        cwd=ROOT,
        env={"KULANZ_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "kulanz clock set" in result.stderr


def test_follow_is_refused_where_the_test_clock_is_not_allowed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kulanz", "provider-sim", "--follow", "--port", "0"]
    place = ["--webhook-url", "http://127.0.0.1:9", "--secret", STRIPE_SECRET]
    environ = {"KULANZ_DATA_DIR": str(tmp_path), "ENCRYPTION_KEYS": "0f" * 32}
    subprocess.run([sys.executable, "-m", "kulanz", "migrate"], cwd=ROOT, env=environ, check=True, capture_output=True)
    result = subprocess.run([*command, *place], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "KULANZ_TEST_CLOCK=1" in result.stderr


@pytest.mark.parametrize(("mode", "warnings"), [("live", 1), ("test", 0)])
def test_an_instance_that_would_ignore_the_simulators_events_is_named(tmp_path: Path, mode: str, warnings: int) -> None:
    environ = {
        "KULANZ_DATA_DIR": str(tmp_path),
        "LEMONSQUEEZY_MODE": mode,
        "LEMONSQUEEZY_WEBHOOK_SECRETS": "a-secret",
        "ENCRYPTION_KEYS": "0f" * 32,
    }
    command = [sys.executable, "-m", "kulanz", "provider-sim", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=30)

    assert (process.returncode, complaint.count("LEMONSQUEEZY_MODE=test")) == (0, warnings), complaint
