"""How fast we ask a provider: one budget for all processes, kept in Redis; without Redis each keeps one of its own.

A place is a moment at which one request may be sent: never more of them in any minute than the limit, nor closer
together than the gap. Who waits has its place already, so nobody is overtaken. Like the doorbell it carries no
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
from kulanz.runtime.notifier import PATIENCE, connect

MINUTE = 60.0
LIMIT = 300
"""Requests a minute that Lemon Squeezy allows."""
GAP = 0.05
"""Seconds between two requests: above about 20 a second it is said to answer 503."""
BROKEN_FOR = 5.0
"""Seconds for which a Redis that failed is not asked again."""

TAKE = """
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
HEARD = """
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


class Places(Protocol):
    """Where the places are kept."""

    def take(self, now: float, patience: float) -> tuple[bool, float]:
        """Return whether a place within so many seconds was taken, and how far away it is or would be."""

    def heard(self, now: float, remaining: int) -> None:
        """Count what others have used as used now."""

    def close(self, now: float, seconds: float) -> None:
        """Give no place before then."""


@dataclass(slots=True)
class Own:
    """The places of one process."""

    limit: int = LIMIT
    gap: float = GAP
    _slots: deque[float] = field(default_factory=deque)
    _closed_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, now: float, patience: float) -> tuple[bool, float]:
        """See `Places`."""
        with self._lock:
            slot = self._next(now)
            if slot - now > patience:
                return False, slot - now
            self._keep(slot)
        return True, slot - now

    def heard(self, now: float, remaining: int) -> None:
        """See `Places`."""
        with self._lock:
            ours = sum(slot > now - MINUTE for slot in self._slots)
            for _ in range(self.limit - ours - remaining):
                self._keep(now)

    def close(self, now: float, seconds: float) -> None:
        """See `Places`."""
        self._closed_until = max(self._closed_until, now + seconds)

    def _next(self, now: float) -> float:
        last = self._slots[-1] + self.gap if self._slots else now
        first = self._slots[0] + MINUTE if len(self._slots) == self.limit else now
        return max(now, last, first, self._closed_until)

    def _keep(self, slot: float) -> None:
        self._slots.append(slot)
        if len(self._slots) > self.limit:
            self._slots.popleft()


@dataclass(slots=True)
class Shared:
    """The places of all processes; raises RedisError."""

    redis: Any
    name: str
    limit: int = LIMIT
    gap: float = GAP

    def take(self, now: float, patience: float) -> tuple[bool, float]:
        """See `Places`."""
        taken, wait = self.redis.eval(TAKE, 2, *self._keys, now, self.limit, self.gap, patience)
        return taken in {"1", b"1"}, float(wait)

    def heard(self, now: float, remaining: int) -> None:
        """See `Places`."""
        self.redis.eval(HEARD, 1, self._keys[0], now, self.limit, remaining)

    def close(self, now: float, seconds: float) -> None:
        """See `Places`."""
        self.redis.set(self._keys[1], f"{now + seconds:.6f}", ex=max(1, int(seconds) + 1))

    @property
    def _keys(self) -> tuple[str, str]:
        return f"kulanz:pace:{self.name}", f"kulanz:pace:{self.name}:closed"


@dataclass(slots=True, kw_only=True)
class Budget:
    """Takes a place before each request (`kulanz.providers.lemonsqueezy.client.Pace`).

    Never fails for want of Redis.
    """

    shared: Shared | None = None
    patience: float = 30.0
    """Seconds that a place may be away; beyond it whoever asks is told to come back."""
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    own: Own = field(default_factory=Own)
    _broken_until: float = 0.0

    def take(self) -> None:
        """Wait for a place; raise FarEndError where it is too far away."""
        taken, wait = self._places(lambda places: places.take(self.clock(), self.patience))
        if not taken:
            raise FarEndError(
                "the provider's rate limit is used up",
                retryable=True,
                retry_after=timedelta(seconds=round(wait) + 1),
            )
        if wait > 0:
            self.sleep(wait)

    def heard(self, remaining: int) -> None:
        """Learn from the provider's own count what others have used."""
        self._places(lambda places: places.heard(self.clock(), remaining))

    def refused(self, wait: timedelta | None) -> None:
        """Close for as long as a 429 says, a minute where it does not."""
        seconds = MINUTE if wait is None else wait.total_seconds()
        self._places(lambda places: places.close(self.clock(), seconds))

    def rest(self, seconds: float) -> None:
        """Wait."""
        self.sleep(seconds)

    def _places(self, use: Callable[[Places], Any]) -> Any:
        if self.shared is not None and time.monotonic() >= self._broken_until:
            try:
                return use(self.shared)
            except (RedisError, OSError, ValueError):
                self._broken_until = time.monotonic() + BROKEN_FOR
        return use(self.own)


def budget(redis_url: str | None, api_key: str, *, patience: float = 30.0) -> Budget:
    """Return the budget that all processes with this key share; nothing is connected yet."""
    if redis_url is None:
        return Budget(patience=patience)
    name = sha256(b"pace:" + api_key.encode()).hexdigest()[:16]
    return Budget(shared=Shared(connect(redis_url, timeout=PATIENCE), name), patience=patience)
