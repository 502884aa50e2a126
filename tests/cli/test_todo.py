"""What waits for a person, on the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kulanz.services import Services
from tests.cli.conftest import Kulanz
from tests.days import tell
from tests.lemonsqueezy import (
    MONDAY,
    subscription_created,
    subscription_payment_refunded,
    subscription_payment_success,
)


@pytest.fixture
def shop(kulanz: Kulanz, sqlite_url: str) -> Iterator[Services]:
    with kulanz.services(sqlite_url, at=MONDAY) as services:
        yield services


def test_the_list_says_so_where_nothing_waits(kulanz: Kulanz, shop: Services) -> None:
    assert kulanz("todo").out == "Nothing waits for a person.\n"
    assert kulanz("todo", "--json").document == {"todo": []}


def test_what_waits_is_listed_assigned_and_done(kulanz: Kulanz, shop: Services) -> None:
    tell(
        shop,
        subscription_created(at=MONDAY),
        subscription_payment_success(at=MONDAY),
        subscription_payment_refunded(at=MONDAY),
    )

    (listed,) = kulanz("todo", "--json").document["todo"]
    read = kulanz("todo").out
    tried = kulanz("todo", "acknowledge", listed["id"], "--dry-run")
    assigned = kulanz("todo", "assign", listed["id"], "bob", "--actor", "ann", "--json").document
    done = kulanz("todo", "acknowledge", listed["id"], "--actor", "bob")

    assert (listed["topic"], listed["severity"], listed["account_id"]) == ("unrequested_refund", "urgent", "org_42")
    assert (listed["act"], listed["link"]) == ("kulanz account explain org_42", "/ops/accounts/org_42")
    assert listed["act"] in " ".join(read.split())
    assert tried.out.startswith("would be: ")
    assert assigned["assigned_to"] == "bob"
    assert done.out.endswith(": done\n")
    assert kulanz("todo", "--json").document == {"todo": []}


@pytest.mark.parametrize(
    "wrong",
    [("acknowledge", "td_0"), ("assign", "td_0", "bob"), ("assign", "td_0"), ("assign", "td_0", "b", "--nobody")],
)
def test_what_does_not_wait_is_refused_on_one_line(kulanz: Kulanz, shop: Services, wrong: tuple[str, ...]) -> None:
    refused = kulanz("todo", *wrong)

    assert refused.code in {1, 2}
    assert refused.err.count("\n") == 1
    assert "Traceback" not in refused.err
