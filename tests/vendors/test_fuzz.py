"""What a vendor may write tomorrow parks at most its own event: some hundreds here, `tests.vendors.fuzz` tries more."""

from __future__ import annotations

import pytest

from tests.adapters.payload_source import MONDAY, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.vendors.fuzz import spots, try_one

EXAMPLES = 80


@pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda source: source.name)
def test_an_event_that_is_written_otherwise_crashes_nothing_and_takes_nothing(source: PayloadSource) -> None:
    assert [find for seed in range(EXAMPLES) if (find := try_one(seed, source)) is not None] == []


@pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda source: source.name)
def test_there_is_much_that_a_vendor_may_write_otherwise(source: PayloadSource) -> None:
    payloads = source.tell(StoryEvent.BUYS, MONDAY) + source.tell(StoryEvent.CANCELS, MONDAY)
    ways = {spot.how for payload in payloads for spot in spots(source, payload)}

    assert {"null", "word", "text"} <= ways
