"""A lost chargeback, by every provider with a word for the loss; Paddle's only end by being reversed."""

from __future__ import annotations

import pytest

from kulanz.policy.state import Access, Standing
from tests.adapters.teller import DAY, MONDAY, Chapter, Teller
from tests.adapters.tellers import TELLERS
from tests.adapters.test_stories import a_customer, hear


@pytest.mark.parametrize(
    "teller", [one for one in TELLERS if Chapter.LOSES in one.chapters], ids=lambda teller: teller.name
)
def test_a_chargeback_that_is_lost_keeps_its_hold(teller: Teller) -> None:
    stage = a_customer(teller)
    hear(stage, teller, Chapter.DISPUTES, MONDAY - 2 * DAY)

    hear(stage, teller, Chapter.LOSES, MONDAY - DAY)

    assert (stage.state.access, stage.state.standing) == (Access.NONE, Standing.SUSPENDED)
    assert len(stage.state.holds) == 1
