"""`secrets status / rotate / retire` and `retention`, as a person calls them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kulanz import pipeline
from kulanz.services import Services
from tests.cli.conftest import KEY, Kulanz
from tests.lemonsqueezy import MONDAY
from tests.workers.instance import an_unpaid_account

NEW = "1e" * 32


@pytest.fixture
def services(kulanz: Kulanz, sqlite_url: str) -> Iterator[Services]:
    """A shop with one unpaid account."""
    with kulanz.services(sqlite_url, at=MONDAY) as services:
        an_unpaid_account(services, 1)
        pipeline.process(services)
        yield services


def test_the_status_tells_what_each_key_protects(kulanz, services):
    before = kulanz("secrets", "status", "--json", ENCRYPTION_KEYS=f"{NEW},{KEY}").document

    assert [key["position"] for key in before["keys"]] == [1, 2]
    assert before["keys"][1]["protects"]["data keys of accounts"] == 1
    assert before["keys"][1]["safe_to_retire"] is False
    assert "still needed" in kulanz("secrets", "status", ENCRYPTION_KEYS=f"{NEW},{KEY}").out


def test_a_rotation_makes_the_old_key_safe_to_retire(kulanz, services):
    tried = kulanz("secrets", "rotate", "--dry-run", "--json", ENCRYPTION_KEYS=f"{NEW},{KEY}").document
    assert (tried["sealed_anew"], tried["dry_run"]) == (0, True)
    assert tried["to_do"] > 0

    done = kulanz("secrets", "rotate", "--json", ENCRYPTION_KEYS=f"{NEW},{KEY}").document

    assert done["sealed_anew"] == tried["to_do"]
    assert done["keys"][1]["safe_to_retire"] is True
    assert "safe to retire" in kulanz("secrets", "status", ENCRYPTION_KEYS=f"{NEW},{KEY}").out
    assert kulanz("account", "show", "org_1", ENCRYPTION_KEYS=NEW).code == 0
    assert kulanz("replay", ENCRYPTION_KEYS=NEW).code == 0


def test_a_key_that_is_missing_is_not_called_all_clear(kulanz, services):
    shown = kulanz("secrets", "status", ENCRYPTION_KEYS=NEW)

    assert shown.code == 1
    assert "none of ENCRYPTION_KEYS" in shown.err


def test_keys_that_kulanz_up_keeps_are_made_rotated_and_retired_there(kulanz, services):
    stored = kulanz.data_dir / "secrets.toml"
    stored.write_text(f'ENCRYPTION_KEYS = "{KEY}"\nAPI_TOKENS = "api:x"\n')
    stored.chmod(0o600)
    del kulanz.settings["ENCRYPTION_KEYS"]

    assert kulanz("secrets", "rotate", "--new-key").code == 0
    kept = tomllib.loads(stored.read_text())
    assert kept["ENCRYPTION_KEYS"].count(",") == 1
    assert kept["ENCRYPTION_KEYS"].endswith(KEY)
    assert kept["API_TOKENS"] == "api:x"
    assert stored.stat().st_mode & 0o777 == 0o600
    retired = kulanz("secrets", "retire", "--json", "--actor", "ann").document
    assert retired == {"retired": 1, "dry_run": False, "actor": "ann"}
    assert KEY not in stored.read_text()
    assert kulanz("account", "show", "org_1").code == 0


def test_a_key_is_not_retired_while_it_is_needed(kulanz, services):
    stored = kulanz.data_dir / "secrets.toml"
    stored.write_text(f'ENCRYPTION_KEYS = "{NEW},{KEY}"\n')
    stored.chmod(0o600)
    del kulanz.settings["ENCRYPTION_KEYS"]

    refused = kulanz("secrets", "retire")

    assert refused.code == 1
    assert "still protects something" in refused.err
    assert KEY in stored.read_text()


def test_an_instance_that_does_not_know_the_new_key_is_restarted_first(kulanz, services):
    stored, run = kulanz.data_dir / "secrets.toml", kulanz.data_dir / "run.toml"
    run.write_text('PORT = "8000"\n')
    os.utime(run, (1, 1))
    stored.write_text(f'ENCRYPTION_KEYS = "{NEW},{KEY}"\n')
    stored.chmod(0o600)
    del kulanz.settings["ENCRYPTION_KEYS"]

    refused = kulanz("secrets", "rotate")

    assert refused.code == 1
    assert "restart `kulanz up` first" in refused.err


def test_keys_that_are_kept_elsewhere_are_not_made_here(kulanz, services):
    assert "not kept by `kulanz up`" in kulanz("secrets", "rotate", "--new-key").err
    assert "not kept by `kulanz up`" in kulanz("secrets", "retire").err


@pytest.mark.parametrize("answer", [b"n\n", b""], ids=["no", "nobody there"])
def test_no_data_is_destroyed_before_that_is_agreed_to(kulanz, services, answer: bytes):
    refused = kulanz("account", "erase", "org_1", "--reason", "Art. 17", stdin=answer)

    assert (refused.code, refused.out) == (1, "")
    assert refused.err.endswith("kulanz: nothing was done\n")
    assert kulanz("account", "show", "org_1", "--json").document["standing"] != "closed"


def test_what_the_law_keeps_is_listed_held_and_destroyed(kulanz, services):
    assert kulanz("account", "erase", "org_1", "--reason", "Art. 17", "--yes").code == 0
    assert kulanz("retention", "due", "--json").document == {"due": []}
    (kept,) = kulanz("retention", "due", "--all", "--json").document["due"]
    assert (kept["class"], kept["basis"], kept["until"]) == ("settlements", "BAO § 132", "2034-01-01T00:00:00Z")

    services.clock.set(datetime(2034, 1, 1, tzinfo=UTC))
    assert kulanz("retention", "hold", "org_1", "--until", "2035-01-01", "--reason", "a lawsuit").code == 0
    held = kulanz("retention", "destroy", "--yes", "--json").document
    assert (held["destroyed"], [item["kept_by"] for item in held["kept"]]) == ([], [["legal_hold"]])
    services.clock.set(datetime(2035, 1, 2, tzinfo=UTC))
    assert len(kulanz("retention", "destroy", "--dry-run", "--json").document["destroyed"]) == 1
    refused = kulanz("retention", "destroy", stdin=b"n\n")
    assert (refused.code, refused.err.endswith("kulanz: nothing was done\n")) == (1, True)
    assert len(kulanz("retention", "destroy", "--yes", "--json").document["destroyed"]) == 1

    assert kulanz("retention", "due", "--all", "--json").document == {"due": []}
    causes = [item["cause"] for item in kulanz("retention", "certificates", "org_1", "--json").document["certificates"]]
    assert causes == ["erasure", "retention"]
    assert kulanz("ledger", "verify").code == 0
    assert kulanz("retention", "hold", "org_1", "--until", "2036-01-01", "--reason", "x").code == 1
    unknown = kulanz("retention", "hold", "nobody", "--until", "2036-01-01", "--reason", "x")
    assert unknown.err == "kulanz: no account 'nobody'\n"
    assert kulanz("retention", "certificates", "nobody").err == "kulanz: no account 'nobody'\n"
