"""A disk that is full takes nothing more, says so, and has lost nothing when there is room again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.full_disk import BEFORE, MEANWHILE, can_mount, outcome

SMALL = 6 * 1024 * 1024


def test_a_file_system_without_room_costs_no_acknowledged_delivery(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("this system lets nobody mount a file system of his own")

    assert_kept(outcome(tmp_path, SMALL))


def test_files_that_may_not_grow_cost_no_acknowledged_delivery(tmp_path: Path) -> None:
    assert_kept(outcome(tmp_path, None))


def assert_kept(document: dict[str, Any]) -> None:
    assert set(document.pop("meanwhile")) in ({503}, {200, 503})
    assert document == {
        "lost": [],
        "rows": BEFORE + MEANWHILE,
        "states": ["handled"],
        "attempts": 0,
        "integrity": "ok",
        "differing": [],
        "flaws": [],
        "then": [200],
    }
