"""The clients' far ends: a scripted Kulanz for each test, one real instance for all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.fake_kulanz import FakeKulanz, a_fake_kulanz
from tests.clients.instance import Instance, an_instance


@pytest.fixture
def kulanz() -> Iterator[FakeKulanz]:
    with a_fake_kulanz() as fake:
        yield fake


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with an_instance(tmp_path_factory.mktemp("clients")) as running:
        yield running
