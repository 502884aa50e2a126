from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_servers import CallbackReceiver, Mailbox, a_callback_receiver, a_mailbox


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with a_callback_receiver() as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mailbox() as server:
        yield server
