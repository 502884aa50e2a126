"""Sentences of case tables about refunds: steps and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from msgspec.structs import replace

from kulanz.commands.commands import DecideRefund, RequestRefund
from kulanz.commands.refunds import facts_of
from kulanz.policy.effects import RefundPayment
from kulanz.policy.facts import (
    BillingReason,
    DisputeStatus,
    InvoiceStatus,
    LicenceDeployed,
    LicenceSeen,
    LicenceStatus,
    OrderStatus,
    OverrideKind,
    PaymentRefunded,
    PaymentSucceeded,
    Stamp,
)
from kulanz.policy.state.refunds import Refund
from kulanz.policy_tests.story import Sentences, Story
from kulanz.policy_tests.told import (
    DAY,
    INVOICE,
    OWNER,
    PRICE,
    a_dispute,
    a_subscription,
    a_success,
    an_invoice,
    an_order,
    an_override,
)
from kulanz.providers.plan_name import slug

FIRST, DIFFERENCE, SALE, KEY = (f"lemonsqueezy:{number}" for number in (1100000, 1300000, 7000, 7001))
TRIAL, SECOND, TWICE = "lemonsqueezy:1500000", "lemonsqueezy:1400000", "lemonsqueezy:1134998"
COLLEAGUES_PAYMENT = "lemonsqueezy:1600000"
LICENSED = "lemonsqueezy:421963"
BUYER = "owner@example.com"
PAYMENTS: Mapping[str, str] = {
    "first payment": FIRST,
    "renewal": INVOICE,
    "second charge": TWICE,
    "second month": "lemonsqueezy:120001",
    "difference": DIFFERENCE,
    "sale": SALE,
    "trial": TRIAL,
    "second subscription": SECOND,
    "second checkout": "lemonsqueezy:1400001",
    "third month": "lemonsqueezy:120002",
    "second year": "lemonsqueezy:120009",
    "renewal of the licence": "lemonsqueezy:1700001",
    "colleague's payment": COLLEAGUES_PAYMENT,
}


def _asks(story: Story, name: str, reason: str | None = None, eur: str | None = None, **known: Any) -> None:
    stage = story.stage
    order = RequestRefund(
        payment=None if name == "licence" else PAYMENTS[name],
        licence=KEY if name == "licence" else None,
        amount=None if eur is None else minor(eur),
        reason=reason or "",
        **{"contact_email": BUYER, "organisation": "Bakery", **known},
    )
    stage.hear(*facts_of(order, stage.account, stage.terms, "ada", stage.now))


def _asks_by_day(story: Story, eur: str, day: str) -> None:
    stage = story.stage
    order = RequestRefund(
        paid_on=story.at(day).date(),
        paid_amount=minor(eur),
        contact_email=BUYER,
        organisation="Bakery",
    )
    stage.hear(*facts_of(order, stage.account, stage.terms, "ada", stage.now))


def _decides(story: Story, *, approve: bool, reason: str | None = None) -> None:
    stage = story.stage
    order = DecideRefund(request=_request(story).key, approve=approve, reason=reason or "")
    stage.hear(*facts_of(order, stage.account, stage.terms, "ada", stage.now))


def _gives_back(story: Story, eur: str) -> None:
    at, amount = story.stage.now, minor(eur)
    status = InvoiceStatus.REFUNDED if amount >= PRICE else InvoiceStatus.PARTIAL_REFUND
    first = an_invoice(at, status, key=FIRST, reason=BillingReason.INITIAL, refunded=amount)
    story.stage.hear(PaymentRefunded(invoice=first, at=at))


def _gives_the_sale_back(story: Story) -> None:
    (sold,) = [order.seen for order in story.stage.account.book.orders.values() if order.seen.key == SALE]
    at = story.stage.now
    story.stage.hear(replace(sold, stamp=Stamp(at), status=OrderStatus.REFUNDED, refunded=sold.total))


def _is_suspended(story: Story, days: str) -> None:
    at = story.stage.now
    story.stage.hear(an_override(OverrideKind.SUSPEND, at, at + int(days) * DAY))


def _loses_the_sale(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_dispute(DisputeStatus.LOST, at, opened_at=at, order=SALE, payment=SALE))


def _gives_sale_back(story: Story, eur: str) -> None:
    sold, amount = story.stage.account.book.orders[SALE].seen, minor(eur)
    status = OrderStatus.REFUNDED if amount >= sold.total else OrderStatus.PARTIAL_REFUND
    story.stage.hear(replace(sold, stamp=Stamp(story.stage.now, 1), status=status, refunded=amount))


def _sells(story: Story, product: str, eur: str, tax: str | None = None, variant: str | None = None) -> None:
    at = story.stage.now
    document: dict[str, Any] = {
        "key": SALE,
        "product": slug(product, None),
        "variant": variant,
        "email": BUYER,
        "created_at": at,
    }
    money = {"total": minor(eur), "tax": minor(tax) if tax else 0}
    story.stage.hear(an_order(OrderStatus.PAID, at, **document, **money))


def _sells_a_licence(story: Story, eur: str) -> None:
    _sells(story, "on-premise", eur)
    _licence(story, LicenceStatus.INACTIVE)


def _subscribes_to_a_licence(story: Story, eur: str) -> None:
    """Sell a licence that is paid for each year."""
    at = story.stage.now
    _sells_a_licence(story, eur)
    story.hear(
        a_subscription(at=at, key=LICENSED, variant="lemonsqueezy:1", product="on-premise", order=SALE, created_at=at),
        _of_the_licence(story, "lemonsqueezy:1700000", BillingReason.INITIAL),
    )


def _renews_the_licence(story: Story) -> None:
    story.hear(_of_the_licence(story, PAYMENTS["renewal of the licence"], BillingReason.RENEWAL))


def _of_the_licence(story: Story, key: str, reason: BillingReason) -> PaymentSucceeded:
    at, total = story.stage.now, story.stage.account.book.orders[SALE].seen.total
    return a_success(at, key=key, subscription=LICENSED, reason=reason, total=total, created_at=at)


def _licence(story: Story, status: LicenceStatus) -> None:
    at, active = story.stage.now, status is LicenceStatus.ACTIVE
    stamp = Stamp(at, 1 if active else 0)
    story.stage.hear(
        LicenceSeen(key=KEY, stamp=stamp, status=status, customer=OWNER, order=SALE, activations=int(active))
    )


def _deploys(story: Story) -> None:
    story.stage.hear(LicenceDeployed(licence=KEY, at=story.stage.now, actor="ada", reason="seen on site"))


def _pays_another_renewal(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_success(at, key=INVOICE, created_at=at))


def _is_charged_twice(story: Story) -> None:
    at = story.stage.now
    _pays_another_renewal(story)
    story.stage.hear(a_success(at, key=TWICE, created_at=at))


def _request(story: Story) -> Refund:
    return story.stage.state.refunds[-1]


def _answers(story: Story, verdict: str, eur: str | None = None) -> bool:
    answer = _request(story).answer
    return str(answer.verdict) == verdict.replace(" ", "_") and (eur is None or answer.refundable == minor(eur))


def _ordered(story: Story, eur: str) -> bool:
    return [effect.amount for _, effect in story.stage.done if isinstance(effect, RefundPayment)] == [minor(eur)]


def _withdrawal(story: Story) -> date | None:
    until = _request(story).statutory_until
    return None if until is None else until.date()


def minor(amount: str) -> int:
    """Read an amount as people write it."""
    return int(amount.replace(".", ""))


NAMES = "|".join([*PAYMENTS, "licence"])
STEPS: Sentences = {
    rf"asks the ({NAMES}) back": _asks,
    rf"asks the ({NAMES}) back, as (.+)": _asks,
    rf"asks the ({NAMES}) back, from another address and organisation": lambda story, name: _asks(
        story, name, contact_email="else@example.com", organisation="Another"
    ),
    rf"refunded in full under another account, asks the ({NAMES}) back": lambda story, name: _asks(
        story, name, refunded_elsewhere=True
    ),
    rf"asks (\d+\.\d\d) EUR of the ({NAMES}) back": lambda story, eur, name: _asks(story, name, eur=eur),
    r"asks (\d+\.\d\d) EUR of day (\d+) back": _asks_by_day,
    r"we approve it": lambda story: _decides(story, approve=True),
    r"we approve it, as (.+)": lambda story, reason: _decides(story, approve=True, reason=reason),
    r"we deny it": lambda story: _decides(story, approve=False),
    r"we deny it, as (.+)": lambda story, reason: _decides(story, approve=False, reason=reason),
    r"the provider has given (\d+\.\d\d) EUR back": _gives_back,
    r"buys an? (?!on-premise licence)([\w -]+) for (\d+\.\d\d) EUR": _sells,
    r"buys (\w+) as a product called ([\w ]+) for (\d+\.\d\d) EUR": lambda story, plan, product, eur: _sells(
        story, product, eur, variant=story.bought(plan)["variant"]
    ),
    r"buys an? ([\w-]+) for (\d+\.\d\d) EUR with (\d+\.\d\d) EUR of tax": _sells,
    r"buys an on-premise licence for (\d+\.\d\d) EUR": _sells_a_licence,
    r"buys an on-premise licence by the year for (\d+\.\d\d) EUR": _subscribes_to_a_licence,
    r"the licence is renewed": _renews_the_licence,
    r"activates the licence": lambda story: _licence(story, LicenceStatus.ACTIVE),
    r"takes the activation back": lambda story: _licence(story, LicenceStatus.INACTIVE),
    r"the provider has given the sale back": _gives_the_sale_back,
    r"an operator suspends the account for (\d+) days": _is_suspended,
    r"a chargeback of the sale is lost": _loses_the_sale,
    r"the month is charged twice": _is_charged_twice,
    r"an operator sees the licence in use": _deploys,
    r"the provider has given (\d+\.\d\d) EUR of the sale back": _gives_sale_back,
    r"the month is charged": _pays_another_renewal,
}
OUTCOMES: Sentences = {
    r"one request for (\d+\.\d\d) EUR": lambda story, eur: (
        [one.amount for one in story.stage.state.refunds] == [minor(eur)]
    ),
    r"(\d+) requests": lambda story, number: len(story.stage.state.refunds) == int(number),
    r"(eligible|not eligible|review)": _answers,
    r"(eligible|not eligible|review) for (\d+\.\d\d) EUR": _answers,
    r"the request is (\w+)": lambda story, state: str(_request(story).state) == state,
    r"because of (\w+)": lambda story, why: _request(story).answer.why == why,
    r"the request differs in ([\w, ]+)": lambda story, names: (
        (", ".join(_request(story).differs) or "nothing") == names
    ),
    r"no request": lambda story: story.stage.state.refunds == (),
    r"an answer by day (\d+)": lambda story, day: _request(story).decide_by == story.at(day),
    r"the money by day (\d+)": lambda story, day: _request(story).pay_by == story.at(day),
    r"the provider is to give (\d+\.\d\d) EUR back": _ordered,
    r"a consumer may withdraw": lambda story: _request(story).statutory_until is not None,
    r"a consumer may withdraw until day (\d+)": lambda story, day: _withdrawal(story) == story.at(day).date(),
    r"the right of withdrawal is over": lambda story: _request(story).statutory_until is None,
}
