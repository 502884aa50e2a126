"""The tables of events in the documentation are those of the adapters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from kulanz.policy.facts import FACT_KINDS
from kulanz.providers.lemonsqueezy.vocabulary import OBJECTS as LEMONSQUEEZY
from kulanz.providers.paddle.vocabulary import OBJECTS as PADDLE
from kulanz.providers.paddle.vocabulary import WARNINGS
from kulanz.providers.standard.vocabulary import DODO, POLAR
from kulanz.providers.stripe.vocabulary import OBJECTS as STRIPE

GUIDE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
VOCABULARIES = {
    "Lemon Squeezy": LEMONSQUEEZY,
    "Stripe": STRIPE,
    "Paddle": PADDLE,
    "Polar": POLAR,
    "Dodo": DODO,
}


def rows(title: str) -> list[list[str]]:
    """The rows of the table below a heading, cell by cell."""
    section = GUIDE.split(f"\n### {title}\n")[1].split("\n#")[0]
    table = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


@pytest.mark.parametrize(("title", "vocabulary"), VOCABULARIES.items(), ids=VOCABULARIES.keys())
def test_every_event_of_an_adapter_is_described_with_its_object_and_no_other_is(
    title: str, vocabulary: Mapping[str, str]
) -> None:
    told = {event: row[1] for row in rows(title) for event in re.findall(r"`([^`]+)`", row[0])}

    assert told == vocabulary


@pytest.mark.parametrize("title", VOCABULARIES)
def test_the_facts_that_are_named_exist_and_something_follows(title: str) -> None:
    for _, _, facts, follows in rows(title):
        assert set(re.findall(r"`([^`]+)`", facts)) <= FACT_KINDS.keys()
        assert follows


def test_paddles_warnings_are_described() -> None:
    section = GUIDE.split("\n### Paddle\n")[1].split("\n#")[0]

    assert all(f"`{name}`" in section for name in WARNINGS)
