"""`kulanz policy` and `kulanz account terms`, on a database in the data directory."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kulanz.config import load
from kulanz.policy import document
from kulanz.services import build
from kulanz.store import accounts
from tests.cli.conftest import Kulanz
from tests.days import product, tell
from tests.lemonsqueezy import subscription_created, subscription_payment_failed

PLEXO = document.preset("plexo")


@pytest.fixture
def at_home(kulanz: Kulanz, _sqlite_template: Path) -> Kulanz:
    """The command on a database at noon of the first of March, with one account that nothing is known of."""
    kulanz.data_dir.mkdir(mode=0o700)
    shutil.copyfile(_sqlite_template, kulanz.data_dir / "kulanz.db")
    assert kulanz("clock", "set", "2026-03-01T12:00:00Z").code == 0
    services = build(load(kulanz.environ()))
    with services.database.write() as tx:
        services.adopt_policy(tx)
        accounts.lock(tx, ["org_42"], services.vault.new_data_key)
    services.close()
    return kulanz


@pytest.fixture
def gentle(tmp_path: Path) -> str:
    path = tmp_path / "gentle.toml"
    path.write_text(PLEXO.replace('grace = "7d"', 'grace = "14d"').replace('name = "plexo"', 'name = "gentle"'))
    return str(path)


def test_two_policies_are_compared_key_by_key_and_in_words(kulanz: Kulanz, gentle: str) -> None:
    text = kulanz("policy", "diff", "plexo", gentle).out
    result = kulanz("policy", "diff", gentle, "plexo", "--json").document["differences"]

    assert 'dunning.grace: "7d" → "14d" (more lenient)\n  from the first failure to the end of access' in text
    assert [(item["key"], item["old"], item["new"], item["leniency"]) for item in result] == [
        ("name", '"gentle"', '"plexo"', "neutral"),
        ("dunning.grace", '"14d"', '"7d"', "stricter"),
    ]
    assert kulanz("policy", "diff", "plexo", "plexo").out == "no key differs\n"


def test_each_mistake_of_a_document_has_a_line_of_its_own_and_a_remark_leaves_it_valid(
    kulanz: Kulanz, tmp_path: Path
) -> None:
    wrong, vain = tmp_path / "wrong.toml", tmp_path / "vain.toml"
    wrong.write_text('name = "mine"\n[dunning]\ngrace = "soon"\nwarn_by = "pigeon"\nhold = 1\n')
    vain.write_text('name = "mine"\n[dunning]\ngrace = "5d"\nreminders = ["3d", "9d"]\n')

    refused, as_json = kulanz("policy", "check", str(wrong)), kulanz("policy", "check", str(wrong), "--json")
    remarked = kulanz("policy", "check", str(vain), "--json").document

    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "3 problems: dunning.grace line 3, dunning.warn_by line 4, " in refused.err
    assert [line.split(": ")[:2] for line in refused.out.splitlines()] == [
        ["dunning.grace", "line 3"],
        ["dunning.warn_by", "line 4"],
        ["dunning.hold", "line 5"],
    ]
    assert as_json.document["problems"] == refused.out.splitlines()
    assert (remarked["valid"], len(remarked["remarks"])) == (True, 2)
    shown = kulanz("policy", "check", str(vain)).out
    assert "dunning.reminders[1]: line 4: expected a day between it and dunning.final_warning" in shown
    assert "dunning.reminders[2]: line 4" in shown


def test_a_key_that_is_given_twice_is_named_with_its_line(kulanz: Kulanz, tmp_path: Path) -> None:
    twice = tmp_path / "twice.toml"
    twice.write_text('name = "mine"\n[dunning]\ngrace = "5d"\ngrace = "7d"\n')

    refused = kulanz("policy", "check", str(twice))

    assert (refused.code, refused.out.partition(":")[0]) == (1, "line 4")


def test_a_policy_is_activated_from_a_day_and_listed(at_home: Kulanz, gentle: str) -> None:
    done = at_home("policy", "activate", gentle, "--effective-from", "2026-04-01", "--actor", "ada", "--json").document

    listed = at_home("policy", "list", "--json").document["versions"]
    assert (done["activated"], done["version"], done["effective_from"]) == (True, 2, "2026-04-01T00:00:00Z")
    assert [(item["name"], item["state"], item["actor"]) for item in listed] == [
        ("plexo", "in force", "settings"),
        ("gentle", "scheduled", "ada"),
    ]
    assert at_home("policy", "show").out.count('name = "plexo"') == 1
    assert at_home("policy", "show", "2").out.count('name = "gentle"') == 1


def test_a_dry_run_of_an_activation_does_nothing(at_home: Kulanz, gentle: str) -> None:
    text = at_home("policy", "activate", gentle, "--dry-run", "--migrate-open").out

    assert text.startswith("would be: gentle, version 2, in force from 2026-03-01T12:00:00Z")
    assert [item["name"] for item in at_home("policy", "list", "--json").document["versions"]] == ["plexo"]


@pytest.mark.parametrize("answer", [b"n\n", b""], ids=["no", "nobody there"])
def test_a_policy_is_not_in_force_before_the_question_about_what_is_open_is_answered(
    at_home: Kulanz, gentle: str, answer: bytes
) -> None:
    two_unpaid_accounts(at_home)

    refused = at_home("policy", "activate", gentle, "--migrate-open", stdin=answer)

    assert (refused.code, refused.out) == (1, "")
    assert "put version 2 in force and apply it to open cases, disputes and requests: 2. Continue?" in refused.err
    assert refused.err.endswith("kulanz: nothing was done\n")
    assert [item["name"] for item in at_home("policy", "list", "--json").document["versions"]] == ["plexo"]


def test_a_policy_is_in_force_and_applied_to_what_is_open_once_that_is_agreed_to(at_home: Kulanz, gentle: str) -> None:
    two_unpaid_accounts(at_home)
    asked_about = at_home("policy", "activate", gentle, "--migrate-open", "--dry-run", "--json").document["migrated"]

    done = at_home("policy", "activate", gentle, "--migrate-open", "--json", stdin=b"y\n")

    assert (done.code, done.document["activated"]) == (0, True)
    assert done.document["migrated"] == asked_about
    assert [item["account_id"] for item in asked_about] == ["org_42", "org_43"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--effective-from", "2026-02-01"), 1, "is in the past"),
        (("--effective-from", "2026-04-01", "--migrate-open", "--yes"), 2, "once the version is in force"),
        (("--effective-from", "soon"), 2, "not a time"),
    ],
)
def test_an_activation_that_makes_no_sense_is_refused(
    at_home: Kulanz, gentle: str, arguments: tuple[str, ...], code: int, told: str
) -> None:
    result = at_home("policy", "activate", gentle, *arguments)

    assert (result.code, told in result.err) == (code, True)
    assert [item["name"] for item in at_home("policy", "list", "--json").document["versions"]] == ["plexo"]


def test_a_policy_that_is_not_there_is_named_with_those_that_are(at_home: Kulanz, gentle: str) -> None:
    at_home("policy", "activate", gentle)

    result = at_home("policy", "diff", "plexo", "nonesuch")

    assert result.code == 1
    assert "no policy 'nonesuch'; there are: " in result.err
    assert "gentle, plexo" in result.err


def test_the_doctor_notes_that_the_settings_name_another_policy_and_calls_it_no_failure(
    at_home: Kulanz, gentle: str
) -> None:
    at_home("policy", "activate", gentle)

    examined = at_home("doctor", "--json")

    (result,) = (check for check in examined.document["checks"] if check["check"] == "policy")
    assert (result["ok"], result["detail"]) == (True, "gentle, version 2")
    assert "KULANZ_POLICY names another (plexo)" in result["advice"]
    assert "policy" not in examined.err


def test_an_account_is_put_under_a_policy_of_its_own_and_back(at_home: Kulanz, gentle: str) -> None:
    agreement = ("account", "terms", "org_42", "--policy", gentle, "--until", "2027-01-01", "--reason", "contract")
    would = at_home(*agreement, "--dry-run")
    before = at_home("account", "show", "org_42", "--json").document

    made = at_home(*agreement, "--json").document["account"]
    at_home("clock", "set", "2026-03-02T12:00:00Z")
    ended = at_home("account", "terms", "org_42", "--end", "--reason", "cancelled", "--json").document["account"]

    assert "would be: " in would.out
    assert "terms of its own (gentle)" in would.out
    assert (before["policy"]["name"], before["terms"]) == ("plexo", [])
    assert (made["policy"]["name"], made["terms"][0]["until"]) == ("gentle", "2027-01-01T00:00:00Z")
    assert ended["policy"]["name"] == "plexo"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--policy", "plexo"), 2),
        (("--end", "--policy", "plexo"), 2),
        (("--end",), 1),
        (("--policy", "nonesuch", "--until", "2027-01-01"), 1),
        (("--policy", "plexo", "--until", "2026-01-01"), 1),
    ],
)
def test_terms_that_make_no_sense_are_refused(at_home: Kulanz, arguments: tuple[str, ...], code: int) -> None:
    result = at_home("account", "terms", "org_42", "--reason", "contract", *arguments)

    assert (result.code, len(result.err.strip().splitlines()[-1]) > 0) == (code, True)
    assert at_home("account", "show", "org_42", "--json").document["terms"] == []


def test_a_simulation_is_told_line_by_line_with_its_totals(at_home: Kulanz, gentle: str, tmp_path: Path) -> None:
    deliver(at_home, "subscription_created", days_ago=30)
    deliver(at_home, "subscription_payment_failed", days_ago=0)

    given_result = at_home("policy", "simulate", gentle)
    document = at_home("policy", "simulate", gentle, "--json").document

    assert (given_result.code, document["totals"]["differing"]) == (0, 1)
    (result,) = document["differing"]
    assert (result["account_id"], result["ahead"], result["rule"]) == ("org_42", True, "dunning.hold_placed")
    assert "org_42: from " in given_result.out
    assert "gaining access" in given_result.out
    assert at_home("policy", "simulate", "plexo").out.startswith("no account would differ")
    assert at_home("replay", "--shuffle", "--json").document["differing"] == []


def test_every_key_can_be_listed(kulanz: Kulanz) -> None:
    stored_document = {item["key"]: item for item in kulanz("policy", "keys", "--json").document["keys"]}

    assert stored_document["dunning.grace"]["default"] is None
    assert stored_document["dunning.max_warnings"]["default"] == "3"
    assert kulanz("policy", "keys", "--markdown").out.startswith("**At the top**")


def two_unpaid_accounts(kulanz: Kulanz) -> None:
    for number in (42, 43):
        stated = {"account": f"org_{number}", "subscription": number, "customer": number + 10, "invoice": number + 20}
        deliver(kulanz, "subscription_created", days_ago=30, **stated)
        deliver(kulanz, "subscription_payment_failed", days_ago=0, **stated)


def deliver(kulanz: Kulanz, event: str, *, days_ago: int, **told: Any) -> None:
    """Let an event arrive at the hour that the command's clock shows."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC) - timedelta(days=days_ago)
    payload = {"subscription_created": subscription_created, "subscription_payment_failed": subscription_payment_failed}
    with product(load(kulanz.environ())) as services:
        tell(services, payload[event](at=at, **told))
