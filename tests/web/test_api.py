"""The API: what it takes, what it refuses, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from kulanz import documents
from kulanz.policy.facts import OverrideKind
from kulanz.services import Services
from kulanz.web.api import cursors
from kulanz.web.api.operations import OPERATIONS, Operation
from kulanz.web.application import assemble
from tests.replacing import replace
from tests.web.conftest import ReceiverInMemory

WRITER = {"Authorization": "Bearer w-secret"}
READER = {"Authorization": "Bearer r-secret"}
AN_ID = {
    "account_id": "org_42",
    **{f"{kind}_id": "1" for kind in ("payment", "collection", "mandate", "dispute", "override", "add_on", "licence")},
    "request_id": "1",
    "todo_id": "td_1",
    "effect_id": "ef_1",
}
A_DISPUTE = {"amount": 1999, "currency": "EUR", "reason": "fraudulent"}
AN_OVERRIDE = {"kind": "exempt", "until": "2026-04-01T00:00:00Z", "reason": "our mistake"}


def get(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    return client.get(path, headers=READER | {name.replace("_", "-"): value for name, value in headers.items()})


def post(client: FlaskClient, path: str, body: Any, key: str | None = None) -> TestResponse:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return client.post(path, data=raw, headers=WRITER | ({"Idempotency-Key": key} if key is not None else {}))


def problem(response: TestResponse) -> documents.Problem:
    assert response.content_type == "application/problem+json"
    stored_problem = msgspec.json.decode(response.data, type=documents.Problem)
    assert stored_problem.status == response.status_code
    return stored_problem


def account(client: FlaskClient, name: str) -> documents.Account:
    shown: documents.Account = msgspec.json.decode(get(client, f"/v1/accounts/{name}").data, type=documents.Account)
    return shown


def accounts_of(client: FlaskClient) -> Any:
    return get(client, "/v1/accounts").json


@pytest.fixture
def before(client: FlaskClient) -> Any:
    """The accounts as a test finds them."""
    return accounts_of(client)


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic dzpz", "w-secret", "Bearer w-secret x"]
)
def test_who_has_no_token_is_not_let_in(client: FlaskClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    response = client.get("/v1/accounts", headers=headers)

    assert problem(response).status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_api_is_closed_while_no_token_is_set(services: Services) -> None:
    app = assemble(ReceiverInMemory(), services, replace(services.settings, api_tokens=()))

    assert app.test_client().get("/v1/accounts/org_1", headers=WRITER).status_code == 403


def test_a_token_that_may_only_read_changes_nothing(client: FlaskClient, before: Any) -> None:
    response = client.post("/v1/accounts/org_1/disputes", json=A_DISPUTE, headers=READER)

    assert problem(response).status == 403
    assert accounts_of(client) == before


def test_accounts_come_page_by_page(client: FlaskClient) -> None:
    first = msgspec.json.decode(get(client, "/v1/accounts?limit=3").data, type=documents.Accounts)
    second = msgspec.json.decode(
        get(client, f"/v1/accounts?limit=3&cursor={first.next_cursor}").data, type=documents.Accounts
    )

    assert [account.account_id for account in first.accounts] == ["org_1", "org_2", "org_3"]
    assert [account.account_id for account in second.accounts] == ["org_42"]
    assert second.next_cursor is None


def test_accounts_can_be_chosen_by_standing_and_plan(client: FlaskClient) -> None:
    in_grace = get(client, "/v1/accounts?standing=grace").json
    enterprise = get(client, "/v1/accounts?plan=enterprise&standing=good").json

    assert in_grace is not None
    assert enterprise is not None
    assert [item["account_id"] for item in in_grace["accounts"]] == ["org_42"]
    assert [item["account_id"] for item in enterprise["accounts"]] == ["org_3"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=",
        "limit=1e1",
        "limit=%D9%A3",
        "limit=1&limit=2",
        "cursor=",
        "cursor=x",
        "cursor=%FF",
        "cursor=WyJkZWNpc2lvbnMiLCIxIl0",
        "cursor=WyJhY2NvdW50cyIsMV0",
        "cursor=WyJhY2NvdW50cyIsICJcdTAwMDAiXQ",
        "cursor=WyJhY2NvdW50cyIsICIiXQ",
        "standing=bad",
        "standing=",
        "plan=",
        "plan=%00",
        "colour=red",
    ],
)
def test_a_wrong_question_is_refused(client: FlaskClient, query: str) -> None:
    assert problem(get(client, f"/v1/accounts?{query}")).status == 400


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "1\0"])
def test_a_cursor_that_no_timeline_gave_out_is_refused(client: FlaskClient, after: str) -> None:
    cursor = cursors.encode("decisions", after)

    assert problem(get(client, f"/v1/accounts/org_1/timeline?cursor={cursor}")).status == 400


def test_the_largest_page_is_allowed(client: FlaskClient) -> None:
    assert get(client, "/v1/accounts?limit=500").status_code == 200


def test_an_account_is_shown_as_the_contract_says(client: FlaskClient) -> None:
    response = get(client, "/v1/accounts/org_42")

    account = msgspec.json.decode(response.data, type=documents.Account)
    assert account.account_id == "org_42"
    assert response.content_type == "application/json"


@pytest.mark.parametrize("account", ["org_9", "a b", "ä", "x" * 129, "%00", "..%2F", "\U0001f4a9"])
@pytest.mark.parametrize("rest", ["", "/entitlement", "/timeline"])
def test_an_unknown_account_is_not_found(client: FlaskClient, account: str, rest: str) -> None:
    assert problem(get(client, f"/v1/accounts/{account}{rest}")).status == 404


def test_an_entitlement_that_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    path = "/v1/accounts/org_42/entitlement"
    first = get(client, path)
    tag = first.headers["ETag"]

    unchanged = [get(client, path, If_None_Match=value) for value in (tag, f'"other", {tag}', "*", f"W/{tag}")]
    assert post(client, "/v1/accounts/org_42/overrides", AN_OVERRIDE).status_code == 201
    changed = get(client, path, If_None_Match=tag)

    assert tag.startswith('"')
    assert [(item.status_code, item.data, item.headers["ETag"]) for item in unchanged] == [(304, b"", tag)] * 4
    assert (changed.status_code, changed.headers["ETag"] != tag) == (200, True)


def test_a_timeline_is_read_to_its_end(client: FlaskClient) -> None:
    seen: tuple[documents.Decision, ...] = ()
    cursor = ""
    while cursor is not None:
        page = msgspec.json.decode(
            get(client, f"/v1/accounts/org_42/timeline?limit=1{cursor}").data, type=documents.Timeline
        )
        seen += page.decisions
        cursor = f"&cursor={page.next_cursor}" if page.next_cursor else None

    whole = msgspec.json.decode(get(client, "/v1/accounts/org_42/timeline").data, type=documents.Timeline)
    assert len(seen) > 1
    assert seen == whole.decisions


def test_a_dispute_is_opened_and_closed_by_hand(client: FlaskClient) -> None:
    stated = A_DISPUTE | {"fee": 1500, "fee_currency": "USD", "payment_id": "1134999", "reference": "CB-7"}
    opened = post(client, "/v1/accounts/org_42/disputes", stated)
    dispute = msgspec.json.decode(opened.data, type=documents.Dispute)

    closed = post(client, f"/v1/disputes/{dispute.id}/close", {"outcome": "won"})

    assert (opened.status_code, closed.status_code) == (201, 200)
    assert (dispute.amount, dispute.currency, dispute.fee, dispute.fee_currency) == (1999, "EUR", 1500, "USD")
    assert (dispute.payment_id, dispute.reference, dispute.reason) == ("1134999", "CB-7", "fraudulent")
    assert msgspec.json.decode(closed.data, type=documents.Dispute).status == "won"


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 19.99},
        {"amount": 1999.0},
        {"amount": "1999"},
        {"amount": True},
        {"amount": None},
        {"amount": 10**30},
        {"currency": "eur"},
        {"currency": "EURO"},
        {"currency": "ZZZ"},
        {"currency": ""},
        {"fee": -1},
        {"fee_currency": "EUR"},
        {"fee": 1, "fee_currency": "QQQ"},
        {"reason": ""},
        {"reason": "  "},
        {"reason": "x" * 501},
        {"reason": "a\x00b"},
        {"reason": 7},
        {"payment_id": ""},
        {"colour": "red"},
    ],
)
def test_a_dispute_that_makes_no_sense_is_refused(client: FlaskClient, before: Any, change: dict[str, Any]) -> None:
    response = post(client, "/v1/accounts/org_42/disputes", A_DISPUTE | change)

    assert problem(response).status == 422
    assert accounts_of(client) == before


@pytest.mark.parametrize("missing", sorted(A_DISPUTE))
def test_a_dispute_is_told_whole(client: FlaskClient, missing: str) -> None:
    body = {name: value for name, value in A_DISPUTE.items() if name != missing}

    response = post(client, "/v1/accounts/org_42/disputes", body)

    assert missing in problem(response).detail


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nan", b'{"amount": NaN}', b'"\\ud800"', b"\x00"])
def test_a_body_that_is_no_json_is_a_bad_request(client: FlaskClient, body: bytes) -> None:
    assert problem(post(client, "/v1/accounts/org_42/disputes", body)).status == 400


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"amount": 1, "x": ' + b"[" * 60_000, b"{} {}"])
def test_a_body_that_means_harm_is_refused(client: FlaskClient, body: bytes) -> None:
    assert problem(post(client, "/v1/accounts/org_42/disputes", body)).status in {400, 422}


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"x"'])
def test_a_body_of_another_kind_is_refused(client: FlaskClient, body: bytes) -> None:
    assert problem(post(client, "/v1/accounts/org_42/disputes", body)).status == 422


def test_a_body_that_never_ends_is_not_read(client: FlaskClient) -> None:
    assert problem(post(client, "/v1/accounts/org_42/disputes", b" " * 100_000)).status == 413


@pytest.mark.parametrize("outcome", ["opened", "inquiry", "WON", "", None, 1])
def test_a_dispute_ends_in_one_of_the_known_ways(client: FlaskClient, outcome: object) -> None:
    post(client, "/v1/accounts/org_42/disputes", A_DISPUTE)

    assert problem(post(client, "/v1/disputes/operator:1/close", {"outcome": outcome})).status == 422


def test_an_unknown_dispute_is_not_found(client: FlaskClient) -> None:
    assert problem(post(client, "/v1/disputes/none/close", {"outcome": "won"})).status == 404


@pytest.mark.parametrize("kind", sorted(set(OverrideKind) - {OverrideKind.REINSTATE}))
def test_every_kind_of_exception_can_be_made(client: FlaskClient, kind: OverrideKind) -> None:
    response = post(client, "/v1/accounts/org_42/overrides", AN_OVERRIDE | {"kind": kind})

    assert response.status_code == 201
    override = msgspec.json.decode(response.data, type=documents.Override)
    assert (override.kind, override.reason) == (kind, "our mistake")
    assert override.until == (None if kind is OverrideKind.WAIVE else datetime(2026, 4, 1, tzinfo=UTC))


def test_an_account_that_lost_nothing_is_not_reinstated(client: FlaskClient) -> None:
    response = post(client, "/v1/accounts/org_42/overrides", AN_OVERRIDE | {"kind": "reinstate"})

    assert problem(response).status == 409


def test_a_waiver_needs_no_end(client: FlaskClient) -> None:
    assert post(client, "/v1/accounts/org_42/overrides", {"kind": "waive", "reason": "goodwill"}).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"until": "2026-04-01"},
        {"until": "2026-04-01T00:00:00"},
        {"until": "0000-01-01T00:00:00Z"},
        {"until": "99999-01-01T00:00:00Z"},
        {"until": "2026-02-30T00:00:00Z"},
        {"until": "tomorrow"},
        {"until": 1775000000},
        {"kind": "forgive"},
        {"kind": None},
        {"reason": ""},
    ],
)
def test_an_exception_that_makes_no_sense_is_refused(client: FlaskClient, change: dict[str, Any]) -> None:
    response = post(client, "/v1/accounts/org_42/overrides", AN_OVERRIDE | change)

    assert problem(response).status == 422


def test_a_repeat_under_one_key_is_answered_and_not_done_again(client: FlaskClient) -> None:
    path = "/v1/accounts/org_42/overrides"
    first = post(client, path, AN_OVERRIDE, key="k1")

    repeat = post(client, path, AN_OVERRIDE, key="k1")
    other_body = post(client, path, AN_OVERRIDE | {"reason": "another"}, key="k1")
    other_path = post(client, "/v1/accounts/org_1/overrides", AN_OVERRIDE, key="k1")
    other_key = post(client, path, AN_OVERRIDE, key="k2")

    assert (first.status_code, repeat.status_code, other_key.status_code) == (201, 200, 201)
    assert (problem(other_body).status, problem(other_path).status) == (422, 422)
    assert repeat.json == first.json
    assert len(account(client, "org_42").overrides) == 2
    assert account(client, "org_1").overrides == ()


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256])
def test_a_key_that_is_none_is_refused(client: FlaskClient, before: Any, key: str) -> None:
    assert problem(post(client, "/v1/accounts/org_42/overrides", AN_OVERRIDE, key=key)).status == 400
    assert accounts_of(client) == before


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v2",
    ],
)
def test_what_the_api_does_not_have_is_not_found(client: FlaskClient, path: str) -> None:
    assert problem(get(client, path)).status == 404
    assert problem(post(client, path, {})).status == 404


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    response = client.delete("/v1/accounts/org_1", headers=WRITER)

    assert problem(response).status == 405
    assert "GET" in response.headers["Allow"]


def test_a_fault_of_ours_shows_nothing_of_itself(client: FlaskClient, services: Services) -> None:
    with services.database.write() as tx:
        tx.execute(text("UPDATE accounts SET book = 'a secret' WHERE id = 'org_1'"))

    response = get(client, "/v1/accounts/org_1")

    assert problem(response).status == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text


def test_the_description_names_what_is_served_and_nothing_else(client: FlaskClient) -> None:
    description = get(client, "/v1/openapi.json").json

    assert description is not None
    described = {(path, method.upper()) for path, methods in description["paths"].items() for method in methods}
    served = {
        (rule.rule.replace("<", "{").replace(">", "}"), method)
        for rule in client.application.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/v1/") and method not in {"HEAD", "OPTIONS"}
    }
    assert described == served


def test_the_description_holds_together(client: FlaskClient) -> None:
    text = get(client, "/v1/openapi.json").text
    description = msgspec.json.decode(text)

    references = {part.split('"', 1)[0] for part in text.split('"$ref":"')[1:]}
    assert references == {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert {operation.name for operation in OPERATIONS} == {
        method["operationId"] for methods in description["paths"].values() for method in methods.values()
    }


def test_every_call_has_a_tag_that_the_description_lists(client: FlaskClient) -> None:
    description = msgspec.json.decode(get(client, "/v1/openapi.json").data)

    tags = {
        method["operationId"]: method.get("tags", [])
        for methods in description["paths"].values()
        for method in methods.values()
    }

    assert {name for name, given in tags.items() if len(given) != 1} == set()
    assert {tag for (tag,) in tags.values()} == {tag["name"] for tag in description["tags"]}


def test_every_parameter_is_required_exactly_where_a_call_without_it_is_refused(client: FlaskClient) -> None:
    description = msgspec.json.decode(get(client, "/v1/openapi.json").data)
    questions = {path: methods["get"] for path, methods in description["paths"].items() if "get" in methods}

    required = {
        path: [item["name"] for item in question["parameters"] if item["in"] == "query" and item["required"]]
        for path, question in questions.items()
    }
    refused = {path: get(client, path.format_map(AN_ID)).status_code == 400 for path in questions}

    assert {path for path, names in required.items() if names} == {path for path in refused if refused[path]}
    assert required["/v1/accounts/{account_id}/plan-change"] == ["to"]


def test_a_body_is_required_exactly_where_an_empty_one_is_refused(client: FlaskClient) -> None:
    description = msgspec.json.decode(get(client, "/v1/openapi.json").data)
    orders = {
        (path, method): order["requestBody"]["required"]
        for path, methods in description["paths"].items()
        for method, order in methods.items()
        if "requestBody" in order
    }

    refused = {
        (path, method): client.open(path.format_map(AN_ID), method=method.upper(), headers=WRITER).status_code == 400
        for path, method in orders
    }

    assert orders == refused


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.method != "GET"], ids=lambda one: one.name)
def test_every_unknown_field_is_refused_by_its_name(client: FlaskClient, before: Any, operation: Operation) -> None:
    path = f"/v1{operation.path.format_map(AN_ID)}"

    response = client.open(path, method=operation.method, headers=WRITER, data=b'{"colour": 1, "a\\u0000b": 2}')

    assert problem(response).status == 422
    assert problem(response).detail == "Unknown fields: `colour`, `a\N{REPLACEMENT CHARACTER}b`."
    assert accounts_of(client) == before


def test_a_long_list_of_unknown_fields_is_cut_short(client: FlaskClient) -> None:
    body = {f"{number:02}{'x' * 1_000}": 1 for number in range(12)}

    detail = problem(post(client, "/v1/accounts/org_42/disputes", A_DISPUTE | body)).detail

    assert detail.endswith("` and 2 more.")
    assert len(detail) < 600


NOTHING_REQUIRED = {
    "approve_override",
    "approve_refund",
    "deny_refund",
    "approve_collection",
    "approve_credit_report",
    "request_closure",
    "withdraw_closure",
    "acknowledge_todo",
    "assign_todo",
}


def test_what_the_description_requires_is_refused_when_missing(client: FlaskClient) -> None:
    description = get(client, "/v1/openapi.json").json

    assert description is not None
    for path, methods in description["paths"].items():
        if "post" not in methods:
            continue
        required = [item for item in methods["post"]["parameters"] if item["in"] == "path"]
        filled = path.replace("{account_id}", "org_42").replace("{dispute_id}", "none").replace("{override_id}", "o1")
        assert len(required) == path.count("{")
        if methods["post"]["operationId"] not in NOTHING_REQUIRED:
            assert problem(post(client, filled.replace("{licence_id}", "1"), {})).status == 422


def test_evidence_is_a_file_to_keep_and_not_for_a_token_that_may_only_read(client: FlaskClient) -> None:
    answer = client.get("/v1/accounts/org_42/evidence", headers=WRITER)

    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="org_42.evidence.html"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert problem(get(client, "/v1/accounts/org_42/evidence")).status == 403
    assert problem(client.get("/v1/accounts/nobody/evidence", headers=WRITER)).status == 404
    assert problem(client.get("/v1/accounts/org_42/evidence?x=1", headers=WRITER)).status == 400


@pytest.mark.parametrize("body", [b"", b"{}", {"reason": "we stop"}])
def test_an_organisation_asks_to_be_deleted_with_or_without_a_reason(client: FlaskClient, body: Any) -> None:
    answer = post(client, "/v1/accounts/org_42/closure", body)

    assert answer.status_code == 201
    closure = msgspec.convert(answer.json, documents.Closure)
    assert (closure.actor, closure.reason) == ("writer", body["reason"] if isinstance(body, dict) else "")


def test_a_closure_that_is_under_way_is_a_repeat(client: FlaskClient) -> None:
    assert post(client, "/v1/accounts/org_42/closure", {}).status_code == 201

    assert post(client, "/v1/accounts/org_42/closure", {}).status_code == 200
    assert post(client, "/v1/accounts/org_42/closure/withdraw", {}).status_code == 200


def test_the_approval_of_a_deletion_needs_a_reason_and_a_deletion_that_waits(client: FlaskClient) -> None:
    path = "/v1/accounts/org_42/deletion/approve"

    assert problem(post(client, path, {})).status == 422
    assert problem(post(client, path, {"reason": "checked", "subject": "cl_1"})).status == 409
    assert get(client, "/v1/accounts/org_42/certificates").json == {"certificates": [], "kept": []}


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": 1}, {"why": "x"}, b"[]", b"nonsense"])
def test_a_closure_in_another_form_is_refused(client: FlaskClient, before: Any, body: Any) -> None:
    assert problem(post(client, "/v1/accounts/org_42/closure", body)).status in {400, 422}
    assert accounts_of(client) == before


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("disputes", A_DISPUTE, "answer_by"),
        ("migrations", {"reason": "r"}, "moved_at"),
        ("terms", {"reason": "r", "policy": "plexo"}, "until"),
        ("overrides", AN_OVERRIDE, "until"),
        ("payments", {"amount": 5, "currency": "EUR"}, "received_at"),
    ],
)
def test_a_time_that_not_every_zone_can_write_is_refused(
    client: FlaskClient, before: Any, *, path: str, body: dict[str, Any], field: str, at: str
) -> None:
    response = post(client, f"/v1/accounts/org_42/{path}", body | {field: at})

    assert problem(response).status == 422
    assert field in problem(response).detail
    assert accounts_of(client) == before


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("accounts/org_42/payments", {"amount": 5, "currency": "EUR"}),
        ("accounts/org_42/contacts", {"channel": "mail", "reason": "r"}),
    ],
)
def test_a_day_that_not_every_zone_can_write_is_refused(
    client: FlaskClient, before: Any, path: str, body: dict[str, Any], day: str
) -> None:
    assert problem(post(client, f"/v1/{path}", body | {"date": day})).status == 422
    assert accounts_of(client) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("credits", {"pot": "pot\n", "entry": "bought", "amount": 5, "currency": "EUR"}),
        ("links", {"to": "org_1\n", "reason": "r", "dry_run": True}),
        ("payments", {"amount": 5, "currency": "EUR", "invoice_id": "42\n"}),
        ("payments", {"amount": 5, "currency": "EUR", "reference": "one\ntwo"}),
        ("mandates", {"granted_by": "staff", "reference": "one\n"}),
    ],
)
def test_a_name_is_one_line(client: FlaskClient, before: Any, path: str, body: dict[str, Any]) -> None:
    assert problem(post(client, f"/v1/accounts/org_42/{path}", body)).status == 422
    assert accounts_of(client) == before


def test_a_reason_may_have_lines(client: FlaskClient) -> None:
    response = post(client, "/v1/accounts/org_42/contacts", {"channel": "mail", "reason": "one\ntwo"})

    assert response.status_code == 201


@pytest.mark.parametrize(
    "document", ["a = " + "[" * 20_000, "a = " + "{a=" * 10_000, "a = " + "9" * 5000], ids=["deep", "deeper", "long"]
)
def test_terms_that_no_reader_can_take_are_refused(client: FlaskClient, document: str) -> None:
    terms = {"document": document, "until": "2026-12-24T00:00:00Z", "reason": "r"}

    response = post(client, "/v1/accounts/org_42/terms", terms)

    assert problem(response).status == 422
    assert "TOML" in problem(response).detail
