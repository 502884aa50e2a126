"""`policy simulate` over a real database: who would have fared, and would fare, otherwise. Nothing is written,
nor is it by a dry run of a command (I8).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from kulanz.commands import execute, versions
from kulanz.commands.commands import (
    AgreeTerms,
    Command,
    DecideRefund,
    OpenDispute,
    RecordPayment,
    RequestRefund,
    SetOverride,
)
from kulanz.errors import PolicyError
from kulanz.policy import document
from kulanz.policy.facts import OverrideKind
from kulanz.queries.replay.simulation import Totals, report, simulate, sum_up
from kulanz.services import Services
from kulanz.store.tables import metadata
from tests.days import DAY, days_before_monday, happens
from tests.lemonsqueezy import (
    MONDAY,
    Purchase,
    dispute_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_success,
)

PLEXO = document.preset("plexo")
GENTLE = PLEXO.replace('grace = "7d"', 'grace = "14d"')
STRICT = PLEXO.replace('grace = "7d"', 'grace = "3d"')
GENEROUS = PLEXO.replace('window = "30d"', 'window = "60d"', 1)


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[Services]:
    with days_before_monday(database_url, tmp_path / "data") as services:
        yield services


def fails(services: Services) -> None:
    happens(services, -30, subscription_created(at=MONDAY - 30 * DAY))
    happens(services, 0, subscription_payment_failed(at=MONDAY))


def under(services: Services, text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    totals = Totals()
    return [report(result) for result in simulate(services, text, totals)], sum_up(totals)


def everything(services: Services) -> str:
    """A digest of every row of every table."""
    with services.database.read() as conn:
        rows = [sorted(map(repr, conn.execute(select(table)))) for table in metadata.sorted_tables]
    return sha256(repr(rows).encode()).hexdigest()


def test_who_would_have_lost_access_for_a_while_is_listed_with_when_and_why(services: Services) -> None:
    fails(services)
    for day in (3, 5):
        happens(services, day)
    happens(services, 5.5, subscription_payment_success(at=MONDAY + 5 * DAY))

    (stored_document,), totals = under(services, STRICT)

    assert (stored_document["account_id"], stored_document["rule"], stored_document["clause"]) == (
        "org_42",
        "dunning.hold_placed",
        "6.2",
    )
    assert stored_document["at"] == "2026-03-05T14:08:20Z"
    assert (stored_document["was"]["access"], stored_document["would_be"]["access"]) == ("full", "free")
    assert stored_document["now"] == stored_document["would_be_now"]
    assert (stored_document["hours_lost"], stored_document["hours_gained"], stored_document["ahead"]) == (60, 0, False)
    assert (totals["accounts"], totals["differing"], totals["losing_access"]) == (1, 1, 1)
    assert totals["owed_by_losing"] == {"EUR": 4900}


def test_what_is_open_is_followed_to_its_end(services: Services) -> None:
    fails(services)
    happens(services, 1)

    (stored_document,), totals = under(services, GENTLE)

    assert (stored_document["ahead"], stored_document["at"]) == (True, "2026-03-09T14:08:20Z")
    assert (stored_document["was"]["standing"], stored_document["would_be"]["standing"]) == ("on_hold", "grace")
    assert (stored_document["hours_lost"], stored_document["hours_gained"]) == (0, 7 * 24)
    assert (totals["losing_access"], totals["gaining_access"]) == (0, 1)


def test_nobody_differs_under_the_same_rules_in_other_words(services: Services) -> None:
    fails(services)
    for day in (3, 5, 7, 8, 20):
        happens(services, day)

    assert under(services, PLEXO.replace('clause = "10"', 'clause = "11"'))[0] == []
    assert under(services, PLEXO)[0] == []


def test_a_cancellation_that_was_ours_is_not_taken_for_the_customers_will(services: Services) -> None:
    fails(services)
    for day in (3, 5, 7):
        happens(services, day)
    cancelled = subscription_created(at=MONDAY + 7 * DAY + timedelta(hours=8), status="cancelled")
    happens(services, 8, cancelled | {"meta": {**cancelled["meta"], "event_name": "subscription_cancelled"}})

    (stored_document,), _ = under(services, GENTLE)

    assert (stored_document["now"]["standing"], stored_document["would_be_now"]["standing"]) == ("on_hold", "grace")


def test_an_operators_exception_counts_under_either_policy(services: Services) -> None:
    fails(services)
    happens(services, 1)
    exempt = SetOverride(kind=OverrideKind.EXEMPT, until=MONDAY + 200 * DAY, reason="a promise")
    execute.command(services, "org_42", exempt, "ada")

    assert under(services, STRICT)[0] == []


def test_a_dispute_under_other_rules_is_found(services: Services) -> None:
    happens(services, -30, subscription_created(at=MONDAY - 30 * DAY))
    happens(services, 0, dispute_created(at=MONDAY))

    (stored_document,), _ = under(services, PLEXO.replace('scope = "account"', 'scope = "account"\nreview_above = 100'))

    assert (stored_document["was"]["access"], stored_document["would_be"]["access"]) == ("none", "full")


def asks_back(services: Services) -> str:
    """Ask, on Monday, for the money of a first payment back that was made 39 days before."""
    began = MONDAY - 39 * DAY
    paid = subscription_payment_success(at=began, billing_reason="initial")
    happens(services, -39, subscription_created(at=began), paid)
    happens(services, 0)
    order = RequestRefund(payment=str(Purchase().invoice), contact_email="a@b.c", organisation="Bakery")
    (refund,) = execute.command(services, "org_42", order, "ada").state.refunds
    return refund.key


@pytest.mark.parametrize("decided", [False, True], ids=["open", "denied in the same moment"])
def test_a_request_that_would_have_been_answered_otherwise_is_listed_with_both_answers(
    services: Services, *, decided: bool
) -> None:
    request = asks_back(services)
    if decided:
        execute.command(services, "org_42", DecideRefund(request=request, approve=False), "ada")

    (stored_document,), totals = under(services, GENEROUS)

    (item,) = stored_document["refund_requests"]
    assert (
        stored_document["account_id"],
        stored_document["at"],
        stored_document["rule"],
        stored_document["clause"],
    ) == (
        *("org_42", "2026-03-02T14:08:20Z"),
        *("refund.requested", "3.1"),
    )
    assert (item["id"], item["was"]["verdict"], item["was"]["clause"], item["was"]["pay_by"]) == (
        *(request, "not_eligible"),
        *("12", None),
    )
    assert (item["would_be"]["verdict"], item["would_be"]["clause"], item["would_be"]["refundable_amount"]) == (
        *("eligible", "3.1"),
        item["would_be"]["refundable_amount"],
    )
    assert stored_document["was"] == stored_document["would_be"]
    assert (totals["refund_requests_differing"], totals["refundable_less"]) == (1, {})
    assert totals["refundable_more"] == {"EUR": item["would_be"]["refundable_amount"]}
    assert item["would_be"]["refundable_amount"] > 0
    assert under(services, PLEXO.replace('window_clause = "12"', 'window_clause = "13"'))[0] == []


def test_other_deadlines_of_an_answer_are_found(services: Services) -> None:
    asks_back(services)

    (stored_document,), _ = under(services, PLEXO.replace("decide_within = 3", "decide_within = 5"))

    (item,) = stored_document["refund_requests"]
    assert item["was"]["verdict"] == item["would_be"]["verdict"]
    assert item["was"]["decide_by"] < item["would_be"]["decide_by"]


def test_a_simulation_writes_nothing_i8(services: Services) -> None:
    fails(services)
    happens(services, 1)
    before = everything(services)

    matches, _ = under(services, STRICT)

    assert matches
    assert everything(services) == before


def test_a_document_with_problems_is_refused_before_anything_is_read(services: Services) -> None:
    with pytest.raises(PolicyError):
        next(simulate(services, "name = 1", Totals()))


def test_a_version_that_is_scheduled_is_part_of_what_it_is_compared_with(services: Services) -> None:
    fails(services)
    happens(services, 1)
    versions.activate(services, GENTLE, actor="ada", effective_from=MONDAY + 40 * DAY)

    (stored_document,), _ = under(services, GENTLE)

    assert stored_document["at"] == "2026-03-09T14:08:20Z"


UNTIL = MONDAY + 30 * DAY
COMMANDS = [
    *(
        SetOverride(kind=kind, until=None if kind is OverrideKind.WAIVE else UNTIL, reason="a promise")
        for kind in OverrideKind
        if kind is not OverrideKind.REINSTATE
    ),
    OpenDispute(amount=4900, currency="EUR", reason="told by the bank"),
    RecordPayment(amount=4900, currency="EUR"),
    AgreeTerms(document=GENTLE.replace('name = "plexo"', 'name = "acme"'), until=UNTIL, reason="a contract"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: str(getattr(one, "kind", type(one).__name__)))
def test_a_dry_run_of_a_command_says_what_the_command_then_does_and_writes_nothing_i8(
    services: Services, command: Command
) -> None:
    fails(services)
    happens(services, 1)
    before = everything(services)

    would = execute.command(services, "org_42", command, "ada", dry_run=True)
    untouched = everything(services)
    done = execute.command(services, "org_42", command, "ada")

    assert untouched == before
    assert everything(services) != before, "a command that is carried out is seen to write"
    assert [change.rule for change in would.changes] == [change.rule for change in done.changes]
    assert would.account.rights == done.account.rights
