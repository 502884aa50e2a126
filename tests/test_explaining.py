"""What the explanation of an account says of exceptions, open matters and counted failures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kulanz.commands import execute
from kulanz.commands.commands import NoteContact, SetOverride
from kulanz.policy.facts import Channel, OverrideKind
from kulanz.queries import disputes
from kulanz.queries.accounts import explanation
from kulanz.services import Services
from tests.days import DAY, deliver, product, settings_of, settle
from tests.lemonsqueezy import (
    MONDAY,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
    subscription_updated,
)


@pytest.fixture
def services(sqlite_url: str, tmp_path: Path) -> Iterator[Services]:
    with product(settings_of(tmp_path, sqlite_url, test_clock=True), at=MONDAY) as services:
        yield services


def reinstate(services: Services) -> None:
    until = MONDAY + 60 * DAY
    command = SetOverride(kind=OverrideKind.REINSTATE, until=until, reason="a mistake of the bank")
    execute.command(services, "org_42", command, "ops")


def test_after_a_reinstatement_the_exception_and_the_open_chargeback_explain_the_standing(services: Services) -> None:
    deliver(services, subscription_created(at=MONDAY), dispute_created(at=MONDAY + timedelta(hours=1)))
    services.clock.set(MONDAY + DAY)
    settle(services)
    reinstate(services)

    explained = explanation(services, "org_42")
    why, outlook = "\n".join(explained.why), "\n".join(explained.outlook)

    assert explained.standing == "good"
    assert "An operator's exception lifts a hold on the whole account until 2026-05-" in why
    assert "a chargeback (lemonsqueezy:" in why
    assert "releases its hold, and only that" not in outlook
    assert "being won or withdrawn ends its lifted hold for good" in outlook


def test_after_a_reinstatement_a_payment_is_still_what_ends_the_lifted_hold_of_a_debt(services: Services) -> None:
    deliver(
        services,
        subscription_created(at=MONDAY - 40 * DAY),
        subscription_updated(at=MONDAY, status="past_due"),
        subscription_payment_failed(at=MONDAY),
    )
    for day in range(1, 12):
        services.clock.set(MONDAY + day * DAY)
        settle(services)
    held = explanation(services, "org_42")
    reinstate(services)

    explained = explanation(services, "org_42")

    assert (held.standing, explained.standing) == ("on_hold", "good")
    assert any("unpaid after the end of grace" in line and "exception lifts" in line for line in explained.why)
    assert any("Only a payment" in line and "ends the lifted hold" in line for line in explained.outlook)
    assert not any("brings the plan" in line for line in explained.outlook)


def test_the_first_failed_charge_after_a_snapshot_did_not_fail_again(services: Services) -> None:
    deliver(services, subscription_created(at=MONDAY - 40 * DAY), subscription_updated(at=MONDAY, status="past_due"))
    settle(services)
    deliver(services, subscription_payment_failed(at=MONDAY))
    settle(services)
    first = [line for step in explanation(services, "org_42").steps for line in step.sentences]
    services.clock.set(MONDAY + DAY)
    deliver(services, subscription_payment_failed(at=MONDAY + DAY))
    settle(services)
    second = [line for step in explanation(services, "org_42").steps for line in step.sentences]

    assert any("reported no failed charge" in line for line in first)
    assert any(line.startswith("The failed charge was reported.") for line in first)
    assert not any("failed again" in line for line in first)
    assert any("failed again (failure 2)" in line for line in second)


def test_the_evidence_of_a_dispute_lacks_what_was_noted_only_after_it(services: Services) -> None:
    def lacks() -> str:
        with services.database.read() as conn:
            (line,) = disputes.undecided(services, conn, 10)
        return "; ".join(map(str, line.lacks))

    paid = subscription_payment_success(at=MONDAY, invoice=77, billing_reason="initial")
    deliver(services, subscription_created(at=MONDAY), paid)
    settle(services)
    disputed = MONDAY + 5 * DAY
    services.clock.set(disputed)
    deliver(services, dispute_created(at=disputed))
    settle(services)
    services.clock.set(disputed + 10 * DAY)
    late = NoteContact(channel=Channel.MAIL, reason="asked why")
    execute.command(services, "org_42", late, "support")
    after_the_fact = lacks()
    early = NoteContact(channel=Channel.MAIL, reason="asked how to cancel", contacted_on=(disputed - DAY).date())
    execute.command(services, "org_42", early, "support")

    assert "no contact with the customer before the dispute" in after_the_fact
    assert "no notice to the customer was sent before the dispute" in after_the_fact
    assert "no contact" not in lacks()
