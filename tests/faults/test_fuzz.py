"""A little junk every time; a million requests by `python -m tests.faults.fuzz`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.fuzz import fuzzed


def test_junk_at_every_door_is_refused_in_the_right_form_and_leaves_no_traceback(tmp_path: Path) -> None:
    matches = fuzzed(tmp_path, 3000, seed=11)

    assert (matches["5xx"], matches["tracebacks"]) == (0, 0), matches
