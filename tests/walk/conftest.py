"""One running instance for each database, shared by the stories."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.walk.house import House, a_house_on_its_database


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running instance on one database, then on the other."""
    with a_house_on_its_database(request, tmp_path_factory) as house:
        yield house


@pytest.fixture
def start(house: House) -> datetime:
    """Where a story begins: a moment of its own, later than every story before."""
    shown = house.cli("clock", "show", "--json")
    now = datetime.fromisoformat(shown["now"]) if house.stories else datetime(2026, 3, 2, 14, 8, 20, tzinfo=UTC)
    begin = now.replace(microsecond=0)
    house.cli("clock", "set", begin.isoformat())
    house.provider.now = begin
    house.provider.requests.clear()
    return begin
