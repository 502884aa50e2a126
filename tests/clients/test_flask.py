"""The Flask integration, in an application of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from kulanz_client import Callback, Entitlement, OnFailure
from kulanz_client.flask import Kulanz

from tests.clients.fake_kulanz import OLDER_SECRET, Answer, FakeKulanz, entitlement, signed

AWAY = Answer(status=503, body={})


@pytest.fixture
def heard() -> list[Callback]:
    return []


@pytest.fixture
def shop(kulanz: FakeKulanz, heard: list[Callback]) -> Iterator[FlaskClient]:
    app = Flask("shop")
    gate = Kulanz(kulanz.client(), account=lambda: request.headers.get("X-Account"))
    gate.init_app(app)
    gate.on("account.suspended")(heard.append)

    @app.get("/reports/<int:number>")
    @gate.requires_plan("professional")
    def report(number: int) -> str:
        return f"report {number}"

    @app.get("/preview")
    @gate.requires_plan("professional", on_failure=OnFailure.OPEN)
    def preview() -> str:
        return "preview"

    with app.test_client() as client:
        yield client


def get(shop: FlaskClient, path: str = "/reports/7", account: str | None = "org_42") -> tuple[int, str]:
    answer = shop.get(path, headers={"X-Account": account} if account else {})
    return answer.status_code, answer.text


def test_a_view_is_called_with_its_arguments_for_who_has_the_plan(shop: FlaskClient) -> None:
    assert get(shop) == (200, "report 7")


def test_the_free_plan_gets_403_and_the_name_of_the_plan(shop: FlaskClient, kulanz: FakeKulanz) -> None:
    kulanz.answer = lambda _: Answer(body=entitlement("free"))

    status, text = get(shop)

    assert status == 403
    assert "This needs the plan professional." in text


def test_who_is_not_signed_in_gets_401_and_kulanz_is_not_asked(shop: FlaskClient, kulanz: FakeKulanz) -> None:
    assert get(shop, account=None)[0] == 401
    assert kulanz.asked == []


def test_during_an_outage_a_known_account_gets_in_and_an_unknown_one_503(shop: FlaskClient, kulanz: FakeKulanz) -> None:
    get(shop)
    kulanz.now += 60
    kulanz.answer = lambda _: AWAY

    answer = shop.get("/reports/7", headers={"X-Account": "stranger"})

    assert get(shop)[0] == 200
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_view_may_be_open_during_an_outage(shop: FlaskClient, kulanz: FakeKulanz) -> None:
    kulanz.answer = lambda _: AWAY

    assert get(shop, "/preview") == (200, "preview")


def test_a_wrong_token_is_an_error_and_opens_nothing(shop: FlaskClient, kulanz: FakeKulanz) -> None:
    kulanz.answer = lambda _: Answer(status=401, body={})

    assert get(shop, "/preview")[0] == 500


def test_a_product_may_answer_a_denial_itself(kulanz: FakeKulanz) -> None:
    app = Flask("shop")

    def denied(entitlement: Entitlement, plan: str) -> str:
        return f"{entitlement.plan} is not {plan}"

    gate = Kulanz(kulanz.client(), account=lambda: "org_42", denied=denied)
    app.add_url_rule("/", view_func=gate.requires_plan("enterprise")(lambda: "in"))

    assert app.test_client().get("/").text == "professional is not enterprise"


def test_a_callback_is_verified_handed_on_and_counts_at_once(shop: FlaskClient, heard: list[Callback]) -> None:
    get(shop)
    body, headers = signed(4)

    answer = shop.post("/kulanz", data=body, headers=headers)

    assert (answer.status_code, answer.data) == (204, b"")
    assert [callback.type for callback in heard] == ["account.suspended"]
    assert get(shop)[0] == 403


def test_a_forged_callback_gets_401_and_changes_nothing(shop: FlaskClient, heard: list[Callback]) -> None:
    get(shop)
    body, headers = signed(4, secret=OLDER_SECRET)

    answer = shop.post("/kulanz", data=body, headers=headers)

    assert (answer.status_code, heard) == (401, [])
    assert get(shop)[0] == 200


def test_a_callback_that_is_too_large_is_not_read(shop: FlaskClient) -> None:
    assert shop.post("/kulanz", data=b"x" * (1024 * 1024 + 1)).status_code == 413


def test_a_misspelt_plan_is_an_error_when_the_application_starts(kulanz: FakeKulanz) -> None:
    with pytest.raises(ValueError, match="there is no plan"):
        Kulanz(kulanz.client(), account=lambda: "org_42").requires_plan("profesional")
