"""200 means: on stable storage, and it takes effect exactly once. Real processes are killed, and then we count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from signal import SIGQUIT
from sqlite3 import connect

import redis

from kulanz.cli.up import private_redis
from kulanz.store import outbox
from kulanz.store.spool import Spool
from tests.faults.faults import volley
from tests.faults.lab import KILLED, SETTLE_TIMEOUT, Lab, Labs
from tests.provider_server import Reply

KILLS = 100
LONGEST_VOLLEYS = 280.0
"""Seconds; a busy machine needs longer than a quiet one to start five processes twenty times."""
AWAY = 4.5
A_WHILE = 1.0
"""Seconds that a far end is silent after it has done what it was asked to."""


def test_redis_killed_and_emptied_in_the_middle_costs_no_event_and_no_acknowledgement(labs: Labs) -> None:
    def fault(lab: Lab) -> None:
        with lab.load() as load:
            load.until(0.7)
            with redis.Redis.from_url(private_redis.url(lab.services.settings.data_dir)) as client:
                client.flushall()
            load.until(0.7)
            lab.kill_surely("redis")
            load.until(0.7)
            lab.kill_surely("redis")
            load.until(0.7)

        assert {answer.status for answer in load.answers} == {200}
        assert_kept(lab)

    labs.each(fault)


def test_a_hundred_parts_killed_on_each_database_lose_nothing_and_do_nothing_twice(labs: Labs) -> None:
    def fault(lab: Lab) -> None:
        before, deadline = len(lab.kills), time.monotonic() + LONGEST_VOLLEYS
        with lab.load() as load:
            load.until(0.5)
            lab.kill_at_random(len(KILLED))
            while len(lab.kills) < before + KILLS:
                assert time.monotonic() < deadline, f"only {len(lab.kills) - before} parts came back to be killed again"
                volley(lab, lab.order)
                load.until_taken()
                load.until(lab.order.uniform(0.0, 1.0))
            load.until(0.5)

        assert_kept(lab)
        recoveries = lab.recoveries()
        matches = sorted(seconds for each in recoveries.values() for seconds in each)
        assert matches[int(0.99 * (len(matches) - 1))] < SETTLE_TIMEOUT

    labs.each(fault)


def test_a_worker_killed_between_a_remote_servers_act_and_its_answer_repeats_nothing_blindly(labs: Labs) -> None:
    def fault(lab: Lab) -> None:
        instance = lab.instance

        def kill_once(happened: Callable[[], int]) -> None:
            before, deadline = happened(), time.monotonic() + SETTLE_TIMEOUT
            while happened() == before and time.monotonic() < deadline:
                time.sleep(0.005)
            lab.kill_surely("effects")

        with lab.load():
            instance.mailbox.after = A_WHILE
            kill_once(lambda: len(instance.mailbox.accepted))
            instance.mailbox.after = 0
            instance.provider.queue(Reply(only="DELETE", acts=True, delay=A_WHILE))
            kill_once(lambda: [call.method for call in instance.provider.requests].count("DELETE"))

        assert_kept(lab)
        with lab.services.database.read() as conn:
            assert outbox.counts(conn)["unknown"] >= 1

    labs.each(fault)


def test_after_kulanz_up_itself_is_killed_the_next_start_takes_over(labs: Labs) -> None:
    def fault(lab: Lab) -> None:
        with lab.load() as load:
            load.until(0.7)
            lab.restart()
            load.until(0.7)

        assert_kept(lab)

    labs.each(fault)


def test_while_the_database_is_away_deliveries_are_acknowledged_even_if_the_receiver_is_killed_then(labs: Labs) -> None:
    def fault(lab: Lab) -> None:
        with lab.load() as load:
            load.until(0.5)
            with away(lab):
                load.until(AWAY / 2)
                acknowledged = len(load.taken)
                lab.kill_surely("web worker")
                load.until(AWAY)
                assert len(load.taken) > acknowledged
            load.until(0.5)

        assert {answer.status for answer in load.answers} <= {0, 200}
        assert max(answer.seconds for answer in load.taken) < 4
        assert_kept(lab)
        assert Spool(lab.services.settings.data_dir / "spool", 1).size() == 0

    labs.each(fault)


@contextmanager
def away(lab: Lab) -> Iterator[None]:
    """Let the database be away: stopped at once, or locked by another process."""
    if lab.server is not None:
        lab.server.stop(SIGQUIT)
        yield
        lab.server.start()
        return
    with closing(connect(lab.services.settings.data_dir / "kulanz.db", isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def assert_kept(lab: Lab) -> None:
    """Nothing untaken, and after a while nothing is left to do; then every counter is zero."""
    lab.await_rest()
    verdict = lab.verdict()
    assert not [payload for load in lab.loads for payload in load.untaken]
    assert verdict.kept, verdict
