"""The reference for applying: jobs that do nothing, in one RQ SimpleWorker that has nothing else to do."""

import json
import logging
import sys
import time

from redis import Redis
from rq import Queue, SimpleWorker, get_current_job
from rq.serializers import JSONSerializer

STARTED = "bench:started"
"""File to which a job writes its waiting time."""


def nothing() -> None:
    pass


def started(enqueued_at: float) -> None:
    """Write the time that a job without work had to wait."""
    waited = time.time() - enqueued_at
    job = get_current_job()
    if job is not None:
        job.connection.lpush(STARTED, json.dumps(waited))


def main(socket: str, jobs: int) -> None:
    """Print how long the worker took; filling the queue and starting up are not counted."""
    logging.disable(logging.CRITICAL)
    connection = Redis(unix_socket_path=socket)
    queue = Queue("bench-noop", connection=connection, serializer=JSONSerializer)
    for _ in range(jobs):
        queue.enqueue("bench.noop.nothing", result_ttl=0)
    worker = SimpleWorker([queue], connection=connection, serializer=JSONSerializer)
    began = time.perf_counter()
    worker.work(burst=True)
    seconds = time.perf_counter() - began
    print(json.dumps({"jobs": jobs - queue.count, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
