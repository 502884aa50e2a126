"""Links at the console: looked at, made once, taken back, and what is shown of owners."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from werkzeug.test import TestResponse

from kulanz.queries import accounts
from kulanz.services import Services
from tests.console.operator import HIDDEN, Operator
from tests.days import tell
from tests.lemonsqueezy import order_created, subscription_created

UNNAMED = "lemonsqueezy-770"


@pytest.fixture
def unnamed(services: Services, now: datetime) -> None:
    """A customer who bought with an account's id, and before that without one."""
    at = now - timedelta(days=3)
    with services.database.write() as tx:
        services.adopt_policy(tx)
    tell(
        services,
        subscription_created(at=at, account=None, customer=770, subscription=771, order=772),
        subscription_created(at=at, account="org_1", customer=770, subscription=773, order=774),
    )


def looked(operator: Operator, source: str, **fields: str) -> dict[str, str]:
    page = operator.post(f"/ops/accounts/{source}/link", **fields)
    assert page.status_code == 200, page.text
    return dict(HIDDEN.findall(page.text.partition("<main")[2]))


def link(operator: Operator, source: str, **fields: str) -> TestResponse:
    return operator.post(f"/ops/accounts/{source}/links", **looked(operator, source, **fields))


def owner_of(services: Services, number: str) -> list[str]:
    documents = [accounts.account_document(services, name) for name in ("org_1", UNNAMED)]
    return [each.account_id for each in documents if number in [sub.id for sub in each.subscriptions]]


@pytest.mark.usefixtures("unnamed")
def test_an_account_that_could_be_linked_says_to_which_and_a_preview_moves_nothing(
    operator: Operator, services: Services
) -> None:
    page = operator.see(f"/ops/accounts/{UNNAMED}")
    preview = operator.post(f"/ops/accounts/{UNNAMED}/link", to="org_1", reason="they wrote")

    assert re.search(r'name="to" value="org_1"', page)
    assert f"kulanz account link {UNNAMED} org_1" in page
    assert "lemonsqueezy:subscription:771" in preview.text
    assert owner_of(services, "771") == [UNNAMED]


@pytest.mark.usefixtures("unnamed")
def test_a_link_is_made_once_shown_and_taken_back(operator: Operator, services: Services) -> None:
    form = looked(operator, UNNAMED, to="org_1", reason="they wrote")
    done = operator.post(f"/ops/accounts/{UNNAMED}/links", **form)
    again = operator.post(f"/ops/accounts/{UNNAMED}/links", **form)
    page = operator.see("/ops/accounts/org_1?done=link")

    assert (done.status_code, done.headers["Location"]) == (303, "/ops/accounts/org_1?done=link")
    assert again.status_code == 409
    assert owner_of(services, "771")[0] == "org_1"
    assert f"Take back the link of {UNNAMED}" in page
    assert "paid twice" in page

    undone = link(operator, UNNAMED, to="org_1", reason="not theirs", undo="yes")

    assert undone.status_code == 303
    assert owner_of(services, "771") == [UNNAMED]
    assert "Take back the link" not in operator.see("/ops/accounts/org_1")


@pytest.mark.usefixtures("unnamed")
def test_a_link_is_shown_anew_where_something_else_would_move_by_now(
    operator: Operator, services: Services, now: datetime
) -> None:
    form = looked(operator, UNNAMED, to="org_1", reason="they wrote")
    tell(services, order_created(at=now, account=None, customer=770, order=779))

    response = operator.post(f"/ops/accounts/{UNNAMED}/links", **form)

    assert response.status_code == 409
    assert "have changed since you looked" in response.text
    assert owner_of(services, "771") == [UNNAMED]


@pytest.mark.usefixtures("unnamed")
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"to": UNNAMED, "reason": "x"}, 422),
        ({"to": "../up", "reason": "x"}, 422),
        ({"to": "org_1", "reason": ""}, 422),
        ({"to": "org_1", "reason": "x", "undo": "yes"}, 409),
    ],
)
def test_a_link_that_cannot_be_is_refused(operator: Operator, fields: dict[str, str], status: int) -> None:
    assert operator.post(f"/ops/accounts/{UNNAMED}/link", **fields).status_code == status


@pytest.mark.usefixtures("unnamed")
def test_who_may_only_look_links_nothing(reader: Operator, operator: Operator) -> None:
    form = looked(operator, UNNAMED, to="org_1", reason="they wrote")

    assert reader.post(f"/ops/accounts/{UNNAMED}/link", to="org_1", reason="x").status_code == 403
    assert reader.post(f"/ops/accounts/{UNNAMED}/links", **{**form, "token": reader.token}).status_code == 403
    assert "Link to another account" not in reader.see(f"/ops/accounts/{UNNAMED}")
