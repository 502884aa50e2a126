"""Cases, disputes and mail addresses, as lists and searches find them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kulanz.processing.search_words import address_digest
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import case_index, recovery, search_index
from kulanz.store.case_index import CaseRow
from tests import days
from tests.days import product, settings_of
from tests.lemonsqueezy import (
    Payload,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_updated,
)


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    with product(settings_of(tmp_path, database_url)) as services:
        yield services


def tell(services: Services, *payloads: Payload) -> None:
    """Deliver events, and apply them one by one."""
    for payload in payloads:
        days.tell(services, payload)


def listed(services: Services, kind: str = case_index.CASE) -> list[CaseRow]:
    with services.database.read() as conn:
        return case_index.page(conn, kind, only_open=False, after=None, limit=50)


@pytest.fixture
def now() -> datetime:
    return real_now().replace(microsecond=0)


@pytest.fixture
def in_grace(services: Services, now: datetime) -> None:
    tell(
        services,
        subscription_created(at=now - timedelta(days=40)),
        subscription_updated(at=now - timedelta(hours=1), status="past_due"),
        subscription_payment_failed(at=now - timedelta(hours=1)),
    )


@pytest.mark.usefixtures("in_grace")
def test_an_unpaid_renewal_is_listed_once_with_what_is_owed(services: Services) -> None:
    (case,) = listed(services)

    assert (case.account, case.state, case.closed_at) == ("org_42", "grace", None)
    with services.database.read() as conn:
        (owed,) = case_index.at_risk(conn)
    assert (owed.amount, owed.number) == (case.amount, 1)
    assert owed.amount > 0


@pytest.mark.usefixtures("in_grace")
def test_a_case_that_is_paid_counts_as_recovered(services: Services, now: datetime) -> None:
    tell(services, subscription_payment_recovered(at=now))

    (case,) = listed(services)
    assert case.state == "recovered"
    assert case.closed_at is not None
    with services.database.read() as conn:
        assert case_index.at_risk(conn) == []
        (sums,) = recovery.by_day(conn, now - timedelta(days=1), now + timedelta(days=1))["recovered"]
        assert (sums.day, sums.number, sums.amount) == (f"{now:%Y-%m-%d}", 1, case.amount)
        assert recovery.by_day(conn, now + timedelta(days=1), now + timedelta(days=2))["recovered"] == []


def test_a_dispute_is_listed(services: Services, now: datetime) -> None:
    tell(services, subscription_created(at=now), dispute_created(at=now))

    (dispute,) = listed(services, case_index.DISPUTE)
    assert (dispute.account, dispute.state) == ("org_42", "opened")


def test_an_account_is_found_by_mail_however_it_is_typed_and_the_mail_is_nowhere(
    services: Services, now: datetime, tmp_path: Path
) -> None:
    tell(services, subscription_created(at=now, email="Ada.Lovelace@Example.com"))

    digest = address_digest(services.vault, " ada.lovelace@example.COM ")
    with services.database.read() as conn:
        assert search_index.find(conn, digest) == ["org_42"]
        assert search_index.find(conn, address_digest(services.vault, "else@example.com")) == []
    assert not any(b"lovelace" in path.read_bytes().lower() for path in tmp_path.glob("kulanz.db*"))


def test_what_was_listed_of_a_provisional_account_is_listed_of_its_heir_alone(
    services: Services, now: datetime
) -> None:
    unnamed = {"custom_data": {}}
    tell(
        services,
        subscription_created(at=now - timedelta(days=40), **unnamed),
        subscription_updated(at=now - timedelta(hours=2), status="past_due", **unnamed),
        subscription_payment_failed(at=now - timedelta(hours=2), **unnamed),
    )
    (before,) = listed(services)

    tell(services, subscription_updated(at=now - timedelta(hours=1), status="past_due"))

    assert before.account.startswith("lemonsqueezy-")
    assert [case.account for case in listed(services)] == ["org_42"]
