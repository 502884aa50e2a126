"""A running simulator, and something that it delivers to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient
from kulanz_simulator import LemonSqueezySimulator, running
from tests.fake_servers import CallbackReceiver, a_callback_receiver
from tests.lemonsqueezy import MONDAY, SECRET


@pytest.fixture
def simulator() -> Iterator[LemonSqueezySimulator]:
    with running(LemonSqueezySimulator(MONDAY)) as other_simulator:
        yield other_simulator


@pytest.fixture
def receiver(simulator: LemonSqueezySimulator) -> Iterator[CallbackReceiver]:
    """Whatever takes webhooks; its `answers` are given first, then 200."""
    with a_callback_receiver() as other_receiver:
        simulator.deliver_to(other_receiver.url, SECRET)
        yield other_receiver


@pytest.fixture
def client(simulator: LemonSqueezySimulator) -> Iterator[LemonSqueezyClient]:
    with requests.Session() as session:
        yield LemonSqueezyClient(simulator.api_key, simulator.url, session, timeouts=(1.0, 1.0))
