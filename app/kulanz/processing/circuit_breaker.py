"""The circuit breaker for mass downgrades: once tripped, dunning takes no access until released (DOMAIN section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kulanz.errors import InvalidInputError
from kulanz.policy import notice_audit
from kulanz.policy.areas.dunning import enforcement
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.document.rules import MassActionLimit
from kulanz.policy.state import Decision, Moment, Situation, Standing, Terms
from kulanz.processing import facts_first, outbox
from kulanz.services import Services
from kulanz.store import accounts, losses, shared_values, timers
from kulanz.store.database import Connection

WINDOW = timedelta(hours=1)
MAX_WAIT = timedelta(days=1)
"""Longest pause between two checks of a waiting account."""
MAX_RELEASE = timedelta(days=366)
_BRAKED = "mass_action_brake"
_TRIPPED_KEY = "brake_on"
_RELEASED_KEY = "brake_released"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStatus:
    """The state of the circuit breaker at a moment of policy time."""

    on_since: datetime | None
    """Start of the time in which it keeps accounts from losing access; None: it is off."""
    waiting: int
    """Accounts whose grace is over; without the breaker most of them would be on hold."""
    released_until: datetime | None
    actor: str | None = None
    reason: str | None = None


class Allowance:
    """Remaining number of accounts that may lose access by dunning in one transaction; read at the first use.

    It is locked from then to the end of the transaction, so that no other worker uses it.
    """

    def __init__(self, tx: Connection, terms: Terms, now: datetime) -> None:
        self._tx = tx
        self._terms = terms
        self._now = now
        self._left: float | None = None
        self._taken: set[str] = set()
        self._tripped = False

    @property
    def exhausted(self) -> bool:
        """Whether no account may lose access any more."""
        if self._left is None:
            losses.lock(self._tx)
            self._left = remaining(self._tx, self._terms.current.dunning.mass_action_limit, self._now)
        return self._left < 1

    def count(self, decision: Decision) -> None:
        """Count the losses of a decision, or record that the limit alone prevented one."""
        if self._left is None or not decision.state.cases:
            return
        if self._left < 1:
            self._tripped = self._tripped or self._keeps_back(decision)
        elif decision.account.id not in self._taken and any(notice_audit.access_taken(decision)):
            self._left -= 1
            self._taken.add(decision.account.id)

    def take(self, account: str) -> None:
        """Count an account that lost something otherwise than by dunning; `exhausted` was asked before."""
        if self._left is not None and account not in self._taken:
            self._left -= 1
            self._taken.add(account)

    def keep_back(self) -> None:
        """Note that the limit alone kept something from being taken."""
        self._tripped = True

    def write(self) -> None:
        """Record the losses, and trip the breaker if the limit held one back."""
        if self._taken:
            losses.add(self._tx, losses.DUNNING, self._taken, self._now, self._now - WINDOW)
        if self._tripped:
            trip(self._tx, self._now)

    def _keeps_back(self, decision: Decision) -> bool:
        """Whether a case of this account would be on hold if the breaker were not tripped."""
        account = decision.account
        moment = Moment(self._terms, account.zone(self._terms), self._now, Situation(braked=True))
        return any(enforcement.blocked(case, account.book, moment) == _BRAKED for case in decision.state.cases)


class Expiries:
    """Accounts in good standing whose subscription the provider ended: that takes effect, and many are alerted."""

    def __init__(self, tx: Connection, terms: Terms, now: datetime) -> None:
        self._tx = tx
        self._terms = terms
        self._now = now
        self._expired: set[str] = set()

    def note(self, decision: Decision) -> None:
        """Record an account that lost its plan only because of the status `expired`."""
        before, rank = decision.before, self._terms.catalogue.rank
        if before is None or before.standing is not Standing.GOOD or before.plan == decision.state.plan:
            return
        ended = any(change.rule == "subscription.expired" for change in decision.changes)
        if ended and rank(decision.state.plan) < rank(before.plan):
            self._expired.add(decision.account.id)

    def write(self, services: Services) -> None:
        """Alert operators, once an hour, if more accounts were ended than dunning may end."""
        if not self._expired:
            return
        since = self._now - WINDOW
        losses.add(self._tx, losses.EXPIRED, self._expired, self._now, since)
        ended = losses.count(self._tx, losses.EXPIRED, since)
        if ended > _most(self._tx, self._terms.current.dunning.mass_action_limit, ended):
            hour = rfc3339(self._now.replace(minute=0, second=0, microsecond=0))
            outbox.alert(services, self._tx, topic="mass_expiry", subject=hour)


def status(conn: Connection, now: datetime) -> BreakerStatus:
    """Return the breaker's status."""
    released = _released(conn, now)
    since = shared_values.get(conn, _TRIPPED_KEY)
    return BreakerStatus(
        on_since=datetime.fromisoformat(since) if since else None,
        waiting=accounts.past_grace(conn, now),
        released_until=datetime.fromisoformat(released["until"]) if released else None,
        actor=released["actor"] if released else None,
        reason=released["reason"] if released else None,
    )


def remaining(tx: Connection, limit: MassActionLimit, now: datetime) -> float:
    """Return how many more accounts may lose access by dunning now: within the hour, or without end once released."""
    if _released(tx, now) is not None:
        return float("inf")
    if shared_values.get(tx, _TRIPPED_KEY) is not None:
        return 0
    return _most(tx, limit, taken := losses.count(tx, losses.DUNNING, now - WINDOW)) - taken


def trip(tx: Connection, now: datetime) -> None:
    """Trip it: it stays so, however many hours pass, until an operator releases it."""
    if shared_values.get(tx, _TRIPPED_KEY) is None:
        shared_values.put(tx, _TRIPPED_KEY, rfc3339(now))


def release(tx: Connection, *, until: datetime, actor: str, reason: str, now: datetime) -> None:
    """Suspend the limit until a given time, and make the waiting accounts due again."""
    if until <= now:
        raise InvalidInputError("until: the release would have ended already")
    if until > now + MAX_RELEASE:
        raise InvalidInputError("until: at most 366 days away")
    shared_values.put(tx, _RELEASED_KEY, {"until": rfc3339(until), "actor": actor, "reason": reason})
    shared_values.put(tx, _TRIPPED_KEY, None)
    recheck_waiting(tx, now)


def recheck_waiting(tx: Connection, now: datetime) -> None:
    """Make all accounts whose grace is over due for a check now: the obstacle may be gone."""
    timers.hasten(tx, "grace_end", now, now + MAX_WAIT)
    facts_first.look_again(tx, now)


def _most(tx: Connection, limit: MassActionLimit, number: int) -> float:
    """Return the limit per hour; accounts are counted only if the limit as a share may apply."""
    return limit.accounts if number < limit.accounts - 1 else max(limit.accounts, limit.share * accounts.count(tx))


def _released(conn: Connection, now: datetime) -> dict[str, Any] | None:
    stored: dict[str, Any] | None = shared_values.get(conn, _RELEASED_KEY)
    return stored if stored is not None and datetime.fromisoformat(stored["until"]) > now else None
