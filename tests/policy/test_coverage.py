"""Every sentence of the source texts is proved by lines of the case tables, or has a reason why it cannot be."""

from __future__ import annotations

import re

import pytest

from tests.policy.cases.tables import cases
from tests.policy.coverage import PAGE, PAGES, page, proofs, sentences


def test_the_page_is_what_the_case_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("preset", PAGES)
def test_every_sentence_is_proved_both_ways_or_says_why_not(preset: str) -> None:
    chapter = sentences(preset)
    shown = {
        each.number: {row.holds for row in proofs(each, chapter)}
        for each in chapter
        if not each.reason and not each.elsewhere
    }

    assert {number: holds for number, holds in shown.items() if holds != {True, False}} == {}
    assert [each.number for each in chapter if (each.reason or each.elsewhere) and (each.rows or each.see)] == []
    assert [each.number for each in chapter if each.elsewhere and not _names_a_test(each.elsewhere)] == []
    assert len({each.number for each in chapter}) == len(chapter)


@pytest.mark.parametrize("preset", PAGES)
def test_every_line_of_a_table_stands_under_a_sentence_or_under_what_the_page_does_not_speak_of(preset: str) -> None:
    stated = [row.told for each in sentences(preset) for row in each.rows]
    silent = [case.told for case in cases(preset) if not case.clause]

    assert sorted([*stated, *silent]) == sorted(case.told for case in cases(preset))


def _names_a_test(text: str) -> bool:
    named = re.search(r"tests/\S+\.py", text)
    return named is not None and (PAGE.parents[1] / named[0]).exists()


def test_all_sentences_are_there() -> None:
    assert {preset: len(sentences(preset)) for preset in PAGES} == {
        "plexo": 75,
        "bitrix24": 34,
        "cloudcrm": 19,
        "dunning-at": 20,
    }
