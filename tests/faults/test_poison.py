"""One event that nobody can apply: it is counted, put aside with its reason, and holds up nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.ingest.receiver import Receiver
from kulanz.queries.replay.replay import replay
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from kulanz.store import inbox
from kulanz.store.inbox import MAX_ATTEMPTS, Event
from kulanz.store.tables import claims, effects
from kulanz.store.tables import inbox as rows
from tests.faults.poison import CARD, KILLS, RAISES, drain, drained
from tests.lemonsqueezy import MONDAY, SECRET, Payload, Purchase, delivery, subscription_created, subscription_updated

NEIGHBOURS = 12


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        encryption_keys=(os.urandom(32),),
        lemonsqueezy_webhook_secrets=(SECRET,),
        ops_alert_to="ops@shop.example",
    )


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    opened = build(settings)
    yield opened
    opened.close()


@pytest.mark.parametrize(("poison", "deaths", "reason"), [(RAISES, 0, "RuntimeError in poison.py"), (KILLS, 3, "died")])
def test_an_event_that_nobody_can_apply_is_parked_after_three_attempts_and_the_others_go_on(
    settings: Settings, services: Services, poison: str, deaths: int, reason: str
) -> None:
    deliver(services, *neighbours()[:NEIGHBOURS])
    (bad,) = deliver(services, subscription_updated(at=MONDAY, purchase=buyer(1), **{CARD: poison}))
    others = deliver(services, *neighbours()[NEIGHBOURS:])

    died = drained(settings, lambda: time_passes(services)) if poison == KILLS else 0
    for _ in range(MAX_ATTEMPTS):
        time_passes(services)
        drain(settings)

    event = stored(services, bad)
    assert (event.state, event.attempts, event.account) == ("parked", 3, "org_1")
    assert reason in str(event.reason)
    assert "anna" not in str(event.reason)
    assert died == deaths
    assert {stored(services, number).state for number in range(1, others[-1] + 1) if number != bad} == {"handled"}
    with services.database.read() as conn:
        assert inbox.holding_back(conn, ["org_1", "org_2"]) == inbox.holding_back(conn, ["org_1"]) == [bad]
        alerted = conn.execute(select(effects.c.subject).where(effects.c.type == "ops_alert")).scalars()
        # The others are of renewals that nothing was heard of for months.
        assert [subject for subject in alerted if subject.startswith("evt_")] == [f"evt_{bad}"]


def test_a_parked_event_is_applied_when_its_cause_is_mended_and_it_is_retried(
    settings: Settings, services: Services
) -> None:
    deliver(services, *neighbours())
    (bad,) = deliver(services, subscription_updated(at=MONDAY, purchase=buyer(1), **{CARD: KILLS}))
    drained(settings, lambda: time_passes(services))

    with services.database.write() as tx:
        inbox.retry(tx, ids=[bad])
    while pipeline.process(services).moved:
        pass

    assert stored(services, bad).state == "handled"
    assert [finding for finding in replay(services) if finding.differs] == []


def neighbours() -> list[Payload]:
    """Two events each of several accounts."""
    return [
        event
        for number in range(1, NEIGHBOURS + 1)
        for event in (
            subscription_created(at=MONDAY - timedelta(days=9), purchase=buyer(number)),
            subscription_updated(at=MONDAY - timedelta(days=1), purchase=buyer(number)),
        )
    ]


def buyer(number: int) -> Purchase:
    return Purchase(account=f"org_{number}", customer=number, subscription=100 + number, order=200 + number)


def deliver(services: Services, *payloads: Payload) -> Sequence[int]:
    receiver = Receiver(services)
    answers = [receiver.accept("lemonsqueezy", headers, body) for body, headers in map(delivery, payloads)]
    receiver.close()
    assert {answer.status for answer in answers} == {200}
    return [inbox.number_of(answer.document["event"]) for answer in answers]


def time_passes(services: Services) -> None:
    """Let every pause between attempts be over, and every claim be an old one."""
    with services.database.write() as tx:
        tx.execute(update(rows).values(next_attempt_at=None))
        tx.execute(update(claims).values(claimed_at=real_now() - timedelta(minutes=1)))


def stored(services: Services, number: int) -> Event:
    with services.database.read() as conn:
        event = inbox.get(conn, number)
    assert event is not None
    return event
