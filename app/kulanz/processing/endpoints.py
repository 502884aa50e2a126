"""Endpoints that can never work as they are set up: their events are ignored, remembered, and alerted once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from kulanz.errors import KulanzError
from kulanz.processing import outbox
from kulanz.providers import Routing
from kulanz.services import Services
from kulanz.store import inbox, shared_values
from kulanz.store.database import Connection
from kulanz.store.inbox import Event

SHOWN_FOR = timedelta(days=7)
_PREFIX = "endpoint_problem|"
_ACCOUNTS_BEFORE = "stripe_accounts_before"
_LOOKED_BACK = 20_000
"""Events that are read to learn which accounts were accepted before there was a setting, the newest first."""


ReadEvent = Callable[[Event], Mapping[str, Any]]
"""Returns the payload of a stored event. Raises `KulanzError`."""


class EndpointProblem(NamedTuple):
    """Fault of an endpoint, and the last day on which an event showed it."""

    provider: str
    problem: str
    day: str


def objection(services: Services, tx: Connection, event: Event, routing: Routing, read: ReadEvent) -> str | None:
    """Return why no event of this kind can ever act here; None where it can."""
    problem = routing.problem
    if problem is None and routing.origin is not None and not _accepts(services, tx, event, routing.origin, read):
        problem = f"sent for the account {routing.origin}, which is not in STRIPE_ACCOUNT_IDS"
    if problem is not None:
        _remember(services, tx, event.provider, problem)
    return problem


def lately(services: Services, conn: Connection) -> list[EndpointProblem]:
    """Return the problems that events showed within the last days."""
    since = (services.clock.now(conn) - SHOWN_FOR).date().isoformat()
    found = [
        EndpointProblem(provider, problem, day)
        for name, day in shared_values.starting(conn, _PREFIX)
        for provider, problem in [name.removeprefix(_PREFIX).split("|", 1)]
        if day >= since
    ]
    return [row for row in found if not _is_accepted_by_now(services, row)]


def accounts_without_setting(services: Services, conn: Connection) -> list[str]:
    """Return the connected accounts that are accepted only because they were before."""
    return [name for name in shared_values.get(conn, _ACCOUNTS_BEFORE) or () if not _is_set(services, name)]


def _accepts(services: Services, tx: Connection, event: Event, origin: str, read: ReadEvent) -> bool:
    if _is_set(services, origin):
        return True
    before = shared_values.get(tx, _ACCOUNTS_BEFORE)
    if before is None:
        before = sorted(set(_origins(services, tx, event, read)))
        shared_values.put(tx, _ACCOUNTS_BEFORE, before)
    return origin in before


def _is_set(services: Services, origin: str) -> bool:
    return origin in services.settings.stripe_account_ids


def _origins(services: Services, tx: Connection, event: Event, read: ReadEvent) -> Iterator[str]:
    """Yield the accounts of which events were applied, as their stored bodies say."""
    provider = services.providers[event.provider]
    for stored in inbox.handled_before(tx, event.provider, event.id, _LOOKED_BACK):
        try:
            origin = provider.route(read(stored), services.account_naming).origin
        except KulanzError:
            continue
        if origin is not None:
            yield origin


def _remember(services: Services, tx: Connection, provider: str, problem: str) -> None:
    today = services.clock.now(tx).date().isoformat()
    name = f"{_PREFIX}{provider}|{problem}"
    if shared_values.get(tx, name) != today:
        shared_values.put(tx, name, today)
        outbox.alert(services, tx, topic="endpoint_cannot_work", subject=f"{provider}: {problem}")


def _is_accepted_by_now(services: Services, row: EndpointProblem) -> bool:
    words = row.problem.replace(",", " ").split()
    return not services.settings.stripe_account_ids.isdisjoint(words)
