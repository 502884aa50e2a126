"""What a refund request is answered where more has to be told of a purchase than a line of the case tables can."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kulanz.documents.purchases import Developer
from kulanz.policy import document
from kulanz.policy import facts as f
from kulanz.policy.effects import RefundPayment, SendMail
from kulanz.policy.facts import BillingReason, LicenceStatus, OrderStatus, Stamp, Status
from kulanz.queries import refund_documents
from kulanz.queries.sentences import sentence
from kulanz.store.codec import change_document
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
    Stage,
    a_failure,
    a_subscription,
    a_success,
    terms,
)
from tests.policy.test_refunds import BASE, FIRST, NEXT, SOON, TAX, TOTAL, a_customer, asks, decides, sold

LICENCE = "lemonsqueezy:7001"


def answer(account: Stage, **told: Any) -> tuple[str, str, int, str]:
    """Ask, and return verdict, clause, refundable amount and why."""
    refund_answer = asks(account, **told).answer
    return str(refund_answer.verdict), refund_answer.clause, refund_answer.refundable, refund_answer.why


def paid(at: Any, **told: Any) -> f.PaymentSucceeded:
    return a_success(at, **{"total": TOTAL, "tax": TAX, "created_at": at, **told})


def a_trial() -> Stage:
    account = Stage(now=LONG_AGO)
    ends = LONG_AGO + 14 * DAY
    account.hear(
        a_subscription(Status.ON_TRIAL, trial_ends_at=ends, renews_at=ends),
        sold(total=0, tax=0),
        paid(LONG_AGO, key=FIRST, reason=BillingReason.INITIAL, total=0, tax=0),
    )
    return account


def a_key(status: LicenceStatus, **told: Any) -> f.LicenceSeen:
    return f.LicenceSeen(key=LICENCE, stamp=Stamp(LONG_AGO), status=status, customer=OWNER, **told)


@pytest.mark.parametrize("name", [ORDER, "1100000"], ids=["order", "invoice"])
def test_an_order_and_its_first_invoice_are_the_same_money(name: str) -> None:
    assert answer(a_customer(), payment=name) == ("eligible", "3.1", BASE, "within_window")


def test_the_first_money_after_a_trial_is_that_of_its_end_whatever_the_provider_calls_it() -> None:
    account = a_trial()
    account.hear(paid(LONG_AGO + 14 * DAY), at=LONG_AGO + 14 * DAY)
    account.wait(LONG_AGO + 20 * DAY)

    assert answer(account, payment=INVOICE) == ("eligible", "3.1", BASE, "within_window")


def test_the_window_runs_from_the_first_money_not_from_the_trials_order_of_nothing() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(a_subscription(Status.ON_TRIAL, trial_ends_at=LONG_AGO + 14 * DAY), sold(total=0, tax=0))
    first = LONG_AGO + 14 * DAY
    account.hear(paid(first, key=FIRST, reason=BillingReason.INITIAL), at=first)
    account.wait(LONG_AGO + 35 * DAY)

    assert answer(account, payment=ORDER) == ("eligible", "3.1", BASE, "within_window")
    decides(account)
    (effect,) = [effect for _, effect in account.done if isinstance(effect, RefundPayment)]
    assert (effect.kind, effect.payment, effect.amount) == ("invoice", FIRST, BASE)


def test_the_order_of_a_trial_pays_no_invoice_that_is_still_owed() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(a_subscription(Status.ON_TRIAL, trial_ends_at=LONG_AGO + 14 * DAY), sold(total=0, tax=0))
    first = LONG_AGO + 14 * DAY
    account.hear(a_failure(first, key=FIRST, reason=BillingReason.INITIAL, created_at=first, total=TOTAL), at=first)

    assert answer(account, payment=ORDER) == ("not_eligible", "6.2", 0, "not_paid")


@pytest.mark.parametrize(("day", "verdict"), [(39, "eligible"), (41, "not_eligible")])
def test_the_window_of_an_order_that_was_pending_runs_from_its_payment(day: int, verdict: str) -> None:
    account = Stage(now=LONG_AGO)
    account.hear(a_subscription(renews_at=NEXT), sold(status=OrderStatus.PENDING))
    paid_at = LONG_AGO + 10 * DAY
    account.hear(sold(stamp=Stamp(paid_at)), at=paid_at)
    account.wait(LONG_AGO + day * DAY)

    assert answer(account, payment=ORDER)[0] == verdict


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (datetime(2026, 3, 31, 21, 59, 59, 900000, tzinfo=UTC), "eligible"),
        (datetime(2026, 3, 31, 22, 0, tzinfo=UTC), "not_eligible"),
    ],
    ids=["the last second in Vienna", "midnight in Vienna"],
)
def test_thirty_days_end_with_the_thirtieth_day_in_the_customers_zone_over_the_change_of_clocks(
    at: datetime, verdict: str
) -> None:
    began = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
    account = Stage(now=began, terms=terms(zone="Europe/Vienna"))
    account.hear(a_subscription(at=began, created_at=began), sold(at=began, created_at=began))
    account.wait(at)

    assert answer(account, payment=ORDER)[0] == verdict


def test_in_a_trial_nothing_was_paid_so_there_is_nothing_to_refund() -> None:
    assert answer(a_trial(), payment=ORDER) == ("not_eligible", "2", 0, "nothing_paid")


def test_an_add_on_is_no_earlier_plan_so_the_first_plan_after_it_is_the_first_subscription() -> None:
    before = LONG_AGO - 5 * DAY
    account = Stage(now=before)
    account.hear(
        a_subscription(at=before, key=OTHER, variant=SEATS, product="seats", order=None, created_at=before),
        paid(before, key="lemonsqueezy:55", subscription=OTHER, reason=BillingReason.INITIAL),
    )
    account.wait(LONG_AGO)
    account.hear(a_subscription(renews_at=NEXT), sold(), paid(LONG_AGO, key=FIRST, reason=BillingReason.INITIAL))

    assert answer(account, payment=ORDER) == ("eligible", "3.1", BASE, "within_window")


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        (OWNER, ("not_eligible", "3.2", 0, "not_the_first_subscription")),
        ("lemonsqueezy:99", ("eligible", "3.1", BASE, "within_window")),
    ],
    ids=["the same customer", "another customer of the account"],
)
def test_the_first_subscription_is_a_customers_own(customer: str, expected: tuple[str, str, int, str]) -> None:
    before = LONG_AGO - 5 * DAY
    bought = {"key": OTHER, "variant": ENTERPRISE, "product": "enterprise", "order": None}
    account = Stage(now=before)
    account.hear(
        a_subscription(at=before, customer=customer, created_at=before, **bought),
        paid(before, key="lemonsqueezy:55", subscription=OTHER, customer=customer, reason=BillingReason.INITIAL),
    )
    account.wait(LONG_AGO)
    account.hear(a_subscription(renews_at=NEXT), sold(), paid(LONG_AGO, key=FIRST, reason=BillingReason.INITIAL))

    assert answer(account, payment=ORDER) == expected


def test_a_renewal_of_which_nothing_before_is_known_is_a_renewal_all_the_same() -> None:
    account = Stage(now=MONDAY)
    account.hear(a_subscription(at=MONDAY, created_at=LONG_AGO), paid(MONDAY))

    assert answer(account, payment=INVOICE) == ("not_eligible", "4", 0, "renewal")


def test_the_renewal_of_a_licence_does_not_go_back() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(
        a_subscription(variant="lemonsqueezy:1", product="on-premise"),
        sold(),
        paid(LONG_AGO, key=FIRST, reason=BillingReason.INITIAL),
        a_key(LicenceStatus.INACTIVE, order=ORDER),
    )
    account.hear(paid(MONDAY), at=MONDAY)

    assert answer(account, payment=INVOICE) == ("not_eligible", "8", 0, "licence_renewal")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"payment": ORDER}, ("eligible", "3.1", BASE, "within_window")),
        ({"payment": None, "licence": "7001"}, ("not_eligible", "8", 0, "licence_in_use")),
    ],
    ids=["asked by its order, it is a plan", "asked by its key, it is a licence"],
)
def test_a_plan_that_comes_with_a_key_that_was_used(asked: dict[str, Any], expected: tuple[str, str, int, str]) -> None:
    account = a_customer()
    account.hear(a_key(LicenceStatus.ACTIVE, order=ORDER, activations=1))

    assert answer(account, **asked) == expected


def test_tax_and_set_up_fee_stay_and_what_went_back_before_is_taken_off() -> None:
    account = Stage(now=LONG_AGO)
    status = OrderStatus.PARTIAL_REFUND
    account.hear(a_subscription(renews_at=NEXT), sold(status=status, total=2500, tax=417, setup_fee=300, refunded=100))

    assert answer(account, payment=ORDER) == ("eligible", "3.1", 2500 - 417 - 300 - 100, "within_window")


def test_where_all_but_the_tax_went_back_nothing_is_left() -> None:
    account = a_customer()
    account.hear(sold(SOON, OrderStatus.PARTIAL_REFUND, refunded=BASE))

    assert answer(account, payment=ORDER) == ("not_eligible", "14", 0, "nothing_left")


BITRIX24_WITH_A_DEVELOPER = (
    document.preset("bitrix24")
    + '\n[[refund.developers]]\nproducts = ["crm"]\nname = "Acme Apps"\ncontact = "help@acme.example"\n'
)


@pytest.mark.parametrize(("product", "told"), [("crm-apps", True), ("zeit-app", False)])
def test_the_answer_about_a_delegated_product_names_its_developer_where_the_policy_does(
    product: str, *, told: bool
) -> None:
    account = Stage(now=LONG_AGO, terms=terms(document.parse(BITRIX24_WITH_A_DEVELOPER, version=1)))
    bought = {"key": OTHER, "variant": "lemonsqueezy:77", "product": product, "order": None}
    account.hear(a_subscription(**bought), paid(LONG_AGO, key="lemonsqueezy:9", subscription=OTHER))

    assert answer(account, payment="lemonsqueezy:9")[3] == "delegated"
    (refund,) = account.state.refunds
    shown = refund_documents.refund_request("org_42", refund, account.now).developer
    assert shown == (Developer(name="Acme Apps", contact="help@acme.example") if told else None)
    decides(account, approve=False, reason="theirs to say")
    mails = [effect.data for _, effect in account.done if isinstance(effect, SendMail)]
    assert mails[-1].get("developer_contact") == ("help@acme.example" if told else None)
    changes = [change for decision in account.decisions for change in decision.changes]
    said = sentence(change_document(next(change for change in changes if change.rule == "refund.requested")))
    assert ("(Acme Apps, help@acme.example)" in said) is told
