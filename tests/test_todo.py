"""What waits for a person: listed once it does, gone when it is over, and never taken for well before."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kulanz.cli import cli
from kulanz.commands import books, execute, todos
from kulanz.commands.commands import CloseDispute, DeclineOverride, OpenDispute, SetOverride
from kulanz.config import ApiToken
from kulanz.crypto import places
from kulanz.documents.standing import Todos
from kulanz.errors import NotFoundError
from kulanz.ingest.receiver import Receiver
from kulanz.policy import document
from kulanz.policy.facts import DisputeStatus, OverrideKind
from kulanz.policy.topics import NOTES, SEEN_ELSEWHERE, TOPICS
from kulanz.processing import circuit_breaker
from kulanz.processing import outbox as alerts
from kulanz.queries import accounts, todo
from kulanz.queries.todo import Todo
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, inbox, migrate, outbox
from kulanz.web.application import assemble
from tests.days import DAY, happens, product, settings_of, tell
from tests.lemonsqueezy import (
    MONDAY,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_refunded,
    subscription_payment_success,
    subscription_updated,
)
from tests.store.rows import an_effect, an_event

ORG = "org_42"
ROOT = Path(__file__).resolve().parents[1]
CAREFUL = document.preset("plexo") + '\n[overrides]\nsecond_approver = ["waive"]\n'


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    careful = tmp_path / "careful.toml"
    careful.write_text(CAREFUL, encoding="utf-8")
    tokens = (ApiToken(name="reader", token="r-secret", read_only=True),)
    settings = settings_of(tmp_path, database_url, policy=str(careful), api_tokens=tokens, test_clock=True)
    with product(settings, at=MONDAY - 40 * DAY) as services:
        happens(services, -40, subscription_created(at=MONDAY - 40 * DAY))
        services.clock.set(MONDAY)
        yield services


def waiting(services: Services) -> list[Todo]:
    return todo.todo_list(services)


def topics(services: Services) -> list[str]:
    return [each.topic for each in waiting(services)]


def a_refund_in_full(services: Services) -> None:
    tell(services, subscription_payment_success(at=MONDAY), subscription_payment_refunded(at=MONDAY))


def a_parked_event(services: Services, reason: str = "broken") -> str:
    event = msgspec.structs.replace(an_event(state="parked", reason=reason, received_at=services.clock.now()))
    body = services.vault.seal(b"{}", places.event(event.provider, event.delivery_key))
    with services.database.write() as tx:
        (recorded,) = inbox.record(tx, [msgspec.structs.replace(event, body=body)], services.clock.now())
    return inbox.event_id(recorded.id)


def skip(services: Services, event: str) -> None:
    with services.database.write() as tx:
        inbox.skip(tx, inbox.number_of(event), "looked at")


def test_nothing_waits_in_a_shop_that_is_well(services: Services) -> None:
    assert waiting(services) == []


def test_parked_events_wait_by_their_reason_until_each_is_settled(services: Services) -> None:
    first, second, other = (a_parked_event(services, reason) for reason in ("broken", "broken", "no such plan"))

    listed = waiting(services)
    skip(services, first)
    (left,) = (each for each in waiting(services) if each.subject == "broken")
    for event in (second, other):
        skip(services, event)

    assert {(each.subject, each.number) for each in listed} == {("broken", 2), ("no such plan", 1)}
    assert {each.severity for each in listed} == {"urgent"}
    assert (left.number, left.proposed, left.link) == (1, f"kulanz events show {second}", f"/ops/events/{second}")
    assert waiting(services) == []


@pytest.mark.parametrize("state", ["parked", "todo", "unknown"])
def test_an_effect_that_needs_a_person_waits_until_it_is_tried_again(services: Services, state: str) -> None:
    with services.database.write() as tx:
        outbox.add(tx, [an_effect("ef_1", state=state, error="refused", account=ORG)])

    (listed,) = waiting(services)
    with services.database.write() as tx:
        outbox.retry(tx, ["ef_1"], real_now())

    assert (listed.topic, listed.proposed) == (
        f"{state}_effects",
        f"kulanz effects list --state {state} --account {ORG}",
    )
    assert "refused" in listed.what
    assert waiting(services) == []


def test_an_unrequested_full_refund_waits_until_somebody_has_looked(services: Services) -> None:
    a_refund_in_full(services)

    (listed,) = waiting(services)
    todos.acknowledge(services, listed.id, "ann")

    assert (listed.topic, listed.account, listed.since) == ("unrequested_refund", ORG, MONDAY)
    assert listed.proposed == f"kulanz account explain {ORG}"
    assert waiting(services) == []
    tell(services, subscription_payment_success(at=MONDAY + DAY))
    assert waiting(services) == []


def test_what_follows_from_an_account_ends_with_its_cause_and_a_look_does_not_end_it(services: Services) -> None:
    tell(services, subscription_payment_failed(at=MONDAY))
    execute.command(services, ORG, SetOverride(kind=OverrideKind.WAIVE, until=None, reason="our mistake"), "ann")
    (asked,) = (each for each in waiting(services) if each.topic == "override_awaits_approval")
    todos.acknowledge(services, asked.id, "bob")

    (seen,) = (each for each in waiting(services) if each.topic == "override_awaits_approval")
    execute.command(services, ORG, DeclineOverride(override=asked.subject, reason="no need"), "bob")

    assert (seen.acknowledged_by, seen.acknowledged_at) == ("bob", MONDAY)
    assert "override_awaits_approval" not in topics(services)


def test_a_dispute_waits_for_an_answer_until_it_is_decided(services: Services) -> None:
    order = OpenDispute(amount=1999, currency="EUR", reason="fraudulent")
    execute.command(services, ORG, order, "ann")
    listed = [each for each in waiting(services) if each.topic == "dispute_to_answer"]

    dispute = accounts.account_document(services, ORG).disputes[0].id
    assert listed[0].what == f"a dispute is to be answered at the provider ({dispute}, 19.99 EUR)"
    execute.command(services, ORG, CloseDispute(dispute=dispute, outcome=DisputeStatus.WON), "ann")

    assert [(each.account, each.proposed) for each in listed] == [(ORG, f"kulanz account evidence {ORG}")]
    assert "dispute_to_answer" not in topics(services)


def test_a_tripped_breaker_waits_until_it_is_released(services: Services) -> None:
    with services.database.write() as tx:
        circuit_breaker.trip(tx, MONDAY)
    tripped = topics(services)

    with services.database.write() as tx:
        circuit_breaker.release(tx, until=MONDAY + DAY, actor="ann", reason="checked", now=MONDAY)

    assert tripped == ["breaker_tripped"]
    assert topics(services) == []


def test_what_is_told_once_waits_until_somebody_has_seen_it_whoever_is_to_be_mailed(services: Services) -> None:
    for topic, subject in (("mass_expiry", "2026030209"), ("event_parked", "evt_1"), ("unknown_word", "x: y")):
        with services.database.write() as tx:
            alerts.alert(services, tx, topic=topic, subject=subject)

    (listed,) = waiting(services)
    todos.acknowledge(services, listed.id, "ann")
    with services.database.write() as tx:
        alerts.alert(services, tx, topic="mass_expiry", subject="2026030209")

    assert (listed.topic, listed.subject) == ("mass_expiry", "2026030209")
    assert waiting(services) == []


def test_an_acknowledgement_does_not_count_for_what_begins_later(services: Services) -> None:
    event = a_parked_event(services)
    todos.acknowledge(services, waiting(services)[0].id, "ann")
    todos.assign(services, waiting(services)[0].id, "bob", "ann")
    (seen,) = waiting(services)
    skip(services, event)
    services.clock.set(MONDAY + DAY)

    a_parked_event(services)

    (later,) = waiting(services)
    assert later.id == seen.id
    assert (seen.acknowledged_by, seen.assigned_to) == ("ann", "bob")
    assert (later.acknowledged_by, later.assigned_to) == (None, None)


def test_who_has_seen_it_and_who_takes_care_is_in_the_log(services: Services) -> None:
    a_refund_in_full(services)
    ident = waiting(services)[0].id

    todos.assign(services, ident, "bob", "ann")
    todos.assign(services, ident, None, "ann")
    todos.acknowledge(services, ident, "bob")

    with services.database.read() as conn:
        noted = audit_log.about(conn, ORG)
    assert [(entry.actor, entry.act, entry.detail) for entry in reversed(noted)] == [
        ("ann", "assigned", f"unrequested_refund {ident} to bob"),
        ("ann", "unassigned", f"unrequested_refund {ident}"),
        ("bob", "acknowledged", f"unrequested_refund {ident}"),
    ]
    with pytest.raises(NotFoundError, match="nothing waits"):
        todos.acknowledge(services, ident, "ann")


def test_the_urgent_comes_first_then_what_has_waited_longest(services: Services) -> None:
    with services.database.write() as tx:
        alerts.alert(services, tx, topic="reconcile_found", subject="2026-03-02: 1")
        alerts.alert(services, tx, topic="mass_expiry", subject="2026030209")
    services.clock.set(MONDAY + DAY)
    a_parked_event(services)

    assert topics(services) == ["mass_expiry", "parked_events", "reconcile_found"]


def test_after_an_upgrade_what_waited_before_is_listed(services: Services) -> None:
    a_refund_in_full(services)
    before = waiting(services)
    migrate.downgrade(services.database, "0013")

    migrate.upgrade(services.database)
    books.rebuild(services)

    assert waiting(services) == before != []


def test_a_renewal_of_which_nothing_is_heard_waits_until_the_payment_comes(services: Services) -> None:
    happens(services, 60)
    overdue = topics(services)

    happens(services, 61, subscription_updated(at=MONDAY + 61 * DAY, renews_at=MONDAY + 90 * DAY))

    assert overdue == ["renewal_overdue"]
    assert waiting(services) == []


def test_every_topic_names_a_command_that_there_is() -> None:
    for name, topic in TOPICS.items():
        group = topic.act.split()[1]
        command = cli.get_command(None, group)  # type: ignore[arg-type]
        assert command is not None, name
        words = [word for word in topic.act.split()[2:3] if not word.startswith("-")]
        assert not words or words[0] in getattr(command, "commands", words), name


def alerted_topics() -> set[str]:
    """Every topic of an alert, as the code of the policy and of the processing gives it."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "app" / "kulanz").rglob("*.py")]
    told = {topic for source in sources for topic in re.findall(r'topic="([a-z_]+)", subject', source)}
    areas = [path.read_text(encoding="utf-8") for path in (ROOT / "app" / "kulanz" / "policy" / "areas").rglob("*.py")]
    of_policy = {
        node.value
        for source in areas
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef) and function.name in {"alerts", "blocked"}
        for part in ast.walk(function)
        if isinstance(part, ast.Yield | ast.YieldFrom | ast.Return) and part.value is not None
        for node in ast.walk(part.value)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z]+(_[a-z]+)+", node.value)
    }
    return told | of_policy


