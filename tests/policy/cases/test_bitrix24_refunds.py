"""bitrix24, refunds: nothing goes back, apps follow their developer, and a move to on-premise is for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.policy import document
from app.policy import facts as f
from app.policy.facts import BillingReason, LicenceStatus, OrderStatus, Stamp
from tests.policy.cases.table import Row, answered, asks_back, name, on
from tests.policy.stories import (
    DAY,
    LONG_AGO,
    ORDER,
    OWNER,
    a_subscription,
    a_success,
    an_order,
    terms,
)

BITRIX24 = document.parse(document.preset("bitrix24"), version=1)
QUARTER = timedelta(days=90)
PAID = {"total": 30000, "tax": 5000}


def a_sale(product: str, **told: Any) -> f.OrderSeen:
    known = {"key": "lemonsqueezy:7000", "product": product, "created_at": LONG_AGO, **PAID}
    return an_order(OrderStatus.PAID, LONG_AGO, **{**known, **told})


THREE_MONTHS = on(
    LONG_AGO,
    a_subscription(renews_at=LONG_AGO + QUARTER),
    a_success(LONG_AGO, reason=BillingReason.INITIAL, created_at=LONG_AGO, **PAID),
    an_order(OrderStatus.PAID, LONG_AGO, created_at=LONG_AGO, **PAID),
)
A_KEY = on(
    LONG_AGO,
    a_sale("on-premise-edition"),
    f.LicenceSeen(
        key="lemonsqueezy:7001",
        stamp=Stamp(LONG_AGO),
        status=LicenceStatus.INACTIVE,
        customer=OWNER,
        order="lemonsqueezy:7000",
    ),
)
MONTH = LONG_AGO + 30 * DAY
NO, ASK = "not_eligible", "review"

ROWS = (
    Row(
        clause="§No-Refund",
        situation="three months of the cloud, asked back the day after they were paid",
        facts=THREE_MONTHS,
        question=asks_back(ORDER, at=LONG_AGO + DAY),
        answer={"verdict": NO, "clause": "§No-Refund", "amount": 0, "state": "requested"},
    ),
    Row(
        clause="§No-Refund",
        situation="a licence that nobody has activated, the day after",
        facts=A_KEY,
        question=asks_back(licence="7001", at=LONG_AGO + DAY),
        answer={"verdict": NO, "clause": "§No-Refund", "amount": 0},
    ),
    Row(
        clause="§No-Refund",
        situation="an outage is no exception here",
        facts=THREE_MONTHS,
        question=asks_back(ORDER, at=LONG_AGO + DAY, reason="Three days of outage"),
        answer={"verdict": NO, "clause": "§No-Refund"},
    ),
    Row(
        clause="§No-Refund",
        situation="a consumer's statutory right to withdraw is not touched by it",
        facts=THREE_MONTHS,
        question=asks_back(ORDER, at=LONG_AGO + DAY),
        answer={"statutory": (LONG_AGO + 15 * DAY).replace(hour=23, minute=59, second=59)},
    ),
    Row(
        clause="§VoIP",
        situation="telephony credit, unused",
        facts=on(LONG_AGO, a_sale("telephony-credit-50")),
        question=asks_back("7000", at=LONG_AGO + DAY),
        answer={"verdict": NO, "clause": "§VoIP", "amount": 0, "why": "never"},
    ),
    Row(
        clause="§VoIP",
        situation="what is no credit is refused by the general rule and not by this one",
        facts=on(LONG_AGO, a_sale("poster")),
        question=asks_back("7000", at=LONG_AGO + DAY),
        answer={"verdict": NO, "clause": "§No-Refund"},
    ),
    Row(
        clause="§Marketplace",
        situation="an app of the marketplace follows its developer's policy",
        facts=on(LONG_AGO, a_sale("crm-app")),
        question=asks_back("7000", at=LONG_AGO + DAY),
        answer={"verdict": ASK, "clause": "§Marketplace", "why": "delegated", "amount": 25000},
    ),
    Row(
        clause="§Marketplace",
        situation="a product that only sounds like one does not",
        facts=on(LONG_AGO, a_sale("apple-stand")),
        question=asks_back("7000", at=LONG_AGO + DAY),
        answer={"verdict": NO, "clause": "§No-Refund"},
    ),
    Row(
        clause="§Migration",
        situation="moved to on-premise after thirty of ninety days: a person decides about two thirds",
        facts=THREE_MONTHS,
        question=asks_back(ORDER, at=MONTH, reason="We migrated to the on-premise edition"),
        answer={"verdict": ASK, "clause": "§Migration", "amount": 16666, "why": "move_to_on_premise"},
    ),
    Row(
        clause="§Migration",
        situation="the same without a move",
        facts=THREE_MONTHS,
        question=asks_back(ORDER, at=MONTH, reason="We have chosen another product"),
        answer={"verdict": NO, "clause": "§No-Refund", "amount": 0},
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_the_policy_answers_as_the_table_says(row: Row) -> None:
    assert answered(row, terms(BITRIX24)) == row.answer
