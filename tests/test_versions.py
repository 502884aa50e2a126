"""Versions of the policy, through the pipeline and a real database: activated, pinned, and applied to what is open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kulanz.commands import execute, versions
from kulanz.commands.commands import RequestRefund
from kulanz.errors import PolicyError, RefusedError
from kulanz.policy import document
from kulanz.queries import accounts
from kulanz.queries.replay.replay import replay
from kulanz.services import Services
from kulanz.store import policies
from tests.days import DAY, days_before_monday, happens, policy_in_force
from tests.lemonsqueezy import (
    MONDAY,
    Purchase,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
)

PLEXO = document.preset("plexo")
GENTLE = PLEXO.replace('grace = "7d"', 'grace = "14d"').replace('name = "plexo"', 'name = "gentle"')
STRICT = PLEXO.replace('grace = "7d"', 'grace = "5d"').replace('name = "plexo"', 'name = "strict"')

GENEROUS = PLEXO.replace('window = "30d"', 'window = "60d"', 1).replace('name = "plexo"', 'name = "generous"')


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    with days_before_monday(database_url, tmp_path / "data") as services:
        yield services


def fails(services: Services) -> None:
    happens(services, 0, subscription_created(at=MONDAY - 30 * DAY), subscription_payment_failed(at=MONDAY))


def grace_end(services: Services) -> datetime:
    ends = accounts.account_document(services, "org_42").grace_ends_at
    assert ends is not None
    return ends


def test_a_version_counts_from_its_day_and_for_services_that_were_open_before(services: Services) -> None:
    versions.activate(services, GENTLE, actor="ada", effective_from=MONDAY)
    before = policy_in_force(services)

    fails(services)

    assert before.name == "plexo"
    assert policy_in_force(services).name == "gentle"
    assert grace_end(services) == MONDAY + 14 * DAY


def test_what_is_open_keeps_the_version_that_it_began_under(services: Services) -> None:
    fails(services)
    happens(services, 1)

    versions.activate(services, STRICT, actor="ada")
    happens(services, 2)

    assert grace_end(services) == MONDAY + 7 * DAY
    assert accounts.account_document(services, "org_42").policy.name == "strict"


def test_a_more_lenient_version_is_applied_to_what_is_open_when_it_is_asked_for(services: Services) -> None:
    fails(services)
    happens(services, 1)
    done = versions.activate(services, GENTLE, actor="ada")
    gentle = document.parse(GENTLE, version=done.row.version)

    would = list(versions.apply_to_open(services, gentle, actor="ada", dry_run=True))
    untouched = grace_end(services)
    moved = list(versions.apply_to_open(services, gentle, actor="ada"))

    assert [account for account, _ in moved] == ["org_42"]
    assert would == moved
    assert untouched == MONDAY + 7 * DAY
    assert grace_end(services) == MONDAY + 14 * DAY
    assert [finding for finding in replay(services) if finding.differs] == []
    assert list(versions.apply_to_open(services, gentle, actor="ada")) == []


def test_a_longer_grace_moves_nothing_that_is_on_hold_already(services: Services) -> None:
    on_hold(services)
    before = the_case(services)
    done = versions.activate(services, GENTLE, actor="ada")

    moved = list(versions.apply_to_open(services, document.parse(GENTLE, version=done.row.version), actor="ada"))

    assert moved == []
    assert the_case(services) == before
    assert (before["state"], before["grace_ends_at"]) == ("on_hold", "2026-03-09T14:08:20Z")


def test_a_longer_hold_is_given_to_what_is_on_hold_and_the_deadline_that_is_past_stays(services: Services) -> None:
    on_hold(services)
    patient = GENTLE.replace('hold_days = "30d"', 'hold_days = "60d"')
    done = versions.activate(services, patient, actor="ada")
    before = hold_end(services)

    moved = list(versions.apply_to_open(services, document.parse(patient, version=done.row.version), actor="ada"))

    assert [account for account, _ in moved] == ["org_42"]
    assert (the_case(services)["state"], the_case(services)["grace_ends_at"]) == ("on_hold", "2026-03-09T14:08:20Z")
    assert hold_end(services) > before
    assert [finding for finding in replay(services) if finding.differs] == []


def test_a_stricter_version_is_applied_to_nothing_that_is_open(services: Services) -> None:
    fails(services)
    happens(services, 1)
    done = versions.activate(services, STRICT, actor="ada")

    moved = list(versions.apply_to_open(services, document.parse(STRICT, version=done.row.version), actor="ada"))

    assert moved == []


def test_a_more_lenient_version_is_applied_to_an_open_refund_request_too(services: Services) -> None:
    began = MONDAY - 39 * DAY
    paid = subscription_payment_success(at=began, billing_reason="initial")
    happens(services, -39, subscription_created(at=began), paid)
    happens(services, 0)
    payment = str(Purchase().invoice)
    order = RequestRefund(payment=payment, contact_email="a@b.c", organisation="Bakery")
    execute.command(services, "org_42", order, "ada")
    happens(services, 1)
    done = versions.activate(services, GENEROUS, actor="ada")

    before = verdict(services)
    moved = list(versions.apply_to_open(services, document.parse(GENEROUS, version=done.row.version), actor="ada"))

    assert [account for account, _ in moved] == ["org_42"]
    assert (before, verdict(services)) == ("not_eligible", "eligible")
    assert [finding for finding in replay(services) if finding.differs] == []


def test_a_version_in_the_past_is_refused_and_nothing_is_kept(services: Services) -> None:
    with pytest.raises(RefusedError, match="in the past"):
        versions.activate(services, "effective_from = 2020-01-01\n" + GENTLE, actor="ada")

    assert kept(services) == ["plexo"]


def test_a_document_with_problems_is_refused_and_nothing_is_kept(services: Services) -> None:
    with pytest.raises(PolicyError):
        versions.activate(services, "name = 1", actor="ada")

    assert kept(services) == ["plexo"]


def test_a_dry_run_keeps_nothing_i8(services: Services) -> None:
    done = versions.activate(services, GENTLE, actor="ada", dry_run=True)

    assert (done.new, done.row.version) == (True, 2)
    assert kept(services) == ["plexo"]


def test_what_is_in_force_already_is_not_activated_again(services: Services) -> None:
    first = versions.activate(services, GENTLE, actor="ada")

    again = versions.activate(services, GENTLE, actor="bob")

    assert (again.new, again.row) == (False, first.row)
    assert kept(services) == ["plexo", "gentle"]


def test_a_version_that_is_in_force_earlier_ends_when_the_scheduled_one_begins(services: Services) -> None:
    versions.activate(services, GENTLE, actor="ada", effective_from=MONDAY)

    versions.activate(services, STRICT, actor="ada")

    assert policy_in_force(services).name == "strict"
    services.clock.set(MONDAY)
    assert policy_in_force(services).name == "gentle"


@pytest.mark.parametrize("days", [0, -200], ids=["at the moment of the first version", "with a clock set back"])
def test_what_began_before_an_activation_stays_under_the_first_version_whatever_the_clock_says(
    services: Services, days: int
) -> None:
    services.clock.set(MONDAY - 40 * DAY)
    began = MONDAY + (days - 41) * DAY
    happens(services, days - 40, subscription_created(at=began - DAY), subscription_payment_failed(at=began))
    before = grace_end(services)

    done = versions.activate(services, GENTLE, actor="ada")
    happens(services, days - 40)
    untouched = grace_end(services)
    moved = versions.apply_to_open(services, document.parse(GENTLE, version=done.row.version), actor="ada")

    assert untouched == before
    assert [account for account, _ in moved] == ["org_42"]
    assert grace_end(services) > before
    assert policy_in_force(services).name == "gentle"


def on_hold(services: Services) -> None:
    fails(services)
    for day in range(1, 9):
        happens(services, day)


def the_case(services: Services) -> dict[str, Any]:
    (result,) = accounts.account_document(services, "org_42").dunning_cases
    document: dict[str, Any] = msgspec.to_builtins(result)
    return document


def hold_end(services: Services) -> datetime:
    timers = accounts.account_document(services, "org_42").timers
    return next(timer.due_at for timer in timers if timer.kind == "hold_end")


def verdict(services: Services) -> str:
    (request,) = accounts.account_document(services, "org_42").refund_requests
    return str(request.verdict)


def kept(services: Services) -> list[str]:
    with services.database.read() as conn:
        return [row.name for row in policies.all(conn)]