def test_every_alert_has_words_and_an_act_or_is_found_elsewhere() -> None:
    found = alerted_topics()

    assert {"unrequested_refund", "chargeback_warned", "mass_expiry", "warning_cannot_be_delivered"} <= found
    assert found - TOPICS.keys() - SEEN_ELSEWHERE - NOTES == set()


def test_the_api_answers_the_same_list(services: Services) -> None:
    a_refund_in_full(services)
    receiver = Receiver(services)
    client = assemble(receiver, services, services.settings).test_client()

    answer = client.get("/v1/todo", headers={"Authorization": "Bearer r-secret"})
    receiver.close()

    assert answer.status_code == 200
    listed = msgspec.json.decode(answer.data, type=Todos).todo
    assert [(each.id, each.severity, each.act) for each in listed] == [
        (each.id, "urgent", each.proposed) for each in waiting(services)
    ]


def test_by_the_api_somebody_has_seen_it_and_somebody_takes_care(services: Services) -> None:
    a_refund_in_full(services)
    (listed,) = waiting(services)
    settings = replace(
        services.settings, api_tokens=(*services.settings.api_tokens, ApiToken(name="ann", token="w-secret"))
    )
    receiver = Receiver(services)
    client = assemble(receiver, services, settings).test_client()
    reader, writer = {"Authorization": "Bearer r-secret"}, {"Authorization": "Bearer w-secret"}

    def said(act: str, body: Any = None, ident: str = listed.id, **headers: str) -> Any:
        return client.post(f"/v1/todo/{ident}/{act}", json=body, headers=writer | headers)

    assigned = said("assign", {"to": "bob"})
    assert (assigned.status_code, assigned.json["assigned_to"]) == (200, "bob")
    assert waiting(services)[0].assigned_to == "bob"
    assert said("assign").json["assigned_to"] is None
    assert said("assign", {"to": "eve"}, **{"Idempotency-Key": "1"}).json["assigned_to"] == "eve"
    assert said("assign", {"to": "eve"}, **{"Idempotency-Key": "1"}).json["assigned_to"] == "eve"
    assert said("assign", {"to": "dan"}, **{"Idempotency-Key": "1"}).status_code == 422

    for ident, act, body, status in (
        ("td_0000000000000000", "acknowledge", None, 404),
        ("..", "acknowledge", None, 404),
        (listed.id, "assign", {"to": ""}, 422),
        (listed.id, "assign", {"to": "a\nb"}, 422),
        (listed.id, "assign", {"name": "bob"}, 422),
        (listed.id, "acknowledge", {"to": "bob"}, 422),
    ):
        assert said(act, body, ident).status_code == status, (ident, act, body)
    assert client.post(f"/v1/todo/{listed.id}/acknowledge", headers=reader).status_code == 403
    assert waiting(services)[0].assigned_to == "eve"
    seen = said("acknowledge")
    assert (seen.status_code, seen.json["acknowledged_by"]) == (200, "ann")
    receiver.close()
    with services.database.read() as conn:
        noted = [act.act for act in audit_log.about(conn, listed.account or "")]
    assert noted.count("acknowledged") == 1
    assert (noted.count("assigned"), noted.count("unassigned")) == (2, 1)


