"""A rate limit for calls to a provider: one budget for all processes, in Redis; without Redis one for each.

A place is a moment at which one request may be sent: never more of them in any minute than the limit, nor closer
together than the gap. A waiter has its place already, so none is overtaken. Like a wake-up signal it carries no
correctness: where the budget is wrong, the provider answers 429, and that is respected.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any, Protocol

from redis.exceptions import RedisError

from kulanz.errors import FarEndError
from kulanz.runtime.notifier import NOTIFY_TIMEOUT, connect

WINDOW_SECONDS = 60.0
REQUESTS_PER_MINUTE = 300
"""Requests a minute that Lemon Squeezy allows."""
MIN_INTERVAL = 0.05
"""Seconds between two requests: above about 20 a second it is said to answer 503."""
REDIS_RETRY_AFTER = 5.0
"""Seconds for which a Redis that failed is not asked again."""

RESERVE_SCRIPT = """
local now, limit, gap, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local slot = now
local last = redis.call('LINDEX', KEYS[1], -1)
if last and tonumber(last) + gap > slot then slot = tonumber(last) + gap end
local first = redis.call('LINDEX', KEYS[1], -limit)
if first and tonumber(first) + 60 > slot then slot = tonumber(first) + 60 end
local closed = redis.call('GET', KEYS[2])
if closed and tonumber(closed) > slot then slot = tonumber(closed) end
if slot - now > patience then return {'0', tostring(slot - now)} end
redis.call('RPUSH', KEYS[1], string.format('%.6f', slot))
redis.call('LTRIM', KEYS[1], -limit, -1)
redis.call('EXPIRE', KEYS[1], 7200)
return {'1', tostring(slot - now)}
"""
OBSERVE_SCRIPT = """
local now, limit, remaining = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ours = 0
for _, slot in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    if tonumber(slot) > now - 60 then ours = ours + 1 end
end
local others = limit - ours - remaining
for _ = 1, others do redis.call('RPUSH', KEYS[1], string.format('%.6f', now)) end
redis.call('LTRIM', KEYS[1], -limit, -1)
redis.call('EXPIRE', KEYS[1], 7200)
return others
"""


class Slots(Protocol):
    """Storage of the semaphore's slots."""

    def reserve(self, now: float, max_wait: float) -> tuple[bool, float]:
        """Return whether a slot within so many seconds was reserved, and the time until it."""

    def observe(self, now: float, remaining: int) -> None:
        """Record the slots that other programs have used as used now."""

    def close(self, now: float, seconds: float) -> None:
        """Give no place before then."""


@dataclass(slots=True)
class LocalSlots:
    """The places of one process."""

    limit: int = REQUESTS_PER_MINUTE
    gap: float = MIN_INTERVAL
    _slots: deque[float] = field(default_factory=deque)
    _closed_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, now: float, max_wait: float) -> tuple[bool, float]:
        """See `Slots`."""
        with self._lock:
            slot = self._next(now)
            if slot - now > max_wait:
                return False, slot - now
            self._keep(slot)
        return True, slot - now

    def observe(self, now: float, remaining: int) -> None:
        """See `Slots`."""
        with self._lock:
            ours = sum(slot > now - WINDOW_SECONDS for slot in self._slots)
            for _ in range(self.limit - ours - remaining):
                self._keep(now)

    def close(self, now: float, seconds: float) -> None:
        """See `Slots`."""
        self._closed_until = max(self._closed_until, now + seconds)

    def _next(self, now: float) -> float:
        last = self._slots[-1] + self.gap if self._slots else now
        first = self._slots[0] + WINDOW_SECONDS if len(self._slots) == self.limit else now
        return max(now, last, first, self._closed_until)

    def _keep(self, slot: float) -> None:
        self._slots.append(slot)
        if len(self._slots) > self.limit:
            self._slots.popleft()


@dataclass(slots=True)
class RedisSlots:
    """The places of all processes; raises RedisError."""

    redis: Any
    name: str
    limit: int = REQUESTS_PER_MINUTE
    gap: float = MIN_INTERVAL

    def reserve(self, now: float, max_wait: float) -> tuple[bool, float]:
        """See `Slots`."""
        taken, wait = self.redis.eval(RESERVE_SCRIPT, 2, *self._keys, now, self.limit, self.gap, max_wait)
        return taken in {"1", b"1"}, float(wait)

    def observe(self, now: float, remaining: int) -> None:
        """See `Slots`."""
        self.redis.eval(OBSERVE_SCRIPT, 1, self._keys[0], now, self.limit, remaining)

    def close(self, now: float, seconds: float) -> None:
        """See `Slots`."""
        self.redis.set(self._keys[1], f"{now + seconds:.6f}", ex=max(1, int(seconds) + 1))

    @property
    def _keys(self) -> tuple[str, str]:
        return f"kulanz:pace:{self.name}", f"kulanz:pace:{self.name}:closed"


@dataclass(slots=True, kw_only=True)
class RateLimit:
    """Takes a place before each request (see `RateLimiter`).

    Never fails for want of Redis.
    """

    shared: RedisSlots | None = None
    max_wait: float = 30.0
    """Seconds until a place at most; beyond it the caller is asked to come back."""
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    local: LocalSlots = field(default_factory=LocalSlots)
    _broken_until: float = 0.0

    def acquire(self) -> None:
        """Wait for a slot; raise FarEndError if it is too far away."""
        taken, wait = self._use_slots(lambda places: places.reserve(self.clock(), self.max_wait))
        if not taken:
            raise FarEndError(
                "the provider's rate limit is used up",
                retryable=True,
                retry_after=timedelta(seconds=round(wait) + 1),
            )
        if wait > 0:
            self.sleep(wait)

    def observe(self, remaining: int) -> None:
        """Record other programs' usage from the provider's own count."""
        self._use_slots(lambda places: places.observe(self.clock(), remaining))

    def back_off(self, wait: timedelta | None) -> None:
        """Close for as long as a 429 says, a minute where it does not."""
        seconds = WINDOW_SECONDS if wait is None else wait.total_seconds()
        self._use_slots(lambda places: places.close(self.clock(), seconds))

    def sleep_for(self, seconds: float) -> None:
        """Wait."""
        self.sleep(seconds)

    def _use_slots(self, use: Callable[[Slots], Any]) -> Any:
        if self.shared is not None and time.monotonic() >= self._broken_until:
            try:
                return use(self.shared)
            except (RedisError, OSError, ValueError):
                self._broken_until = time.monotonic() + REDIS_RETRY_AFTER
        return use(self.local)


def rate_limit(redis_url: str | None, api_key: str, *, max_wait: float = 30.0) -> RateLimit:
    """Return the budget that all processes with this key share; nothing is connected yet."""
    if redis_url is None:
        return RateLimit(max_wait=max_wait)
    name = sha256(b"pace:" + api_key.encode()).hexdigest()[:16]
    return RateLimit(shared=RedisSlots(connect(redis_url, timeout=NOTIFY_TIMEOUT), name), max_wait=max_wait)
