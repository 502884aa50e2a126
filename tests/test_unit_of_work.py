"""What follows from a decision for what was decided before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kulanz.queries import accounts
from kulanz.services import Services
from kulanz.store import outbox
from tests.days import DAY, days_before_monday, happens
from tests.lemonsqueezy import (
    MONDAY,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
)


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    with days_before_monday(database_url, tmp_path / "data") as services:
        yield services


def todos(services: Services) -> dict[str, str]:
    with services.database.read() as conn:
        return {row.type: row.state for row in outbox.listing(conn) if row.type in {"cancel", "resume"}}


def test_what_a_person_was_to_do_at_the_provider_is_taken_back_when_the_payment_arrives(services: Services) -> None:
    happens(services, 0, subscription_created(at=MONDAY - 30 * DAY), subscription_payment_failed(at=MONDAY))
    for day in (3, 5, 7):
        happens(services, day)
    before = todos(services)

    happens(services, 9, subscription_payment_success(at=MONDAY + 9 * DAY))

    assert before == {"cancel": "todo"}
    assert todos(services) == {"cancel": "withdrawn"}
    assert accounts.account_document(services, "org_42").standing == "good"
