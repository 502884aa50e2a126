"""A household of accounts, customers and purchases: any order and repetition of its events gives the same owners."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kulanz.providers.signing import account_signature
from kulanz.queries.accounts import account_document
from kulanz.queries.replay.replay import replay
from kulanz.services import Services
from kulanz.store import accounts, bindings, migrate
from kulanz.store.database import Database
from tests.days import product, settings_of, tell
from tests.lemonsqueezy import (
    MONDAY,
    Payload,
    Purchase,
    license_key_created,
    order_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)

HOUR = timedelta(hours=1)
SECRET = "the-account-secret-of-the-shop"
ACCOUNTS = ("org_1", "org_2", "org_3")
KINDS = (
    subscription_created,
    subscription_updated,
    subscription_payment_failed,
    subscription_payment_success,
    order_created,
    license_key_created,
)


@st.composite
def an_event(draw: st.DrawFn) -> Payload:
    """One event of one of four purchases of two customers, by whatever name at whatever time."""
    number = draw(st.integers(0, 3))
    email = draw(st.sampled_from(("anne@bakery.example", "ben@bakery.example")))
    bought = Purchase(customer=700 + number // 2, subscription=800 + number, order=900 + number, email=email)
    build = draw(st.sampled_from(KINDS))
    named = draw(st.sampled_from((None, *ACCOUNTS)))
    told: dict[str, Any] = {"at": MONDAY + HOUR * draw(st.integers(0, 5))}
    if build in {subscription_payment_failed, subscription_payment_success}:
        bought = replace(bought, invoice=1000 + 10 * number + draw(st.integers(0, 1)))
    if build is subscription_updated:
        told["status"] = draw(st.sampled_from(("active", "past_due")))
    if named is not None and draw(st.booleans()):
        told["custom_data"] = {"account_id": named, "account_sig": account_signature(named, SECRET)}
    return build(purchase=replace(bought, account=named), **told)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database that is only copied."""
    path = tmp_path_factory.mktemp("household") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.dispose()
    return path


@contextmanager
def a_household(template: Path, **told: Any) -> Iterator[Services]:
    """Give the services of a product that knows nothing yet."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(template, Path(folder) / "kulanz.db")
        url = f"sqlite:///{folder}/kulanz.db"
        told = {"test_clock": True, "account_secret": SECRET, **told}
        with product(settings_of(Path(folder), url, **told), at=MONDAY) as services:
            yield services


def owners(services: Services) -> dict[str, str]:
    """Return the owner of every purchase, with its payments."""
    with services.database.read() as conn:
        rows = bindings.page(conn, "", 1000)
    return {row.key: row.account for row in rows if row.claims is not None and ":customer:" not in row.key}


def states(services: Services) -> dict[str, tuple[str, ...]]:
    """Return how every account stands that owns anything; a deadline that was promised on the way is a fact too."""
    names = set(owners(services).values())
    with services.database.read() as conn:
        rows = [row for row in accounts.page(conn, None, None, None, 1000) if row.id in names]
    return {row.id: (row.standing, row.plan, row.access) for row in rows}


def left_by(template: Path, batches: Sequence[Sequence[Payload]], **told: Any) -> tuple[Any, ...]:
    """Return owners, states, and what a replay finds different, after these batches of deliveries."""
    with a_household(template, **told) as services:
        for batch in batches:
            tell(services, *batch)
        tell(services)
        differing = [result for result in replay(services, shuffle=random.Random(7)) if result.differs]
        return owners(services), states(services), differing


@settings(max_examples=12)
@given(st.data(), st.lists(an_event(), min_size=2, max_size=6))
def test_any_order_of_the_same_events_gives_the_same_owners_and_states(
    template: Path, data: st.DataObject, events: list[Payload]
) -> None:
    join = data.draw(st.booleans())
    again = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=3))]))
    at_once = left_by(template, [events], join_by_customer=join)

    one_by_one = left_by(template, [[event] for event in again], join_by_customer=join)

    assert one_by_one == at_once
    assert at_once[2] == []


@settings(max_examples=8)
@given(st.lists(an_event(), min_size=2, max_size=6))
def test_every_purchase_stands_in_one_account_and_nowhere_else(template: Path, events: list[Payload]) -> None:
    with a_household(template) as services:
        for event in events:
            tell(services, event)

        documents = [account_document(services, name) for name in sorted(set(owners(services).values()))]

    subscribed = [sub["id"] for document in documents for sub in document["subscriptions"]]
    assert len(subscribed) == len(set(subscribed))


def test_a_replay_finds_an_owner_that_is_another(template: Path) -> None:
    with a_household(template) as services:
        tell(services, subscription_created(account="org_1", subscription=801, customer=700))
        with services.database.write() as tx:
            bindings.rebind(tx, ["lemonsqueezy:subscription:801"], "org_2")

        differing = [(result.account, result.differs) for result in replay(services) if result.differs]

    assert differing == [("org_2", ("owner of lemonsqueezy:subscription:801",))]
