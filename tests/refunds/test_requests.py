"""Refund requests through the front door: asked, judged, decided, carried out at the provider and confirmed by it."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from kulanz.commands.versions import activate
from kulanz.policy import document
from kulanz.providers.lemonsqueezy.samples import event
from kulanz.queries import accounts
from kulanz.queries.replay.replay import replay
from tests.days import tell
from tests.refunds.conftest import DAY, Support, everywhere

BASE = 4900 - 817


@everywhere
def test_a_first_month_is_refunded_on_the_day_of_approval_and_its_plan_ends(support: Support) -> None:
    bought = support.sold()

    request = support.asked(bought)
    approved = support.approve(request)
    paid = support.now(request)

    assert (request["verdict"], request["clause"], request["refundable_amount"]) == ("eligible", "3.1", BASE)
    assert (request["state"], request["currency"], request["late"]) == ("requested", "EUR", False)
    assert request["statutory_rights"] == "Statutory rights are not affected."
    assert (approved.status_code, approved.json()["state"], approved.json()["decided_by"]) == (200, "approved", "tests")
    assert (paid["state"], paid["refunded_amount"], paid["verdict"]) == ("paid", BASE, "eligible")
    account = support.account(bought)
    assert (account["plan"], account["access"], account["standing"]) == ("free", "free", "good")
    assert [(hold["owner"], hold["scope"]) for hold in account["holds"]] == [("refund", "subscription")]
    assert support.shop.simulator.subscription(bought.subscription)["cancelled"]
    assert [kind for _, kind, to in support.shop.mailed if bought.email in to] == ["refund_decided"]
    stated = [told["type"] for told in support.shop.callbacks.documents if told["data"]["account_id"] == bought.account]
    assert "refund.decided" in stated
    assert "account.suspended" not in stated
    assert [kind for _, kind, _ in support.shop.mailed] == ["refund_decided"]


def test_a_part_that_was_asked_for_goes_back_and_takes_nothing(support: Support) -> None:
    bought = support.sold()

    request = support.asked(bought, amount=1000)
    support.approve(request)
    paid = support.now(request)

    assert (paid["state"], paid["amount"], paid["refunded_amount"]) == ("paid", 1000, 1000)
    account = support.account(bought)
    assert (account["plan"], account["holds"]) == ("professional", [])
    assert not support.shop.simulator.subscription(bought.subscription)["cancelled"]


@everywhere
def test_who_asks_again_gets_the_first_answer_whatever_name_the_payment_has(support: Support) -> None:
    bought = support.sold()
    invoice = support.shop.simulator.last_invoice(bought.subscription)
    day = support.shop.now.date() - DAY

    first = support.ask(bought)
    again = support.ask(bought, payment_id=str(invoice), reason="another reason")
    by_day = support.ask(bought, transaction_date=str(day), amount=4900)

    assert (first.status_code, again.status_code, by_day.status_code) == (201, 200, 200)
    assert first.json() == again.json() == by_day.json()


@everywhere
def test_the_rest_can_be_asked_back_after_a_part_and_an_open_request_is_amended(support: Support) -> None:
    bought = support.sold()

    first = support.asked(bought, amount=2000)
    amended = support.ask(bought, amount=1000, reason="half of the month was enough")
    support.approve(first)
    part = support.now(first)
    rest = support.ask(bought)
    too_much = support.ask(bought, amount=BASE)
    support.approve(rest.json())
    paid = support.now(rest.json())

    assert (amended.status_code, amended.json()["id"], amended.json()["amount"]) == (200, first["id"], 1000)
    assert (part["state"], part["refunded_amount"]) == ("paid", 1000)
    assert (rest.status_code, rest.json()["refundable_amount"]) == (201, BASE - 1000)
    assert too_much.status_code == 422
    assert (paid["state"], paid["amount"], paid["refunded_amount"]) == ("paid", BASE - 1000, BASE)
    assert support.account(bought)["plan"] == "free"
    topics = [item["data"].get("topic") for item in support.shop.callbacks.documents if item["type"] == "ops.alert"]
    assert "refund_differs" not in topics
    assert [item.differs for item in replay(support.shop.services, shuffle=random.Random(7))] == [()]


@everywhere
def test_a_customer_who_was_refunded_under_another_account_is_for_a_person_to_decide(support: Support) -> None:
    first = support.sold()
    support.approve(support.asked(first))
    support.shop.settle()
    again = support.sold(account="another_name", customer=first.customer)
    stranger = support.sold(account="a_stranger")

    request = support.asked(again)

    assert (request["verdict"], request["clause"], request["why"]) == ("review", "3.2", "refunded_elsewhere")
    assert support.asked(stranger)["verdict"] == "eligible"
    assert [item.differs for item in replay(support.shop.services, shuffle=random.Random(9))] == [(), (), ()]


@everywhere
def test_who_bought_under_thirty_days_keeps_them_under_a_version_with_fourteen(support: Support) -> None:
    bought = support.sold()
    shorter = document.preset("plexo").replace('window = "30d"', 'window = "14d"', 1)
    activate(support.shop.services, shorter, actor="ada")
    support.shop.advance(20 * DAY)

    request = support.asked(bought)
    later = support.sold()
    support.shop.advance(20 * DAY)
    support.approve(request)
    paid = support.now(request)

    assert (request["verdict"], request["clause"], request["policy"]["version"]) == ("eligible", "3.1", 1)
    assert (paid["state"], paid["policy"]["version"]) == ("paid", 1)
    refused = support.asked(later)
    assert (refused["verdict"], refused["clause"], refused["policy"]["version"]) == ("not_eligible", "12", 2)
    story = accounts.explanation(support.shop.services, str(bought.account))
    assert any("at the payment answers better" in line for step in story.steps for line in step.sentences)
    assert [item.differs for item in replay(support.shop.services, shuffle=random.Random(5))] == [(), ()]


@everywhere
def test_a_suspension_that_is_over_is_remembered_and_who_asks_is_compared(support: Support) -> None:
    suspended, other = support.sold(), support.sold()
    named = support.sold()
    custom = {"account_id": named.account, "organisation": "Bäckerei Huber"}
    tell(support.shop.services, event("subscription_updated", named, at=support.shop.now, custom_data=custom))
    until = (support.shop.now + 2 * DAY).isoformat()
    order = {"kind": "suspend", "until": until, "reason": "sends spam"}
    assert support.post(f"/v1/accounts/{suspended.account}/overrides", order).status_code == 201
    support.shop.advance(5 * DAY)

    remembered = support.asked(suspended)
    differs = support.asked(other, contact_email="else@example.com")
    elsewhere = support.asked(named, organisation="Another")

    assert support.account(suspended)["standing"] == "good"
    assert (remembered["verdict"], remembered["clause"], remembered["why"]) == ("review", "3.1", "abuse_suspected")
    assert remembered["differs_from_account"] == []
    assert (differs["verdict"], differs["differs_from_account"]) == ("eligible", ["contact_email"])
    assert (elsewhere["verdict"], elsewhere["differs_from_account"]) == ("eligible", ["organisation"])
    story = accounts.explanation(support.shop.services, str(other.account))
    assert any("contact email differs" in line for step in story.steps for line in step.sentences)


@everywhere
@pytest.mark.parametrize(
    "reason", ["Längere Serviceausfälle", "Abrechnungsfehler oder Irrtümer", "we were billed twice"]
)
def test_the_pages_own_words_are_exceptional_circumstances(support: Support, reason: str) -> None:
    bought = support.sold()
    support.shop.advance(30 * DAY)

    request = support.asked(
        bought, payment_id=str(support.shop.simulator.last_invoice(bought.subscription)), reason=reason
    )

    assert (request["verdict"], request["clause"], request["why"]) == ("review", "11", "exceptional")


@everywhere
def test_a_refused_request_can_be_made_again_with_a_new_reason(support: Support) -> None:
    bought = support.sold()
    support.shop.advance(30 * DAY)
    renewal = str(support.shop.simulator.last_invoice(bought.subscription))
    refused = support.asked(bought, payment_id=renewal)
    support.deny(refused)

    same = support.ask(bought, payment_id=renewal)
    again = support.ask(bought, payment_id=renewal, reason="the service was down for a week: an outage")

    assert (same.status_code, same.json()["id"], same.json()["state"]) == (200, refused["id"], "denied")
    assert (again.status_code, again.json()["verdict"], again.json()["clause"]) == (201, "review", "11")


def test_who_asks_again_for_more_than_there_is_or_in_another_currency_is_told_so(support: Support) -> None:
    bought = support.sold()
    first = support.asked(bought)

    too_much, foreign = support.ask(bought, amount=99999), support.ask(bought, currency="USD")
    same = support.ask(bought, amount=BASE)
    support.approve(first)
    support.now(first)
    after = support.ask(bought, amount=BASE)

    assert (too_much.status_code, foreign.status_code) == (422, 422)
    assert "more than can be refunded" in too_much.json()["detail"]
    assert (same.status_code, same.json()["id"]) == (200, first["id"])
    assert (after.status_code, after.json()["state"]) == (200, "paid")


def test_an_idempotency_key_repeats_the_answer_and_not_the_request(support: Support) -> None:
    bought = support.sold()
    form = {
        "account_id": bought.account,
        "payment_id": str(bought.order),
        "contact_email": "a@b.c",
        "organisation": "B",
    }

    first = support.post("/v1/refund-requests", form, **{"Idempotency-Key": "one"})
    again = support.post("/v1/refund-requests", form, **{"Idempotency-Key": "one"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(support.get("/v1/refund-requests")["refund_requests"]) == 1


def test_a_renewal_is_not_refunded_and_a_denial_says_so_with_the_statutory_sentence(support: Support) -> None:
    bought = support.sold()
    support.shop.advance(30 * DAY)
    renewal = support.shop.simulator.last_invoice(bought.subscription)

    request = support.asked(bought, payment_id=str(renewal))
    denied = support.deny(request)
    after = support.now(request)

    assert (request["verdict"], request["clause"], request["refundable_amount"]) == ("not_eligible", "4", 0)
    assert (request["pay_by"], request["statutory_withdrawal_until"]) == (None, None)
    assert (denied.status_code, after["state"], after["clause"]) == (200, "denied", "4")
    (letter,) = [item for item in support.shop.mailbox.accepted if item["X-Kulanz-Notice"] == "refund_decided"]
    assert "Your statutory rights are not affected." in letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert support.account(bought)["plan"] == "professional"


def test_what_the_policy_refuses_may_be_granted_as_an_exception_with_a_reason(support: Support) -> None:
    bought = support.sold()
    support.shop.advance(30 * DAY)
    renewal = support.shop.simulator.last_invoice(bought.subscription)
    request = support.asked(bought, payment_id=str(renewal))

    without = support.approve(request)
    granted = support.approve(request, reason="they told us before, by phone")
    paid = support.now(request)

    assert (request["refundable_amount"], request["amount"]) == (0, BASE)
    assert (without.status_code, without.json()["title"]) == (422, "Invalid input")
    assert (granted.status_code, granted.json()["clause"], granted.json()["verdict"]) == (200, "11", "not_eligible")
    assert request["verdict_clause"] == granted.json()["verdict_clause"] == "4"
    assert granted.json()["amount"] == BASE
    assert (paid["state"], paid["refunded_amount"]) == ("paid", BASE)
    assert support.account(bought)["plan"] == "free"


def test_a_double_charge_that_goes_back_leaves_the_plan(support: Support) -> None:
    bought = support.sold()
    support.shop.simulator.billing.renew(str(bought.subscription))
    support.shop.advance(DAY / 24)
    support.shop.simulator.billing.renew(str(bought.subscription))
    support.shop.advance(DAY / 24)
    second = support.shop.simulator.last_invoice(bought.subscription)

    request = support.asked(bought, payment_id=str(second))
    support.approve(request, reason="charged twice indeed")
    paid = support.now(request)

    assert (request["verdict"], request["state"], request["clause"]) == ("review", "review", "11")
    assert (paid["state"], paid["refunded_amount"]) == ("paid", BASE)
    account = support.account(bought)
    assert (account["plan"], account["holds"]) == ("professional", [])


BAD = (
    ({"account_id": "nobody"}, 404, "account"),
    ({"payment_id": "99"}, 404, "payment"),
    ({"licence_id": "99"}, 404, "licence"),
    ({"amount": BASE + 1}, 422, "more than can be refunded"),
    ({"amount": 0}, 422, "amount"),
    ({"amount": -5}, 422, "amount"),
    ({"amount": 10**30}, 422, "amount"),
    ({"currency": "USD"}, 422, "EUR"),
    ({"currency": "XXY"}, 422, "ISO 4217"),
    ({"transaction_date": "2031-01-01", "amount": 4900}, 422, "future"),
    ({"transaction_date": "yesterday", "amount": 4900}, 422, "day"),
    ({"transaction_date": "2026-03-02"}, 422, "amount"),
    ({"transaction_date": "2026-03-02", "payment_id": "1"}, 422, "one way"),
    ({"transaction_date": "2026-03-02", "amount": 4901}, 404, "payment"),
    ({"contact_email": "nobody"}, 422, "mail"),
    ({"contact_email": "a..b@x.de"}, 422, "mail"),
    ({"organisation": ""}, 422, "organisation"),
    ({"reason": "\x00"}, 422, "reason"),
    ({"surprise": 1}, 422, "surprise"),
)


@everywhere
def test_a_request_that_cannot_be_is_a_clear_problem_and_nothing_is_kept(support: Support) -> None:
    bought = support.sold()

    answers = [(support.ask(bought, **stated), status, about) for stated, status, about in BAD]

    for answer, status, about in answers:
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), about
        assert about in answer.json()["detail"]
    assert support.get("/v1/refund-requests")["refund_requests"] == []


def test_a_closed_request_stays_as_it_is(support: Support) -> None:
    bought = support.sold()
    request = support.asked(bought)
    support.deny(request, reason="not as things are")

    again = [support.approve(request), support.deny(request)]

    assert [(item.status_code, item.json()["title"]) for item in again] == [(409, "Refused")] * 2
    assert support.now(request)["state"] == "denied"
    assert support.shop.simulator.invoices(bought.subscription)[0]["attributes"]["refunded_amount"] == 0


def test_more_than_is_left_is_not_approved(support: Support) -> None:
    bought = support.sold()
    request = support.asked(bought)

    answer = support.approve(request, amount=BASE + 1)

    assert answer.status_code == 422
    assert support.now(request)["state"] == "requested"


def test_an_unknown_request_is_not_found(support: Support) -> None:
    support.sold()

    answers = [support.approve({"id": "rr_0"}), support.deny({"id": "rr_0"})]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert support.session.get(support.url + "/v1/refund-requests/rr_0", timeout=10).status_code == 404


@everywhere
def test_what_nobody_answers_in_three_working_days_is_late_and_operators_are_told(support: Support) -> None:
    bought = support.sold()
    request = support.asked(bought)

    support.shop.advance_to(datetime.fromisoformat(request["decide_by"]))

    late = support.get("/v1/refund-requests?late=true")["refund_requests"]
    assert [(item["id"], item["late"]) for item in late] == [(request["id"], True)]
    assert support.get("/v1/refund-requests?late=false")["refund_requests"] == []
    topics = [item["data"].get("topic") for item in support.shop.callbacks.documents if item["type"] == "ops.alert"]
    assert topics.count("refund_answer_late") == 1
    assert [item["kind"] for item in support.account(bought)["timers"] if item["kind"] == "review_due"] == []


@everywhere
def test_requests_are_listed_page_by_page_newest_first(support: Support) -> None:
    requested = [support.asked(support.sold())["id"] for _ in range(3)]
    support.deny({"id": requested[0]}, reason="no")

    first = support.get("/v1/refund-requests?limit=2")
    rest = support.get(f"/v1/refund-requests?limit=2&cursor={first['next_cursor']}")
    denied = support.get("/v1/refund-requests?state=denied")

    assert [item["id"] for item in first["refund_requests"]] == [requested[2], requested[1]]
    assert [item["id"] for item in rest["refund_requests"]] == [requested[0]]
    assert (rest["next_cursor"], [item["id"] for item in denied["refund_requests"]]) == (None, [requested[0]])


def test_a_page_may_end_with_an_account_of_any_id(support: Support) -> None:
    requested = [support.asked(support.sold(account=f"auth0|{number}|+x"))["id"] for number in range(2)]

    first = support.get("/v1/refund-requests?limit=1")
    rest = support.get(f"/v1/refund-requests?limit=1&cursor={first['next_cursor']}")

    assert [item["id"] for page in (first, rest) for item in page["refund_requests"]] == requested[::-1]


def test_a_list_that_cannot_be_is_refused(support: Support) -> None:
    queries = ("state=gone", "late=maybe", "limit=0", "cursor=%00", "what=1")

    answers = [support.session.get(f"{support.url}/v1/refund-requests?{query}", timeout=10) for query in queries]

    assert [answer.status_code for answer in answers] == [400] * len(queries)


def test_a_refund_by_hand_closes_the_request_and_is_no_chargeback(support: Support) -> None:
    bought = support.sold()
    request = support.asked(bought)

    support.shop.simulator.desk.refund_order(str(bought.order))
    support.shop.advance(DAY / 24)

    assert support.now(request)["state"] == "paid"
    account = support.account(bought)
    assert (account["plan"], account["standing"], account["disputes"]) == ("free", "good", [])
    topics = [
        document["data"].get("topic")
        for document in support.shop.callbacks.documents
        if document["type"] == "ops.alert"
    ]
    assert "unrequested_refund" not in topics


def test_a_full_refund_that_nobody_asked_for_is_still_shown_to_operators(support: Support) -> None:
    bought = support.sold()

    support.shop.simulator.desk.refund_order(str(bought.order))
    support.shop.advance(DAY / 24)

    topics = [
        document["data"].get("topic")
        for document in support.shop.callbacks.documents
        if document["type"] == "ops.alert"
    ]
    assert "unrequested_refund" in topics
    assert support.account(bought)["plan"] == "professional"


def test_a_chargeback_after_a_request_takes_nothing_and_a_person_decides(support: Support) -> None:
    bought = support.sold()
    request = support.asked(bought)

    support.shop.simulator.desk.call_fraudulent(str(bought.order), told_by="order_refunded")
    support.shop.advance(DAY / 24)

    account = support.account(bought)
    assert (account["standing"], account["plan"], account["holds"]) == ("good", "professional", [])
    after = support.now(request)
    assert (after["verdict"], after["clause"], after["state"]) == ("review", "10", "review")
    assert support.approve(request, reason="goodwill").status_code == 409
    topics = [
        document["data"].get("topic")
        for document in support.shop.callbacks.documents
        if document["type"] == "ops.alert"
    ]
    assert "dispute_needs_review" in topics


@everywhere
def test_the_licence_that_went_back_is_disabled_at_the_provider(support: Support) -> None:
    bought = support.sold(licence=True)
    licence = str(bought.licence)

    request = support.asked(bought, licence_id=licence)
    support.approve(request)
    support.shop.advance(DAY / 24)

    assert (request["verdict"], request["clause"], request["licence_ids"]) == ("eligible", "8", [licence])
    assert support.shop.simulator.store.told("license-keys", licence)["disabled"]
    (shown,) = support.account(bought)["licences"]
    assert (shown["id"], shown["disabled"], shown["held"], shown["in_use"]) == (licence, True, True, False)


def test_a_licence_is_left_on_where_only_a_part_of_its_price_went_back(support: Support) -> None:
    bought = support.sold(licence=True)

    request = support.asked(bought, licence_id=str(bought.licence), amount=500)
    support.approve(request)

    assert support.now(request)["state"] == "paid"
    assert not support.shop.simulator.store.told("license-keys", str(bought.licence))["disabled"]


def test_a_licence_that_is_deployed_by_an_operators_word_does_not_go_back(support: Support) -> None:
    bought = support.sold(licence=True)

    stated = support.post(
        f"/v1/accounts/{bought.account}/licences/{bought.licence}/deployed", {"reason": "seen at the customer's"}
    )
    request = support.asked(bought, licence_id=str(bought.licence))

    assert (stated.status_code, stated.json()["deployed"], stated.json()["refundable_until"]) == (201, True, None)
    assert (request["verdict"], request["why"]) == ("not_eligible", "licence_in_use")


@everywhere
def test_everything_is_recomputed_from_what_was_recorded(support: Support) -> None:
    bought = support.sold(licence=True)
    request = support.asked(bought)
    support.approve(request)
    support.now(request)

    replay_results = list(replay(support.shop.services, shuffle=random.Random(3)))

    assert [replay_result.differs for replay_result in replay_results] == [()]


def test_the_story_of_a_refund_reads_in_sentences(support: Support) -> None:
    bought = support.sold()
    support.approve(support.asked(bought))
    support.shop.settle()

    story = accounts.explanation(support.shop.services, str(bought.account))

    said = [line for step in story.steps for line in step.sentences]
    assert any("The policy says: it goes back" in line and "40.83 EUR" in line for line in said)
    assert any(line.startswith("tests approved a refund of 40.83 EUR") for line in said)
    assert any("confirmed that 40.83 EUR" in line for line in said)
    assert any("its payment went back in full" in line for line in story.why)


def test_a_request_that_waits_for_its_money_is_no_debt(support: Support) -> None:
    bought = support.sold()
    support.asked(bought, amount=1000)

    story = accounts.explanation(support.shop.services, str(bought.account))

    assert [line for line in story.outlook if "waits for an answer" in line]
    assert not [line for line in story.outlook if "debt" in line]


def test_an_answer_that_is_late_is_said_to_be(support: Support) -> None:
    bought = support.sold()
    support.asked(bought, amount=1000)

    support.shop.advance(8 * DAY)

    story = accounts.explanation(support.shop.services, str(bought.account))
    assert [line for line in story.outlook if "waits for an answer" in line and line.endswith("It is late.")]
