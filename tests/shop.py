"""A merchant's whole world in one process, on loopback: the simulated provider, the product, its callbacks and mails.

Time is the simulator's: the product's test clock follows it, and both stop at every moment at which anything is due.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from kulanz import pipeline
from kulanz.config import ApiToken, Settings
from kulanz.ingest.receiver import Receiver
from kulanz.processing import facts_first
from kulanz.providers.stripe.vocabulary import OBJECTS
from kulanz.queries import accounts
from kulanz.runtime.rate_limit import LocalSlots, RateLimit
from kulanz.services import Services, build
from kulanz.store import inbox
from kulanz.web.application import assemble
from kulanz_simulator import Assumptions, LemonSqueezySimulator, Simulator, running
from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_mailbox
from tests.lemonsqueezy import MONDAY, SECRET
from tests.test_spooling import locked

SPOOL_DRAINED_WITHIN = 30.0
TOKEN = "a-token-for-tests"
PLANS: dict[str, tuple[tuple[str, str], ...]] = {
    "lemonsqueezy": (("lemonsqueezy:47001", "professional"), ("lemonsqueezy:47002", "enterprise")),
    "stripe": (
        ("stripe:price_pro", "professional"),
        ("stripe:price_ent", "enterprise"),
        ("stripe:price_seat", "addon:seats"),
    ),
}


EVENTS = {"stripe": tuple(OBJECTS)}
"""What is registered where not everything is sent."""


class Handler(WSGIRequestHandler):
    """Keeps connections open and says nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - as it is called
        pass


class WebServer:
    """The product's web server; closed, it takes no connection."""

    def __init__(self, services: Services, endpoint: str) -> None:
        self._endpoint = endpoint
        self.receiver = Receiver(services)
        self._app = assemble(self.receiver, services, services.settings)
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/webhooks/{self._endpoint}"

    def open(self) -> None:
        self._server = make_server("127.0.0.1", self._port, self._app, threaded=True, request_handler=Handler)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = None

    def end(self) -> None:
        """Close for good, with the threads that took deliveries in."""
        self.close()
        self.receiver.close()


@dataclass(slots=True)
class Shop:
    """One store and one instance."""

    simulator: Any
    """The one of some provider."""
    services: Services
    web: WebServer
    callbacks: CallbackReceiver
    mailbox: Mailbox
    step: timedelta = timedelta()
    """How much of what is due is done at once, at the latest of its moments: 0 is exact."""
    mailed: list[tuple[datetime, str, str]] = field(default_factory=list)
    """When a letter was accepted, by the simulator's time, which notice it is, and to whom."""

    @property
    def now(self) -> datetime:
        return self.simulator.now

    def advance(self, by: timedelta) -> None:
        self.advance_to(self.now + by)

    def advance_to(self, until: datetime) -> None:
        """Go on from due moment to due moment, here and there."""
        while (due := self._next_due(until)) is not None and due < until:
            self._go_to(due)
        self._go_to(until)

    def settle(self) -> None:
        """Do everything that is due now."""
        self.services.clock.set(self.now)
        while self._moves():
            self._note_mails()

    def _moves(self) -> bool:
        """Let workers do what is due, and the receiver answer the question for which timers wait."""
        moved = pipeline.process(self.services).moved | pipeline.deliver(self.services).moved
        answered = self.web.receiver.reports.report()
        # The receiver's own thread may have answered just before.
        return bool(moved) or answered or bool(pipeline.process(self.services).moved)

    def sleep_through(self, until: datetime) -> None:
        """Be away: deliveries are refused, and nothing is done until then."""
        self.web.close()
        self.simulator.sender.close()
        self.simulator.advance_to(until)
        self.web.open()
        self.settle()

    def lag_through(self, until: datetime) -> None:
        """Acknowledge everything and apply nothing until then, as when the worker hangs."""
        self.simulator.advance_to(until)
        self.settle()

    def spool_through(self, until: datetime) -> None:
        """Be without the database until then: what is delivered meanwhile is acknowledged and kept beside it."""
        with locked(self.services.settings.database_url):
            self.simulator.advance_to(until)
        deadline = time.monotonic() + SPOOL_DRAINED_WITHIN
        while self._is_waited_for():
            assert time.monotonic() < deadline, "the spool is not brought in"
            time.sleep(0.05)
        self.settle()

    def _is_waited_for(self) -> bool:
        with self.services.database.read() as conn:
            return bool(facts_first.waited_for(conn))

    def account(self, name: object) -> dict[str, Any]:
        """Return an account as the API shows it."""
        document = msgspec.json.encode(accounts.account_document(self.services, str(name)))
        return msgspec.json.decode(document, type=dict[str, Any])

    def received(self) -> dict[str, int]:
        with self.services.database.read() as conn:
            return inbox.counts(conn)

    def _next_due(self, until: datetime) -> datetime | None:
        """Return the next moment to stop at: the product's own exactly, the provider's with its neighbours."""
        with self.services.database.read() as conn:
            ours = pipeline.next_due(conn, self.now)
        theirs = self.simulator.next_due()
        if theirs is not None and self.step:
            theirs = min(theirs + self.step, until)
        moments = [max(at, self.now) for at in (ours, theirs) if at is not None]
        return min(moments, default=None)

    def _go_to(self, at: datetime) -> None:
        self.services.clock.set(at)
        self.simulator.advance_to(at)
        self.settle()

    def _note_mails(self) -> None:
        for letter in self.mailbox.accepted[len(self.mailed) :]:
            self.mailed.append((self.now, str(letter["X-Kulanz-Notice"]), str(letter["To"])))


