"""What a deliberate break is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """One line that is made wrong, and the tests of which one must fail."""

    says: str
    path: str
    right: str
    wrong: str
    tests: tuple[str, ...]
    also: tuple[tuple[str, str, str], ...] = ()
    """Further lines by path, right and wrong, where one alone is made up for elsewhere."""

    @property
    def lines(self) -> tuple[tuple[str, str, str], ...]:
        """All that is made wrong, by path, right and wrong."""
        return ((self.path, self.right, self.wrong), *self.also)
