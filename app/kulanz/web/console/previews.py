"""Preview of a command: the differences afterwards, and the messages that are sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kulanz.commands import silence
from kulanz.formats.messages import Reader
from kulanz.formats.money import plain as money
from kulanz.policy.consequences.effects import rfc3339
from kulanz.policy.effects import AlertOperators, DropFile, Effect, Notify, SendLetter, SendMail
from kulanz.policy.state import Decision, State
from kulanz.queries import sentences
from kulanz.store import codec
from kulanz.store.account_list import LOOKS, Deadline
from kulanz.web.console import formatting

CUSTOMER = "The customer"
_AUDIENCES: Mapping[type[Effect], str] = {
    SendMail: CUSTOMER,
    SendLetter: CUSTOMER,
    Notify: "Your product",
    AlertOperators: "Operators",
    DropFile: "The data directory",
}
_PROVIDER = "The provider"
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A value of the account, now and afterwards."""

    name: str
    before: str
    after: str

    @property
    def differs(self) -> bool:
        """Whether the order changes it."""
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Effect of a command."""

    changes: list[str]
    told: dict[str, list[str]]
    """Outgoing actions by recipient; the customer is always listed, also without any."""
    differences: list[Difference]
    optional: int
    """Number of mails to the customer that a person may withhold."""


def preview(decision: Decision, deadline: Deadline | None, reader: Reader) -> Preview:
    """Return the effect of a decision that was not executed; `deadline` is the account's next one before it."""
    told: dict[str, list[str]] = {CUSTOMER: []}
    for effect in decision.effects:
        told.setdefault(_AUDIENCES.get(type(effect), _PROVIDER), []).append(formatting.effect(effect))
    before = dict(_shown(decision.before, deadline)) if decision.before else {}
    after = _shown(decision.state, _next(decision.state))
    return Preview(
        changes=[sentences.sentence(codec.change_document(change), reader) for change in decision.changes],
        told=told,
        differences=[Difference(name, before.get(name, NOTHING), value) for name, value in after],
        optional=len(silence.optional(decision)),
    )


def _shown(state: State, deadline: Deadline | None) -> Iterator[tuple[str, str]]:
    yield "standing", formatting.words(state.standing)
    yield "plan", state.plan
    yield "access", formatting.words(state.access)
    yield "grace ends", rfc3339(state.grace_ends_at) if state.grace_ends_at else NOTHING
    shown = f"{formatting.words(deadline.kind)}, {rfc3339(deadline.due_at)}" if deadline else NOTHING
    yield "next deadline", shown
    yield "owed", _owed(state)
    yield "holds", ", ".join(sorted(formatting.words(hold.owner) for hold in state.holds)) or NOTHING


def _next(state: State) -> Deadline | None:
    due = [Deadline(timer.kind, timer.due_at) for timer in state.timers if timer.kind not in LOOKS]
    return min(due, key=lambda each: (each.due_at, each.kind), default=None)


def _owed(state: State) -> str:
    """Return the debt in each currency."""
    sums: dict[tuple[str | None, int | None], int] = {}
    for case in state.cases:
        if case.amount_due and (case.open or case.holds):
            place = case.currency, case.decimals
            sums[place] = sums.get(place, 0) + case.amount_due
    owed = (money(amount, currency, decimals) for (currency, decimals), amount in sums.items())
    return ", ".join(sorted(owed)) or NOTHING
