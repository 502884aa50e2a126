"""Finds all TOML syntax errors of a document at once: TOML's own reader stops at the first. Pure."""

from __future__ import annotations

import re
import tomllib
from typing import Any, NamedTuple

_PLACE = re.compile(r"(?P<what>.*) \(at line (?P<line>\d+), column \d+\)")
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")

_HEADING = re.compile(r"""\s*\[\[?\s*["']?([A-Za-z0-9_.-]+)""")
_STAND_IN = " "


class Read(NamedTuple):
    """A document that was read as far as it is TOML."""

    table: dict[str, Any]
    text: str
    """The readable part: lines that are no TOML are empty."""
    problems: list[str]
    spoilt: frozenset[str]
    """The names of keys whose lines could not be read: they are not missing."""
    whole: bool
    """False: the rest after the last mistake is unknown."""


def read(document: str) -> Read:
    """Read a document; a line that is no TOML is a problem, and the rest is read without it."""
    rows, problems, spoilt = document.split("\n"), list[str](), set[str]()
    while True:
        text = "\n".join(rows)
        try:
            return Read(tomllib.loads(text), text, problems, frozenset(spoilt), whole=True)
        except tomllib.TOMLDecodeError as error:
            result = _PLACE.fullmatch(str(error))
            line = int(result["line"]) if result else len(rows)
            row = rows[line - 1] if line <= len(rows) else ""
            key, heading = _KEY.match(row), _HEADING.match(row)
            name = key[1] if key else heading[1] if heading else ""
            path = f"{_table(rows[:line])}{name}" if key else name
            problems.append(_problem(result["what"] if result else str(error), line, path))
            if not name:
                # The end of a value of several lines, and the value itself, are unknown here.
                return Read({}, text, problems, frozenset(spoilt), whole=False)
            spoilt.add(name)
            rows[line - 1] = "" if key else f'["{_STAND_IN}{line}"]'


def is_stand_in(name: str) -> bool:
    """Whether a table is what stands under a heading that could not be read."""
    return name.startswith(_STAND_IN)


def _table(rows: list[str]) -> str:
    """Return the path of the table that the last of some lines is in, with a dot at its end."""
    headings = (_HEADING.match(row) for row in reversed(rows))
    return next((f"{heading[1]}." for heading in headings if heading), "")


def _problem(what: str, line: int, name: str) -> str:
    begin = f"{name}: " if name else ""
    if what == "Cannot overwrite a value" or what.endswith(" twice"):
        return f"{begin}line {line}: expected once; it is given a second time"
    return f"{begin}line {line}: not TOML: {what[0].lower()}{what[1:]}"
