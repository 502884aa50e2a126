"""Client of one Kulanz instance: entitlements, plan checks and callbacks."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from kulanz_client.cache import Cache, Entry
from kulanz_client.callbacks import Callback, Verifier
from kulanz_client.entitlement import FREE, Access, Entitlement, Source, invented
from kulanz_client.errors import CallbackError, ConfigurationError, UnavailableError
from kulanz_client.transport import Transport

log = logging.getLogger("kulanz_client")
_ACCOUNT_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._:@|+-]{1,128}\Z")
_UNLISTED = 1


def awake_clock() -> float:
    """Return seconds of a clock that cannot be set; on Linux it also counts the time that a machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class OnFailure(StrEnum):
    """Answer of a call while Kulanz cannot be asked."""

    LAST_KNOWN = "last_known"
    """The last known entitlement, up to `keep` old; UnavailableError without one."""
    OPEN = "open"
    """Every plan check passes: an attacker who can cut Kulanz off gets the product free. Only for harmless uses."""
    CLOSED = "closed"
    """The free plan, though the account may have paid: for functions that cost money or cannot be undone."""


class Count(StrEnum):
    """Names of the counters."""

    ASKED = "asked"
    NOT_MODIFIED = "not_modified"
    CACHED = "cached"
    UNKNOWN = "unknown"
    FAILED = "failed"
    LAST_KNOWN = "last_known"
    OPEN = "open"
    CLOSED = "closed"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"
    CALLBACK = "callback"
    CALLBACK_STALE = "callback_stale"
    CALLBACK_REFUSED = "callback_refused"


