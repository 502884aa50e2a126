"""A running simulator, and something that it delivers to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from kulanz.providers.lemonsqueezy.client import Client
from kulanz_simulator import Simulator, running
from tests.far_ends import CallbackReceiver, a_callback_receiver
from tests.lemonsqueezy import MONDAY, SECRET


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running(Simulator(MONDAY)) as one:
        yield one


@pytest.fixture
def receiver(simulator: Simulator) -> Iterator[CallbackReceiver]:
    """Whatever takes webhooks; its `answers` are given first, then 200."""
    with a_callback_receiver() as one:
        simulator.deliver_to(one.url, SECRET)
        yield one


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    with requests.Session() as session:
        yield Client(simulator.api_key, simulator.url, session, timeouts=(1.0, 1.0))
