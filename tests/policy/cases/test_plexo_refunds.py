"""plexo, refunds: the cases of clauses 2 to 4, 5.1, 6.2, 8 to 12 and 14, each clause with a yes and a no."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.policy import facts as f
from app.policy.facts import (
    BillingReason,
    DisputeStatus,
    LicenceStatus,
    OrderStatus,
    OverrideKind,
    Stamp,
    Status,
)
from tests.policy.cases.table import Row, answered, asks_back, clauses, name, on
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    INVOICE,
    LONG_AGO,
    MONDAY,
    ORDER,
    OTHER,
    OWNER,
    SEATS,
    a_dispute,
    a_failure,
    a_subscription,
    a_success,
    an_order,
    an_override,
    terms,
)

FIRST = "lemonsqueezy:1100000"
BOUGHT = LONG_AGO
LICENCE, KEY_ORDER = "lemonsqueezy:7001", "lemonsqueezy:7000"


def an_order_of(at: datetime = BOUGHT, status: OrderStatus = OrderStatus.PAID, **told: object) -> f.OrderSeen:
    """The order: 20.00 with 3.33 of tax."""
    return an_order(status, at, **{"total": 2000, "tax": 333, "created_at": BOUGHT, **told})


def a_first_invoice(at: datetime = BOUGHT, **told: object) -> f.PaymentSucceeded:
    known = {"key": FIRST, "reason": BillingReason.INITIAL, "created_at": BOUGHT, "total": 2000, "tax": 333}
    return a_success(at, **{**known, **told})


def a_renewal(at: datetime, **told: object) -> f.PaymentSucceeded:
    return a_success(at, **{"total": 2000, "tax": 333, "created_at": at, **told})


def a_licence(status: LicenceStatus = LicenceStatus.INACTIVE, at: datetime = BOUGHT, **told: object) -> f.LicenceSeen:
    known = {"key": LICENCE, "stamp": Stamp(at), "status": status, "customer": OWNER, "order": KEY_ORDER}
    return f.LicenceSeen(**{**known, **told})


def a_sale(product: str, at: datetime = BOUGHT, **told: object) -> f.OrderSeen:
    """Something sold once, for 500.00 with 83.33 of tax."""
    return an_order_of(
        at, **{"key": KEY_ORDER, "product": product, "total": 50000, "tax": 8333, "created_at": at, **told}
    )


FIRST_MONTH = on(BOUGHT, a_subscription(renews_at=MONDAY), an_order_of(), a_first_invoice())
SECOND_MONTH = (*FIRST_MONTH, *on(MONDAY, a_renewal(MONDAY)))
A_KEY = on(BOUGHT, a_sale("on-premise-licence"), a_licence())
A_TRIAL = on(
    BOUGHT,
    a_subscription(Status.ON_TRIAL, trial_ends_at=BOUGHT + 14 * DAY, renews_at=BOUGHT + 14 * DAY),
    an_order_of(total=0, tax=0),
    a_first_invoice(total=0, tax=0),
)
SOON = BOUGHT + 5 * DAY
REST = MONDAY + 2 * DAY
BASE = 1667
YES, NO, ASK = "eligible", "not_eligible", "review"

ROWS = (
    Row(
        clause="3.1",
        situation="the first month is asked back five days after it was paid: the base amount goes back",
        facts=FIRST_MONTH,
        question=asks_back(ORDER, at=SOON),
        answer={"verdict": YES, "clause": "3.1", "amount": BASE, "state": "requested"},
    ),
    Row(
        clause="3.1",
        situation="the same by its invoice, which is the same money as the order",
        facts=FIRST_MONTH,
        question=asks_back("1100000", at=SOON),
        answer={"verdict": YES, "clause": "3.1", "amount": BASE},
    ),
    Row(
        clause="3.1",
        situation="on the thirtieth day, at the hour of the payment",
        facts=FIRST_MONTH,
        question=asks_back(ORDER, at=BOUGHT + 30 * DAY),
        answer={"verdict": YES, "clause": "3.1"},
    ),
    Row(
        clause="3.1",
        situation="a trial came before: the first money is that of its end, whatever the provider calls it",
        facts=(*A_TRIAL, *on(BOUGHT + 14 * DAY, a_renewal(BOUGHT + 14 * DAY))),
        question=asks_back(INVOICE, at=BOUGHT + 20 * DAY),
        answer={"verdict": YES, "clause": "3.1", "amount": BASE},
    ),
    Row(
        clause="3.1",
        situation="an operator has suspended the account for abuse: a person decides",
        facts=(*FIRST_MONTH, *on(SOON, an_override(OverrideKind.SUSPEND, SOON, SOON + 30 * DAY))),
        question=asks_back(ORDER, at=SOON + DAY),
        answer={"verdict": ASK, "clause": "3.1", "amount": BASE, "why": "abuse_suspected"},
    ),
    Row(
        clause="3.1",
        situation="a chargeback of another payment was lost: a person decides",
        facts=(
            *FIRST_MONTH,
            *on(SOON, a_sale("poster", SOON)),
            *on(SOON, a_dispute(DisputeStatus.LOST, SOON, order=KEY_ORDER, payment=KEY_ORDER)),
        ),
        question=asks_back(ORDER, at=SOON + DAY),
        answer={"verdict": ASK, "clause": "3.1", "why": "abuse_suspected"},
    ),
    Row(
        clause="3.2",
        situation="the customer had paid for another subscription before",
        facts=(
            *FIRST_MONTH,
            *on(
                SOON,
                a_subscription(key=OTHER, variant=ENTERPRISE, product="enterprise", order=None, created_at=SOON),
                a_renewal(SOON, key="lemonsqueezy:55", subscription=OTHER, reason=BillingReason.INITIAL),
            ),
        ),
        question=asks_back("55", at=SOON + DAY),
        answer={"verdict": NO, "clause": "3.2", "amount": 0, "why": "not_the_first_subscription"},
    ),
    Row(
        clause="3.2",
        situation="an add-on is no earlier plan: the first plan after it is the first subscription",
        facts=(
            *on(
                BOUGHT - 5 * DAY,
                a_subscription(key=OTHER, variant=SEATS, product="seats", order=None, created_at=BOUGHT - 5 * DAY),
                a_renewal(BOUGHT - 5 * DAY, key="lemonsqueezy:55", subscription=OTHER, reason=BillingReason.INITIAL),
            ),
            *FIRST_MONTH,
        ),
        question=asks_back(ORDER, at=SOON),
        answer={"verdict": YES, "clause": "3.1"},
    ),
    Row(
        clause="3.2",
        situation="the account got another payment back in full before",
        facts=(
            *FIRST_MONTH,
            *on(SOON, a_sale("poster", SOON, status=OrderStatus.REFUNDED, refunded=50000)),
        ),
        question=asks_back(ORDER, at=SOON + DAY),
        answer={"verdict": NO, "clause": "3.2", "why": "refunded_before"},
    ),
    Row(
        clause="3.2",
        situation="a part of this very payment went back before: the rest still may",
        facts=(*FIRST_MONTH, *on(SOON, an_order_of(SOON, OrderStatus.PARTIAL_REFUND, refunded=500))),
        question=asks_back(ORDER, at=SOON + DAY),
        answer={"verdict": YES, "clause": "3.1", "amount": BASE - 500},
    ),
    Row(
        clause="2",
        situation="cancelled in the trial: nothing was paid, so there is nothing to refund",
        facts=A_TRIAL,
        question=asks_back(ORDER, at=SOON),
        answer={"verdict": NO, "clause": "2", "amount": 0, "why": "nothing_paid"},
    ),
    Row(
        clause="4",
        situation="the second month is asked back two days after it was paid",
        facts=SECOND_MONTH,
        question=asks_back(INVOICE, at=REST),
        answer={"verdict": NO, "clause": "4", "amount": 0, "pay_by": None},
    ),
    Row(
        clause="4",
        situation="a renewal of which nothing before is known is a renewal all the same",
        facts=on(MONDAY, a_subscription(at=MONDAY, created_at=LONG_AGO), a_renewal(MONDAY)),
        question=asks_back(INVOICE, at=REST),
        answer={"verdict": NO, "clause": "4"},
    ),
    Row(
        clause="4",
        situation="a renewal that was charged twice within the day: a person decides",
        facts=(*SECOND_MONTH, *on(MONDAY, a_renewal(MONDAY, key="lemonsqueezy:1140001"))),
        question=asks_back("1140001", at=REST),
        answer={"verdict": ASK, "clause": "11", "amount": BASE, "why": "charged_twice"},
    ),
    Row(
        clause="5.1",
        situation="the charge for an upgrade is asked back",
        facts=(*FIRST_MONTH, *on(SOON, a_renewal(SOON, reason=BillingReason.UPDATED, total=900, tax=150))),
        question=asks_back(INVOICE, at=SOON + DAY),
        answer={"verdict": NO, "clause": "5.1", "amount": 0},
    ),
    Row(
        clause="6.2",
        situation="a renewal that failed was never paid, so nothing can go back",
        facts=(*FIRST_MONTH, *on(MONDAY, a_failure(MONDAY))),
        question=asks_back(INVOICE, at=REST),
        answer={"verdict": NO, "clause": "6.2", "why": "not_paid"},
    ),
    Row(
        clause="8",
        situation="a licence that nobody has activated, within thirty days of the purchase",
        facts=A_KEY,
        question=asks_back(licence="7001", at=SOON),
        answer={"verdict": YES, "clause": "8", "amount": 41667, "why": "licence_unused"},
    ),
    Row(
        clause="8",
        situation="a licence that was activated, although the activation was taken back since",
        facts=(
            *A_KEY,
            *on(SOON, a_licence(LicenceStatus.ACTIVE, SOON, activations=1)),
            *on(SOON + DAY, a_licence(LicenceStatus.INACTIVE, SOON + DAY)),
        ),
        question=asks_back(licence="7001", at=SOON + 2 * DAY),
        answer={"verdict": NO, "clause": "8", "why": "licence_in_use"},
    ),
    Row(
        clause="8",
        situation="a licence that was never activated but is deployed, as an operator knows",
        facts=(*A_KEY, *on(SOON, f.LicenceDeployed(licence=LICENCE, at=SOON, actor="ada", reason="seen on site"))),
        question=asks_back(KEY_ORDER, at=SOON + DAY),
        answer={"verdict": NO, "clause": "8", "why": "licence_in_use"},
    ),
    Row(
        clause="8",
        situation="a licence thirty-one days after the purchase",
        facts=A_KEY,
        question=asks_back(licence="7001", at=BOUGHT + 31 * DAY),
        answer={"verdict": NO, "clause": "8", "why": "licence_too_late"},
    ),
    Row(
        clause="8",
        situation="a plan that comes with a key is a plan: its first month goes back although the key was used",
        facts=(*FIRST_MONTH, *on(SOON, a_licence(LicenceStatus.ACTIVE, SOON, order=ORDER, activations=1))),
        question=asks_back(ORDER, at=SOON + DAY),
        answer={"verdict": YES, "clause": "3.1"},
    ),
    Row(
        clause="8",
        situation="the same, asked by the key: what was activated does not go back",
        facts=(*FIRST_MONTH, *on(SOON, a_licence(LicenceStatus.ACTIVE, SOON, order=ORDER, activations=1))),
        question=asks_back(licence="7001", at=SOON + DAY),
        answer={"verdict": NO, "clause": "8", "why": "licence_in_use"},
    ),
    Row(
        clause="8",
        situation="the renewal of a licence",
        facts=(
            *on(
                BOUGHT, a_subscription(variant="lemonsqueezy:1", product="on-premise"), an_order_of(), a_first_invoice()
            ),
            *on(BOUGHT, a_licence(order=ORDER)),
            *on(MONDAY, a_renewal(MONDAY)),
        ),
        question=asks_back(INVOICE, at=REST),
        answer={"verdict": NO, "clause": "8", "why": "licence_renewal"},
    ),
    Row(
        clause="9",
        situation="told by day and amount, as the clause asks for; answered within three working days",
        facts=FIRST_MONTH,
        question=asks_back(at=datetime(2026, 2, 12, 9, tzinfo=UTC), paid_on=BOUGHT.date(), paid_amount=2000),
        answer={
            "verdict": YES,
            "clause": "3.1",
            "decide_by": datetime(2026, 2, 17, 9, tzinfo=UTC),
            "pay_by": datetime(2026, 3, 3, 9, tzinfo=UTC),
        },
    ),
    Row(
        clause="9",
        situation="within fourteen days of the contract the day is told to which a consumer may withdraw",
        facts=FIRST_MONTH,
        question=asks_back(ORDER, at=SOON),
        answer={"statutory": datetime(2026, 2, 16, 23, 59, 59, tzinfo=UTC)},
    ),
    Row(
        clause="9",
        situation="after those fourteen days none is told",
        facts=FIRST_MONTH,
        question=asks_back(ORDER, at=BOUGHT + 17 * DAY),
        answer={"verdict": YES, "statutory": None},
    ),
    Row(
        clause="10",
        situation="a bank is asked for the same money: a person decides",
        facts=(
            *FIRST_MONTH,
            *on(SOON, a_dispute(DisputeStatus.OPENED, SOON, opened_at=SOON, order=ORDER, payment=ORDER)),
        ),
        question=asks_back(ORDER, at=SOON + DAY),
        answer={"verdict": ASK, "clause": "10", "why": "disputed"},
    ),
    Row(
        clause="10",
        situation="the chargeback was won by the merchant: the payment is judged like any other",
        facts=(
            *FIRST_MONTH,
            *on(SOON, a_dispute(DisputeStatus.WON, SOON, opened_at=SOON, order=ORDER, payment=ORDER)),
        ),
        question=asks_back(ORDER, at=SOON + DAY),
        answer={"verdict": YES, "clause": "3.1"},
    ),
    Row(
        clause="11",
        situation="a renewal, because the service was down for days: a person decides",
        facts=SECOND_MONTH,
        question=asks_back(INVOICE, at=REST, reason="Three days of outage, we could not work"),
        answer={"verdict": ASK, "clause": "11", "amount": BASE, "state": "review"},
    ),
    Row(
        clause="11",
        situation="the same in German: a charge made twice",
        facts=SECOND_MONTH,
        question=asks_back(INVOICE, at=REST, reason="Uns wurde doppelt abgebucht"),
        answer={"verdict": ASK, "clause": "11"},
    ),
    Row(
        clause="11",
        situation="even for what is never refundable",
        facts=on(BOUGHT, a_sale("onboarding-package")),
        question=asks_back(KEY_ORDER, at=SOON, reason="billing_error"),
        answer={"verdict": ASK, "clause": "11", "amount": 41667},
    ),
    Row(
        clause="11",
        situation="what one has changed one's mind about is no exceptional circumstance",
        facts=SECOND_MONTH,
        question=asks_back(INVOICE, at=REST, reason="We have chosen another product"),
        answer={"verdict": NO, "clause": "4"},
    ),
    Row(
        clause="12",
        situation="the first month, asked back after thirty-one days",
        facts=FIRST_MONTH,
        question=asks_back(ORDER, at=BOUGHT + 31 * DAY),
        answer={"verdict": NO, "clause": "12", "amount": 0, "why": "too_late"},
    ),
    *(
        Row(
            clause="12",
            situation=f"{product} is never refundable, not even the day after",
            facts=on(BOUGHT, a_sale(product)),
            question=asks_back(KEY_ORDER, at=BOUGHT + DAY),
            answer={"verdict": NO, "clause": "12", "why": "never"},
        )
        for product in (
            "onboarding-package",
            "set-up-fee",
            "api-integration",
            "team-training",
            "consulting-day",
            "domain-de",
            "wildcard-ssl",
        )
    ),
    Row(
        clause="12",
        situation="a product of which the policy says nothing: a person decides",
        facts=on(BOUGHT, a_sale("poster")),
        question=asks_back(KEY_ORDER, at=BOUGHT + DAY),
        answer={"verdict": ASK, "clause": "11", "why": "no_rule"},
    ),
    Row(
        clause="14",
        situation="tax and set-up fee stay, and what went back before is taken off",
        facts=on(
            BOUGHT,
            a_subscription(renews_at=MONDAY),
            an_order_of(status=OrderStatus.PARTIAL_REFUND, total=2500, tax=417, setup_fee=300, refunded=100),
        ),
        question=asks_back(ORDER, at=SOON),
        answer={"verdict": YES, "clause": "3.1", "amount": 2500 - 417 - 300 - 100},
    ),
    Row(
        clause="14",
        situation="where everything went back already there is nothing more to give",
        facts=(*FIRST_MONTH, *on(SOON, an_order_of(SOON, OrderStatus.PARTIAL_REFUND, refunded=1700))),
        question=asks_back(ORDER, at=SOON + DAY),
        answer={"verdict": NO, "clause": "14", "amount": 0, "why": "nothing_left"},
    ),
)

TERMS = terms()


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_the_policy_answers_as_the_table_says(row: Row) -> None:
    assert answered(row, TERMS) == row.answer


def test_every_clause_about_refunds_has_its_cases() -> None:
    assert clauses(ROWS) >= {"2", "3.1", "3.2", "4", "5.1", "8", "9", "10", "11", "12", "14"}
