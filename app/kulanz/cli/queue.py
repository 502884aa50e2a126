"""`kulanz queue`: RQ's side of things. Nothing is lost with it; the work itself is in the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import NoSuchJobError
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from kulanz.cli.options import actor_option, confirm, dry_run_option, emit, json_option, table, yes_option
from kulanz.config import environment, load
from kulanz.errors import NotFoundError, RefusedError
from kulanz.formats.wording import how_many
from kulanz.runtime.notifier import QUEUES, connect

REDIS_TIMEOUT = 2.0
HEARTBEAT_TIMEOUT = timedelta(minutes=1)
"""Age of a heartbeat after which a worker counts as killed; RQ removes it a little later."""


@click.group()
def queue() -> None:
    """Look at RQ: queues, workers, failed jobs."""


@queue.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show queues, workers and failed jobs."""
    with _redis() as redis:
        queues = [_queue(redis, name) for name in QUEUES]
        workers = _workers(redis)

    def show() -> None:
        table(("queue", "queued", "started", "failed"), [tuple(each.values())[:4] for each in queues])()
        click.echo()
        rows = [tuple(worker.values()) for worker in workers]
        table(("worker", "queues", "state", "process", "last seen"), rows)()

    emit({"queues": queues, "workers": workers}, as_json, show)


@queue.command()
@click.argument("ids", metavar="JOB...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every failed job.")
@dry_run_option
@yes_option
@actor_option
@json_option
def retry(*, ids: tuple[str, ...], every: bool, dry_run: bool, yes: bool, actor: str, as_json: bool) -> None:
    """Queue failed jobs again. A job only looks for work in the database, so this is safe at any time."""
    if bool(ids) is every:
        raise click.UsageError("give job ids, or --all")
    with _redis() as redis:
        registries = [_failed(redis, name) for name in QUEUES]
        chosen = [(registry, job) for registry in registries for job in registry.get_job_ids() if every or job in ids]
        missing = set(ids) - {job for _, job in chosen}
        if missing:
            raise NotFoundError(f"no failed job {', '.join(sorted(missing))}")
        if not dry_run:
            confirm(len(chosen), "jobs to be queued again", yes=yes)
        for registry, job in chosen if not dry_run else ():
            _requeue(registry, job)
    jobs, word = how_many(len(chosen), "job"), "would be queued again" if dry_run else "queued again"
    emit({"requeued": len(chosen), "dry_run": dry_run, "actor": actor}, as_json, f"{jobs} {word}")


@contextmanager
def _redis() -> Iterator[Redis]:
    """Open Redis; where it does not answer, say so rather than show zeros."""
    url = load(environment()).redis_url
    if url is None:
        raise RefusedError("no Redis is known: `kulanz up` is not running with this data directory, or set REDIS_URL")
    try:
        with connect(url, timeout=REDIS_TIMEOUT) as redis:
            yield redis
    except (RedisError, OSError) as error:
        raise RefusedError(f"Redis does not answer ({type(error).__name__}); the workers use the database") from error


def _queue(redis: Redis, name: str) -> dict[str, Any]:
    failed = _failed(redis, name)
    return {
        "name": name,
        "queued": Queue(name, connection=redis, serializer=JSONSerializer).count,
        "started": StartedJobRegistry(name, connection=redis, serializer=JSONSerializer).get_job_count(cleanup=False),
        "failed": failed.get_job_count(cleanup=False),
        "failed_jobs": failed.get_job_ids(cleanup=False)[:100],
    }


def _workers(redis: Redis) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "name": worker.name,
            "queues": ",".join(worker.queue_names()),
            "state": worker.get_state() if now - seen < HEARTBEAT_TIMEOUT else "gone",
            "pid": worker.pid,
            "last_seen": seen,
        }
        for worker in SimpleWorker.all(connection=redis, serializer=JSONSerializer)
        if (seen := worker.last_heartbeat) is not None
    ]


def _failed(redis: Redis, name: str) -> FailedJobRegistry:
    return FailedJobRegistry(name, connection=redis, serializer=JSONSerializer)


def _requeue(registry: FailedJobRegistry, job: str) -> None:
    try:
        registry.requeue(job)
    except NoSuchJobError:
        registry.remove(job)
