"""Unknown values in providers' events that no decision needs: counted, listed, and alerted once a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from kulanz.processing import outbox
from kulanz.services import Services
from kulanz.store import shared_values
from kulanz.store.database import Connection
from kulanz.telemetry import metrics

SHOWN_FOR = timedelta(days=30)
_PREFIX = "unknown_word|"


class Met(NamedTuple):
    """An unknown value of one provider in one field of its payloads."""

    provider: str
    field: str
    word: str


class LastMet(NamedTuple):
    """An unknown value, the last day on which it came, and the first event of that day with it."""

    met: Met
    day: str
    event: str


def record(services: Services, tx: Connection, met: Mapping[Met, str]) -> None:
    """Store unknown values with the events that carried them, and alert operators of each once a day."""
    if not met:
        return
    today = services.clock.now(tx).date().isoformat()
    for word, event in sorted(met.items()):
        name = _PREFIX + "|".join(word)
        last = shared_values.get(tx, name)
        if last is None or last["day"] != today:
            shared_values.put(tx, name, {"day": today, "event": event})
            outbox.alert(
                services, tx, topic="unknown_word", subject=f"{word.provider} {word.field}: {word.word} ({today})"
            )


def count(met: Mapping[Met, str]) -> None:
    """Count unknown values, once their events are settled."""
    for word in met:
        metrics.UNKNOWN_WORDS.labels(word.provider, word.field).inc()


def lately(services: Services, conn: Connection) -> list[LastMet]:
    """Return the unknown values of the last days, the newest first."""
    since = (services.clock.now(conn) - SHOWN_FOR).date().isoformat()
    rows = [
        LastMet(Met(*name.removeprefix(_PREFIX).split("|", 2)), value["day"], value["event"])
        for name, value in shared_values.starting(conn, _PREFIX)
        if value["day"] >= since
    ]
    return sorted(rows, key=lambda row: (row.day, row.met), reverse=True)
