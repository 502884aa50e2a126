"""The console: every act by POST, a page for people, and the command that runs it all."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from kulanz_simulator import LemonSqueezySimulator, Simulator, StripeSimulator, running
from tests.fake_servers import CallbackReceiver, a_callback_receiver
from tests.lemonsqueezy import MONDAY, SECRET

ROOT = Path(__file__).parents[2]
HTML = {"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded"}


def post(simulator: Simulator, act: str, **told: Any) -> requests.Response:
    return requests.post(f"{simulator.url.removesuffix('/v1')}/console/{act}", json=told, timeout=5)


def done(simulator: Simulator, act: str, **told: Any) -> Any:
    answer = post(simulator, act, **told)
    assert answer.status_code == 200, answer.text
    return answer.json()["done"]


def test_a_life_is_played_by_posts(simulator: LemonSqueezySimulator, receiver: CallbackReceiver) -> None:
    bought = done(simulator, "subscribe", account="org_42", price=4900)
    sub, order = bought["subscription"], bought["order"]

    statuses = []
    for act, document in (
        ("fail", {"subscription": sub}),
        ("recover", {"subscription": sub}),
        ("cancel", {"subscription": sub}),
        ("resume", {"subscription": sub}),
        ("pause", {"subscription": sub}),
        ("unpause", {"subscription": sub}),
        ("change-plan", {"subscription": sub, "variant": 47002}),
        ("refund", {"order": order, "amount": 100}),
        ("fraudulent", {"order": order}),
        ("clear", {"order": order}),
    ):
        done(simulator, act, **document)
        statuses.append(simulator.subscription(sub)["status"])

    assert statuses[:6] == ["past_due", "active", "cancelled", "active", "paused", "active"]
    assert len(receiver.requests) == len(simulator.sender.told)


def test_time_goes_on_by_a_post(simulator: LemonSqueezySimulator) -> None:
    before = simulator.now

    done(simulator, "clock", days=2, hours=3, speed=60)

    assert (simulator.now - before).total_seconds() == 51 * 3600
    assert simulator.speed == 60


def test_faults_and_weather_are_set_by_posts(simulator: LemonSqueezySimulator) -> None:
    done(simulator, "faults", lost=0.5, twice=2)
    done(simulator, "weather", slow=0.01, status=503, times=2)

    assert (simulator.faults.lost, simulator.faults.twice, simulator.faults.late) == (0.5, 1.0, 0.0)
    assert [requests.get(f"{simulator.url}/users/me", timeout=5).status_code for _ in range(3)] == [503, 503, 401]


@pytest.mark.parametrize(
    ("act", "told", "status"),
    [
        ("fail", {"subscription": "99"}, 404),
        ("fail", {}, 422),
        ("refund", {"order": "1", "amount": "much"}, 422),
        ("dance", {}, 404),
        ("clock", {"days": "soon"}, 422),
    ],
)
def test_what_cannot_be_done_is_said_plainly(
    simulator: LemonSqueezySimulator, act: str, told: dict[str, str], status: int
) -> None:
    answer = post(simulator, act, **told)

    assert answer.status_code == status
    assert answer.json()["error"]


def test_the_page_needs_no_scripts_and_escapes_what_it_shows(simulator: LemonSqueezySimulator) -> None:
    simulator.sell(account="<script>alert(1)</script>")

    page = requests.get(simulator.url.removesuffix("v1"), params={"said": "<b>"}, timeout=5)

    assert page.status_code == 200
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "<b>it" not in page.text.lower().replace("<b>2", "")
    assert "script-src" not in page.headers["Content-Security-Policy"]


def test_a_form_leads_back_to_the_page(simulator: LemonSqueezySimulator) -> None:
    url = f"{simulator.url.removesuffix('/v1')}/console/fail"

    answer = requests.post(url, data="subscription=99", headers=HTML, allow_redirects=False, timeout=5)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/?said=no+subscription+99")


def test_another_sites_page_cannot_act(simulator: LemonSqueezySimulator) -> None:
    url = f"{simulator.url.removesuffix('/v1')}/console/subscribe"

    answer = requests.post(url, headers={"Origin": "https://elsewhere.example"}, timeout=5)

    assert answer.status_code == 403
    assert simulator.totals()["subscriptions"] == 0


@pytest.mark.parametrize("provider", ["lemonsqueezy", "stripe"])
def test_the_command_runs_until_it_is_told_to_stop(receiver: CallbackReceiver, provider: str) -> None:
    command = [sys.executable, "-m", "kulanz", "provider-sim", "--port", "0", "--customers", "2", "--speed", "100"]
    options = ["--webhook-url", receiver.url, "--secret", SECRET, "--provider", provider]
    with subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        console = re.sub(r"console +", "", process.stdout.readline()).strip()
        api = process.stdout.readline()
        receiver.await_count(6)
        state = requests.get(f"{console}state", timeout=5).json()
        page = requests.get(console, timeout=5).text
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=10) == 0

    assert state["subscriptions"] == 2
    assert state["delivered"] >= 5
    assert f"{provider.upper()}_API_URL={console}v1" in api
    assert "Sell a subscription" in page


@pytest.mark.parametrize(
    "options", [("--api-version", "2025-03-31.basil"), ("--provider", "stripe", "--api-version", "1")]
)
def test_a_version_that_is_none_is_refused_in_a_line(options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "kulanz", "provider-sim", "--port", "0", "--webhook-url", "http://127.0.0.1:9"]
    result = subprocess.run(
        [*command, "--secret", SECRET, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "--api-version" in result.stderr


def test_stripes_console_plays_a_life() -> None:
    with running(StripeSimulator(MONDAY)) as simulator, a_callback_receiver() as receiver:
        simulator.deliver_to(receiver.url, SECRET)
        bought = done(simulator, "subscribe", account="org_42", price="price_seat,price_ent", quantity=2)
        sub, statuses = bought["subscription"], []
        acts: tuple[tuple[str, dict[str, Any]], ...] = (
            ("fail", {}),
            ("clock", {"hours": 2}),
            ("recover", {}),
            ("pause", {"mode": "void"}),
            ("unpause", {}),
            ("change-plan", {"price": "price_pro", "proration": "always_invoice"}),
            ("cancel", {}),
            ("resume", {}),
            ("move", {"account": "org_43"}),
            ("cancel-now", {}),
        )
        for act, fields in acts:
            done(simulator, act, **({} if act == "clock" else {"subscription": sub}), **fields)
            statuses.append(simulator.subscription(sub)["status"])
        done(simulator, "refund", charge=bought["charge"], amount=100)
        done(simulator, "warn", charge=bought["charge"])
        dispute = done(simulator, "dispute", charge=bought["charge"], reason="duplicate")
        done(simulator, "move-dispute", dispute=dispute, status="won")

    assert statuses == ["active", "past_due", *["active"] * 7, "canceled"]
    assert simulator.subscription(sub)["metadata"] == {"account_id": "org_43"}
    assert len(receiver.requests) == len(simulator.sender.told)
