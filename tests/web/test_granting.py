"""What operators grant through the API: exceptions that a second person approves, and an account's own terms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kulanz import pipeline
from kulanz.commands import execute
from kulanz.commands.commands import AgreeTerms, SetOverride
from kulanz.config import ApiToken
from kulanz.ingest.receiver import Receiver
from kulanz.policy import document
from kulanz.policy.facts import OverrideKind
from kulanz.queries.replay.replay import replay
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import policies
from kulanz.web.application import assemble
from tests.days import DAY, product, settings_of
from tests.lemonsqueezy import Payload, delivery, subscription_created, subscription_payment_failed

PLEXO = document.preset("plexo")
CAREFUL = PLEXO + '\n[overrides]\nsecond_approver = ["waive", "exempt"]\n'
CONTRACT = PLEXO.replace('name = "plexo"', 'name = "acme"').replace('grace = "7d"', 'grace = "30d"')
WAIVE = {"kind": "waive", "reason": "our mistake"}


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    careful = tmp_path / "careful.toml"
    careful.write_text(CAREFUL)
    tokens = tuple(ApiToken(name=name, token=f"{name}-secret", read_only=False) for name in ("ada", "bob"))
    settings = settings_of(tmp_path, database_url, policy=str(careful), api_tokens=tokens, test_clock=True, spool=0)
    with product(settings, at=START) as services:
        yield services


START = real_now().replace(microsecond=0)


@pytest.fixture
def client(services: Services) -> Iterator[FlaskClient]:
    receiver = Receiver(services)
    yield assemble(receiver, services, services.settings).test_client()
    receiver.close()


@pytest.fixture
def in_grace(client: FlaskClient, services: Services) -> None:
    tell(client, services, subscription_created(at=START - 30 * DAY), subscription_payment_failed(at=START))


def tell(client: FlaskClient, services: Services, *payloads: Payload) -> None:
    for payload in payloads:
        body, headers = delivery(payload)
        assert client.post("/webhooks/lemonsqueezy", data=body, headers=headers).status_code == 200
    while pipeline.process(services).moved:
        pass


def post(client: FlaskClient, path: str, body: Any, name: str = "ada") -> TestResponse:
    return client.post(f"/v1/accounts/org_42/{path}", json=body, headers={"Authorization": f"Bearer {name}-secret"})


def account(client: FlaskClient) -> dict[str, Any]:
    stored_document: dict[str, Any] = client.get(
        "/v1/accounts/org_42", headers={"Authorization": "Bearer ada-secret"}
    ).json
    return stored_document


@pytest.mark.usefixtures("in_grace")
def test_an_exception_waits_for_a_second_person_and_changes_nothing_before(client: FlaskClient) -> None:
    requested = post(client, "overrides", WAIVE)

    assert requested.status_code == 201
    assert (requested.json["state"], requested.json["approved_by"]) == ("awaiting_approval", [])
    assert account(client)["standing"] == "grace"
    assert account(client)["overrides"] == [requested.json]


@pytest.mark.usefixtures("in_grace")
def test_two_approvals_need_two_names(client: FlaskClient, services: Services) -> None:
    requested = post(client, "overrides", WAIVE).json

    alone = post(client, f"overrides/{requested['id']}/approve", {})
    together = post(client, f"overrides/{requested['id']}/approve", {}, "bob")

    assert (alone.status_code, together.status_code) == (409, 200)
    assert "second person" in alone.json["detail"]
    assert (together.json["state"], together.json["actor"], together.json["approved_by"]) == ("active", "ada", ["bob"])
    assert (account(client)["standing"], account(client)["dunning_cases"]) == ("good", [])
    assert post(client, f"overrides/{requested['id']}/approve", {}, "bob").status_code == 409
    assert [replay_result for replay_result in replay(services) if replay_result.differs] == []


@pytest.mark.usefixtures("in_grace")
def test_a_note_of_the_command_line_is_no_name(client: FlaskClient, services: Services) -> None:
    waive = SetOverride(kind=OverrideKind.WAIVE, until=None, reason="our mistake")
    execute.command(services, "org_42", waive, "bob")
    (requested,) = account(client)["overrides"]

    first = post(client, f"overrides/{requested['id']}/approve", {}, "bob").json
    second = post(client, f"overrides/{requested['id']}/approve", {}, "ada").json

    assert (requested["state"], first["state"], second["state"]) == ("awaiting_approval", "awaiting_approval", "active")
    assert second["approved_by"] == ["ada", "bob"]


@pytest.mark.usefixtures("in_grace")
def test_what_is_denied_is_not_made(client: FlaskClient) -> None:
    requested = post(client, "overrides", WAIVE).json

    denied = post(client, f"overrides/{requested['id']}/deny", {"reason": "they can pay"}, "bob")
    late = post(client, f"overrides/{requested['id']}/approve", {}, "bob")

    assert (denied.status_code, denied.json["state"], late.status_code) == (200, "declined", 409)
    assert account(client)["standing"] == "grace"


@pytest.mark.usefixtures("in_grace")
def test_an_exception_that_would_have_ended_is_not_approved(client: FlaskClient, services: Services) -> None:
    until = (START + DAY).isoformat()
    requested = post(client, "overrides", {"kind": "exempt", "until": until, "reason": "a day"}).json
    services.clock.set(START + 2 * DAY)

    late = post(client, f"overrides/{requested['id']}/approve", {}, "bob")

    assert late.status_code == 409
    assert account(client)["overrides"][0]["state"] == "lapsed"


@pytest.mark.usefixtures("in_grace")
def test_a_kind_that_the_policy_does_not_name_needs_one_person_only(client: FlaskClient) -> None:
    until = (START + 20 * DAY).isoformat()

    made = post(client, "overrides", {"kind": "extend_grace", "until": until, "reason": "waiting for the bank"})

    assert (made.status_code, made.json["state"]) == (201, "active")


@pytest.mark.usefixtures("in_grace")
def test_an_exception_that_nobody_asked_for_is_not_found(client: FlaskClient) -> None:
    assert post(client, "overrides/ov_1/approve", {}).status_code == 404
    assert post(client, "overrides/ov_1/deny", {"reason": "no"}).status_code == 404


def agree(client: FlaskClient, **changes: Any) -> TestResponse:
    body = {"document": CONTRACT, "until": (START + 365 * DAY).isoformat(), "reason": "contract of 2026"}
    return post(client, "terms", {name: value for name, value in {**body, **changes}.items() if value is not None})


def test_an_accounts_own_terms_replace_the_policy_for_what_begins_under_them(
    client: FlaskClient, services: Services
) -> None:
    tell(client, services, subscription_created(at=START - 30 * DAY))

    agreed = agree(client)
    services.clock.set(START + DAY)
    tell(client, services, subscription_payment_failed(at=START + DAY))

    assert agreed.status_code == 201
    assert (agreed.json["policy"]["name"], agreed.json["actor"]) == ("acme", "ada")
    stored_document = account(client)
    assert stored_document["policy"] == agreed.json["policy"]
    assert stored_document["terms"] == [agreed.json]
    assert datetime.fromisoformat(stored_document["grace_ends_at"]) == (START + 31 * DAY).astimezone(UTC)
    assert [replay_result for replay_result in replay(services) if replay_result.differs] == []


@pytest.mark.usefixtures("in_grace")
def test_what_was_open_when_terms_were_agreed_keeps_the_version_that_it_began_under(
    client: FlaskClient, services: Services
) -> None:
    before = account(client)["grace_ends_at"]
    services.clock.set(START + DAY)

    agree(client)

    assert account(client)["grace_ends_at"] == before


def test_the_policy_of_all_counts_again_when_the_terms_end(client: FlaskClient, services: Services) -> None:
    tell(client, services, subscription_created(at=START - 30 * DAY))
    agree(client, until=(START + 10 * DAY).isoformat())

    services.clock.set(START + 10 * DAY)
    tell(client, services)

    assert account(client)["policy"]["name"] == "plexo"
    rules = [step["rule"] for step in client.get("/v1/accounts/org_42/timeline", headers=ADA).json["decisions"]]
    assert rules[-2:] == ["terms.agreed", "terms.ended"]


def test_terms_can_be_ended_at_once_and_only_where_there_are_any(client: FlaskClient, services: Services) -> None:
    tell(client, services, subscription_created(at=START - 30 * DAY))
    agree(client)

    ended = post(client, "terms", {"reason": "cancelled"})
    again = post(client, "terms", {"reason": "cancelled"})

    assert (ended.status_code, ended.json["policy"]["name"], again.status_code) == (201, "plexo", 409)
    assert account(client)["policy"]["name"] == "plexo"


ADA = {"Authorization": "Bearer ada-secret"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"document": "name = 1"}, 422),
        ({"until": (START - DAY).isoformat()}, 422),
        ({"until": None}, 422),
        ({"document": None, "policy": "nonesuch"}, 404),
        ({"policy": "plexo"}, 422),
        ({"reason": " "}, 422),
    ],
    ids=["invalid document", "in the past", "no end", "unknown policy", "two documents", "no reason"],
)
def test_terms_that_make_no_sense_are_refused_and_nothing_is_kept(
    client: FlaskClient, services: Services, changes: dict[str, Any], status: int
) -> None:
    tell(client, services, subscription_created(at=START - 30 * DAY))

    assert agree(client, **changes).status_code == status

    assert account(client)["terms"] == []
    assert kept(services) == ["plexo"]


def test_a_dry_run_of_terms_keeps_no_document_i8(client: FlaskClient, services: Services) -> None:
    tell(client, services, subscription_created(at=START - 30 * DAY))

    order = AgreeTerms(document=CONTRACT, until=START + DAY, reason="contract")
    decision = execute.command(services, "org_42", order, "ada", dry_run=True)

    assert [change.rule for change in decision.changes] == ["terms.agreed"]
    assert kept(services) == ["plexo"]


def test_one_document_is_kept_once_for_all_who_agree_on_it(client: FlaskClient, services: Services) -> None:
    tell(client, services, subscription_created(at=START - 30 * DAY))

    versions = {agree(client).json["policy"]["version"] for _ in range(2)}
    by_name = agree(client, document=None, policy="acme").json["policy"]["version"]

    assert versions == {by_name}
    assert kept(services) == ["plexo", "acme"]


def kept(services: Services) -> list[str]:
    with services.database.read() as conn:
        return [row.name for row in policies.all(conn)]
