"""`ledger verify`, `ledger key`, `account evidence` and `evidence verify`, as a person calls them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from kulanz.services import Services
from kulanz.store import tables
from tests.cli.conftest import Kulanz
from tests.days import days_go_by
from tests.lemonsqueezy import MONDAY
from tests.workers.instance import an_unpaid_account


@pytest.fixture
def services(kulanz: Kulanz, sqlite_url: str) -> Iterator[Services]:
    """A shop with one account whose grace ended unpaid."""
    with kulanz.services(sqlite_url, at=MONDAY) as services:
        an_unpaid_account(services, 1)
        days_go_by(services, 9)
        yield services


def test_a_whole_ledger_is_said_to_be_whole(kulanz, services):
    shown = kulanz("ledger", "verify", "--json")

    assert shown.code == 0
    assert shown.document == {"accounts": 1, "decisions": shown.document["decisions"], "head": None, "flawed": []}
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

    assert bytes.fromhex(shown["public_key"]) == services.vault.signer.public
    assert shown["fingerprint"] in kulanz("ledger", "key").out


def test_evidence_is_written_to_a_private_file_and_verified_without_any_setting(kulanz, services, tmp_path):
    path = tmp_path / "org_1.html"

    made = kulanz("account", "evidence", "org_1", "--out", str(path), "--json")
    checked = Kulanz(tmp_path / "nothing")("evidence", "verify", str(path), "--json")

    assert made.document == {"account_id": "org_1", "file": str(path), "bytes": path.stat().st_size}
    assert path.stat().st_mode & 0o777 == 0o600
    assert checked.code == 0
    assert checked.document["sound"] is True
    assert checked.document["public_key"] == services.vault.signer.public.hex()


def test_evidence_that_was_changed_ends_with_1(kulanz, services, tmp_path):
    path = tmp_path / "org_1.html"
    kulanz("account", "evidence", "org_1", "--out", str(path))
    path.write_bytes(path.read_bytes().replace(b"6.2", b"6.3", 1))

    checked = kulanz("evidence", "verify", str(path))

    assert checked.code == 1
    assert "not as it was signed" in checked.err


def test_evidence_under_another_key_than_the_expected_one_ends_with_1(kulanz, services, tmp_path):
    path = tmp_path / "org_1.html"
    kulanz("account", "evidence", "org_1", "--out", str(path))

    assert kulanz("evidence", "verify", str(path), "--key", "00" * 32).code == 1
    assert kulanz("evidence", "verify", str(path), "--key", services.vault.signer.public.hex()).code == 0


def test_what_is_no_evidence_and_what_cannot_be_written_is_said_on_one_line(kulanz, services, tmp_path):
    junk = tmp_path / "junk"
    junk.write_text("hello")

    refused = kulanz("evidence", "verify", str(junk))

    assert refused.code == 1
    assert refused.err.startswith("kulanz: this file is not evidence")
    assert kulanz("account", "evidence", "nobody", "--out", str(tmp_path / "x")).err == "kulanz: no account 'nobody'\n"
    assert "cannot write" in kulanz("account", "evidence", "org_1", "--out", str(tmp_path / "no" / "folder")).err
