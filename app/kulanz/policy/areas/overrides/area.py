"""Operators' exceptions as an area of the policy: their immediate steps, their holds and lifts, and their end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from kulanz.policy.areas.area import Area, Line
from kulanz.policy.areas.overrides import exceptions
from kulanz.policy.book import Book
from kulanz.policy.effects import Effect, SendLetter, SendMail
from kulanz.policy.facts import HoldLifted, OverrideKind, OverrideSet, OwnFact
from kulanz.policy.state import Change, Hold, Moment, State, Timer, Transition

_LIFTED = f"override.{OverrideKind.REINSTATE}.lifted"
_CALLBACKS = {
    f"override.{OverrideKind.SUSPEND}": "account.suspended",
    f"override.{OverrideKind.REINSTATE}": "account.reinstated",
}


def _lifting(fact: HoldLifted, step: Transition) -> Change:
    return step.of_act(_LIFTED, 60, fact.source, notice="reinstated", hold=fact.hold)


class OverridesArea(Area):
    """Operators' exceptions to the policy, and their automatic return to it."""

    families: ClassVar[tuple[str, ...]] = ("overrides",)
    lines: ClassVar[Mapping[type[OwnFact], Line]] = {HoldLifted: _lifting}

    def holds(self, state: State, book: Book, moment: Moment) -> Iterator[Hold]:
        """Yield the operators' own holds."""
        return exceptions.suspensions(book, moment.at)

    def timers(self, state: State, book: Book, moment: Moment) -> Iterator[Timer]:
        """Yield when each exception ends."""
        return exceptions.timers(book, moment.at)

    def carried_over(self, step: Transition, moment: Moment) -> Iterator[OwnFact]:
        """Yield the steps of an exception that was just made."""
        for made in exceptions.fresh(step.old, step.new):
            yield from exceptions.due(made, step.after, step.new, moment.at)

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the exceptions that were made and that ended."""
        for made in exceptions.fresh(step.old, step.new):
            yield _change(f"override.{made.kind}", 90, made, step)
        if step.before is not None:
            for record in step.new.overrides.values():
                yield from _ended(record.set, step.before, step)

    def still_wanted(self, effect: Effect, state: State, book: Book) -> bool | None:
        """Whether a lifted hold is still not in force again."""
        if isinstance(effect, SendMail | SendLetter) and effect.notice == "reinstated":
            return not state.held(effect.subject)
        return None


def _ended(made: OverrideSet, before: State, step: Transition) -> Iterator[Change]:
    was, now = before.as_of, step.after.as_of
    if made.kind in exceptions.ENDING_KINDS and made.until and min(was, now) < made.until <= max(was, now):
        # A clock that was set back puts an exception in force again.
        yield _change("override.ended" if was < now else "override.in_force_again", 93, made, step)


def _change(rule: str, rank: int, made: OverrideSet, step: Transition) -> Change:
    detail = {"actor": made.actor, "until": made.until, "kind": str(made.kind), "reason": made.reason}
    given_back = rule == "override.ended" and made.kind is OverrideKind.SUSPEND
    return Change(
        rule=rule,
        clause="",
        policy=step.terms.current,
        subject=made.id,
        rank=rank,
        detail=detail,
        callback="account.reinstated" if given_back else _CALLBACKS.get(rule),
    )
