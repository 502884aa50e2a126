"""A sample of what `python -m tests.policy.cases.mutants` tries: a case table notices a preset that says otherwise."""

from __future__ import annotations

from functools import cache

import pytest

from kulanz.policy import document
from tests.policy.cases.mutants import UNSEEN, Mutant, faults, mutants, noticing
from tests.replacing import replace

PRESETS = document.presets()
made_of = cache(lambda preset: tuple(mutants(preset)))
EVERY = 48


@pytest.mark.parametrize("preset", PRESETS)
def test_a_value_that_is_changed_is_noticed_by_a_line(preset: str) -> None:
    sample = made_of(preset)[EVERY // 2 :: EVERY]

    assert [*faults(preset, sample)] == []


@pytest.mark.parametrize("preset", PRESETS)
def test_each_mutant_says_one_thing_otherwise_than_its_preset(preset: str) -> None:
    ours = document.parse(document.preset(preset), version=1)
    made = made_of(preset)

    assert [mutant for mutant in made if replace(mutant.policy, sha256=ours.sha256) == ours] == []
    assert len({str(mutant) for mutant in made}) == len(made)


def test_a_preset_as_it_is_is_noticed_by_no_line() -> None:
    policy = document.parse(document.preset("cloudcrm"), version=1)

    assert noticing(Mutant(preset="cloudcrm", key="dunning.grace", value="7d", policy=policy)) is None


def test_what_no_line_can_notice_is_there_and_is_told_with_a_reason() -> None:
    made = {(preset, mutant.key) for preset in PRESETS for mutant in made_of(preset)}

    assert set(UNSEEN) <= made
    assert all(UNSEEN.values())
