"""One lab for each database, shared by the faults; every verdict is on all that happened in it so far."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.lab import Lab, a_lab
from tests.servers import PostgreSQL, a_postgresql

SEED = 20260302


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL of our own, because it is stopped in the middle."""
    with a_postgresql() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    data_dir: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        with a_lab(data_dir, SEED) as lab:
            yield lab
        return
    server: PostgreSQL = request.getfixturevalue("server")
    with server.a_database() as url, a_lab(data_dir, SEED, DATABASE_URL=url) as lab:
        yield lab
