"""The report of one attempt: its state for the outbox, its outcome and what was read on the way for the policy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from kulanz.policy.facts import Fact, Outcome


class AttemptState(StrEnum):
    """What the outbox records. All but `retry` are final until an operator arms the effect again."""

    DONE = "done"
    SKIPPED = "skipped"
    """Nobody is there to be told: the receiver is not configured."""
    TODO = "todo"
    """A person has to do it at the provider, as we hold no key for it."""
    PARKED = "parked"
    """Given up, or refused for good: operators see it."""
    UNKNOWN = "unknown"
    """It may have taken effect, and repeating it could do it twice."""
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReport:
    """What became of one attempt to carry an effect out."""

    state: AttemptState
    outcome: Outcome | None = None
    """For the policy (`reported`); None while it is still open: what was asked for stays asked."""
    error: str | None = None
    """One line for operators, without an address or a secret in it."""
    retry_after: timedelta | None = None
    """Real time to the next attempt; set exactly when `state` is `retry`."""
    facts: tuple[Fact, ...] = ()
    """What the provider answered on the way: facts like any other, whatever became of the attempt."""
    refused: bool = False
    """The request that moves money was surely without effect: it may be made again."""


def parked(error: str, outcome: Outcome = Outcome.FAILED) -> AttemptReport:
    """Return the report of what another attempt would not mend."""
    return AttemptReport(state=AttemptState.PARKED, outcome=outcome, error=error)


def without_addresses(text: str) -> str:
    """Return one line of what another part told us, without the mail addresses in it."""
    return re.sub(r"[^\s<>,;:\"']+@[^\s<>,;:\"']+", "(address)", " ".join(text.split()))[:200]
