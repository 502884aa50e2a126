"""Reads the case tables of a Markdown file: each row is one customer with the expected outcomes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

COLUMNS = ("by", "holds", "what happens", "what follows")
PLANS = ("professional", "enterprise")
"""The merchant's plans where a file names none."""
_HOLDS = {"yes": True, "no": False}
_PLAN = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A customer: a row, or one of the words of a list in it."""

    source: str
    line: int
    clause: str
    """Empty: the terms do not mention it."""
    holds: bool
    told: str
    follows: str
    plans: tuple[str, ...] = PLANS

    @property
    def place(self) -> str:
        """The place of the case."""
        return f"{self.source}:{self.line}"

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes, split into single ones."""
        return tuple(said for item in self.follows.split(";") if (said := item.strip()))

    def __str__(self) -> str:
        return f"{self.source} {self.clause} {'' if self.holds else 'not '}{self.told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The content of a file and its unreadable lines, each with its number."""

    cases: tuple[Case, ...]
    problems: tuple[str, ...]


def read(text: str, source: str) -> Table:
    """Read every row under a head of the four columns; other tables and all other text are ignored."""
    plans: tuple[str, ...] = PLANS
    problems: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    ours = False
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("Plans:"):
            plans = tuple(name.strip() for name in line.removeprefix("Plans:").rstrip(".").split(","))
            problems += [
                f"{source}:{number}: {name!r} is no plan's name" for name in plans if not _PLAN.fullmatch(name)
            ]
        elif not line.startswith("|"):
            ours = False
        elif tuple(cells) == COLUMNS:
            ours = True
        elif ours and not re.fullmatch(r"[\s|:-]+", line):
            rows.append((number, cells))
    problems += [f"{source}:{number}: {fault}" for number, cells in rows if (fault := _fault(cells))]
    read_rows = ((number, cells) for number, cells in rows if _fault(cells) is None)
    cases = tuple(case for number, cells in read_rows for case in _cases(cells, source, number, plans))
    if not rows:
        problems.append(f"{source}: no table begins with | {' | '.join(COLUMNS)} |")
    return Table(cases=cases, problems=tuple(problems))


def _fault(cells: list[str]) -> str | None:
    if len(cells) != len(COLUMNS):
        return f"expected {len(COLUMNS)} cells, found {len(cells)}"
    if cells[1] not in _HOLDS:
        return f'holds: expected "yes" or "no", found {cells[1]!r}'
    empty = next((name for name, cell in zip(COLUMNS, cells, strict=True) if not cell), None)
    return None if empty is None else f"{empty}: nothing is said"


def _cases(cells: list[str], source: str, line: int, plans: tuple[str, ...]) -> Iterator[Case]:
    clause, holds, text, follows = cells
    for told in _one_by_one(text):
        yield Case(
            source=source,
            line=line,
            clause="" if clause == "none" else clause,
            holds=_HOLDS[holds],
            told=told,
            follows=follows,
            plans=plans,
        )


def _one_by_one(text: str) -> list[str]:
    """Return the stories of a row: one for each word of a list `[this, that]`."""
    listed = re.search(r"\[([^]]+)\]", text)
    if listed is None:
        return [text]
    return [text.replace(listed[0], word.strip()) for word in listed[1].split(",")]
