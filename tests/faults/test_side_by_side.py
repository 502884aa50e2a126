"""Two workers at once: they share the work, wait for nobody for good, and do nothing twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from kulanz.config import load
from kulanz.ingest.receiver import Receiver
from kulanz.services import Services, build
from kulanz.store.tables import inbox
from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_mailbox
from tests.faults.checker import Seen, check
from tests.lemonsqueezy import (
    SECRET,
    Payload,
    a_buyer,
    delivery,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)
from tests.provider_server import Provider, a_provider

ROOT = Path(__file__).parents[2]
ACCOUNTS, EACH, SEEN = 8, 3, 20
"""Subscriptions of each account, and snapshots of each subscription: more than one batch, so that there is a share."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class World:
    """The far ends."""

    callbacks: CallbackReceiver
    mailbox: Mailbox
    provider: Provider


@pytest.fixture
def world() -> Iterator[World]:
    with a_callback_receiver() as callbacks, a_mailbox() as mailbox, a_provider() as provider:
        yield World(callbacks, mailbox, provider)


@pytest.fixture
def environ(database_url: str, tmp_path: Path, world: World) -> Mapping[str, str]:
    callbacks, mailbox, provider = world.callbacks, world.mailbox, world.provider
    return {
        "KULANZ_DATA_DIR": str(tmp_path),
        "DATABASE_URL": database_url,
        "ENCRYPTION_KEYS": "0f" * 32,
        "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET,
        "LEMONSQUEEZY_API_KEY": provider.api_key,
        "LEMONSQUEEZY_API_URL": provider.url,
        "CALLBACK_URL": callbacks.url,
        "CALLBACK_SECRET": callbacks.secret,
        "SMTP_URL": mailbox.url,
        "MAIL_FROM": "billing@shop.example",
    }


@pytest.fixture
def services(environ: Mapping[str, str]) -> Iterator[Services]:
    opened = build(load(environ))
    yield opened
    opened.close()


def test_two_workers_share_the_work_without_a_deadlock_and_do_nothing_twice(
    services: Services, environ: Mapping[str, str], world: World, tmp_path: Path
) -> None:
    accepted = received(services, world.provider, random.Random(11))
    deadlocks = deadlocks_so_far(services)

    codes = two_workers(environ, tmp_path)

    calls, callbacks = world.provider.requests, world.callbacks.requests
    verdict = check(services, (), (), Seen(mails=world.mailbox.accepted, callbacks=callbacks, calls=calls), seed=11)
    assert codes == [0, 0]
    assert verdict.kept, verdict
    assert handled(services) == accepted
    assert set(Counter(request.headers["webhook-id"] for request in callbacks).values()) == {1}
    assert set(Counter(call.path for call in calls if call.method == "DELETE").values()) == {1}
    assert deadlocks_so_far(services) == deadlocks


def received(services: Services, provider: Provider, order: random.Random) -> int:
    """Take in the events of a few accounts, each with several subscriptions, in no order; return how many."""
    stated = [payload for number in range(1, ACCOUNTS * EACH + 1) for payload in events_of(number, provider)]
    order.shuffle(stated)
    receiver = Receiver(services)
    with ThreadPoolExecutor(32) as senders:
        answers = list(
            senders.map(lambda each: receiver.accept("lemonsqueezy", each[1], each[0]), map(delivery, stated))
        )
    receiver.close()
    assert {answer.document["status"] for answer in answers} == {"accepted"}
    return len(stated)


def handled(services: Services) -> int:
    with services.database.read() as conn:
        return conn.execute(select(func.count()).where(inbox.c.state == "handled")).scalar_one()


def events_of(number: int, provider: Provider) -> list[Payload]:
    now = datetime.now(UTC).replace(microsecond=0)
    bought = now - 30 * DAY
    purchase = a_buyer(number, began=bought, account=f"org_{number % ACCOUNTS}")
    created = subscription_created(at=bought, purchase=purchase)
    provider.add(created)
    ends = (
        [dispute_created(at=now, purchase=purchase)]
        if number % 3 == 0
        else [
            subscription_payment_failed(at=now - 4 * DAY, purchase=purchase),
            subscription_updated(at=now - 4 * DAY, purchase=purchase, status="past_due"),
        ]
    )
    paid = subscription_payment_success(at=bought, purchase=purchase, id=10 * number + 5, billing_reason="initial")
    seen = [subscription_updated(at=now - 20 * DAY + hour * HOUR, purchase=purchase) for hour in range(SEEN)]
    return [created, paid, *seen, *ends]


def two_workers(environ: Mapping[str, str], logs: Path) -> list[int]:
    """Let two processes work until nothing is due; return how they ended."""
    command = [sys.executable, "-m", "kulanz_workers", "burst"]
    with ExitStack() as stack:
        workers = []
        for number in range(2):
            log = stack.enter_context((logs / f"worker-{number}.log").open("wb"))
            workers.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stdout=log, stderr=log))
        return [worker.wait(60) for worker in workers]


def deadlocks_so_far(services: Services) -> int:
    if services.database.dialect == "sqlite":
        return 0
    with services.database.read() as conn:
        counted = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(conn.execute(counted).scalar_one())
