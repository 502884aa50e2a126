"""A provider among whose events some are poison: translating one raises, or kills the process."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any

from kulanz import pipeline
from kulanz.config import Settings
from kulanz.policy.facts import ProviderFact
from kulanz.providers import PROVIDERS, Naming, Provider, UnknownWord
from kulanz.services import build

CARD = "card_last_four"
RAISES, KILLS = "rais", "kill"
"""As the last four of a card: what an event does to whoever translates it."""


class Poisonous:
    """Lemon Squeezy, but for what is poison."""

    def __init__(self, real: Provider) -> None:
        self.verify, self.peek, self.decode, self.route = real.verify, real.peek, real.decode, real.route
        self.may_settle = real.may_settle
        self._real = real

    def translate(
        self,
        name: str,
        payload: Mapping[str, Any],
        digest: str,
        naming: Naming,
        unknown: list[UnknownWord] | None = None,
    ) -> tuple[ProviderFact, ...]:
        match payload["data"]["attributes"].get(CARD):
            case "rais":
                raise RuntimeError("anna@shop.example")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        return self._real.translate(name, payload, digest, naming, unknown)


def providers() -> Mapping[str, Provider]:
    """The registry to build services with."""
    return {"lemonsqueezy": Poisonous(PROVIDERS["lemonsqueezy"])}


def drained(settings: Settings, meanwhile: Callable[[], None], most: int = 10) -> int:
    """Drain in a process of its own, and in another when it dies, as `kulanz up` does; return how many died.

    `meanwhile` is called after each death. The processes are forked from one that has imported everything.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    for deaths in range(most):
        process: BaseProcess = context.Process(target=drain, args=(settings,))
        process.start()
        process.join(60)
        if process.exitcode == 0:
            return deaths
        meanwhile()
    raise AssertionError(f"{most} processes died")


def drain(settings: Settings) -> None:
    """Apply what is due."""
    services = build(settings, providers())
    while pipeline.process(services).moved:
        pass
    services.close()
