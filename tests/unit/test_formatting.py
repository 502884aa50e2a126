from __future__ import annotations

import pytest

from kulanz.formats.wording import how_many
from kulanz.queries.sentences import sentence


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 accounts"), (1, "1 account"), (2, "2 accounts"), (100_000, "100,000 accounts")]
)
def test_one_thing_is_not_written_as_several(number: int, told: str) -> None:
    assert how_many(number, "account") == told


def test_a_word_whose_plural_is_more_than_an_s_brings_it_along() -> None:
    assert how_many(1, "account waits", "accounts wait") == "1 account waits"
    assert how_many(3, "account waits", "accounts wait") == "3 accounts wait"


@pytest.mark.parametrize(("months", "told"), [(1, "for 1 month."), (12, "for 12 months.")])
def test_a_term_is_told_in_months(months: int, told: str) -> None:
    change = {"rule": "plan.given", "detail": {"subscription": "s", "plan": "professional", "term_months": months}}

    assert told in sentence(change)
