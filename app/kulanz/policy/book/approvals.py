"""Records of an exception that waits for a second person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from kulanz.policy import facts as f

Word = TypeVar("Word", f.OverrideAsked, f.OverrideDeclined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An exception that was asked for: by which operator, for which customer, and whether it was declined."""

    asked: f.OverrideAsked | None = None
    """None while only an answer to it is known."""
    names: Mapping[str, datetime] = field(default_factory=dict)
    """The supporters, with times: those who approved it, and the one who asked, if that name was authenticated."""
    declined: f.OverrideDeclined | None = None

    @classmethod
    def of(cls, fact: f.OverrideAsked | f.OverrideApproved | f.OverrideDeclined) -> Proposal:
        """Return the record of one fact."""
        match fact:
            case f.OverrideAsked():
                return cls(asked=fact, names={fact.actor: fact.at} if fact.signed_in else {})
            case f.OverrideApproved():
                return cls(names={fact.actor: fact.at})
            case f.OverrideDeclined():
                return cls(declined=fact)

    def join(self, other: Proposal) -> Proposal:
        """Keep every name, and the first word of each kind."""
        names = dict(self.names)
        for name, at in other.names.items():
            names[name] = min(names.get(name, at), at)
        return Proposal(
            asked=_first(self.asked, other.asked), names=names, declined=_first(self.declined, other.declined)
        )

    def waits(self, now: datetime) -> bool:
        """Whether it could still be approved."""
        if self.asked is None or self.declined is not None:
            return False
        return self.asked.until is None or self.asked.until > now


def _first(ours: Word | None, theirs: Word | None) -> Word | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return min(ours, theirs, key=lambda word: (word.at, repr(word)))
