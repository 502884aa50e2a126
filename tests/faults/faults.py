"""What is done to a running instance besides killing it: to its Redis, its database, and the far ends."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from signal import SIGQUIT
from sqlite3 import connect

import psycopg
import redis

from kulanz.cli.up import private_redis
from tests.fake_servers import Answer
from tests.faults import parts, stepping
from tests.faults.lab import KILLED, Lab
from tests.provider_server import Reply
from tests.servers import end_connections

A_WHILE = 2.5
"""Seconds that a fault lasts: longer than a delivery waits for the database."""
STEP = timedelta(minutes=10)
Fault = Callable[[Lab], None]


def empty_redis(lab: Lab) -> None:
    with _redis(lab) as client:
        client.flushall()


def kill_redis(lab: Lab) -> None:
    lab.kill("redis")


def freeze_redis(lab: Lab, seconds: float = A_WHILE) -> None:
    """Let Redis take connections and say nothing."""
    assert lab.instance.process is not None
    process = parts.found(lab.instance.process.pid, "redis")
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(process.pid, signal.SIGCONT)


def fill_redis(lab: Lab) -> None:
    """Let Redis have no memory for anything that is written."""
    with _redis(lab) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        time.sleep(A_WHILE)
        client.config_set("maxmemory", "0")


def make_redis_read_only(lab: Lab) -> None:
    """Let Redis be the replica of a server that is not there."""
    with _redis(lab) as client:
        client.replicaof("127.0.0.1", "1")
        time.sleep(A_WHILE)
        client.replicaof("NO", "ONE")


def restart_everything(lab: Lab) -> None:
    lab.restart()


def stop_the_database(lab: Lab) -> None:
    """Stop the server at once, and start it again a moment later; SQLite has none."""
    if lab.server is not None:
        lab.server.stop(SIGQUIT)
        lab.server.start()


def terminate_connections(lab: Lab) -> None:
    """End every connection in the middle of whatever it does."""
    if lab.server is not None:
        end_connections(lab.services.settings.database_url)


def lock_the_database(lab: Lab) -> None:
    """Let another program keep everybody from writing events."""
    with _locked(lab):
        time.sleep(A_WHILE)


def spoil_the_callbacks(lab: Lab) -> None:
    """Let the merchant's product answer 500, hang up, or answer late."""
    lab.instance.callbacks.answers.extend(
        (Answer(status=500), Answer(drop=True), Answer(after=1.0), Answer(status=503))
    )


def spoil_the_provider(lab: Lab) -> None:
    """Let the provider fail, and once have done it anyway."""
    lab.instance.provider.queue(Reply(status=500), Reply(only="DELETE", acts=True, status=500), Reply(status=429))


def end_politely(lab: Lab) -> None:
    """Send SIGTERM to a worker and the web process in the middle of their work."""
    assert lab.instance.process is not None
    for role in lab.order.sample(("events", "effects", "web"), 2):
        process = parts.found(lab.instance.process.pid, role)
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)


def step_the_clock(lab: Lab) -> None:
    """Let the host's clock be ten minutes ahead, then behind, then right again."""
    for to in (STEP, -STEP, timedelta()):
        stepping.step(lab.clock, to)
        time.sleep(A_WHILE / 2)


ALL: Mapping[str, Fault] = {
    "redis emptied": empty_redis,
    "redis killed": kill_redis,
    "redis frozen": freeze_redis,
    "redis out of memory": fill_redis,
    "redis read-only": make_redis_read_only,
    "database stopped": stop_the_database,
    "connections terminated": terminate_connections,
    "database locked": lock_the_database,
    "callbacks spoiled": spoil_the_callbacks,
    "provider spoiled": spoil_the_provider,
    "SIGTERM": end_politely,
    "kulanz up killed": restart_everything,
}


def volley(lab: Lab, order: random.Random) -> int:
    """Kill every part that runs, one right after the other, in any order; return how many died."""
    roles = order.sample(KILLED, len(KILLED))
    at_work = order.random() < 0.5
    return sum(lab.kill(role, at_work=at_work and role == roles[0]) is not None for role in roles)


@contextmanager
def _redis(lab: Lab) -> Iterator[redis.Redis]:
    address = private_redis.url(lab.services.settings.data_dir)
    with suppress(redis.RedisError), redis.Redis.from_url(address, socket_timeout=5) as client:
        yield client


@contextmanager
def _locked(lab: Lab) -> Iterator[None]:
    settings = lab.services.settings
    if lab.server is not None:
        with psycopg.connect(settings.database_url) as holder:
            holder.execute("LOCK TABLE inbox IN EXCLUSIVE MODE")
            yield
            holder.rollback()
        return
    with closing(connect(settings.data_dir / "kulanz.db", isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
