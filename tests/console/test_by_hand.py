"""Stuck outgoing actions at the console: each act shows first what follows, and one by hand is recorded."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from kulanz.commands import refund_requests
from kulanz.commands.commands import RequestRefund
from kulanz.queries import refunds
from kulanz.services import Services
from kulanz.store import audit_log, outbox
from kulanz.store.outbox import EffectRow
from tests.console.operator import HIDDEN, Operator
from tests.days import settle, tell
from tests.lemonsqueezy import subscription_created, subscription_payment_success


@pytest.fixture
def asked(services: Services, now: datetime) -> str:
    """A request that names no amount, for a payment of two months ago, which the policy refuses."""
    with services.database.write() as tx:
        services.adopt_policy(tx)
    paid_at = now - timedelta(days=60)
    tell(
        services,
        subscription_created(at=paid_at),
        subscription_payment_success(at=paid_at, invoice=77, billing_reason="initial"),
    )
    command = RequestRefund(payment="77", contact_email="ada@shop.example", organisation="Bakery Ada")
    request, _ = refund_requests.request(services, "org_42", command, "tests")
    return request.id


def approve(operator: Operator, request: str) -> None:
    operator.order("org_42", order="approve_refund", refund=request, currency="EUR", reason="goodwill")


def waiting(services: Services) -> EffectRow:
    with services.database.read() as conn:
        (row,) = [row for row in outbox.listing(conn, "todo") if row.type == "refund"]
    return row


def test_a_refused_request_without_an_amount_shows_what_an_approval_gives_back(asked: str, operator: Operator) -> None:
    page = operator.see(f"/ops/refunds/{asked}")
    looked = operator.post(
        "/ops/accounts/org_42/preview", order="approve_refund", refund=asked, currency="EUR", reason="goodwill"
    ).text

    assert re.search(r"Goes back if approved</th><td>49.00 EUR", page)
    assert re.search(r"The policy grants</th><td>0.00 EUR", page)
    assert "Another amount, if not 49.00 EUR" in page
    assert re.search(r"refunds under way</th><td>\u2013</td><td><strong>49.00 EUR</strong>", looked)


def test_what_the_policy_says_stays_with_its_clause_after_a_decision_against_it(asked: str, operator: Operator) -> None:
    (before,) = re.findall(r"<strong>not eligible</strong>, clause ([\d.]+)", operator.see(f"/ops/refunds/{asked}"))

    approve(operator, asked)
    page = operator.see(f"/ops/refunds/{asked}")

    assert re.findall(r"<strong>not eligible</strong>, clause ([\d.]+)", page) == [before]
    assert "clause 11" in page
    assert before != "11"


def test_a_refund_that_waits_for_a_person_is_recorded_from_its_own_page(
    asked: str, operator: Operator, reader: Operator, services: Services
) -> None:
    approve(operator, asked)
    settle(services)
    row = waiting(services)
    path = f"/ops/effects/{row.id}/act"

    linked, offered = operator.see(f"/ops/refunds/{asked}"), operator.see(path)
    empty = operator.post(f"/ops/effects/{row.id}/done", reason="  ")
    done = operator.post(f"/ops/effects/{row.id}/done", reason="refunded in the dashboard")
    again = operator.post(f"/ops/effects/{row.id}/done", reason="refunded in the dashboard")

    assert f'href="{path}"' in linked
    assert "49.00 EUR of payment" in offered
    assert "Record it as done by hand" in offered
    assert "Record it as done by hand" not in reader.see(path)
    assert reader.post(f"/ops/effects/{row.id}/done", reason="x").status_code == 403
    assert (empty.status_code, done.status_code, again.status_code) == (400, 303, 409)
    assert "It is recorded as done by hand." in operator.see(done.location)
    assert refunds.refund_request(services, asked).state == "sent"
    with services.database.read() as conn:
        assert [entry.act for entry in audit_log.about(conn, "org_42")] == ["done by hand"]


def test_a_retry_shows_first_what_is_tried_and_then_keeps_the_action_on_the_page(
    asked: str, operator: Operator, services: Services
) -> None:
    approve(operator, asked)
    settle(services)
    row = waiting(services)

    listed = operator.see("/ops/effects?state=todo")
    looked = operator.see(f"/ops/effects/{row.id}/act")
    form = dict(HIDDEN.findall(looked.partition('id="again"')[2]))
    untouched = waiting(services)
    retried = operator.post("/ops/effects/retry", **form)

    assert f'href="/ops/effects/{row.id}/act"' in listed
    assert 'action="/ops/effects/retry"' not in listed
    assert untouched == row
    assert retried.status_code == 303
    assert row.subject in operator.see(retried.location)
    assert operator.see("/ops/effects/ef_none/act", 404)
