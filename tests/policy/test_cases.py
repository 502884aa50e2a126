"""The case tables of the presets, line by line, as pure decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from app.policy import document
from tests.policy.cases.play import FOLDER, Case, cases, played, unmet

TABLES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
EVERY = [case for table in TABLES for case in cases(table)]


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_what_the_table_says_follows(case: Case) -> None:
    story = played(case)

    assert unmet(case, story) == []


@pytest.mark.parametrize("preset", TABLES)
def test_every_clause_of_a_preset_has_a_case_for_it_and_one_against_it(preset: str) -> None:
    told = {(case.clause, case.holds) for case in cases(preset)}
    clauses = set(_clauses(document.parse(document.preset(preset))))

    assert {(clause, holds) for clause in clauses for holds in (True, False)} <= told
    assert {clause for clause, _ in told} <= clauses


def _clauses(rules: object) -> Iterator[str]:
    for rule in rules if isinstance(rules, tuple) else ():
        yield from _clauses(rule)
    for item in fields(rules) if is_dataclass(rules) else ():
        value = getattr(rules, item.name)
        if item.name.endswith("clause") and value:
            yield value
        yield from _clauses(value)
