"""The console: every act by POST, a page for people, and the command that runs it all."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests

from kulanz_simulator import LemonSqueezySimulator, Simulator, StripeSimulator, running
from kulanz_simulator.console import Console
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


class Forms(HTMLParser):
    """The forms of a page: where each of their buttons posts, and what."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.pressed: list[tuple[str, dict[str, str]]] = []
        self._action, self._hidden = "", {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag, given:
            case "form", _:
                self._action, self._hidden = given.get("action", ""), {}
            case "input", {"type": "hidden"}:
                self._hidden[given["name"]] = given["value"]
            case "button", _:
                own = {given["name"]: given["value"]} if "name" in given else {}
                self.pressed.append((given.get("formaction", self._action), {**self._hidden, **own}))


ROWS = {
    "lemonsqueezy": ("subscription", "invoice", "order", "licence", "delivery"),
    "stripe": ("subscription", "invoice", "charge", "dispute", "delivery"),
}


@pytest.fixture(params=ROWS)
def provider(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A simulator of each provider that holds an object of each kind."""
    new: Simulator = (LemonSqueezySimulator if request.param == "lemonsqueezy" else StripeSimulator)(MONDAY)
    with running(new) as simulator, a_callback_receiver() as receiver:
        simulator.deliver_to(receiver.url, SECRET)
        bought = done(simulator, "subscribe", account="org_42", licence="yes")
        if "charge" in bought:
            done(simulator, "dispute", charge=bought["charge"])
        yield simulator


def pressed(simulator: Simulator) -> list[tuple[str, dict[str, str]]]:
    return Forms(requests.get(simulator.url.removesuffix("v1"), timeout=5).text).pressed


def test_each_row_has_a_button_for_each_act_on_its_object(provider: Simulator) -> None:
    acts = {f"/console/{name}": act for name, act in Console(provider).acts().items()}
    on_rows = {(action, *fields) for action, fields in pressed(provider) if acts[action].on and fields}

    assert on_rows == {(action, subject) for action, act in acts.items() for subject in act.on}
    assert {subject for _, subject in on_rows} == set(ROWS[provider.provider])


def test_each_button_without_a_choice_is_understood(provider: Simulator) -> None:
    console = provider.url.removesuffix("/v1")
    needs_a_word = {"/console/change-plan", "/console/quantity", "/console/move", "/console/move-dispute"}
    buttons = [(action, fields) for action, fields in pressed(provider) if fields and action not in needs_a_word]

    answers = [requests.post(console + action, data=fields, timeout=10) for action, fields in buttons]

    assert {answer.status_code for answer in answers} <= {200, 409}, [answer.text for answer in answers]
    assert len([answer for answer in answers if answer.status_code == 200]) > len(answers) / 2


def test_a_button_acts_on_its_row(provider: Simulator) -> None:
    console = provider.url.removesuffix("/v1")
    provider.sell(account="org_43")
    (newest, fields), (_, other) = (entry for entry in pressed(provider) if entry[0] == "/console/cancel" and entry[1])

    answer = requests.post(console + newest, data=fields, headers=HTML, allow_redirects=False, timeout=5)

    assert answer.headers["Location"] == "/?said=done"
    cancelled = "cancelled" if provider.provider == "lemonsqueezy" else "cancel_at_period_end"
    assert [provider.subscription(each["subscription"])[cancelled] for each in (fields, other)] == [True, False]


def test_a_change_of_plan_that_is_not_paid_is_paid_later(simulator: LemonSqueezySimulator) -> None:
    sub = done(simulator, "subscribe")["subscription"]

    done(simulator, "change-plan", subscription=sub, variant=47002, unpaid="yes")
    unpaid = simulator.subscription(sub)["status"]
    done(simulator, "pay-change", subscription=sub)

    assert (unpaid, simulator.subscription(sub)["status"]) == ("past_due", "active")


def test_an_invoice_that_was_sent_is_paid_by_transfer() -> None:
    with running(StripeSimulator(MONDAY)) as simulator:
        sub = done(simulator, "subscribe", by_hand="yes")["subscription"]
        invoice = simulator.invoices(sub)[0]

        done(simulator, "pay", invoice=invoice["id"])

    assert simulator.invoices(sub)[0]["status"] == "paid"


def test_every_key_is_taken_and_none_is_refused(provider: Simulator) -> None:
    path = "/users/me" if provider.provider == "lemonsqueezy" else "/account"
    keys: tuple[dict[str, str], ...] = (
        {"Authorization": "Bearer sk_live_a-key-of-somewhere-else"},
        {"Authorization": f"Bearer {provider.api_key}"},
        {"Authorization": "Bearer "},
        {},
    )

    answers = [requests.get(provider.url + path, headers=headers, timeout=5).status_code for headers in keys]

    assert answers == [200, 200, 401, 401]


def test_the_page_of_the_simulator_describes_each_act_with_its_fields(provider: Simulator) -> None:
    rows = [line for line in (ROOT / "docs" / "simulator.md").read_text().splitlines() if line.startswith("| `")]

    for name, act in Console(provider).acts().items():
        written = [row for row in rows if f"`{name}`" in row and all(f"`{field}`" in row for field in act.on)]
        assert any(all(f"`{field}`" in row for field in act.fields) for row in written), name
