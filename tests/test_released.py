"""Data of a released version is brought to today's shape, read, replayed, and gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kulanz.privacy import audit, rotation
from kulanz.queries.replay.replay import replay
from kulanz.services import Services, build
from kulanz.store import accounts, inbox, migrate, outbox
from kulanz.store.database import Database
from tests import paddle, standard, stripe
from tests.days import deliver, product, settings_of, settle
from tests.lemonsqueezy import MONDAY, a_buyer, subscription_payment_recovered, subscription_updated
from tests.released.tables import lay
from tests.servers import PostgreSQL

DAY = timedelta(days=1)
BEGAN = MONDAY - 60 * DAY
STOOD = {
    "org_1": ("professional", "full", "good"),
    "org_10": ("free", "free", "on_hold"),
    "org_11": ("free", "free", "on_hold"),
    "org_11b": ("free", "free", "on_hold"),
    "org_12": ("professional", "full", "grace"),
    "org_2": ("free", "free", "on_hold"),
    "org_3": ("professional", "full", "good"),
    "org_4": ("free", "free", "on_hold"),
    "org_42": ("professional", "full", "on_hold"),
    "org_5": ("free", "free", "on_hold"),
    "org_6": ("free", "none", "suspended"),
    "org_7": ("free", "none", "closed"),
    "org_8": ("professional", "full", "good"),
    "org_9": ("professional", "full", "good"),
}
"""Plan, access and standing of each account as version 0.1.0 left them."""


@pytest.fixture(params=["sqlite", "postgresql"])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Services]:
    """An installation of 0.1.0 on the day on which it was brought to this version."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'kulanz.db'}"
        if request.param == "postgresql":
            server: PostgreSQL = request.getfixturevalue("postgresql")
            url = stack.enter_context(server.a_database())
        database = Database(url)
        stack.callback(database.dispose)
        lay(database, "0.1.0")
        migrate.upgrade(database)
        yield stack.enter_context(product(_settings(tmp_path, url)))


def test_every_account_stands_as_it_stood(services: Services) -> None:
    assert _standings(services) == STOOD


def test_the_facts_of_then_give_the_states_of_then(services: Services) -> None:
    findings = list(replay(services))

    # Three customers pay for org_42: what one of them has not paid is no more than a claim now.
    assert {finding.account: finding.differs for finding in findings if finding.differs} == {"org_42": ("standing",)}
    assert [finding.account for finding in findings if finding.erased] == ["org_7"]


def test_the_chains_of_decisions_are_whole(services: Services) -> None:
    assert [result for result in audit.verify(services) if result.flaw] == []


def test_the_rotation_of_keys_binds_all_of_it_and_changes_nothing_else(services: Services) -> None:
    assert not services.vault.binds
    before = list(replay(services))

    rotation.rotate(services, lambda _: None)

    with closing(build(services.settings)) as again:
        assert again.vault.binds
        assert rotation.status(again).to_do == 0
        assert [result for result in audit.verify(again) if result.flaw] == []
        assert list(replay(again)) == before
        assert _standings(again) == STOOD


def test_what_waited_and_what_was_parked_is_still_there(services: Services) -> None:
    with services.database.read() as conn:
        states = {state: len(inbox.listing(conn, state, None, 10)) for state in ("waiting", "parked")}
        todos = outbox.listing(conn, "todo", None)

    assert states == {"waiting": 1, "parked": 1}
    assert {row.kind for row in todos} == {"CancelSubscription"}


def test_a_payment_that_comes_after_the_upgrade_ends_the_hold(services: Services) -> None:
    buyer, at = a_buyer(2, began=BEGAN), MONDAY + DAY

    services.clock.set(at)
    deliver(
        services,
        subscription_payment_recovered(at=at, purchase=buyer, billing_reason="renewal", id=buyer.invoice + 1000),
        subscription_updated(at=at, purchase=buyer, status="active"),
    )
    settle(services)

    assert _standings(services)["org_2"] == ("professional", "full", "good")


def test_a_grace_that_began_before_the_upgrade_ends_after_it(services: Services) -> None:
    for day in range(1, 12):
        services.clock.set(MONDAY + day * DAY)
        settle(services)

    assert _standings(services)["org_12"] == ("free", "free", "on_hold")
    assert [finding for finding in replay(services) if finding.differs] == []


def _settings(folder: Path, url: str) -> Any:
    return settings_of(
        folder,
        url,
        test_clock=True,
        plans=(
            ("lemonsqueezy:47001", "professional"),
            ("lemonsqueezy:47002", "enterprise"),
            ("stripe:price_pro", "professional"),
            ("paddle:pri_pro", "professional"),
        ),
        stripe_webhook_secrets=(stripe.SECRET,),
        paddle_webhook_secrets=(paddle.SECRET,),
        standard_webhook_secrets=(standard.SECRET,),
    )


def _standings(services: Services) -> dict[str, tuple[str, str, str]]:
    with services.database.read() as conn:
        rows = accounts.page(conn, None, None, None, 100)
    return {row.id: (row.plan, row.access, row.standing) for row in rows}
