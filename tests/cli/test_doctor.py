"""What `kulanz doctor` finds outside the installation, against real servers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.suspension import resume, suspend
from sqlalchemy import delete

from kulanz.cli.doctor import external
from kulanz.cli.doctor.finding import Finding
from kulanz.cli.listening import authority
from kulanz.cli.up import private_redis
from kulanz.config import load
from kulanz.policy import document
from kulanz.privacy import after_restore
from kulanz.reconcile.setup import register
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import EVENTS_QUEUE
from kulanz.services import Services
from kulanz.store import shared_values, tables
from kulanz.store.database import Database
from tests.adapters.apis import an_api
from tests.cli.conftest import Kulanz
from tests.days import deliver, product, settle
from tests.fake_servers import a_callback_receiver, a_free_port, a_mailbox
from tests.lemonsqueezy import MONDAY, SECRET, subscription_created
from tests.portals import KEY, a_portal_server
from tests.servers import a_redis, a_tls_door, await_redis
from tests.shop import Shop, a_shop
from tests.workers.instance import an_unpaid_account


@pytest.fixture
def examine(kulanz: Kulanz, sqlite_url: str) -> Any:
    """Run the doctor on a migrated database, and give its findings by name."""
    kulanz.settings["DATABASE_URL"] = sqlite_url

    def run(**settings: str) -> dict[str, dict[str, Any]]:
        checks = kulanz("doctor", "--json", **settings).document["checks"]
        return {check["check"]: check for check in checks}

    return run


@pytest.fixture
def shop(sqlite_url: str, tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path, sqlite_url) as shop:
        yield shop


def seen(check: str, services: Services) -> dict[str, Finding]:
    return {item.check: item for item in getattr(external, check)(services)}


def test_a_database_that_is_older_than_the_head_of_its_ledger_is_not_well(kulanz, examine, sqlite_url):
    assert examine()["ledger"]["ok"] is None
    with kulanz.services(sqlite_url, at=MONDAY) as services:
        an_unpaid_account(services, 1)
        settle(services)
        after_restore.advance(services)
        well = examine()["ledger"]
        with services.database.write() as tx:
            tx.execute(delete(tables.accounts))
        behind = examine()["ledger"]

    assert well["ok"] is True
    assert behind["ok"] is False
    assert "older than the head" in behind["detail"]
    assert "accept-restore" in behind["advice"]

    accepted = kulanz("ledger", "accept-restore", "--reason", "the backup of Monday", "--json").document
    assert [(loss["account_id"], loss["flaw"]) for loss in accepted["lost"]] == [("org_1", "gone")]
    assert examine()["ledger"]["ok"] is True


def test_a_mail_server_that_lets_us_in_is_well_and_one_that_takes_no_password_is_not(examine):
    with a_mailbox() as mailbox:
        well = examine(SMTP_URL=mailbox.url)["mail"]
        closed = examine(SMTP_URL=f"smtp://kulanz:wrong@127.0.0.1:{mailbox.port}")["mail"]

    assert (well["ok"], well["detail"]) == (True, "127.0.0.1 answers")
    assert closed["ok"] is False
    assert "did not let us in" in closed["detail"]
    assert mailbox.accepted == []


def test_mails_that_are_left_to_a_product_that_is_told_nothing_are_not_well(examine, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text('mails = "off"\nname = "mine"\n[dunning]\ngrace = "7d"\nwarn_by = "callback"\n')

    assert examine()["callbacks"]["ok"] is None
    finding = examine(KULANZ_POLICY=str(policy))["callbacks"]

    assert finding["ok"] is False
    assert "customers get no notice" in finding["detail"]


def test_the_products_address_is_tried_without_sending_anything(examine):
    with a_callback_receiver() as product:
        well = examine(CALLBACK_URL=product.url, CALLBACK_SECRET="whsec_" + "YWJj" * 8)["callbacks"]
        tls = examine(CALLBACK_URL=product.url.replace("http:", "https:"), CALLBACK_SECRET="whsec_" + "YWJj" * 8)
        received = list(product.requests)

    assert well["ok"]
    assert tls["callbacks"]["detail"] == "127.0.0.1: its certificate is not trusted, or its TLS failed"
    assert received == []


def test_a_redis_that_would_forget_notifications_is_named(examine):
    with a_redis() as url:
        well = examine(REDIS_URL=url)
        with Redis.from_url(url) as client:
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-lru")
        forgetful = examine(REDIS_URL=url)["redis"]

    assert well["redis"]["ok"]
    assert well["clocks"]["ok"]
    assert well["workers"]["advice"].startswith("start `kulanz worker`")
    assert forgetful["ok"] is False
    assert "noeviction" in forgetful["advice"]


def test_a_suspended_rq_is_named_with_the_way_to_pause(examine):
    with a_redis() as url, Redis.from_url(url) as client:
        suspend(client)
        suspended = examine(REDIS_URL=url)["rq suspend"]
        resume(client)
        resumed = examine(REDIS_URL=url)

    assert suspended["ok"] is None
    assert "stop `kulanz worker`" in suspended["advice"]
    assert "rq suspend" not in resumed


def test_events_that_are_ignored_as_of_another_mode_are_named_with_the_setting(
    kulanz: Kulanz, examine: Any, sqlite_url: str
) -> None:
    kulanz.settings |= {"LEMONSQUEEZY_MODE": "live", "KULANZ_TEST_CLOCK": "0", "LEMONSQUEEZY_WEBHOOK_SECRETS": SECRET}
    before = examine()
    with product(load(kulanz.environ())) as services:
        deliver(
            services,
            subscription_created(subscription=1, test_mode=True),
            subscription_created(subscription=2, test_mode=True),
        )
    after = examine()["test-mode events"]

    assert "test-mode events" not in before
    assert (after["ok"], after["detail"]) == (None, "2 of the last 2 ignored events were sent in test mode")
    assert after["advice"].startswith("LEMONSQUEEZY_MODE=test")


def test_no_open_endpoint_is_a_finding(examine):
    assert examine()["endpoints"]["detail"] == "/webhooks/lemonsqueezy (1 secret)"
    assert examine(LEMONSQUEEZY_WEBHOOK_SECRETS="")["endpoints"]["ok"] is False


@pytest.mark.parametrize(("name", "root"), [("stripe", "/v1"), ("paddle", "")])
def test_the_keys_of_other_providers_are_tried_by_a_look_that_finds_nothing(examine, name: str, root: str) -> None:
    upper = name.upper()
    with an_api() as api:
        settings = {f"{upper}_API_KEY": "sk_test_1", f"{upper}_API_URL": f"{api.url}{root}"}
        well = examine(**settings)[name]
        api.status, api.body = 401, b"{}"
        refused = examine(**settings)[name]

    assert well["ok"], well
    assert refused["ok"] is False
    assert f"{upper}_API_KEY" in refused["advice"]
    assert {call.partition(" ")[0] for call in api.calls} == {"GET"}


def test_a_webhook_that_nobody_registered_is_named_and_setup_cures_it(shop: Shop) -> None:
    before = seen("lemonsqueezy", shop.services)["webhook"]
    client = shop.services.patient_clients()["lemonsqueezy"]
    url = "https://shop.example/webhooks/lemonsqueezy"

    register(client, shop.services.settings, url, "58231", dry_run=False)
    after = seen("lemonsqueezy", shop.services)
    (own,) = (webhook_resource for webhook_resource in client.webhooks() if webhook_resource.url == url)
    for webhook_resource in client.webhooks():
        client.change_webhook(webhook_resource.id, events=["order_created"])
    fewer = seen("lemonsqueezy", shop.services)["webhook"]

    assert own.url == url
    assert after["webhook"].well
    assert after["lemonsqueezy"].well
    assert fewer.well is False
    assert "subscription_payment_failed" in fewer.advice
    assert before.check == "webhook"


def test_a_reconciliation_that_did_not_come_is_named(examine, sqlite_url: str) -> None:
    settings = {"LEMONSQUEEZY_API_KEY": "k", "LEMONSQUEEZY_API_URL": "http://127.0.0.1:1/v1"}
    never = examine(**settings)["reconciliation"]
    noted(sqlite_url, real_now() - timedelta(hours=40))
    old = examine(**settings)["reconciliation"]
    noted(sqlite_url, real_now() - timedelta(hours=3))
    fresh = examine(**settings)["reconciliation"]

    assert (never["ok"], never["detail"]) == (False, "last never")
    assert old["ok"] is False
    assert fresh["ok"] is True
    assert examine()["reconciliation"]["ok"] is None


def test_a_spool_that_cannot_be_written_is_named(kulanz: Kulanz, examine: Any) -> None:
    well = examine()
    (kulanz.data_dir / "spool").mkdir(mode=0o700, parents=True)
    also_well = examine()
    (kulanz.data_dir / "spool").rmdir()
    (kulanz.data_dir / "spool").write_text("in the way")
    inaccessible = examine()["spool folder"]
    off = examine(KULANZ_SPOOL="off")

    assert "spool folder" not in well | also_well | off
    assert inaccessible["ok"] is False
    assert "KULANZ_SPOOL=off" in inaccessible["advice"]


def test_a_doctor_makes_no_folder_for_the_spool(kulanz: Kulanz, examine: Any) -> None:
    kulanz.data_dir.mkdir(mode=0o700, exist_ok=True)
    examine()
    assert not (kulanz.data_dir / "spool").exists()


def test_a_spool_on_a_disk_that_does_not_last_is_named(examine: Any) -> None:
    with tempfile.TemporaryDirectory(dir=a_memory_disk()) as folder:
        in_memory = examine(KULANZ_DATA_DIR=folder)
        off = examine(KULANZ_DATA_DIR=folder, KULANZ_SPOOL="off")
    dyno = examine(DYNO="web.1")
    lasting = examine()

    assert "is memory" in in_memory["spool disk"]["detail"]
    assert "dyno" in dyno["spool disk"]["detail"]
    assert "KULANZ_SPOOL=off" in dyno["spool disk"]["advice"]
    assert "spool disk" not in off
    assert "dyno" not in lasting.get("spool disk", {}).get("detail", "")


def a_memory_disk() -> str:
    """A folder in memory, as every Linux has one somewhere."""
    folders = [each.mountpoint for each in psutil.disk_partitions(all=True) if each.fstype == "tmpfs"]
    return next(folder for folder in folders if os.access(folder, os.W_OK))


def noted(database_url: str, at: datetime) -> None:
    database = Database(database_url)
    with database.write() as tx:
        shared_values.put(tx, shared_values.RECONCILED_KEY, {"at": at.astimezone(UTC).isoformat()})
    database.dispose()


def test_a_newer_preset_of_the_policy_in_force_is_a_note_and_all_is_well(
    kulanz: Kulanz, examine: Any, tmp_path: Path
) -> None:
    former = tmp_path / "former.toml"
    former.write_text(document.preset("plexo").replace('reminders = ["2d", "4d"]', 'reminders = ["3d", "5d"]'))
    before = examine()["policy"]
    kulanz("policy", "activate", str(former), "--yes", "--json")

    after = examine()["policy"]

    assert (after["ok"], "newer preset" in str(before)) == (True, False)
    assert "a newer preset is there: see `kulanz policy diff" in str(after)


def test_a_env_file_that_others_may_read_is_named(examine, tmp_path):
    file = tmp_path / ".env"
    file.write_text("PORT=9000\n")
    file.chmod(0o644)

    with contextlib.chdir(tmp_path):
        read_by_others = examine()[".env"]
        file.chmod(0o600)
        private = examine()[".env"]

    assert (read_by_others["ok"], read_by_others["advice"]) == (False, "chmod go= .env")
    assert private["ok"] is True


def test_an_rq_worker_of_somebody_else_on_our_queues_is_named_and_attends_nothing(examine: Any) -> None:
    with a_redis() as url, Redis.from_url(url) as client:
        stranger = SimpleWorker([Queue(EVENTS_QUEUE, connection=client)], connection=client, name="mine")
        stranger.register_birth()
        stranger.heartbeat()
        elsewhere = SimpleWorker([Queue("mails", connection=client)], connection=client, name="theirs")
        elsewhere.register_birth()
        elsewhere.heartbeat()
        found = examine(REDIS_URL=url)
        stranger.register_death()
        elsewhere.register_death()
        alone = examine(REDIS_URL=url)

    assert found["foreign workers"]["detail"].startswith("mine: ")
    assert (found["foreign workers"]["ok"], found["workers"]["detail"]) == (False, "0 queues attended")
    assert "foreign workers" not in alone


@contextlib.contextmanager
def a_redis_on_a_port(folder: Path, host: str, *options: str) -> Iterator[str]:
    port = a_free_port()
    command = [private_redis.binary(), "--bind", host, "--port", str(port), "--save", "", *options]
    url = f"redis://{authority(host, port)}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder) as server:
        try:
            await_redis(url)
            yield url
        finally:
            server.terminate()


def test_a_redis_cluster_is_named_by_the_doctor_and_at_the_start(kulanz: Kulanz, examine: Any, tmp_path: Path) -> None:
    with a_redis_on_a_port(tmp_path, "127.0.0.1", "--cluster-enabled", "yes") as url:
        found = examine(REDIS_URL=url)["redis"]
        started = kulanz("worker", "--burst", REDIS_URL=url, DATABASE_URL="sqlite:////proc/nowhere/kulanz.db")

    assert (found["ok"], found["detail"]) == (False, "a Redis Cluster, which RQ does not work with")
    assert "Sentinels" in found["advice"]
    assert "note: REDIS_URL: a Redis Cluster" in started.err


def test_a_redis_is_reached_by_ipv6(examine: Any, tmp_path: Path) -> None:
    with a_redis_on_a_port(tmp_path, "::1") as url:
        assert examine(REDIS_URL=url)["redis"]["ok"]


def test_a_certificate_that_nobody_vouches_for_is_named_and_accepted_where_the_address_says_so(
    kulanz: Kulanz, examine: Any, tmp_path: Path
) -> None:
    with a_redis() as behind, a_tls_door(behind, tmp_path) as (url, certificate):
        refused = examine(REDIS_URL=url)["redis"]
        unchecked = examine(REDIS_URL=f"{url}?ssl_cert_reqs=none")["redis"]
        known = examine(REDIS_URL=f"{url}?ssl_ca_certs={certificate}")["redis"]
        started = kulanz("worker", "--burst", REDIS_URL=url, DATABASE_URL="sqlite:////proc/nowhere/kulanz.db")

    assert (refused["ok"], refused["detail"]) == (False, "no trusted authority has signed its certificate")
    assert "ssl_ca_certs=" in refused["advice"]
    assert (unchecked["ok"], known["ok"]) == (True, True)
    assert "note: REDIS_URL: no trusted authority has signed its certificate" in started.err


def test_a_key_for_a_portal_is_tried_with_a_customer_that_does_not_exist(examine: Any) -> None:
    with a_portal_server() as portals:
        told = {"POLAR_API_URL": portals.url, "DODO_API_URL": portals.url}

        good = examine(**told, POLAR_API_KEY=KEY, DODO_API_KEY=KEY)
        bad = examine(**told, POLAR_API_KEY="another", DODO_API_KEY="another")

    for name in ("polar", "dodo"):
        assert good[name]["ok"]
        assert not bad[name]["ok"]
        assert f"check {name.upper()}_API_KEY" in bad[name]["advice"]
