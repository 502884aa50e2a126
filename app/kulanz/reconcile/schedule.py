"""Scheduled reconciliation: every night, and after the clock was stopped for longer than the provider retries."""

from __future__ import annotations

import threading
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kulanz.errors import KulanzError
from kulanz.processing import outbox
from kulanz.reconcile.run import PROVIDER, STRIPE, ReconcileReport, Window, reconcile
from kulanz.runtime import clock_guard
from kulanz.services import Services
from kulanz.store import policies, shared_values
from kulanz.store.database import Connection
from kulanz.telemetry.logs import log

LAST_RUN_KEY = shared_values.RECONCILED_KEY
"""`{"at", "tried"}`: when the last round that came to its end began, and when one was begun at all."""
NIGHT_HOURS = time(3, 17)
"""By the clock of `KULANZ_TIMEZONE`."""
LAG_BEHIND_PROVIDER = timedelta(minutes=3)
"""Outage that causes a run: the provider gives up after about 155 seconds; the clock writes its time every minute."""
RETRY_INTERVAL = timedelta(hours=1)


class ReconcileSchedule:
    """Starts a due run in a thread of its own, so that the clock keeps ticking."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looked = False
        self._thread: threading.Thread | None = None

    def tick(self, now_real: datetime) -> bool:
        """Begin a round if one is due; return whether it was begun. Call it before the host's time is noted."""
        first, self._looked = not self._looked, True
        if not self._wanted() or (self._thread is not None and self._thread.is_alive()):
            return False
        with self._services.database.read() as conn:
            if self._services.clock.test_time(conn) is not None or not self._due(conn, now_real, first=first):
                return False
        if not self._claim(now_real):
            return False
        self._thread = threading.Thread(target=self._attempt, args=(now_real,), name="reconcile", daemon=True)
        self._thread.start()
        return True

    def wait(self) -> None:
        """Return when the round that was begun has ended."""
        if self._thread is not None:
            self._thread.join()

    def _wanted(self) -> bool:
        return self._services.settings.reconcile != "off" and bool({PROVIDER, STRIPE} & self._services.clients.keys())

    def _due(self, conn: Connection, now_real: datetime, *, first: bool) -> bool:
        mark = shared_values.get(conn, LAST_RUN_KEY) or {}
        if _within(mark.get("tried"), now_real, RETRY_INTERVAL):
            return False
        seen = shared_values.get(conn, clock_guard.LAST_SEEN_KEY)
        was_away = first and seen is not None and not _within(seen, now_real, LAG_BEHIND_PROVIDER)
        return was_away or not _since(mark.get("at"), last_run(now_real, self._services.settings.timezone))

    def _claim(self, now_real: datetime) -> bool:
        """Note that a round begins, unless another clock was quicker."""
        with self._services.database.write() as tx:
            mark = shared_values.get(tx, LAST_RUN_KEY) or {}
            if _within(mark.get("tried"), now_real, RETRY_INTERVAL):
                return False
            shared_values.put(tx, LAST_RUN_KEY, {**mark, "tried": now_real.isoformat()})
        return True

    def _attempt(self, now_real: datetime) -> None:
        try:
            self._run_once(now_real)
        except KulanzError as error:
            log.warning("reconcile.put_off", error=type(error).__name__, detail=error.detail)
        except Exception as error:  # noqa: BLE001 - the clock keeps ticking; tonight's run is tried again within the hour
            log.warning("reconcile.failed", error=type(error).__name__)

    def _run_once(self, now_real: datetime) -> None:
        """Compare changes since Kulanz's start; earlier ones are for an import."""
        with self._services.database.read() as conn:
            adopted = policies.all(conn)
        apply = self._services.settings.reconcile == "apply"
        window = Window(since=adopted[0].activated_at if adopted else now_real)
        report = reconcile(self._services, apply=apply, window=window)
        with self._services.database.write() as tx:
            shared_values.put(tx, LAST_RUN_KEY, {"at": now_real.isoformat(), "tried": now_real.isoformat()})
            if report.left and not apply:
                subject = f"{report.at.date()}: {_words(report)}"
                outbox.alert(self._services, tx, topic="reconcile_found", subject=subject)
        log.info("reconciled", compared=report.compared, drifts=len(report.drifts), left=report.left)


def last_run(now: datetime, zone: str) -> datetime:
    """Return the last time that the nightly moment has passed."""
    local = now.astimezone(ZoneInfo(zone))
    tonight = datetime.combine(local.date(), NIGHT_HOURS, tzinfo=local.tzinfo)
    return tonight if tonight <= local else tonight - timedelta(days=1)


def _words(report: ReconcileReport) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in report.counts.items())


def _within(text: Any, now: datetime, span: timedelta) -> bool:
    return isinstance(text, str) and abs(now - datetime.fromisoformat(text)) < span


def _since(text: Any, moment: datetime) -> bool:
    return isinstance(text, str) and datetime.fromisoformat(text) >= moment
