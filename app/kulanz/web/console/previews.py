"""Preview of a command: the differences afterwards, and the messages that are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kulanz.commands import silence
from kulanz.formats.messages import Message, Money, Reader, message
from kulanz.policy.effects import AlertOperators, DropFile, Effect, Notify, SendLetter, SendMail
from kulanz.policy.state import Decision, State
from kulanz.queries import sentences
from kulanz.store import codec
from kulanz.store.account_list import LOOKS, Deadline
from kulanz.web.console import formatting

CUSTOMER = message("The customer")
_AUDIENCES: Mapping[type[Effect], Message] = {
    SendMail: CUSTOMER,
    SendLetter: CUSTOMER,
    Notify: message("Your product"),
    AlertOperators: message("Operators"),
    DropFile: message("The data directory"),
}
_PROVIDER = message("The provider")
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
    told: dict[str, list[str]] = {reader.read(CUSTOMER): []}
    for effect in decision.effects:
        audience = reader.read(_AUDIENCES.get(type(effect), _PROVIDER))
        told.setdefault(audience, []).append(reader.read(formatting.effect(effect)))
    before = dict(_shown(decision.before, deadline, reader)) if decision.before else {}
    after = _shown(decision.state, _next(decision.state), reader)
    return Preview(
        changes=[sentences.sentence(codec.change_document(change), reader) for change in decision.changes],
        told=told,
        differences=[Difference(name, before.get(name, NOTHING), value) for name, value in after],
        optional=len(silence.optional(decision)),
    )


def _shown(state: State, deadline: Deadline | None, reader: Reader) -> Iterator[tuple[str, str]]:
    values: Iterable[tuple[Message, object]] = (
        (message("standing"), formatting.words(state.standing)),
        (message("plan"), state.plan),
        (message("access"), formatting.words(state.access)),
        (message("grace ends"), state.grace_ends_at),
        (message("next deadline"), [formatting.words(deadline.kind), deadline.due_at] if deadline else None),
        (message("owed"), _owed(state)),
        (message("refunds under way"), _going_back(state)),
        (message("holds"), [formatting.words(owner) for owner in sorted({str(hold.owner) for hold in state.holds})]),
    )
    for name, value in values:
        yield reader.read(name), reader.write(value) if value else NOTHING


def _next(state: State) -> Deadline | None:
    due = [Deadline(timer.kind, timer.due_at) for timer in state.timers if timer.kind not in LOOKS]
    return min(due, key=lambda each: (each.due_at, each.kind), default=None)


def _owed(state: State) -> list[Money]:
    """Return the debt in each currency."""
    due = (case for case in state.cases if case.open or case.holds)
    return _sums(Money(case.amount_due, case.currency, case.decimals) for case in due)


def _going_back(state: State) -> list[Money]:
    """Return the approved refunds in each currency whose money is not back yet."""
    approved = (refund for refund in state.refunds if refund.open and not refund.undecided)
    return _sums(Money(each.amount, each.payment.currency, each.payment.decimals) for each in approved)


def _sums(amounts: Iterable[Money]) -> list[Money]:
    sums: dict[tuple[str | None, int | None], int] = {}
    for each in amounts:
        if each.amount:
            place = each.currency, each.decimals
            sums[place] = sums.get(place, 0) + each.amount
    return [Money(amount, currency, decimals) for (currency, decimals), amount in sorted(sums.items(), key=repr)]
