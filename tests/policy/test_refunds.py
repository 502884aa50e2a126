"""What follows from a refund request: deadlines, the order to the provider, what ends with it, what is contact."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulanz.commands.commands import DecideRefund, RequestRefund
from kulanz.commands.refunds import facts_of
from kulanz.errors import InvalidInputError, RefusedError
from kulanz.policy import facts as f
from kulanz.policy.areas.refunds.payments import payments
from kulanz.policy.assess import assess
from kulanz.policy.book import Book
from kulanz.policy.book.provider import Order
from kulanz.policy.consequences.effects import reported, still_wanted
from kulanz.policy.effects import CancelSubscription, DisableLicence, RefundPayment, SendMail
from kulanz.policy.facts import BillingReason, DisputeStatus, Fact, OrderStatus, Outcome, OverrideKind, Stamp, Status
from kulanz.policy.state import Access, Owner, Standing
from kulanz.policy.state.refunds import Refund, RefundState, Verdict
from tests.policy.stories import (
    DAY,
    ENTERPRISE,
    HOUR,
    INVOICE,
    LONG_AGO,
    ORDER,
    OWNER,
    PLEXO,
    SUB,
    Stage,
    a_dispute,
    a_failure,
    a_refund,
    a_subscription,
    a_success,
    an_order,
    an_override,
    plexo_but,
    terms,
    told_by_operator,
)
from tests.replacing import replace

EARLIER = "lemonsqueezy:421900"
FIRST = "lemonsqueezy:1100000"
SOON = LONG_AGO + 5 * DAY
NEXT = LONG_AGO + 30 * DAY
TOTAL, TAX, BASE = 2000, 333, 1667


def a_customer(**stage: Any) -> Stage:
    """Somebody who bought the professional plan five days ago, for 20.00 with 3.33 of tax."""
    account = Stage(now=LONG_AGO, **stage)
    account.hear(
        a_subscription(renews_at=NEXT),
        sold(),
        a_success(LONG_AGO, key=FIRST, reason=BillingReason.INITIAL, created_at=LONG_AGO, total=TOTAL, tax=TAX),
    )
    account.wait(SOON)
    return account


def sold(at: datetime = LONG_AGO, status: OrderStatus = OrderStatus.PAID, **told: Any) -> f.OrderSeen:
    return an_order(status, at, **{"total": TOTAL, "tax": TAX, "created_at": LONG_AGO, **told})


def asks(account: Stage, **told: Any) -> Refund:
    order = RequestRefund(**{"payment": ORDER, "contact_email": "a@b.c", "organisation": "Bakery", **told})
    account.hear(*facts_of(order, account.account, account.terms, "ada", account.now))
    return account.state.refunds[-1]


def decides(account: Stage, *, approve: bool = True, **told: Any) -> Refund:
    (refund,) = account.state.refunds
    order = DecideRefund(request=refund.key, approve=approve, **told)
    account.hear(*facts_of(order, account.account, account.terms, "ada", account.now))
    return account.state.refunds[0]


def comes_back(account: Stage, refunded: int, at: datetime | None = None) -> None:
    """The provider tells that so much of the first payment went back so far."""
    status = OrderStatus.REFUNDED if refunded >= TOTAL else OrderStatus.PARTIAL_REFUND
    account.hear(sold(at or account.now, status, refunded=refunded))


def test_an_approved_request_is_ordered_at_once_sent_and_closed_by_the_providers_word() -> None:
    account = a_customer()

    refund = asks(account)
    sent = decides(account)
    comes_back(account, BASE)

    (ordered,) = [effect for _, effect in account.done if isinstance(effect, RefundPayment)]
    assert (refund.state, sent.state, account.state.refunds[0].state) == ("requested", "sent", "paid")
    assert (ordered.payment, ordered.kind, ordered.amount, ordered.before) == (ORDER, "order", BASE, 0)
    assert account.mails == ["refund_decided"]
    assert account.callbacks.count("refund.decided") == 1
    assert [rule for rule, _ in account.rules if rule.startswith("refund.")] == [
        "refund.requested",
        "refund.received",
        "refund.reduced",
        "refund.answer_due",
        "refund.approved",
        "refund.ordered",
        "refund.sent",
        "refund.paid",
    ]


def test_what_went_back_in_full_ends_its_plan_its_renewal_and_nothing_else_i4() -> None:
    account = a_customer()
    account.hear(an_override(OverrideKind.LEGAL_HOLD, SOON, SOON + 90 * DAY))
    asks(account)
    decides(account)

    before = account.state
    comes_back(account, BASE)

    assert (before.access, account.state.access, account.state.standing) == (Access.FULL, Access.FREE, Standing.GOOD)
    assert [hold.owner for hold in account.state.holds] == [Owner.REFUND]
    assert account.cancelled == [SUB]


def test_a_payment_after_the_refund_brings_the_plan_back() -> None:
    account = a_customer()
    asks(account)
    decides(account)
    comes_back(account, BASE)

    account.hear(a_success(NEXT, total=TOTAL, tax=TAX, created_at=NEXT), a_subscription(at=NEXT), at=NEXT)

    assert (account.state.holds, account.state.access) == ((), Access.FULL)
    assert account.state.refunds[0].state is RefundState.PAID


def test_a_plan_that_comes_back_although_no_renewal_was_stopped_is_named_i7() -> None:
    account = a_customer(cancel=Outcome.REFUSED)
    asks(account)
    decides(account)
    comes_back(account, TOTAL)
    free = account.state.plan

    account.hear(a_success(SOON + DAY, created_at=SOON + DAY, total=TOTAL), at=SOON + DAY)

    assert (free, account.state.plan) == ("free", "professional")
    assert "refund.hold_released" in [rule for rule, _ in account.rules]
    assert "account.entitlement_changed" in account.callbacks


def test_a_dunning_hold_stays_where_a_refund_hold_goes_i4() -> None:
    account = a_customer()
    account.hear(a_failure(NEXT, total=TOTAL, created_at=NEXT), a_subscription(Status.PAST_DUE, NEXT), at=NEXT)
    account.wait(NEXT + 8 * DAY)
    held = [hold.owner for hold in account.state.holds]
    asks(account)
    decides(account, reason="goodwill")
    comes_back(account, BASE)

    both = {hold.owner for hold in account.state.holds}
    account.hear(a_success(account.now, total=TOTAL, created_at=NEXT))

    assert (held, both) == ([Owner.DUNNING], {Owner.DUNNING, Owner.REFUND})
    assert account.state.holds == ()


def test_an_order_that_went_back_ends_each_subscription_it_bought_and_a_late_one_releases_none_i4() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(a_subscription(variant=ENTERPRISE, renews_at=NEXT), sold())
    asks(account)
    decides(account)
    account.hear(sold(SOON, OrderStatus.REFUNDED, refunded=TOTAL), at=SOON)
    free = account.state.plan

    paid_again = a_success(SOON, subscription=EARLIER, key=INVOICE, created_at=SOON)
    account.hear(paid_again, a_subscription(key=EARLIER, renews_at=NEXT))
    account.hear(a_subscription(key="lemonsqueezy:421999", variant=ENTERPRISE, renews_at=NEXT))

    (hold,) = account.state.holds
    assert free == "free"
    assert (hold.owner, hold.subscriptions) == (Owner.REFUND, (SUB, "lemonsqueezy:421999"))
    assert (account.state.plan, account.cancelled) == ("professional", [SUB, "lemonsqueezy:421999"])


def test_half_of_it_ends_nothing() -> None:
    account = a_customer()
    asks(account, amount=800)
    decides(account)
    comes_back(account, 800)

    assert (account.state.refunds[0].state, account.state.holds, account.cancelled) == ("paid", (), [])


def test_money_that_moved_otherwise_than_approved_is_seen_by_operators_and_closes_nothing() -> None:
    account = a_customer()
    asks(account)
    decides(account)

    comes_back(account, 900)

    assert account.state.refunds[0].state is RefundState.SENT
    assert "refund_differs" in account.alerts


def test_a_dispute_that_opens_before_it_is_carried_out_stops_the_refund() -> None:
    account = a_customer()
    asks(account)
    refund = next(iter(refund_effects(account)))

    account.hear(a_dispute(DisputeStatus.OPENED, SOON, opened_at=SOON, order=ORDER, payment=ORDER))

    assert not wanted(account, refund)


def refund_effects(account: Stage) -> list[RefundPayment]:
    (refund,) = account.state.refunds
    order = DecideRefund(request=refund.key, approve=True)
    decision = account.decide(
        account.account, facts_of(order, account.account, account.terms, "ada", account.now), account.terms, account.now
    )
    account.account = decision.account
    return [effect for effect in decision.effects if isinstance(effect, RefundPayment)]


def wanted(account: Stage, effect: RefundPayment) -> bool:
    return still_wanted(effect, account.state, account.account.book)


def test_what_has_gone_back_meanwhile_is_not_sent_any_more() -> None:
    account = a_customer()
    asks(account)
    (refund,) = refund_effects(account)

    assert wanted(account, refund)
    comes_back(account, BASE)
    assert not wanted(account, refund)


def test_nothing_is_approved_while_the_bank_is_asked_for_the_same_money() -> None:
    account = a_customer()
    asks(account)
    account.hear(a_dispute(DisputeStatus.OPENED, SOON, opened_at=SOON, order=ORDER, payment=ORDER))

    with pytest.raises(RefusedError, match="twice"):
        decides(account, reason="goodwill")


def test_a_full_refund_while_a_dispute_is_open_is_its_outcome_and_no_second_case() -> None:
    account = a_customer()
    asks(account)
    decides(account)
    account.hear(a_dispute(DisputeStatus.OPENED, SOON, opened_at=SOON, order=ORDER, payment=ORDER))

    comes_back(account, TOTAL)

    assert (len(account.state.chargebacks), [hold.owner for hold in account.state.holds]) == (1, [])
    assert account.state.refunds[0].state is RefundState.PAID


@pytest.mark.parametrize(
    ("before", "standing"),
    [
        (timedelta(days=29), Standing.GOOD),
        (timedelta(days=31), Standing.SUSPENDED),
        (timedelta(hours=-1), Standing.SUSPENDED),
    ],
)
def test_a_request_within_thirty_days_before_a_chargeback_is_contact(before: timedelta, standing: Standing) -> None:
    account = a_customer()
    asks(account)
    decides(account, approve=False, reason="not now")

    at = SOON + before
    account.hear(a_dispute(DisputeStatus.OPENED, at, opened_at=at, order=ORDER, payment=ORDER), at=max(at, account.now))

    assert account.state.standing is standing
    assert ("dispute_needs_review" in account.alerts) is (standing is Standing.GOOD)


def test_a_request_after_a_dispute_is_known_is_no_contact_whatever_the_banks_clock_says() -> None:
    account = a_customer()
    ahead = SOON + HOUR
    account.hear(a_dispute(DisputeStatus.OPENED, ahead, opened_at=ahead, order=ORDER, payment=ORDER))

    asks(account)

    assert account.state.standing is Standing.SUSPENDED


def test_a_request_for_another_payment_is_no_contact() -> None:
    account = a_customer()
    account.hear(sold(SOON, key="lemonsqueezy:77", product="poster"))
    asks(account, payment="77")

    at = SOON + DAY
    account.hear(a_dispute(DisputeStatus.OPENED, at, opened_at=at, order=ORDER, payment=ORDER), at=at)

    assert account.state.standing is Standing.SUSPENDED


@pytest.mark.parametrize("name", [ORDER, FIRST], ids=["order", "first invoice"])
@pytest.mark.parametrize("bare", [True, False], ids=["the provider's id", "our key"])
def test_a_chargeback_that_a_person_types_in_is_about_the_payment_by_any_name_it_has(name: str, bare: bool) -> None:  # noqa: FBT001
    account = a_customer()
    asks(account)

    at = SOON + DAY
    text = name.partition(":")[2] if bare else name
    account.hear(told_by_operator(DisputeStatus.OPENED, at, opened_at=at, payment=text), at=at)
    request = account.state.refunds[0]
    comes_back(account, TOTAL)

    assert (account.state.standing, request.state) == (Standing.GOOD, RefundState.REVIEW)
    assert "unrequested_refund" not in account.alerts


@pytest.mark.parametrize("named", [{}, {"payment": "999"}, {"payment": "lemonsqueezy:999"}])
def test_a_chargeback_of_a_payment_that_nobody_knows_takes_nothing_after_contact(named: dict[str, str]) -> None:
    account = a_customer()
    asks(account)

    at = SOON + DAY
    account.hear(told_by_operator(DisputeStatus.OPENED, at, opened_at=at, **named), at=at)

    assert account.state.standing is Standing.GOOD
    assert "dispute_needs_review" in account.alerts


@pytest.mark.parametrize("amount", [400, BASE], ids=["less", "more"])
def test_another_amount_than_was_asked_for_takes_a_reason(amount: int) -> None:
    account = a_customer()
    asks(account, amount=500)

    with pytest.raises(InvalidInputError, match="reason"):
        decides(account, amount=amount)

    assert decides(account, amount=amount, reason="as agreed by phone").amount == amount


@pytest.mark.parametrize("told", [{}, {"amount": 500}])
def test_the_amount_that_was_asked_for_takes_no_reason(told: dict[str, int]) -> None:
    account = a_customer()
    asks(account, amount=500)

    assert decides(account, **told).amount == 500


def test_a_chargeback_of_a_payment_that_nobody_knows_suspends_without_contact() -> None:
    account = a_customer()

    at = SOON + DAY
    account.hear(told_by_operator(DisputeStatus.OPENED, at, opened_at=at, payment="999"), at=at)

    assert account.state.standing is Standing.SUSPENDED


def test_a_full_refund_explained_by_a_chargeback_that_a_person_typed_in_is_no_second_case() -> None:
    account = a_customer()
    at = SOON + DAY
    account.hear(told_by_operator(DisputeStatus.OPENED, at, opened_at=at, payment=FIRST.partition(":")[2]), at=at)

    comes_back(account, TOTAL)

    assert "unrequested_refund" not in account.alerts
    assert len(account.state.chargebacks) == 1


def test_a_full_refund_after_a_denial_is_one_that_nobody_here_wanted() -> None:
    account = a_customer()
    asks(account)
    decides(account, approve=False, reason="no")

    comes_back(account, TOTAL)

    assert "unrequested_refund" in account.alerts
    assert account.state.refunds[0].state is RefundState.DENIED


def test_a_policy_that_suspends_for_unrequested_refunds_leaves_a_requested_one_alone() -> None:
    account = a_customer(terms=terms(plexo_but(dispute={"unrequested_full_refund": "suspend"})))
    asks(account)
    decides(account)

    comes_back(account, TOTAL)

    assert (account.state.standing, account.state.chargebacks) == (Standing.GOOD, ())


def test_the_deadline_passes_and_operators_are_told_once() -> None:
    account = a_customer()
    refund = asks(account)
    timers = [timer for timer in account.state.timers if timer.kind == "review_due"]

    account.wait(refund.decide_by + 5 * DAY)

    assert [timer.due_at for timer in timers] == [refund.decide_by]
    assert account.alerts.count("refund_answer_late") == 1
    assert account.state.refunds[0].is_late(account.now)


def test_money_that_does_not_arrive_is_late_too() -> None:
    account = a_customer()
    asks(account)
    sent = decides(account)
    assert sent.pay_by is not None

    account.wait(sent.pay_by)

    assert account.alerts.count("refund_payment_late") == 1


def test_news_before_the_decision_change_the_answer_and_news_after_it_do_not() -> None:
    account = a_customer()
    asks(account)
    comes_back(account, 500)
    judged = account.state.refunds[0]
    decides(account, approve=False, reason="no")
    comes_back(account, 600)

    assert (judged.answer.refundable, judged.state) == (BASE - 500, "requested")
    assert ("refund.judged_anew", "3.1") in account.rules
    assert account.state.refunds[0].answer == judged.answer


def test_a_request_is_judged_by_the_policy_in_force_when_it_was_made() -> None:
    stricter = replace(PLEXO, version=2, refund=replace(PLEXO.refund, subscriptions="none", otherwise="not_eligible"))
    line = replace(terms(), policies=((LONG_AGO - DAY, PLEXO), (SOON + DAY, stricter)))
    account = a_customer(terms=line)
    asks(account)

    account.wait(SOON + 2 * DAY)

    assert account.state.refunds[0].answer.verdict is Verdict.ELIGIBLE
    assert account.state.refunds[0].policy.version == 1


def test_the_licence_that_was_paid_for_is_disabled_unless_it_is() -> None:
    account = a_customer()
    account.hear(a_licence())
    asks(account)
    decides(account)

    comes_back(account, BASE)
    comes_back(account, BASE, account.now + HOUR)

    assert [effect.licence for _, effect in account.done if isinstance(effect, DisableLicence)] == ["lemonsqueezy:7001"]


def a_licence(**told: Any) -> f.LicenceSeen:
    existing = {"key": "lemonsqueezy:7001", "stamp": Stamp(LONG_AGO), "status": f.LicenceStatus.INACTIVE}
    return f.LicenceSeen(**{**existing, "customer": OWNER, "order": ORDER, **told})


def test_refunds_told_one_by_one_add_up_and_twice_is_once() -> None:
    account = a_customer()
    part = f.RefundSeen(
        key="paddle:adj_1", payment=ORDER, stamp=Stamp(SOON), amount=400, currency="EUR", customer=OWNER
    )
    waiting = replace(part, key="paddle:adj_2", counts=False)

    account.hear(part, waiting, part)
    first = asks(account).answer.refundable
    account.hear(replace(waiting, counts=True, stamp=Stamp(SOON + HOUR)))

    assert (first, account.state.refunds[0].answer.refundable) == (BASE - 400, BASE - 800)


def test_a_denial_that_gives_something_back_is_none() -> None:
    account = a_customer()
    asks(account)

    with pytest.raises(InvalidInputError, match="amount"):
        decides(account, approve=False, amount=5)


def told(name: str, number: int) -> Fact:
    """Something that a provider or an operator may tell of the account, the later the higher the number."""
    return TOLD[name](SOON + number * HOUR, number)


def a_dispute_about_it(status: DisputeStatus, at: datetime) -> f.DisputeSeen:
    return a_dispute(status, at, opened_at=at, order=ORDER, payment=ORDER)


def a_part(at: datetime, number: int) -> f.RefundSeen:
    key = f"paddle:{number}"
    return f.RefundSeen(key=key, payment=ORDER, stamp=Stamp(at), amount=50, currency="EUR", customer=OWNER)


INITIAL = {"key": FIRST, "reason": BillingReason.INITIAL, "total": TOTAL, "tax": TAX}
TOLD: dict[str, Callable[[datetime, int], Fact]] = {
    "refund": lambda at, number: a_refund(at, 100 * number, **INITIAL),
    "order": lambda at, number: sold(at, OrderStatus.PARTIAL_REFUND, refunded=70 * number),
    "renewal": lambda at, number: a_success(at, key=f"lemonsqueezy:9{number}", total=TOTAL, tax=TAX, created_at=at),
    "licence": lambda at, number: a_licence(stamp=Stamp(at), activations=number % 2),
    "dispute": lambda at, _: a_dispute_about_it(DisputeStatus.OPENED, at),
    "lost": lambda at, _: a_dispute_about_it(DisputeStatus.LOST, at),
    "trial": lambda at, _: a_success(at, key="lemonsqueezy:8", total=0, created_at=at),
    "sub": lambda at, _: a_subscription(Status.CANCELLED, at, ends_at=NEXT),
    "suspend": lambda at, _: an_override(OverrideKind.SUSPEND, at, at + DAY),
    "part": a_part,
}
STORY = st.lists(st.sampled_from(sorted(TOLD)), max_size=12)


@given(STORY, st.integers(0, 12), st.none() | st.integers(1, TOTAL))
def test_never_more_is_granted_than_is_left_of_the_payment(story: list[str], when: int, amount: int | None) -> None:
    account = a_customer()
    for number, name in enumerate(story[:when], start=1):
        account.hear(told(name, number), at=SOON + number * HOUR)

    try:
        refund = asks(account, amount=amount)
    except InvalidInputError:
        return
    for number, name in enumerate(story[when:], start=when + 1):
        account.hear(told(name, number), at=SOON + number * HOUR)

    payment = next(payment for payment in payments(account.account.book) if payment.key == ORDER)
    now = account.state.refund(refund.key)
    assert now is not None
    assert 0 <= refund.answer.refundable <= BASE
    assert (now.answer.verdict is Verdict.NOT_ELIGIBLE) <= (now.answer.refundable == 0)
    if now.undecided:
        assert now.answer.refundable <= payment.left(base_only=True) == max(0, BASE - payment.refunded)


@given(STORY, st.randoms(use_true_random=False))
def test_requests_read_the_same_whatever_order_their_facts_came_in_i1(story: list[str], chance: Any) -> None:
    account = a_customer()
    heard: list[Fact] = list(a_customers_facts())
    refund = asks(account)
    log = account.account.book.refund_requests[refund.key].requested
    assert log is not None
    heard += [log, *(told(name, number) for number, name in enumerate(story, start=1))]
    shuffled = chance.sample([*heard, *heard[::2]], len(heard) + len(heard[::2]))

    book, two = Book().with_facts(heard), Book().with_facts(shuffled)

    assert book == two
    assert assess(book, terms(), "UTC", NEXT) == assess(two, terms(), "UTC", NEXT)


def a_customers_facts() -> tuple[Fact, ...]:
    first = a_success(LONG_AGO, key=FIRST, reason=BillingReason.INITIAL, created_at=LONG_AGO, total=TOTAL, tax=TAX)
    return (a_subscription(renews_at=NEXT), sold(), first)


@given(st.lists(st.sampled_from(("refund", "order", "dispute", "part", "licence")), max_size=8))
def test_the_provider_is_asked_for_a_refund_once_at_most_i11(story: list[str]) -> None:
    account = a_customer()
    asks(account)
    decides(account)
    for number, name in enumerate(story, start=1):
        account.hear(told(name, number), at=SOON + number * HOUR)
    account.wait(NEXT)

    assert sum(isinstance(effect, RefundPayment) for _, effect in account.done) == 1
    assert sum(isinstance(effect, CancelSubscription) for _, effect in account.done) <= 1
    assert INVOICE not in {refund.payment.key for refund in account.state.refunds}
    (log,) = account.account.book.refund_requests.values()
    assert log.ordered is not None
    assert log.ordered.outcome is Outcome.DONE


def test_who_bought_something_once_is_told_at_the_orders_own_address() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(sold(email="once@example.com", product="on-premise"), a_licence())
    asks(account)

    decides(account)

    letters = [effect for _, effect in account.done if isinstance(effect, SendMail)]
    assert [(send_mail.notice, send_mail.to, send_mail.data["amount"]) for send_mail in letters] == [
        ("refund_decided", "once@example.com", BASE)
    ]


def a_decision(request: str, at: datetime, *, approved: bool) -> f.RefundDecided:
    return f.RefundDecided(
        request=request,
        at=at,
        approved=approved,
        amount=BASE if approved else 0,
        refunded=0,
        verdict="eligible",
        why="within_window",
        refundable=BASE,
        clause="3.1",
        pay_by=None,
        actor="ada",
    )


WORDS: tuple[Fact, ...] = (
    a_decision("rr_1", SOON, approved=False),
    a_decision("rr_1", SOON + HOUR, approved=True),
    f.RefundRequested(id="rr_1", payment=ORDER, at=SOON, decide_by=NEXT, amount=5),
    f.RefundRequested(id="rr_1", payment=ORDER, at=SOON, decide_by=NEXT, amount=7),
    f.RefundAmended(request="rr_1", at=SOON, amount=6, reason="a"),
    f.RefundAmended(request="rr_1", at=SOON, amount=6, reason="b"),
    f.RefundOrdered(request="rr_1", at=SOON + HOUR, outcome=Outcome.DONE),
    f.RefundOrdered(request="rr_1", at=SOON, outcome=Outcome.ASKED),
    f.RefundConfirmed(request="rr_1", at=SOON + 2 * HOUR),
    f.RefundConfirmed(request="rr_1", at=SOON),
    f.LicenceDeployed(licence="lemonsqueezy:7001", at=SOON, actor="ada"),
    f.LicenceDeployed(licence="lemonsqueezy:7001", at=SOON, actor="bob"),
    f.LicenceSwitchedOff(licence="lemonsqueezy:7001", request="rr_1", at=SOON, outcome=Outcome.FAILED),
    f.LicenceSwitchedOff(licence="lemonsqueezy:7001", request="rr_1", at=SOON, outcome=Outcome.ASKED),
)


@given(st.permutations(WORDS), st.integers(0, len(WORDS)))
def test_two_words_about_one_request_join_alike_in_any_order_and_grouping_i1(words: list[Fact], cut: int) -> None:
    whole = Book().with_facts(words)
    joined = Book().with_facts(words[:cut]).join(Book().with_facts(words[cut:]))

    assert whole == joined == Book().with_facts(WORDS) == whole.join(whole)


def test_a_payment_that_is_refunded_by_its_status_went_back_whole_whatever_amount_stands_beside_it() -> None:
    gone = Order.of(an_order(OrderStatus.REFUNDED, LONG_AGO, total=TOTAL, refunded=0))

    assert gone.refunded == TOTAL


def overtaken() -> Stage:
    """A customer whose refund was approved, and whose bank opened a chargeback before it was carried out."""
    account = a_customer()
    asks(account)
    (refund,) = refund_effects(account)
    account.hear(a_dispute_about_it(DisputeStatus.OPENED, SOON))
    account.hear(*reported(refund, Outcome.WITHDRAWN, account.now, account.account.book))
    return account


def test_an_approval_that_a_dispute_overtakes_lapses_and_cannot_be_given_again_meanwhile() -> None:
    account = overtaken()

    (refund,) = account.state.refunds

    assert (refund.state, refund.answer.verdict, refund.answer.why) == (RefundState.REVIEW, Verdict.REVIEW, "disputed")
    assert ("refund.approval_lapsed", "10") in account.rules
    with pytest.raises(RefusedError, match="twice"):
        decides(account, reason="goodwill")


@pytest.mark.parametrize("outcome", [DisputeStatus.WON, DisputeStatus.WITHDRAWN])
def test_a_refund_that_a_dispute_had_overtaken_is_approved_again_once_the_dispute_ended_well(
    outcome: DisputeStatus,
) -> None:
    account = overtaken()
    account.hear(a_dispute_about_it(outcome, SOON + DAY), at=SOON + DAY)
    waiting = account.state.refunds[0]

    sent = decides(account)
    comes_back(account, BASE)

    (again,) = [effect for _, effect in account.done if isinstance(effect, RefundPayment)]
    assert (waiting.state, waiting.answer.verdict) == (RefundState.REVIEW, Verdict.ELIGIBLE)
    assert "refund_to_decide_again" in account.alerts
    assert (sent.state, again.step, again.amount) == (RefundState.SENT, 1, BASE)
    assert account.state.refunds[0].state is RefundState.PAID


def test_nothing_goes_back_by_itself_when_the_dispute_that_overtook_a_refund_is_won() -> None:
    account = overtaken()

    account.hear(a_dispute_about_it(DisputeStatus.WON, SOON + DAY), at=SOON + DAY)
    account.wait(SOON + 30 * DAY)

    assert [effect for _, effect in account.done if isinstance(effect, RefundPayment)] == []
    assert "refund_payment_late" in account.alerts
    assert "refund_answer_late" not in account.alerts


def test_a_refund_that_a_dispute_had_overtaken_may_be_denied_instead() -> None:
    account = overtaken()
    account.hear(a_dispute_about_it(DisputeStatus.WON, SOON + DAY), at=SOON + DAY)

    assert decides(account, approve=False, reason="the bank has decided").state is RefundState.DENIED


def test_an_order_of_an_earlier_decision_is_not_wanted_once_there_is_another() -> None:
    account = overtaken()
    account.hear(a_dispute_about_it(DisputeStatus.WON, SOON + DAY), at=SOON + DAY)
    (now,) = refund_effects(account)

    assert wanted(account, now)
    assert not wanted(account, replace(now, step=0))
