"""Cost of the pure parts: `decide` for a failed payment, and the start of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from bench.figures import Figure, Goal
from bench.instances import ROOT
from bench.plan import Bench, in_turn
from kulanz.policy import document
from kulanz.policy.decide import decide
from kulanz.policy.facts import (
    BillingReason,
    InvoiceSeen,
    InvoiceStatus,
    PaymentFailed,
    PaymentSucceeded,
    ProviderFact,
    Stamp,
    Status,
    SubscriptionSeen,
)
from kulanz.policy.state import Account, Catalogue, Terms

SUBSCRIPTIONS = 10
TIMES = 2000
STARTS = 5
BEGAN = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
RENEWED = BEGAN + timedelta(days=31)
TERMS = Terms(
    policies=((BEGAN - timedelta(days=1), document.parse(document.preset("plexo"), version=1)),),
    catalogue=Catalogue.of((("lemonsqueezy:1", "professional"),)),
)


def deciding(bench: Bench) -> Iterator[Figure]:
    """`decide` for a failed payment on an account with ten subscriptions, beside a loop of a thousand additions."""
    figure = Figure(
        name=f"decide a failed payment, {SUBSCRIPTIONS} subscriptions",
        unit="µs",
        reference_name="a loop of 1,000 additions",
        goal=Goal(at_most=72, of_ours=True),
    )
    account = decide(Account(id="org_1"), _history(), TERMS, BEGAN).account
    account = decide(account, [], TERMS, RENEWED - timedelta(hours=1)).account  # What is alerted once has been.
    failure = PaymentFailed(invoice=_invoice(0, RENEWED, InvoiceStatus.PENDING), at=RENEWED)
    for turn in bench.rounds("deciding"):
        for who in in_turn(turn, ("ours", "loop")):
            work = _additions if who == "loop" else lambda: decide(account, [failure], TERMS, RENEWED)
            figure.add(_best_of(work), is_ours=who == "ours")
    yield figure


def starting(bench: Bench) -> Iterator[Figure]:
    """`kulanz --help` beside an interpreter that imports click, in processor time."""
    figure = Figure(
        name="kulanz --help", unit="ms of CPU", reference_name='python -c "import click"', goal=Goal(at_most=3)
    )
    commands = {"ours": "from kulanz.cli import main; main(['--help'])", "click": "import click"}
    for turn in bench.rounds("starting"):
        for who in in_turn(turn, tuple(commands)):
            used = min(_processor_time(commands[who]) for _ in range(STARTS))
            figure.add(used * 1000, is_ours=who == "ours")
    yield figure


def _history() -> list[ProviderFact]:
    facts: list[ProviderFact] = []
    for number in range(SUBSCRIPTIONS):
        facts.append(_subscription(number))
        facts.append(PaymentSucceeded(invoice=_invoice(number, BEGAN, InvoiceStatus.PAID), at=BEGAN))
    return facts


def _subscription(number: int) -> SubscriptionSeen:
    return SubscriptionSeen(
        key=f"lemonsqueezy:{number}",
        stamp=Stamp(BEGAN, 1),
        status=Status.ACTIVE,
        customer="lemonsqueezy:1",
        variant="lemonsqueezy:1",
        product="professional",
        email="owner@example.com",
        created_at=BEGAN,
        renews_at=RENEWED,
    )


def _invoice(number: int, at: datetime, status: InvoiceStatus) -> InvoiceSeen:
    return InvoiceSeen(
        key=f"lemonsqueezy:{number}-{at:%m}",
        subscription=f"lemonsqueezy:{number}",
        stamp=Stamp(at),
        status=status,
        reason=BillingReason.RENEWAL,
        currency="EUR",
        total=1999,
        customer="lemonsqueezy:1",
        created_at=at,
    )


def _additions() -> int:
    total = 0
    for number in range(1000):
        total += number
    return total


def _best_of(work: Callable[[], object]) -> float:
    """Return the microseconds of processor time that one call takes, in the quickest of some runs."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(TIMES // 5):
            work()
        best = min(best, (time.process_time() - began) / (TIMES // 5))
    return best * 1e6


def _processor_time(code: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return used.ru_utime + used.ru_stime
