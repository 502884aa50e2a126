"""An existing store becomes accounts: whole, resumable, and the second time nothing happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path

import msgspec
import pytest

from kulanz.cli import run
from kulanz.errors import FarEndError, InvalidInputError, RefusedError
from kulanz.policy.facts import Provenance
from kulanz.queries.replay.replay import recorded, replay
from kulanz.reconcile import import_store, reconcile
from kulanz.reconcile.imports import PROGRESS_KEY
from kulanz.store import accounts, shared_values
from kulanz_simulator import Faults
from tests.lemonsqueezy import SECRET, Purchase
from tests.reconcile.rows import count, everything
from tests.replacing import replace
from tests.shop import Shop

DAY = timedelta(days=1)


def store(shop: Shop, customers: int, days: int = 70) -> list[Purchase]:
    """A store with two months of history of which no webhook ever told."""
    shop.simulator.faults = Faults(lost=1.0)
    sold = [shop.simulator.sell(licence=number % 5 == 0) for number in range(customers)]
    shop.advance(days * DAY)
    shop.simulator.faults = Faults()
    return sold


def test_an_existing_store_becomes_accounts_with_all_that_the_provider_tells(shop: Shop) -> None:
    sold = store(shop, 5)
    service = shop.simulator.desk
    service.cancel(str(sold[1].subscription))
    service.change_plan(str(sold[2].subscription), 47002, "Enterprise")
    shop.simulator.sender._due.clear()

    outcome = import_store(shop.services)

    assert dict(outcome.read) == {"subscriptions": 5, "orders": 5, "subscription-invoices": 15, "license-keys": 1}
    assert outcome.new == outcome.read
    plans = {index: shop.account(f"lemonsqueezy-{purchase.customer}")["plan"] for index, purchase in enumerate(sold)}
    assert plans == {0: "professional", 1: "professional", 2: "enterprise", 3: "professional", 4: "professional"}
    with shop.services.database.read() as conn:
        facts = list(recorded(shop.services, conn, f"lemonsqueezy-{sold[0].customer}"))
    given_facts = [fact for fact in facts if hasattr(fact, "provenance")]
    assert len(given_facts) == 6
    assert {fact.provenance for fact in given_facts} == {Provenance.IMPORTED}
    assert [finding.differs for finding in replay(shop.services)] == [()] * 5
    assert reconcile(shop.services).drifts == ()


def test_running_it_twice_changes_nothing(shop: Shop) -> None:
    store(shop, 3)
    import_store(shop.services)
    shop.settle()
    before = everything(shop.services.database)

    again = import_store(shop.services)
    shop.settle()

    assert sum(again.new.values()) == 0
    assert everything(shop.services.database) == before


def test_an_import_over_webhooks_that_arrived_tells_nothing_new(shop: Shop) -> None:
    for _ in range(3):
        shop.simulator.sell(licence=True)
    shop.advance(35 * DAY)
    before = everything(shop.services.database)

    outcome = import_store(shop.services)

    assert dict(outcome.new) == dict.fromkeys(outcome.read, 0)
    assert everything(shop.services.database) == before


def test_an_import_that_broke_off_goes_on_at_its_page(shop: Shop) -> None:
    store(shop, 120, days=1)
    requested: list[str] = []

    def breaks_off(kind: str, page: int, _: int) -> None:
        requested.append(f"{kind} {page}")
        if requested[-1] == "orders 1":
            raise FarEndError("the line is down", retryable=True)

    with pytest.raises(FarEndError):
        import_store(shop.services, progress=breaks_off)
    rest = import_store(shop.services, progress=breaks_off)

    assert requested[:4] == ["subscriptions 1", "subscriptions 2", "orders 1", "orders 2"]
    assert rest.resumed_at == "orders, page 2"
    with shop.services.database.read() as conn:
        assert shared_values.get(conn, PROGRESS_KEY) is None
    assert count(shop.services.database, "accounts") == 120
    assert reconcile(shop.services).drifts == ()


def test_a_file_says_whose_customers_are(shop: Shop) -> None:
    first, second = store(shop, 2)

    import_store(shop.services, named={str(first.customer): "org_of_first"})

    assert shop.account("org_of_first")["plan"] == "professional"
    assert shop.account(f"lemonsqueezy-{second.customer}")["plan"] == "professional"


def test_an_account_that_no_event_could_name_is_refused(shop: Shop) -> None:
    with pytest.raises(InvalidInputError, match="usable"):
        import_store(shop.services, named={"1": "lemonsqueezy-5"})


@pytest.mark.parametrize("account", ["..", "-", "--help", "_org", "a/b", "", "+1"])
def test_an_account_gets_no_id_by_a_file_that_it_gets_by_no_event(shop: Shop, account: str) -> None:
    with pytest.raises(InvalidInputError, match="usable"):
        import_store(shop.services, named={"1": account})


def test_a_file_may_name_an_account_that_has_its_id_from_before(shop: Shop) -> None:
    (bought,) = store(shop, 1)
    with shop.services.database.write() as tx:
        accounts.lock(tx, ["_org"], shop.services.vault.new_data_key)

    import_store(shop.services, named={str(bought.customer): "_org"})

    assert shop.account("_org")["plan"] == "professional"


def test_a_later_event_names_the_account_of_an_imported_customer(shop: Shop) -> None:
    (bought,) = store(shop, 1)
    import_store(shop.services)

    shop.simulator.desk.change_plan(str(bought.subscription), 47002, "Enterprise")
    shop.advance(timedelta(minutes=1))

    assert shop.account(bought.account)["account_id"] == bought.account
    assert shop.account(bought.account)["plan"] == "enterprise"
    assert shop.account(f"lemonsqueezy-{bought.customer}")["account_id"] == bought.account


def test_refunds_of_the_past_are_no_news_for_operators(shop: Shop) -> None:
    first, second = store(shop, 2)
    shop.simulator.faults = Faults(lost=1.0)
    shop.simulator.desk.refund_order(str(first.order))
    shop.simulator.desk.refund_invoice(shop.simulator.last_invoice(second.subscription))

    import_store(shop.services)
    shop.settle()

    assert [document["type"] for document in shop.callbacks.documents if document["type"] == "ops.alert"] == []


def test_a_dry_run_writes_nothing(shop: Shop) -> None:
    store(shop, 3)
    before = everything(shop.services.database)

    outcome = import_store(shop.services, dry_run=True)

    assert outcome.new == outcome.read
    assert everything(shop.services.database) == before


def test_without_a_key_nobody_can_be_asked(shop: Shop) -> None:
    keyless = replace(shop.services, settings=replace(shop.services.settings, lemonsqueezy_api_key=None))
    keyless._local.__dict__.clear()

    with pytest.raises(RefusedError, match="LEMONSQUEEZY_API_KEY"):
        import_store(keyless)
    with pytest.raises(RefusedError, match="LEMONSQUEEZY_API_KEY"):
        reconcile(keyless)


def test_the_commands_say_what_they_did(shop: Shop, tmp_path: Path) -> None:
    first, _ = store(shop, 2)
    names = tmp_path / "names.csv"
    names.write_text(f"customer_id,account_id\n{first.customer},org_1\n")

    dry = command(shop, "lemonsqueezy", "import", "--accounts", str(names), "--dry-run", "--json")
    left = command(shop, "reconcile", "--json")
    done = command(shop, "lemonsqueezy", "import", "--accounts", str(names))
    well = command(shop, "reconcile")

    assert (dry[0], left[0], done[0], well[0]) == (0, 1, 0, 0)
    assert msgspec.json.decode(dry[1])["new"]["subscriptions"] == 2
    report = msgspec.json.decode(left[1])
    assert report["counts"] == {
        "unknown_invoice": 6,
        "unknown_licence": 1,
        "unknown_order": 2,
        "unknown_subscription": 2,
    }
    assert "11 differences are left: --apply repairs what is certain" in left[2]
    assert "subscriptions: 2 read, 2 new" in done[1]
    assert "no differences" in well[1]
    assert shop.account("org_1")["plan"] == "professional"


def test_setup_registers_the_webhook_once(shop: Shop) -> None:
    url = "https://shop.example/webhooks/lemonsqueezy"

    dry = command(shop, "lemonsqueezy", "setup", url, "--store", "58231", "--dry-run")
    without = command(shop, "lemonsqueezy", "setup", url)
    made = command(shop, "lemonsqueezy", "setup", url, "--store", "58231", "--json")
    again = command(shop, "lemonsqueezy", "setup", url, "--store", "58231")

    assert (dry[0], without[0], made[0], again[0]) == (0, 1, 0, 0)
    assert "would be created" in dry[1]
    assert "which store?" in without[2]
    assert msgspec.json.decode(made[1])["done"] == "created"
    assert again[1].startswith("changed:")
    (endpoint,) = [
        webhook_target for webhook_target in shop.simulator.sender.endpoints.values() if webhook_target.url == url
    ]
    assert endpoint.secret == SECRET
    assert len(endpoint.events) == 16
    assert "affiliate_activated" not in endpoint.events


def command(shop: Shop, *arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with environ(shop), redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    return code, out.getvalue(), err.getvalue()


@contextmanager
def environ(shop: Shop) -> Iterator[None]:
    """The settings of the shop as a command reads them."""
    settings = shop.services.settings
    stated = {
        "KULANZ_DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "ENCRYPTION_KEYS": settings.encryption_keys[0].hex(),
        "KULANZ_TEST_CLOCK": "1",
        "LEMONSQUEEZY_MODE": "any",
        "LEMONSQUEEZY_WEBHOOK_SECRETS": settings.lemonsqueezy_webhook_secrets[0],
        "LEMONSQUEEZY_API_KEY": str(settings.lemonsqueezy_api_key),
        "LEMONSQUEEZY_API_URL": settings.lemonsqueezy_api_url,
        "KULANZ_PLANS": ",".join(f"{variant}={plan}" for variant, plan in settings.plans),
    }
    before = dict(os.environ)
    os.environ.update(stated)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
