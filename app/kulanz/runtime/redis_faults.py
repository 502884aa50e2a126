"""Permanent faults of a Redis: a cluster, a certificate without a trusted authority, a refused password."""

from __future__ import annotations

from typing import NamedTuple

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from kulanz.runtime.notifier import NOTIFY_TIMEOUT, connect

_UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"


class Fault(NamedTuple):
    """A fault of Redis, and its remedy."""

    found: str
    advice: str


def at(url: str | None) -> Fault | None:
    """Return a lasting fault of Redis that its replies show at once; an unreachable Redis is no such fault."""
    if url is None:
        return None
    try:
        with connect(url, timeout=NOTIFY_TIMEOUT * 4) as client:
            return of(client)
    except (RedisError, OSError, ValueError) as error:
        fault = from_error(error)
        return fault if fault.found != type(error).__name__ else None


def of(client: Redis) -> Fault | None:
    """Return why a Redis that answers cannot carry wake-up signals and RQ's queues."""
    if client.info("cluster").get("cluster_enabled"):
        return Fault("a Redis Cluster, which RQ does not work with", "set REDIS_URL to a single Redis, or to Sentinels")
    return None


def from_error(error: Exception) -> Fault:
    """Return the meaning of an error in reaching Redis."""
    if _UNVERIFIED in str(error):
        advice = "append ?ssl_ca_certs=FILE to REDIS_URL, or ?ssl_cert_reqs=none where the network is trusted"
        return Fault("no trusted authority has signed its certificate", advice)
    if isinstance(error, AuthenticationError):
        return Fault("its user or password is refused", "check REDIS_URL")
    return Fault(type(error).__name__, "check REDIS_URL")
