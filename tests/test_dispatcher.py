"""Carrying effects out after somebody died at it, on a real database and with a real mail server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.crypto import places
from kulanz.errors import NotSentError, StorageUnavailableError
from kulanz.policy.effects import RefundPayment
from kulanz.processing.lease import Lease
from kulanz.processing.outbox import alert, effect_row
from kulanz.processing.write_guard import WriteGuard
from kulanz.runtime.clock import real_now
from kulanz.runtime.request_note import RequestNote
from kulanz.runtime.send_timing import SendTiming
from kulanz.services import Services, build
from kulanz.store import codec, outbox
from kulanz.store.database import Connection, Database
from kulanz.store.outbox import EffectRow
from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_mailbox
from tests.replacing import replace


@pytest.fixture
def callbacks() -> Iterator[CallbackReceiver]:
    with a_callback_receiver() as callbacks:
        yield callbacks


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def services(database_url: str, tmp_path: Path, mailbox: Mailbox) -> Iterator[Services]:
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        encryption_keys=(os.urandom(32),),
        smtp_url=mailbox.url,
        mail_from="billing@shop.example",
        ops_alert_to="ops@shop.example",
    )
    opened = build(settings)
    yield opened
    opened.close()


@pytest.fixture
def telling(services: Services, callbacks: CallbackReceiver) -> Iterator[Services]:
    """The same, with a product to be called instead of a mailbox."""
    stated = {"callback_url": callbacks.url, "callback_secret": callbacks.secret, "ops_alert_to": None}
    opened = build(replace(services.settings, **stated))
    yield opened
    opened.close()


def leased_by_the_dead(services: Services) -> EffectRow:
    """A mail that somebody took, long enough ago, of whom nobody has heard since."""
    with services.database.write() as tx:
        alert(services, tx, topic="event_parked", subject="evt_1")
    (row,) = outbox.lease(services.database, 10, real_now() + timedelta(seconds=1), -1)
    return row


def stored(services: Services, ident: str) -> EffectRow:
    with services.database.read() as conn:
        row = outbox.get(conn, ident)
    assert row is not None
    return row


def test_a_mail_that_a_dead_worker_had_only_taken_is_sent(services: Services, mailbox: Mailbox) -> None:
    row = leased_by_the_dead(services)

    pipeline.deliver(services)

    assert (stored(services, row.id).state, stored(services, row.id).attempts) == ("done", 1)
    assert mailbox.notices == ["ops_alert"]


def test_a_mail_that_a_dead_worker_had_begun_is_of_unknown_outcome(services: Services, mailbox: Mailbox) -> None:
    row = leased_by_the_dead(services)
    with services.database.write() as tx:
        outbox.begin(tx, row, real_now())

    pipeline.deliver(services)

    assert (stored(services, row.id).state, stored(services, row.id).attempts) == ("unknown", 1)
    assert mailbox.notices == []


def a_worker_dies_at(services: Services, row: EffectRow) -> EffectRow:
    with services.database.write() as tx:
        assert outbox.begin(tx, row, real_now())
    return stored(services, row.id)


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_callback_at_which_workers_died_is_tried_again_under_its_id(
    telling: Services, callbacks: CallbackReceiver, deaths: int
) -> None:
    row = leased_by_the_dead(telling)
    for _ in range(deaths):
        row = a_worker_dies_at(telling, row)

    pipeline.deliver(telling)

    assert stored(telling, row.id).state == "done"
    assert [request.headers["webhook-id"] for request in callbacks.requests] == [row.id]


def test_a_callback_at_which_three_workers_died_is_put_aside_until_an_operator_arms_it(
    telling: Services, callbacks: CallbackReceiver
) -> None:
    row = leased_by_the_dead(telling)
    for _ in range(3):
        row = a_worker_dies_at(telling, row)

    pipeline.deliver(telling)

    assert (stored(telling, row.id).state, stored(telling, row.id).error) == ("parked", "3 workers died at it")
    assert callbacks.requests == []

    with telling.database.write() as tx:
        outbox.retry(tx, [row.id], real_now())
    pipeline.deliver(telling)

    assert stored(telling, row.id).state == "done"


class Stumbling(Database):
    """A database that is away a few times for whoever wants to record an outcome, after the far end has acted."""

    def __init__(self, url: str, callbacks: CallbackReceiver, times: int) -> None:
        super().__init__(url)
        self.refused: list[int] = []
        self._callbacks, self._times = callbacks, times

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self._callbacks.requests and len(self.refused) < self._times:
            self.refused.append(1)
            raise StorageUnavailableError("away")
        with super().write() as tx:
            yield tx


def test_an_outcome_that_the_database_does_not_take_at_once_is_recorded_a_little_later(
    telling: Services, callbacks: CallbackReceiver
) -> None:
    row = leased_by_the_dead(telling)
    stumbling = Stumbling(telling.settings.database_url, callbacks, times=2)

    pipeline.deliver(replace(telling, database=stumbling))

    assert len(stumbling.refused) == 2
    assert stored(telling, row.id).state == "done"
    assert len(callbacks.requests) == 1
    stumbling.dispose()


def a_refund(services: Services) -> EffectRow:
    """A refund that is due, at a provider for which there is no key."""
    effect = RefundPayment(
        id="ef_1", subject="rr_1", payment="lemonsqueezy:1", kind="order", amount=100, currency="EUR", before=0
    )
    payload = services.vault.seal(codec.encode(effect), places.effect("", effect.id))
    row = effect_row(effect, "", payload, real_now(), None)
    with services.database.write() as tx:
        outbox.add(tx, [row])
    return row


def test_a_refund_that_another_worker_has_written_down_is_not_sent(services: Services) -> None:
    row = a_refund(services)
    lease = a_lease(services)
    with services.database.write() as tx:
        assert outbox.note_request(tx, row.id, None, RequestNote.of_this_process(real_now()).text())

    with pytest.raises(NotSentError):
        WriteGuard(services, lease, row, moves_money=True).pass_through()


def test_nothing_is_sent_when_the_lease_is_over_and_the_next_worker_finds_no_note(services: Services) -> None:
    row = a_refund(services)
    lease = a_lease(replace(services, send_timing=SendTiming(lease=timedelta())))
    with services.database.write() as tx:
        assert outbox.begin(tx, row, row.created_at)
    guard = WriteGuard(services, lease, row, moves_money=True)

    with pytest.raises(NotSentError):
        guard.pass_through()

    assert stored(services, row.id).request_note == guard.note
    with services.database.write() as tx:
        assert outbox.give_back(tx, row.id, row.created_at, guard.note)
    assert (stored(services, row.id).request_note, stored(services, row.id).begun_at) == (None, None)


def test_a_lease_that_is_over_is_not_renewed_and_neither_is_one_that_another_worker_has_taken(
    services: Services,
) -> None:
    row = a_refund(services)
    over = a_lease(replace(services, send_timing=SendTiming(lease=timedelta())))
    another = a_lease(replace(services, send_timing=SendTiming(lease=timedelta(minutes=1))))

    assert not over._renew()
    assert not outbox.renew(services.database, [row.id], over._until, real_now() + timedelta(hours=1))
    assert stored(services, row.id).lease_until == another._until[0]


def a_lease(services: Services) -> Lease:
    lease = Lease(services.database, services.send_timing)
    assert len(lease.take(10)) == 1
    return lease
