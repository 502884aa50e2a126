"""The other references for receiving, as they are usually written: HMAC, JSON, one RQ job per event.

With `BENCH_DATABASE_URL` each event is also a row, inserted and committed before its job: that makes it durable. With
`BENCH_APPLIES` besides, a queue's name, the job is `bench.usual_job` on that queue instead of one that does nothing.
"""

import hmac
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from flask import Flask, abort, request
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from bench.events import SECRET

app = Flask(__name__)
_url = os.environ.get("BENCH_DATABASE_URL")
_applies = os.environ.get("BENCH_APPLIES")
_queue = Queue(
    _applies or "bench-usual",
    connection=Redis.from_url(os.environ.get("BENCH_REDIS_URL", "redis://")),
    serializer=JSONSerializer,
)
_local = threading.local()


@app.post("/webhooks/lemonsqueezy")
def receive() -> str:
    body = request.get_data()
    expected = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("X-Signature", "")):
        abort(401)
    event = json.loads(body)
    key = event["meta"]["webhook_id"]
    if _url is not None:
        connection, mark = database()
        connection.execute(f"INSERT INTO usual_events VALUES ({mark}, {mark}) ON CONFLICT DO NOTHING", (key, body))
    if _applies:
        _queue.enqueue("bench.usual_job.apply", key, result_ttl=0)
    else:
        _queue.enqueue("bench.noop.nothing", event["meta"]["event_name"], result_ttl=0)
    return ""


def database() -> tuple[Any, str]:
    """Return this thread's connection to the database of `BENCH_DATABASE_URL`, and how parameters are marked."""
    connect, mark = _dialect(os.environ["BENCH_DATABASE_URL"])
    if not hasattr(_local, "connection"):
        _local.connection = connect()
    return _local.connection, mark


def _dialect(url: str) -> tuple[Callable[[], Any], str]:
    """Return how to open a connection that commits each statement, and how parameters are marked."""
    if url.startswith("sqlite"):
        return lambda: _sqlite(url.removeprefix("sqlite:///")), "?"
    return lambda: psycopg.connect(url, autocommit=True), "%s"


def _sqlite(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection
