"""An order may go without its mail, where the mail promises nothing and takes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kulanz.commands import execute
from kulanz.commands.commands import OpenDispute, SetOverride
from kulanz.policy.facts import OverrideKind
from kulanz.queries.replay.replay import replay
from kulanz.services import Services
from kulanz.store import outbox
from tests.days import DAY, days_before_monday, days_go_by, happens, settle
from tests.lemonsqueezy import MONDAY, subscription_created, subscription_payment_failed


@pytest.fixture
def on_hold(database_url: str, tmp_path: Path) -> Iterator[Services]:
    with days_before_monday(database_url, tmp_path / "data") as services:
        happens(services, -30, subscription_created(at=MONDAY - 30 * DAY))
        happens(services, 0, subscription_payment_failed(at=MONDAY))
        days_go_by(services, 16)
        yield services


def reinstate(services: Services, *, silent: bool) -> dict[str, str]:
    """Lift the holds, and return what became of what that asked for."""
    order = SetOverride(kind=OverrideKind.REINSTATE, until=MONDAY + 40 * DAY, reason="they called")
    decision = execute.command(services, "org_42", order, "ada", silent=silent)
    settle(services)
    with services.database.read() as conn:
        rows = [outbox.get(conn, effect.id) for effect in decision.effects]
    return {row.kind: row.state for row in rows if row is not None}


@pytest.mark.parametrize(("silent", "state"), [(False, "done"), (True, "withdrawn")])
def test_a_customer_who_was_called_gets_no_mail_of_what_was_said(
    on_hold: Services, *, silent: bool, state: str
) -> None:
    became = reinstate(on_hold, silent=silent)

    assert became["SendMail"] == state
    assert [found for found in replay(on_hold) if found.differs] == []


def test_what_is_taken_is_always_told(on_hold: Services) -> None:
    reinstate(on_hold, silent=True)
    order = OpenDispute(amount=4900, currency="EUR", reason="fraudulent")

    decision = execute.command(on_hold, "org_42", order, "ada", silent=True)

    with on_hold.database.read() as conn:
        rows = [outbox.get(conn, effect.id) for effect in decision.effects]
    assert ("SendMail", "pending") in {(row.kind, row.state) for row in rows if row is not None}
