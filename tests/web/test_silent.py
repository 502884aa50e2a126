"""A command of the API may go without its mail, as one of the console or the command line may."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from kulanz.services import Services
from kulanz.store import outbox
from kulanz.web.api import openapi
from tests.lemonsqueezy import MONDAY

ADD_ON = {
    "kind": "users",
    "quantity": 2,
    "unit_price": 500,
    "currency": "EUR",
    "period_ends_at": MONDAY.replace(day=20).isoformat(),
}


def post(client: FlaskClient, query: str, key: str | None = None) -> Any:
    headers = {"Authorization": "Bearer w-secret", **({"Idempotency-Key": key} if key else {})}
    return client.post(f"/v1/accounts/org_1/add-ons{query}", json=ADD_ON, headers=headers)


def mails(services: Services) -> list[tuple[str, str, str | None]]:
    with services.database.read() as conn:
        rows = outbox.listing(conn, None, "org_1")
        return [(row.type, row.state, row.error) for row in rows if row.kind == "SendMail"]


@pytest.mark.parametrize(
    ("query", "state", "error"),
    [
        ("", "pending", None),
        ("?silent=false", "pending", None),
        ("?silent=true", "withdrawn", "writer informs the customer in another way"),
    ],
)
def test_the_mail_of_a_command_is_withheld_where_the_caller_says_so(
    client: FlaskClient, services: Services, query: str, state: str, error: str | None
) -> None:
    answered = post(client, query)

    assert answered.status_code == 201
    assert mails(services) == [("add_on_booked", state, error)]


def test_a_key_that_was_used_loudly_is_not_used_silently(client: FlaskClient, services: Services) -> None:
    first, repeated = post(client, "?silent=true", "k1"), post(client, "?silent=true", "k1")
    other = post(client, "", "k1")

    assert (first.status_code, repeated.status_code, other.status_code) == (201, 200, 422)
    assert [state for _, state, _ in mails(services)] == ["withdrawn"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("?silent=yes", "`silent` is true or false."),
        ("?silent=true&silent=true", "`silent` is given more than once."),
        ("?quiet=true", "The query has a parameter that is not known here: `quiet`."),
    ],
)
def test_another_word_is_refused_and_nothing_is_done(
    client: FlaskClient, services: Services, query: str, detail: str
) -> None:
    answered = post(client, query)

    assert (answered.status_code, answered.get_json()["detail"]) == (400, detail)
    assert mails(services) == []


def test_every_command_about_an_account_takes_it() -> None:
    calls = {
        (path, method): {parameter["name"] for parameter in described["parameters"]}
        for path, methods in openapi.document()["paths"].items()
        for method, described in methods.items()
        if method in {"post", "put", "delete"}
    }

    without = {path for (path, _), names in calls.items() if "silent" not in names}

    assert without == {
        "/v1/effects/{effect_id}/done",
        "/v1/accounts/{account_id}/links",
        "/v1/refund-requests",
        "/v1/todo/{todo_id}/acknowledge",
        "/v1/todo/{todo_id}/assign",
    }
