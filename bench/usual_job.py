"""The job that usually follows a webhook: read the event, upsert the state of its account, commit. Nothing else.

`python -m bench.usual_job SOCKET URL JOBS` has an RQ SimpleWorker apply so many events, and prints how long it took.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from bench.events import bodies
from bench.usual import database

NAME = "bench.usual_job.apply"


def apply(key: str) -> None:
    """Read a stored event and upsert the account that it names; each statement is a transaction of its own."""
    connection, mark = database()
    (body,) = connection.execute(f"SELECT body FROM usual_events WHERE id = {mark}", (key,)).fetchone()
    event = json.loads(body)
    attributes = event["data"]["attributes"]
    connection.execute(
        f"INSERT INTO usual_accounts VALUES ({mark}, {mark}, {mark})"
        " ON CONFLICT (id) DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at"
        " WHERE usual_accounts.updated_at <= excluded.updated_at",
        (event["meta"]["custom_data"]["account_id"], attributes["status"], attributes["updated_at"]),
    )


def main(socket: str, jobs: int) -> None:
    """Print how long the worker took, and its processor time; filling the queue and starting up are not counted."""
    logging.disable(logging.CRITICAL)
    connection = Redis(unix_socket_path=socket)
    queue = Queue("bench-usual-jobs", connection=connection, serializer=JSONSerializer)
    opened, mark = database()
    for key, body in bodies(jobs):
        opened.execute(f"INSERT INTO usual_events VALUES ({mark}, {mark}) ON CONFLICT DO NOTHING", (key, body))
        queue.enqueue(NAME, key, result_ttl=0)
    worker = SimpleWorker([queue], connection=connection, serializer=JSONSerializer)
    began, processor = time.perf_counter(), time.process_time()
    worker.work(burst=True)
    seconds, cpu = time.perf_counter() - began, time.process_time() - processor
    applied = opened.execute("SELECT count(*) FROM usual_accounts").fetchone()[0]
    print(json.dumps({"jobs": jobs - queue.count, "seconds": seconds, "cpu": cpu, "accounts": applied}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
