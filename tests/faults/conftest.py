"""One lab for each database, both at once and shared by the faults; a verdict is on all that happened so far."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.lab import Labs, both_labs

SEED = 20260302


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    with both_labs(tmp_path_factory.mktemp("labs"), SEED) as labs:
        yield labs
