"""Report of one attempt: its state for the outbox; its outcome and the provider's facts for the policy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from kulanz.policy.facts import Fact, Outcome


class AttemptState(StrEnum):
    """State of an effect in the outbox. All but `retry` are final until an operator retries the effect."""

    DONE = "done"
    SKIPPED = "skipped"
    """The receiver is not configured."""
    TODO = "todo"
    """A person has to do it at the provider, as we hold no key for it."""
    PARKED = "parked"
    """Given up after the last attempt, or refused for good: operators see it."""
    UNKNOWN = "unknown"
    """The attempt may have taken effect, and a repetition could do it twice."""
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReport:
    """Outcome of one attempt to deliver an effect."""

    state: AttemptState
    outcome: Outcome | None = None
    """For the policy (`reported`); None while it is open: the request stays a request."""
    error: str | None = None
    """One line for operators, without an address or a secret."""
    retry_after: timedelta | None = None
    """Real time to the next attempt; set exactly when `state` is `retry`."""
    facts: tuple[Fact, ...] = ()
    """Facts in the provider's answer, recorded for every outcome of the attempt."""
    refused: bool = False
    """The request that moves money was surely without effect: it may be made again."""


def parked(error: str, outcome: Outcome = Outcome.FAILED) -> AttemptReport:
    """Return the report of a failure that another attempt would not solve."""
    return AttemptReport(state=AttemptState.PARKED, outcome=outcome, error=error)


def without_addresses(text: str) -> str:
    """Return one line of a remote server's message, without mail addresses."""
    return re.sub(r"[^\s<>,;:\"']+@[^\s<>,;:\"']+", "(address)", " ".join(text.split()))[:200]
