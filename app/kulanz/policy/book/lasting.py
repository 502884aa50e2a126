"""Completion of snapshots: a text that a snapshot leaves out (buyer, order, address) stays as an older one gave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace as evolve

from kulanz.policy import facts as f
from kulanz.policy.facts import Stamp

_LASTING: Mapping[type, tuple[str, ...]] = {
    f.SubscriptionSeen: ("customer", "order", "email", "name"),
    f.OrderSeen: ("customer", "variant", "product", "email", "name"),
    f.LicenceSeen: ("customer", "order", "product"),
}
"""Texts that a provider repeats in its snapshots, and whose absence says nothing."""
S = TypeVar("S", f.SubscriptionSeen, f.OrderSeen, f.LicenceSeen)
S_co = TypeVar("S_co", f.SubscriptionSeen, f.OrderSeen, f.LicenceSeen, covariant=True)


class KeptWord(Struct, frozen=True, kw_only=True):
    """A text that the newest snapshot leaves out, from the newest one that had it."""

    name: str
    stamp: Stamp
    value: str


class Record(Protocol[S_co]):
    """Protocol of a record in the book: the newest snapshot of one object, completed by the kept words."""

    @property
    def seen(self) -> S_co:
        """The newest snapshot."""

    @property
    def kept(self) -> tuple[KeptWord, ...]:
        """The words that the newest snapshot does not have."""


def joined(ours: Record[S], theirs: Record[S]) -> tuple[S, tuple[KeptWord, ...]]:
    """Return the newer of two snapshots, with the newest of each word that it leaves out."""
    raw, other = _as_told(ours), _as_told(theirs)
    if raw.stamp < other.stamp or (raw.stamp == other.stamp and repr(raw) < repr(other)):
        raw = other
    missing = [name for name in _LASTING[type(raw)] if not getattr(raw, name)]
    if not missing:
        return raw, ()
    told = [*_words(ours), *_words(theirs)]
    kept = [max(found, key=_age) for name in missing if (found := [word for word in told if word.name == name])]
    return (evolve(raw, **{word.name: word.value for word in kept}), tuple(kept)) if kept else (raw, ())


def _as_told(record: Record[S]) -> S:
    """Return the newest snapshot as its event sent it."""
    absent = {word.name: "" if word.name == "customer" else None for word in record.kept}
    return evolve(record.seen, **absent) if absent else record.seen


def _words(record: Record[S]) -> list[KeptWord]:
    """Return each lasting word that a record knows, with its time."""
    kept, seen = {word.name for word in record.kept}, record.seen
    own = {name: str(getattr(seen, name) or "") for name in _LASTING[type(seen)] if name not in kept}
    said: list[KeptWord] = [KeptWord(name=name, stamp=seen.stamp, value=value) for name, value in own.items() if value]
    return [*record.kept, *said]


def _age(word: KeptWord) -> tuple[Stamp, str]:
    return word.stamp, word.value
