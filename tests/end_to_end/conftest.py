"""One running instance for each database, shared by the stories."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.end_to_end.instance import Instance, an_instance_on_its_database

HERE = Path(__file__).parent
ALWAYS = frozenset({"test_stories.py"})
"""Told by the README's command too; the others take minutes, and are told where somebody names this folder."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the long stories to `pytest tests/end_to_end`."""
    return None if _is_named(config) or collection_path.is_dir() or collection_path.name in ALWAYS else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell the stories on both databases; where nobody names this folder, on the one that has more parts."""
    if not _is_named(config):
        left_out = {item for item in items if item.path.parent == HERE and item.name.endswith("[sqlite]")}
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=[*left_out])


def _is_named(config: pytest.Config) -> bool:
    return any("end_to_end" in argument for argument in config.args)


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
