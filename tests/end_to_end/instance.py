"""A running instance, driven as the world drives it: signed deliveries, the API and the command line, nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests

from kulanz.cli import run
from kulanz.config import load
from kulanz.runtime.notifier import connect
from tests.callbacks import misfits
from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_free_port, a_mailbox
from tests.lemonsqueezy import SECRET, Payload, Purchase, delivery, subscription_expired
from tests.provider_server import Provider, a_provider
from tests.servers import PostgreSQL

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-for-tests"
PLANS = "lemonsqueezy:47001=professional,lemonsqueezy:47002=enterprise,lemonsqueezy:47009=addon:seats"


@dataclass(slots=True)
class Instance:
    """One instance with its far ends. Stories share it: each has an account and a stretch of time of its own."""

    url: str
    environ: Mapping[str, str]
    callbacks: CallbackReceiver
    mailbox: Mailbox
    provider: Provider
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None
    """Where the instance's own output goes; None: to the test's."""
    stories: int = 0
    running: list[Purchase] = field(default_factory=list)
    """What was bought in stories that are not over."""
    session: requests.Session = field(default_factory=requests.Session)

    def purchase(self, **told: Any) -> Purchase:
        """A subscription that nobody has heard of, and its buyer."""
        self.stories += 1
        own = self.stories * 100
        ids = {"customer": own + 1, "subscription": own + 2, "order": own + 3, "invoice": own + 4, "dispute": own + 5}
        purchase = Purchase(account=f"org_{own}", email=f"buyer{own}@shop.example", **ids)
        self.running.append(replace(purchase, **told))
        return self.running[-1]

    def end_stories(self) -> None:
        """Let every subscription end, so that nothing is asked about it in the stories that follow."""
        at, ended = self.now(), self.running
        self.running = []
        self.provider.now = at
        for each in ended:
            if str(each.subscription) in self.provider.subscriptions:
                self.provider.change(each.subscription, status="expired", ends_at=at)
        self.deliver_event(*(subscription_expired(purchase=each, at=at, ends_at=at) for each in ended))
        self._renew_the_budget()

    def _renew_the_budget(self) -> None:
        """Let the provider be asked as often as it allows again: months of the test clock pass in one real minute."""
        with _environ(self.environ):
            url = load(os.environ).redis_url
        if url is not None:
            with connect(url, timeout=5) as redis:
                for key in redis.scan_iter("kulanz:pace:*"):
                    redis.delete(key)

    def now(self) -> datetime:
        return datetime.fromisoformat(self.cli("clock", "show", "--json")["now"])

    def deliver(self, payload: Payload) -> dict[str, Any]:
        """Post one delivery and return the answer, which has to be 200."""
        body, headers = delivery(payload)
        answer = self.session.post(f"{self.url}/webhooks/lemonsqueezy", data=body, headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def deliver_event(self, *payloads: Payload) -> None:
        """Deliver, and wait until all that follows is done."""
        for payload in payloads:
            self.deliver(payload)
        self.settle()

    def settle(self) -> None:
        self.cli("clock", "advance", "0s")

    def advance(self, by: str) -> None:
        self.cli("clock", "advance", by)

    def advance_to(self, at: datetime) -> None:
        seconds = int((at - self.now()).total_seconds())
        assert seconds >= 0, "time does not go back"
        self.provider.now = at
        self.advance(f"{seconds}s")

    def account(self, name: str | Purchase) -> dict[str, Any]:
        """Return the account as the API shows it."""
        return self.get(f"/v1/accounts/{_named(name)}")

    def get(self, path: str) -> dict[str, Any]:
        answer = self.session.get(self.url + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def ask(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)

    def post(self, path: str, document: dict[str, Any]) -> requests.Response:
        return self.session.post(
            self.url + path, json=document, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
        )

    def delete(self, path: str) -> requests.Response:
        return self.session.delete(self.url + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)

    def callbacks_received(self, name: str | Purchase) -> list[str]:
        """Return what the merchant's product was told of an account, in order."""
        stated = [
            document for document in self.callbacks.documents if document["data"].get("account_id") == _named(name)
        ]
        return [document["type"] for document in stated]

    def mails(self, purchase: Purchase) -> list[str]:
        """Return the notices that a buyer got, in order."""
        return [str(item["X-Kulanz-Notice"]) for item in self.mailbox.accepted if purchase.email in str(item["To"])]

    def cli(self, *arguments: str) -> dict[str, Any]:
        """Run a command, which has to end well, and return what it prints as JSON."""
        result = self.run(*arguments)
        assert result[0] == 0, (arguments, result)
        return json.loads(result[1]) if result[1].startswith(("{", "[")) else {"text": result[1]}

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command and return its exit code and what it printed."""
        out, err = StringIO(), StringIO()
        with _environ(self.environ), redirect_stdout(out), redirect_stderr(err):
            code = run(arguments)
        return code, out.getvalue(), err.getvalue()

    def start(self) -> None:
        """Start the instance and wait until it takes deliveries."""
        port = self.url.rpartition(":")[2]
        command = [sys.executable, "-m", "kulanz", "up", "--port", port, "--data-dir", self.environ["KULANZ_DATA_DIR"]]
        with ExitStack() as stack:
            log = stack.enter_context(self.log.open("ab")) if self.log else None
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **self.environ}, stdout=log or subprocess.DEVNULL, stderr=log
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(requests.ConnectionError):
                if requests.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            assert self.process.poll() is None, f"kulanz up ended with {self.process.returncode}"
            time.sleep(0.05)
        raise AssertionError("kulanz up did not get ready within 30 s")

    def stop(self) -> int:
        """Stop it as a platform does and return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


