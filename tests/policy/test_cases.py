"""The case tables of the presets, line by line, as pure decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from kulanz.policy_tests.play import differences, played
from kulanz.policy_tests.table import Case
from tests.policy.cases.tables import FOLDER, cases, policy
from tests.replacing import replace

TABLES = sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
EVERY = [case for table in TABLES for case in cases(table)]
OTHERWISE = {
    r"\bgood\b": "grace",
    r"\bgrace\b": "good",
    r"\b(on_hold|suspended|closed)\b": "good",
    r"\bfull\b": "none",
    r"\b(free|none)\b": "full",
    r"\bprofessional\b": "enterprise",
    r"\benterprise\b": "professional",
    r"(?<!mandate is )\bactive\b": "ended",
    r"(?<=mandate is )active\b": "revoked",
    r"(?<=mandate is )revoked\b": "active",
    r"\b(ended|cancelled|withdrawn)\b": "active",
    r"^not eligible\b": "eligible",
    r"^eligible\b": "review",
    r"^review\b": "eligible",
    r"(?<=the data are )kept": "deleted",
    r"(?<=the data are )deleted": "kept",
    r"(?<=the records are )kept": "destroyed",
    r"(?<=the records are )destroyed": "kept",
    r"^we cancel nothing$": "the renewal is switched off",
    r"^the renewal is switched off$": "we cancel nothing",
    r"^not told by mail": "told by mail",
}
"""What is said of a state, and another word for it."""
NAMED = (
    r"told by mail|because of|the product is told|operators see|the request is|the debt is|the hand-over is|refused:"
)
"""Outcomes that end in a name."""


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_what_the_table_says_follows(case: Case) -> None:
    assert differences(case, played(case, policy(case.source))) == []


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_a_line_that_is_falsified_is_noticed(case: Case) -> None:
    story = played(case, policy(case.source))
    false = [replace(case, follows=wrong) for said in case.outcomes for wrong in falsified(said)]

    assert [
        each.follows for each in [replace(case, holds=not case.holds), *false] if not differences(each, story)
    ] == []


def test_most_outcomes_are_falsified() -> None:
    stated = {said for case in EVERY for said in case.outcomes}

    assert len([said for said in stated if [*falsified(said)]]) > 0.8 * len(stated)


@pytest.mark.parametrize("preset", TABLES)
def test_every_clause_of_a_preset_has_a_case_for_it_and_one_against_it(preset: str) -> None:
    stated = {(case.clause, case.holds) for case in cases(preset)}
    clauses = set(_clauses(policy(preset)))

    assert {(clause, holds) for clause in clauses for holds in (True, False)} <= stated
    assert {clause for clause, _ in stated if clause} <= clauses


def falsified(said: str) -> Iterator[str]:
    """Say otherwise what a line says: another number, another word that stands for a state, another name at the end."""
    if re.match(r"(mail|letter) ", said):
        yield (
            said.replace(" does not say ", " says ")
            if " does not say " in said
            else said.replace(" says ", " does not say ")
        )
        return
    numbers = [*re.finditer(r"\d+(\.\d\d)?", said)]
    if numbers and not re.match(r"add-on \d+ (is|went)", said):
        last = numbers[-1]
        more = f"{float(last[0]) + 1:.2f}" if last[1] else str(int(last[0]) + 1)
        yield f"{said[: last.start()]}{more}{said[last.end() :]}"
    yield from (re.sub(words, other, said) for words, other in OTHERWISE.items() if re.search(words, said))
    if re.match(NAMED, said):
        yield f"{said}_otherwise"


def _clauses(rules: object) -> Iterator[str]:
    for rule in rules if isinstance(rules, tuple) else ():
        yield from _clauses(rule)
    for item in fields(rules) if is_dataclass(rules) else ():
        value = getattr(rules, item.name)
        if item.name.endswith("clause") and value:
            yield value
        yield from _clauses(value)