def test_what_is_done_once_it_was_seen_is_answered_again_under_its_key(services: Services) -> None:
    a_refund_in_full(services)
    settings = replace(services.settings, api_tokens=(ApiToken(name="ann", token="w-secret"),))
    (ending,) = waiting(services)
    assert ending.ends_when_seen
    receiver = Receiver(services)
    client = assemble(receiver, services, settings).test_client()
    headers = {"Authorization": "Bearer w-secret", "Idempotency-Key": "7"}

    first = client.post(f"/v1/todo/{ending.id}/acknowledge", headers=headers)
    again = client.post(f"/v1/todo/{ending.id}/acknowledge", headers=headers)
    other = client.post(f"/v1/todo/{ending.id}/acknowledge", headers={"Authorization": "Bearer w-secret"})
    receiver.close()

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 404)
    assert again.json == first.json
    assert waiting(services) == []


def test_what_is_due_soonest_comes_first_and_then_what_is_about_the_most_money(services: Services) -> None:
    def dispute(amount: int, days: int | None) -> None:
        due = None if days is None else MONDAY + days * DAY
        order = OpenDispute(amount=amount, currency="EUR", reason="the bank wrote", answer_by=due)
        execute.command(services, ORG, order, "tests")

    for amount, days in ((100, None), (900, None), (100, 9), (100, 4)):
        dispute(amount, days)
    with services.database.write() as tx:
        outbox.add(tx, [an_effect("ef_1", state="todo", kind="CancelSubscription", type="cancel", account=ORG)])

    listed = waiting(services)
    disputes = [each for each in listed if each.topic == "dispute_to_answer"]

    assert [(each.amount, each.due_at) for each in disputes] == [
        (100, MONDAY + 4 * DAY),
        (100, MONDAY + 9 * DAY),
        (900, None),
        (100, None),
    ]
    assert (listed[-1].topic, listed[-1].severity) == ("todo_effects", "normal")
    documents = {row.due_at: (row.amount, row.currency) for row in map(todo.document, disputes)}
    assert documents[MONDAY + 4 * DAY] == (100, "EUR")
