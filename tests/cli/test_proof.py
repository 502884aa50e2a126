"""`ledger verify` and `ledger key`, as a person calls them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete

from app import pipeline
from app.config import load
from app.services import Services, build
from app.store import tables
from tests.cli.conftest import Kulanz
from tests.lemonsqueezy import MONDAY
from tests.workers.house import an_unpaid_account


@pytest.fixture
def services(kulanz: Kulanz, sqlite_url: str) -> Iterator[Services]:
    """A shop with one account whose grace ended unpaid."""
    kulanz.data_dir.mkdir(mode=0o700)
    kulanz.settings["DATABASE_URL"] = sqlite_url
    services = build(load(kulanz.environ()))
    services.clock.set(MONDAY)
    with services.database.write() as tx:
        services.adopt_policy(tx)
    an_unpaid_account(services, 1)
    for day in range(9):
        services.clock.set(MONDAY + timedelta(days=day))
        while pipeline.process(services).moved | pipeline.deliver(services).moved:
            pass
    yield services
    services.close()


def test_a_whole_ledger_is_said_to_be_whole(kulanz, services):
    shown = kulanz("ledger", "verify", "--json")

    assert shown.code == 0
    assert shown.document == {"accounts": 1, "decisions": shown.document["decisions"], "flawed": []}
    assert shown.document["decisions"] > 4
    assert "every chain is whole" in kulanz("ledger", "verify", "org_1").out


def test_a_missing_decision_is_named_and_ends_with_1(kulanz, services):
    with services.database.write() as tx:
        tx.execute(delete(tables.decisions).where(tables.decisions.c.seq == 2))

    shown = kulanz("ledger", "verify", "--json")

    assert shown.code == 1
    assert shown.document["flawed"] == [{"account_id": "org_1", "decision": 2, "flaw": "missing"}]
    assert "not as they were written" in shown.err
    assert "a decision is missing here" in kulanz("ledger", "verify").out


def test_an_account_that_nobody_knows_is_refused(kulanz, services):
    assert kulanz("ledger", "verify", "nobody").err == "kulanz: no account 'nobody'\n"


def test_the_key_that_signs_can_be_shown_and_stays_the_same(kulanz, services):
    shown = kulanz("ledger", "key", "--json").document

    assert bytes.fromhex(shown["public_key"]) == services.vault.signet.public
    assert shown["fingerprint"] in kulanz("ledger", "key").out
