"""Verification complains of no honest history; `python -m tests.honest` plays a thousand."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.days import settings_of
from tests.honest.story import History

DATABASES = ("sqlite", "postgresql")


@pytest.mark.parametrize(("database_url", "seed"), [(DATABASES[n % 2], n) for n in range(6)], indirect=["database_url"])
def test_an_honest_history_is_whole_at_every_step(tmp_path: Path, database_url: str, seed: int) -> None:
    settings = settings_of(tmp_path, database_url, test_clock=True)

    assert History(settings, Random(seed)).play() == []
