"""The record of a cancellation by notice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kulanz.policy.facts import CancellationNoted


def entries(fact: object) -> Iterator[tuple[str, str, CancellationNotice]]:
    """Yield the records of a notice in a fact."""
    if isinstance(fact, CancellationNoted):
        yield "cancellations", fact.id, CancellationNotice(noted=fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationNotice:
    """A notice of cancellation; the same id is the same notice."""

    noted: CancellationNoted

    @property
    def cause(self) -> str:
        """Return the cause for which the renewal is stopped."""
        return f"notice:{self.noted.id}"

    def join(self, other: CancellationNotice) -> CancellationNotice:
        """Keep one of two words under one id, always the same one."""
        return self if self == other else max(self, other, key=lambda notice: (notice.noted.at, repr(notice.noted)))