@contextmanager
def an_instance(data_dir: Path, *, log: Path | None = None, **settings: str) -> Iterator[Instance]:
    """Run an instance with its far ends: a mail server, a merchant's product, and the provider's API."""
    with ExitStack() as stack:
        callbacks = stack.enter_context(a_callback_receiver())
        mailbox = stack.enter_context(a_mailbox())
        provider = stack.enter_context(a_provider())
        url = f"http://127.0.0.1:{a_free_port()}"
        environ = {
            "KULANZ_DATA_DIR": str(data_dir),
            "KULANZ_TEST_CLOCK": "1",
            "KULANZ_PLANS": PLANS,
            "LEMONSQUEEZY_MODE": "any",
            "LEMONSQUEEZY_WEBHOOK_SECRETS": f"an-older-secret,{SECRET}",
            "LEMONSQUEEZY_API_KEY": provider.api_key,
            "LEMONSQUEEZY_API_URL": provider.url,
            "CALLBACK_URL": callbacks.url,
            "CALLBACK_SECRET": callbacks.secret,
            "SMTP_URL": mailbox.url,
            "MAIL_FROM": "billing@shop.example",
            "BILLING_URL": "https://shop.example/billing",
            "OPS_ALERT_TO": "ops@shop.example",
            "API_TOKENS": f"tests:{TOKEN}",
            **settings,
        }
        instance = Instance(url, environ, callbacks, mailbox, provider, log=log)
        instance.start()
        try:
            yield instance
        finally:
            code = instance.stop()
        assert code == 0, f"kulanz up ended with {code}"
        assert [flaw for request in callbacks.requests for flaw in misfits(json.loads(request.body))] == []


@contextmanager
def an_instance_on_its_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, **settings: str
) -> Iterator[Instance]:
    """Run an instance on the database that a fixture's parameter names; without one, on that of `--presets-on`."""
    name = getattr(request, "param", None) or request.config.getoption("--presets-on")
    data_dir = tmp_path_factory.mktemp(name)
    with ExitStack() as stack:
        if name != "sqlite":
            server: PostgreSQL = request.getfixturevalue("postgresql")
            template: str = request.getfixturevalue("postgresql_template")
            through: str = request.getfixturevalue("pgbouncer") if name == "pgbouncer" else ""
            settings = {"DATABASE_URL": stack.enter_context(server.a_database(template)) + through, **settings}
        yield stack.enter_context(an_instance(data_dir, **settings))


@contextmanager
def _environ(settings: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def whole_second(at: datetime) -> datetime:
    """Lemon Squeezy's clock has whole seconds."""
    return at.astimezone(UTC).replace(microsecond=0)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def _named(name: str | Purchase) -> str:
    return name if isinstance(name, str) else str(name.account)
