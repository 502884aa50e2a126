"""One running instance for each database, shared by the stories."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.end_to_end.instance import Instance, an_instance_on_its_database


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running instance on one database, then on the other."""
    with an_instance_on_its_database(request, tmp_path_factory) as instance:
        yield instance


@pytest.fixture
def start(instance: Instance) -> datetime:
    """Where a story begins: a moment of its own, later than every story before."""
    instance.end_stories()
    shown = instance.cli("clock", "show", "--json")
    now = datetime.fromisoformat(shown["now"]) if instance.stories else datetime(2026, 3, 2, 14, 8, 20, tzinfo=UTC)
    begin = now.replace(microsecond=0)
    instance.cli("clock", "set", begin.isoformat())
    instance.provider.now = begin
    instance.provider.requests.clear()
    return begin