@contextmanager
def a_shop(
    folder: Path,
    database_url: str,
    *,
    seed: int = 1,
    began: datetime = MONDAY,
    assumptions: Assumptions | None = None,
    simulator: Simulator | None = None,
) -> Iterator[Shop]:
    """Open a shop on a migrated database; without a simulator it is one on Lemon Squeezy."""
    with ExitStack() as stack:
        given_simulator = simulator or LemonSqueezySimulator(began, seed=seed, assumptions=assumptions or Assumptions())
        simulator = stack.enter_context(running(given_simulator))
        callbacks, mailbox = stack.enter_context(a_callback_receiver()), stack.enter_context(a_mailbox())
        services = _services(folder, database_url, simulator, callbacks, mailbox)
        stack.callback(services.close)
        services.clock.set(began)
        with services.database.write() as tx:
            services.adopt_policy(tx)
        door = WebServer(services, simulator.provider)
        stack.callback(door.end)
        simulator.deliver_to(door.url, SECRET, events=EVENTS.get(simulator.provider, ()))
        yield Shop(simulator, services, door, callbacks, mailbox)


def _services(
    folder: Path, database_url: str, simulator: Simulator, callbacks: CallbackReceiver, mailbox: Mailbox
) -> Services:
    name = simulator.provider
    settings = Settings(
        data_dir=folder,
        database_url=database_url,
        encryption_keys=(os.urandom(32),),
        lemonsqueezy_mode="any",
        plans=PLANS[name],
        callback_url=callbacks.url,
        callback_secret=callbacks.secret,
        smtp_url=mailbox.url,
        mail_from="billing@shop.example",
        ops_alert_to="ops@shop.example",
        api_tokens=(ApiToken(name="tests", token=TOKEN),),
        test_clock=True,
        **{
            f"{name}_webhook_secrets": (SECRET,),
            f"{name}_api_key": simulator.api_key,
            f"{name}_api_url": simulator.url,
        },
    )
    simulator.conditions.limit = 1_000_000
    unlimited = LocalSlots(limit=1_000_000, gap=0.0)
    return replace(build(settings), rate_limit=RateLimit(local=unlimited))
