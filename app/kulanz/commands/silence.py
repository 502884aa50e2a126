"""Commands without their mail: a person informs the customer, so the same transaction withdraws the notice."""

from __future__ import annotations

from kulanz.policy.consequences.outcomes import reported
from kulanz.policy.effects import SendLetter, SendMail
from kulanz.policy.facts import Outcome
from kulanz.policy.state import Decision
from kulanz.processing.decision_log import Cause
from kulanz.processing.unit_of_work import UnitOfWork
from kulanz.runtime.clock import real_now
from kulanz.store import outbox
from kulanz.store.database import Connection

OPTIONAL_NOTICES = frozenset(
    {"add_on_booked", "add_on_cancelled", "add_on_withdrawn", "recovered", "refund_decided", "reinstated"}
)
"""Notices that promise nothing and take nothing. All others are sent, even if a person wishes otherwise."""


def optional(decision: Decision) -> tuple[SendMail | SendLetter, ...]:
    """Return the notices of a decision that a person may withhold."""
    letters = (effect for effect in decision.effects if isinstance(effect, SendMail | SendLetter))
    return tuple(effect for effect in letters if effect.notice in OPTIONAL_NOTICES)


def withhold(unit_of_work: UnitOfWork, decision: Decision, actor: str) -> tuple[str, ...]:
    """Report the optional notices of a decision as withdrawn by a person; return their ids."""
    account, at = decision.account, unit_of_work.now
    letters = optional(decision)
    facts = [fact for each in letters for fact in reported(each, Outcome.WITHDRAWN, at, account.book)]
    if facts:
        unit_of_work.decide(account.id, facts, Cause(kind="command", name="Withhold", ref=actor))
    return tuple(each.id for each in letters)


def write(tx: Connection, withheld: tuple[str, ...], actor: str) -> None:
    """Withdraw notices that were just written to the outbox."""
    for effect in withheld:
        error = f"{actor} informs the customer in another way"
        outbox.finish(tx, effect, "withdrawn", attempts=0, error=error, done_at=real_now())
