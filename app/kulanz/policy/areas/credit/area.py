"""The area of prepaid credit: bought and spent by the merchant's word, blocked and forfeited by the policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from kulanz.policy.areas.area import Area
from kulanz.policy.areas.credit.pots import Pot, PotStatus, movements, pots
from kulanz.policy.facts import OwnFact
from kulanz.policy.state import Change, Transition

_RANKS = {"bought": 14, "spent": 13, "blocked": 16, "released": 16, "forfeited": 17}


class CreditArea(Area):
    """Credit without cash value: blocked without access, forfeited only with the account or the number (bitrix24)."""

    families: ClassVar[tuple[str, ...]] = ("credit",)

    def changes(self, step: Transition, acts: Iterable[OwnFact]) -> Iterator[Change]:
        """Yield the credit that was bought and spent, and the fate of the rest."""
        existing = {other_pot.name: other_pot for other_pot in pots(step.old, step.before)} if step.before else {}
        for pot in pots(step.new, step.after):
            yield from _moved(pot, step)
            word = _became(existing.get(pot.name), pot)
            if word is not None:
                yield _change(word, pot, pot.left, step)


def _moved(pot: Pot, step: Transition) -> Iterator[Change]:
    old = step.old.credit.get(pot.name)
    for fact in movements(step.new.credit[pot.name]):
        if old is None or fact.id not in old.booked:
            yield _change(str(fact.entry), pot, fact.amount, step)


def _became(old: Pot | None, new: Pot) -> str | None:
    was = old.status if old else PotStatus.USABLE
    if new.status is was:
        return None
    return "released" if new.status is PotStatus.USABLE else str(new.status)


def _change(word: str, pot: Pot, amount: int, step: Transition) -> Change:
    policy = step.terms.at(step.after.as_of)
    detail = {"pot": pot.name, "amount": amount, "currency": pot.currency, "balance": pot.balance, "due": pot.due}
    return Change(
        rule=f"credit.{word}",
        clause=policy.credit.clause,
        policy=policy,
        subject=pot.name,
        rank=_RANKS[word],
        detail=detail,
    )