class Client:
    """Thread-safe client; make one for each process and share it.

    `plans` names the paid plans from the lowest to the highest, as KULANZ_PLANS does, so that a higher plan covers a
    lower one; without it a plan covers itself only. `language` (`de`, or `de-AT, en;q=0.5`) is that of notices; without
    it each is in its account's own. Times are timedeltas. `clock` returns seconds that never go back.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        callback_secret: str | Sequence[str] = (),
        plans: Sequence[str] = (),
        language: str | None = None,
        ttl: timedelta = timedelta(seconds=30),
        keep: timedelta = timedelta(days=7),
        timeout: timedelta = timedelta(seconds=2),
        pause: timedelta = timedelta(seconds=5),
        size: int = 10_000,
        clock: Callable[[], float] = awake_clock,
    ) -> None:
        secrets = (callback_secret,) if isinstance(callback_secret, str) else callback_secret
        seconds = {"timeout": timeout.total_seconds(), "pause": pause.total_seconds()}
        self._transport = Transport(url, token, **seconds, language=language)
        self._verifier = Verifier([secret for secret in secrets if secret])
        self._ranks = {FREE: 0, **{plan: rank for rank, plan in enumerate(plans, _UNLISTED + 1)}}
        self._ttl, self._keep = ttl.total_seconds(), keep.total_seconds()
        self._longest_wait = 4 * timeout.total_seconds()
        self._pause = pause.total_seconds()
        self._clock = clock
        self._cache = Cache(size)
        self._lock = threading.Lock()
        self._in_flight: dict[str, Future[Entry]] = {}
        self._counts: Counter[Count] = Counter()
        self._failing = False
        self._ask_again_at = float("-inf")

    @property
    def counts(self) -> dict[Count, int]:
        """A copy of the counters since the client was made; every name is there."""
        with self._lock:
            return {name: self._counts[name] for name in Count}

    def entitlement(
        self, account_id: str, *, on_failure: OnFailure = OnFailure.LAST_KNOWN, refresh: bool = False
    ) -> Entitlement:
        """Return an account's entitlement, from the cache if it is younger than `ttl` and no `refresh` is requested.

        Raise UnavailableError where Kulanz cannot be asked, `on_failure` is `last_known` and nothing is known;
        ConfigurationError where address or token are wrong, in every mode.
        """
        if not _ACCOUNT_ID.match(account_id):
            raise ValueError("an account id has 1 to 128 of the characters A-Z a-z 0-9 . _ : @ | + -")
        entry, now = self._cache.get(account_id), self._clock()
        if entry is not None and entry.fresh and not refresh and now - entry.at < self._ttl:
            self._count(Count.CACHED)
            return entry.shown(Source.CACHE, now)
        try:
            return self._asked_once(account_id).shown(Source.KULANZ, self._clock())
        except UnavailableError as error:
            return self._in_place_of_an_answer(account_id, OnFailure(on_failure), error)

    def covers(self, entitlement: Entitlement, plan: str) -> bool:
        """Whether an entitlement is for this plan or a higher one, and nothing has taken the access."""
        self.check_plan(plan)
        if entitlement.source is Source.OPEN:
            return True
        if entitlement.access is Access.NONE:
            return False
        return entitlement.plan == plan or self._rank(entitlement.plan) > self._rank(plan)

    def check_plan(self, plan: str) -> None:
        """Raise ValueError for a plan that no account can have here: a spelling mistake would lock all users out."""
        if plan != plan.lower() or (len(self._ranks) > 1 and plan not in self._ranks):
            raise ValueError(f"there is no plan {plan!r} among {', '.join(self._ranks)}")

    def receive(self, body: bytes, headers: Mapping[str, str]) -> Callback:
        """Verify a callback, update the cache, and return it; raise CallbackError.

        `body` is the request's body as it came, byte for byte.
        """
        try:
            callback = self._verifier.read(body, headers)
        except CallbackError:
            self._count(Count.CALLBACK_REFUSED)
            raise
        if callback.entitlement is not None:
            entry = Entry(callback.entitlement, None, self._clock())
            if not self._cache.called_back(callback.entitlement.account_id, entry):
                self._count(Count.CALLBACK_STALE)
                return replace(callback, stale=True)
        self._count(Count.CALLBACK)
        return callback

    def _rank(self, plan: str) -> int:
        """Return a plan's rank. An unlisted plan is just above `free`; without a list all plans have one rank."""
        return self._ranks.get(plan, _UNLISTED)

    def _asked_once(self, account_id: str) -> Entry:
        """Ask; threads that want the same account at the same time share one question."""
        with self._lock:
            flight = self._in_flight.get(account_id)
            mine = flight is None
            if flight is None:
                flight = self._in_flight[account_id] = Future()
        if not mine:
            try:
                return flight.result(timeout=self._longest_wait)
            except FutureTimeoutError as error:
                raise UnavailableError("another thread's question was not answered in time", self._pause) from error
        try:
            entry = self._ask(account_id)
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(entry)
            return entry
        finally:
            with self._lock:
                del self._in_flight[account_id]

    def _ask(self, account_id: str) -> Entry:
        self._refuse_during_a_pause()
        before = self._cache.get(account_id)
        try:
            entry = self._transport.entitlement(account_id, before, self._clock())
        except UnavailableError as error:
            self._failed(error)
            raise
        except ConfigurationError:
            self._recovered()
            self._count(Count.MISCONFIGURED)
            raise
        self._recovered()
        self._count(Count.ASKED)
        if before is not None and entry.entitlement is before.entitlement:
            self._count(Count.NOT_MODIFIED)
        if not entry.entitlement.known:
            self._count(Count.UNKNOWN)
        return self._cache.answered(account_id, before, entry)

    def _refuse_during_a_pause(self) -> None:
        """Circuit breaker: raise UnavailableError at once during the pause; after it, one thread tries for all."""
        with self._lock:
            now = self._clock()
            if now < self._ask_again_at:
                raise UnavailableError("Kulanz did not answer a moment ago", self._ask_again_at - now)
            if self._failing:
                self._ask_again_at = now + self._pause

    def _failed(self, error: UnavailableError) -> None:
        self._count(Count.FAILED)
        if not error.retry_after:
            return
        with self._lock:
            began, self._failing = not self._failing, True
            self._ask_again_at = self._clock() + error.retry_after
        if began:
            log.warning("kulanz cannot be asked: %s", error)

    def _recovered(self) -> None:
        with self._lock:
            ended, self._failing = self._failing, False
            self._ask_again_at = float("-inf")
        if ended:
            log.info("kulanz answers again")

    def _in_place_of_an_answer(self, account_id: str, mode: OnFailure, error: UnavailableError) -> Entitlement:
        if mode is not OnFailure.LAST_KNOWN:
            self._count(Count(mode))
            return invented(account_id, Source(mode))
        entry, now = self._cache.get(account_id), self._clock()
        if entry is None or now - entry.at > self._keep:
            self._count(Count.UNAVAILABLE)
            raise error
        self._count(Count.LAST_KNOWN)
        return entry.shown(Source.LAST_KNOWN, now)

    def _count(self, *names: Count) -> None:
        with self._lock:
            self._counts.update(names)
