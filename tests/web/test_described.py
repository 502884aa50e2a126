"""Whatever is asked of `/v1`, the answer is one that its own description names, and never a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy
from werkzeug.test import TestResponse

from kulanz.config import ApiToken, Settings
from kulanz.documents import Problem
from kulanz.runtime.clock import real_now
from kulanz.services import build
from kulanz.web.api import openapi, operations
from kulanz.web.api.operations import OPERATIONS, Operation
from tests.applications import an_application
from tests.days import tell
from tests.lemonsqueezy import (
    SECRET,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_updated,
)
from tests.web.described import allowed, altered

TOKEN = {"Authorization": "Bearer w-secret"}
DOCUMENT = openapi.document()
COMPONENTS: Mapping[str, Any] = DOCUMENT["components"]["schemas"]
EXAMPLES = settings(
    max_examples=settings.default.max_examples // 3,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CALLS = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[FlaskClient]:
    """The API over an account in grace with a dispute; what is asked leaves its traces for what is asked next."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "kulanz.db").write_bytes(_sqlite_template.read_bytes())
    services = build(
        Settings(
            data_dir=folder,
            database_url=f"sqlite:///{folder / 'kulanz.db'}",
            lemonsqueezy_webhook_secrets=(SECRET,),
            lemonsqueezy_mode="any",
            encryption_keys=(b"k" * 32,),
            plans=(("lemonsqueezy:47001", "professional"),),
            api_tokens=(ApiToken(name="writer", token="w-secret", read_only=False),),
        )
    )
    with services.database.write() as tx:
        services.adopt_policy(tx)
    now = real_now().replace(microsecond=0)
    tell(
        services,
        subscription_created(at=now - timedelta(days=40)),
        subscription_updated(at=now - timedelta(hours=1), status="past_due"),
        subscription_payment_failed(at=now - timedelta(hours=1)),
        dispute_created(at=now),
    )
    with an_application(services) as app:
        yield app.test_client()
    services.close()


@pytest.fixture
def account(api: FlaskClient) -> Mapping[str, Any]:
    """The account as a test finds it."""
    return api.get("/v1/accounts/org_42", headers=TOKEN).json or {}


@CALLS
@EXAMPLES
@given(data=st.data())
def test_what_the_description_allows_is_answered_as_it_says(
    api: FlaskClient, account: Mapping[str, Any], operation: Operation, data: DataObject
) -> None:
    body = data.draw(_bodies(operation, allowed)) if operation.form is not None else None
    headers = data.draw(
        st.fixed_dictionaries({}, optional={"Idempotency-Key": st.from_regex(r"[!-~]{1,20}", fullmatch=True)})
    )

    answer = asked(api, operation, data, body, {**TOKEN, **headers}, account=account)

    check(operation, answer)


@CALLS
@EXAMPLES
@given(data=st.data())
def test_what_the_description_does_not_allow_is_refused_as_it_says(
    api: FlaskClient, account: Mapping[str, Any], operation: Operation, data: DataObject
) -> None:
    bodies = _bodies(operation, altered) | st.binary(max_size=60)
    keys = st.fixed_dictionaries(
        {},
        optional={"Idempotency-Key": st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=300)},
    )
    token = data.draw(st.sampled_from([TOKEN, TOKEN, {}, {"Authorization": "Bearer x"}, {"Authorization": "é"}]))

    headers = {**token, **data.draw(keys)}

    answer = asked(api, operation, data, data.draw(bodies), headers, account=account, odd=True)

    check(operation, answer)
    if token is not TOKEN:
        assert answer.status_code == 401


def test_every_call_that_is_written_down_is_served() -> None:
    rooms = [import_module(f"{operations.__name__}.{room.name}") for room in iter_modules(operations.__path__)]

    written = [operation for room in rooms for operation in vars(room).values() if isinstance(operation, Operation)]

    assert sorted(operation.name for operation in written) == sorted(operation.name for operation in OPERATIONS)


@pytest.mark.parametrize(("to", "status"), [("never-heard-of", 422), ("", 400)])
def test_a_question_that_has_no_answer_is_refused_as_the_description_says(
    api: FlaskClient, to: str, status: int
) -> None:
    operation = next(other_operation for other_operation in OPERATIONS if other_operation.name == "plan_change")

    answer = api.get(f"/v1/accounts/org_42/plan-change?to={to}", headers=TOKEN)

    assert answer.status_code == status
    check(operation, answer)


def asked(
    api: FlaskClient,
    operation: Operation,
    data: DataObject,
    body: bytes | None,
    headers: dict[str, str],
    *,
    account: Mapping[str, Any],
    odd: bool = False,
) -> TestResponse:
    described = DOCUMENT["paths"][f"/v1{operation.path}"][operation.method.lower()]
    path = f"/v1{operation.path}"
    for parameter in (item for item in described["parameters"] if item["in"] == "path"):
        name = parameter["name"]
        existing = st.sampled_from(["org_42", *_known(account, name)])
        unknown = st.text(min_size=1, max_size=150).filter(lambda text: text not in {".", ".."} and "/" not in text)
        path = path.replace(
            f"{{{name}}}", quote(data.draw(existing | (unknown if odd else allowed(parameter["schema"], {}))), safe="")
        )
    queries = {
        required: {
            item["name"]: allowed(item["schema"], {})
            for item in described["parameters"]
            if item["in"] == "query" and (item["required"] and not odd) is required
        }
        for required in (True, False)
    }
    drawn = data.draw(st.fixed_dictionaries(queries[True], optional=queries[False]))
    if odd:
        drawn |= data.draw(
            st.dictionaries(
                st.sampled_from(["limit", "cursor", "standing", "plan", "x"]), st.text(max_size=20), max_size=2
            )
        )
    return api.open(path, method=operation.method, query_string=drawn, data=body, headers=headers)


def check(operation: Operation, answer: TestResponse) -> None:
    """Hold an answer to what is said of it: its status, its media type, its every field."""
    described = DOCUMENT["paths"][f"/v1{operation.path}"][operation.method.lower()]["responses"]
    status = str(answer.status_code)
    assert status in described, (operation.name, status, answer.text)
    assert answer.status_code < 500, answer.text
    if answer.status_code == 304:
        return
    assert answer.content_type.partition(";")[0] in described[status]["content"]
    if answer.status_code >= 400:
        msgspec.json.decode(answer.data, type=Problem)
    elif operation.answer is not None and operation.media == "application/json":
        msgspec.json.decode(answer.data, type=operation.answer)


def _bodies(operation: Operation, made: Any) -> SearchStrategy[bytes]:
    if operation.form is None:
        return st.just(b"{}")
    values: SearchStrategy[Any] = made(COMPONENTS[operation.form.__name__], COMPONENTS)
    return values.map(lambda value: json.dumps(value).encode())


def _known(account: Mapping[str, Any], parameter: str) -> list[str]:
    """Return ids that there are, under whatever name a path asks for them."""
    family = f"{parameter.removesuffix('_id')}s"
    return [item["id"] for item in account.get(family, [])]
