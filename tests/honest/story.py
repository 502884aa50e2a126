"""One honest history of an installation, drawn from a seed: nothing in it may look like tampering."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from sqlalchemy import insert

from kulanz import pipeline
from kulanz.commands import execute
from kulanz.commands.commands import EraseAccount
from kulanz.config import Settings
from kulanz.crypto import places
from kulanz.errors import KulanzError
from kulanz.privacy import after_restore, audit, ledger_head, retention, rotation
from kulanz.queries.replay.replay import replay
from kulanz.services import Services, build
from kulanz.store import tables
from tests.lemonsqueezy import (
    MONDAY,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
)
from tests.workers.instance import receive

STEPS = 12
FORMER = 0.4
"""How many of the histories begin under an earlier version."""


@dataclass
class History:
    """An installation and the chance by which it lives."""

    settings: Settings
    chance: Random
    services: Services = field(init=False)
    accounts: list[str] = field(default_factory=list)
    subscriptions: int = 0
    told: list[str] = field(default_factory=list)

    def play(self) -> list[str]:
        """Live, and give what a verification or a replay complains of, with the steps until then."""
        self.services = build(self.settings)
        try:
            self._begin()
            for _ in range(STEPS):
                step = self.chance.choice(_STEPS)
                self.told.append(step.__name__)
                step(self)
                if complaints := self.complaints():
                    return [*complaints, *self.told]
            return []
        finally:
            self.services.close()

    def complaints(self) -> list[str]:
        """Look as the command line does, in a process that has just begun."""
        again = build(self.services.settings)
        try:
            head = ledger_head.read(ledger_head.path_of(again))
            flawed = [f"{each.account}: {each.flaw}" for each in audit.verify(again, None, head) if each.flaw]
            return flawed + [f"{each.account}: {each.differs}" for each in replay(again) if each.differs]
        finally:
            again.close()

    def settle(self) -> None:
        while pipeline.process(self.services).moved | pipeline.deliver(self.services).moved:
            pass

    def restart(self) -> None:
        self.services.close()
        self.services = build(self.services.settings)

    def _begin(self) -> None:
        services = self.services
        if self.chance.random() < FORMER:
            self.told.append("an earlier version began")
            keys = [(name, places.installation_key(name)) for name in ("index", "ledger")]
            rows = [{"name": name, "wrapped": services.vault.new_key(place, bound=False)} for name, place in keys]
            with services.database.write() as tx:
                tx.execute(insert(tables.keyring), rows)
        services.clock.set(MONDAY)
        with services.database.write() as tx:
            services.adopt_policy(tx)
        for _ in range(3):
            buys(self)


def buys(history: History) -> None:
    """Somebody buys under an account's id, or under none."""
    number, named = history.subscriptions * 10 + 1, history.chance.random() < 0.7
    history.subscriptions += 1
    account = f"org_{number}" if named else None
    history.accounts.append(account or f"lemonsqueezy-{number + 1}")
    at = history.services.clock.now()
    receive(
        history.services,
        subscription_created(at=at, began=at, account=account, subscription=number, customer=number + 1),
    )
    history.settle()


def fails(history: History) -> None:
    """A renewal fails."""
    number = history.chance.randrange(history.subscriptions) * 10 + 1
    at = history.services.clock.now()
    invoice = history.chance.randrange(10**6)
    receive(
        history.services,
        subscription_payment_failed(at=at, account=None, subscription=number, customer=number + 1, invoice=invoice),
    )
    history.settle()


def pays(history: History) -> None:
    """A renewal is paid."""
    number = history.chance.randrange(history.subscriptions) * 10 + 1
    at = history.services.clock.now()
    invoice = history.chance.randrange(10**6)
    receive(
        history.services,
        subscription_payment_success(at=at, account=None, subscription=number, customer=number + 1, invoice=invoice),
    )
    history.settle()


def moves(history: History) -> None:
    """What was bought under no id turns out to be an account's."""
    number = history.chance.randrange(history.subscriptions) * 10 + 1
    at = history.services.clock.now()
    account = f"org_{history.chance.randrange(history.subscriptions) * 10 + 1}"
    receive(
        history.services,
        subscription_created(at=at, began=at, account=account, subscription=number, customer=number + 1),
    )
    history.settle()


def erases(history: History) -> None:
    """A person is forgotten, where nothing stands in the way."""
    with suppress(KulanzError):
        execute.command(
            history.services, history.chance.choice(history.accounts), EraseAccount(reason="Art. 17"), "anna"
        )
    history.settle()


def days_pass(history: History) -> None:
    """Time goes by, and what is due is done."""
    for _ in range(history.chance.choice((1, 4, 9))):
        history.services.clock.set(history.services.clock.now() + timedelta(days=1))
        history.settle()


def years_pass(history: History) -> None:
    """Retention ends."""
    history.services.clock.set(history.services.clock.now() + timedelta(days=4000))
    history.settle()
    retention.destroy_archived(history.services, "anna")


def rotates(history: History) -> None:
    """A new key is put first, everything is restarted, and the old one goes."""
    settings = history.services.settings
    history.services.close()
    history.services = build(replace(settings, encryption_keys=(os.urandom(32), *settings.encryption_keys)))
    rotation.rotate(history.services, lambda _: None, batch=3)
    assert rotation.status(history.services).to_do == 0
    keys = history.services.settings.encryption_keys[:1]
    history.services.close()
    history.services = build(replace(settings, encryption_keys=keys))


def rotates_without_a_restart(history: History) -> None:
    """What an earlier version sealed is bound while processes go on that do not know of it."""
    again = build(history.services.settings)
    rotation.rotate(again, lambda _: None)
    again.close()


def takes_a_head(history: History) -> None:
    """The scheduler takes a head."""
    assert after_restore.advance(history.services) == []


_STEPS = (
    buys,
    fails,
    fails,
    pays,
    moves,
    moves,
    erases,
    days_pass,
    days_pass,
    years_pass,
    rotates,
    rotates_without_a_restart,
    takes_a_head,
    takes_a_head,
)
