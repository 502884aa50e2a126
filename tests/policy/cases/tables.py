"""The case tables of the presets, as the engine that ships with Kulanz reads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kulanz.policy import document
from kulanz.policy.document import Policy
from kulanz.policy_tests import table
from kulanz.policy_tests.play import problems
from kulanz.policy_tests.table import Case

FOLDER = Path(__file__).parent


@cache
def cases(preset: str) -> tuple[Case, ...]:
    """The rows of a preset's table; a fault of the file is one of the tests."""
    read = table.read((FOLDER / f"{preset}.md").read_text(encoding="utf-8"), preset)
    faults = [*read.problems, *(fault for case in read.cases for fault in problems(case))]
    assert faults == []
    return read.cases


@cache
def policy(preset: str) -> Policy:
    return document.parse(document.preset(preset), version=1)
