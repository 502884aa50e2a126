"""A lost chargeback, by every provider with a word for the loss; Paddle's only end by being reversed."""

from __future__ import annotations

import pytest

from kulanz.policy.state import Access, Standing
from tests.adapters.payload_source import DAY, MONDAY, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.adapters.test_stories import a_customer, hear


@pytest.mark.parametrize(
    "source", [one for one in PAYLOAD_SOURCES if StoryEvent.LOSES in one.events], ids=lambda teller: teller.name
)
def test_a_chargeback_that_is_lost_keeps_its_hold(source: PayloadSource) -> None:
    stage = a_customer(source)
    hear(stage, source, StoryEvent.DISPUTES, MONDAY - 2 * DAY)

    hear(stage, source, StoryEvent.LOSES, MONDAY - DAY)

    assert (stage.state.access, stage.state.standing) == (Access.NONE, Standing.SUSPENDED)
    assert len(stage.state.holds) == 1
