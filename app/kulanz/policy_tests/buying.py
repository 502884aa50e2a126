"""Sentences of case tables about subscriptions: bought, tried, renewed, changed, cancelled, unpaid."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kulanz.policy.areas.plan_change import Wanted, quote
from kulanz.policy.calendar.time import months_after
from kulanz.policy.facts import BillingReason, OrderStatus, PaymentSucceeded, Stamp, Status, SubscriptionSeen
from kulanz.policy_tests import add_ons, refunds
from kulanz.policy_tests.story import BOUGHT, Sentences, Story
from kulanz.policy_tests.told import (
    DAY,
    MONDAY,
    OTHER,
    STRANGER,
    a_failure,
    a_subscription,
    a_success,
    an_order,
)

ANOTHER = "lemonsqueezy:421961"
COLLEAGUES = "lemonsqueezy:421960"
COLLEAGUES_ORDER = "lemonsqueezy:2882400"


def _renews(story: Story) -> None:
    story.renewals += 1
    add_ons.renew(story.stage, story.stage.now, story.renewals)


def _is_billed_by_the_year(story: Story) -> None:
    ends = months_after(BOUGHT, 12, "UTC")
    story.stage.hear(a_subscription(at=story.stage.now, created_at=BOUGHT, renews_at=ends))


def _renews_for_a_year(story: Story) -> None:
    at = story.stage.now
    paid = a_success(at, key="lemonsqueezy:120009", reason=BillingReason.RENEWAL, created_at=at)
    story.stage.hear(paid, a_subscription(at=at, created_at=BOUGHT, renews_at=months_after(at, 12, "UTC")))


def _fails(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_failure(at, created_at=at))
    story.stage.hear(a_subscription(Status.PAST_DUE, at, stamp=Stamp(at, 2)))


def _stops(story: Story) -> None:
    ends = BOUGHT + (story.renewals + 1) * 30 * DAY
    story.stage.hear(a_subscription(Status.CANCELLED, story.stage.now, ends_at=ends))


def _changes_plan(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_success(at, key="lemonsqueezy:1300000", reason=BillingReason.UPDATED, created_at=at))
    story.stage.hear(a_subscription(at=at, **story.bought(story.plans[0]), renews_at=MONDAY))


def _pays_what_is_due(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_success(at), a_subscription(Status.ACTIVE, at, stamp=Stamp(at, 3), renews_at=at + 30 * DAY))


def _change_fails(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_failure(at, key="lemonsqueezy:1300001", reason=BillingReason.UPDATED, created_at=at))


def _buys(story: Story, plan: str, months: str) -> None:
    at = story.stage.now
    ends = months_after(at, int(months), "UTC")
    story.stage.hear(
        a_subscription(at=at, key=OTHER, **story.bought(plan), order=None, created_at=at, renews_at=ends),
        a_success(at, key="lemonsqueezy:1400000", subscription=OTHER, reason=BillingReason.INITIAL, created_at=at),
    )


def _buys_again(story: Story, plan: str) -> None:
    at = story.stage.now
    told = {"key": ANOTHER, **story.bought(plan), "order": None, "created_at": at, "renews_at": at + 30 * DAY}
    paid = refunds.PAYMENTS["second checkout"]
    story.hear(
        a_subscription(at=at, **told),
        a_success(at, key=paid, subscription=ANOTHER, reason=BillingReason.INITIAL, created_at=at),
    )


def _lowers(story: Story, plan: str) -> None:
    at = story.stage.now
    ends = story.stage.account.book.subscriptions[OTHER].seen.renews_at
    story.stage.hear(a_subscription(at=at, key=OTHER, **story.bought(plan), created_at=at, renews_at=ends))


def _buys_in_vain(story: Story, plan: str) -> None:
    at = story.stage.now
    stated = {"key": OTHER, **story.bought(plan), "order": None, "created_at": at}
    story.stage.hear(
        a_subscription(Status.ACTIVE, at, **stated, renews_at=at + 30 * DAY),
        a_failure(at, key="lemonsqueezy:1400000", subscription=OTHER, reason=BillingReason.INITIAL, created_at=at),
    )


def _raises(story: Story, plan: str) -> None:
    story.stage.hear(a_subscription(at=story.stage.now, created_at=BOUGHT, **story.bought(plan), renews_at=MONDAY))


def _tries(story: Story, plan: str, days: str = "14") -> None:
    at = story.stage.now
    stated = {
        "key": OTHER,
        **story.bought(plan),
        "order": None,
        "created_at": at,
        "trial_ends_at": at + int(days) * DAY,
    }
    story.stage.hear(
        a_subscription(Status.ON_TRIAL, at, **stated, renews_at=at + int(days) * DAY),
        _of_trial(BillingReason.INITIAL, at, key=refunds.TRIAL, total=0),
    )


def _tries_again(story: Story, plan: str) -> None:
    at = story.stage.now
    stated = {
        "key": ANOTHER,
        **story.bought(plan),
        "order": None,
        "created_at": at,
        "trial_ends_at": at + 14 * DAY,
    }
    story.stage.hear(a_subscription(Status.ON_TRIAL, at, **stated, renews_at=at + 14 * DAY))


def _cancels_trial(story: Story) -> None:
    seen = story.stage.account.book.subscriptions[OTHER].seen
    stated = {
        "key": OTHER,
        "variant": seen.variant,
        "product": seen.product,
        "order": None,
        "trial_ends_at": seen.trial_ends_at,
    }
    story.stage.hear(a_subscription(Status.CANCELLED, story.stage.now, **stated, ends_at=seen.trial_ends_at))


def _bills_trial(story: Story) -> None:
    seen, at = story.stage.account.book.subscriptions[OTHER].seen, story.stage.now
    stated = {
        "key": OTHER,
        "variant": seen.variant,
        "product": seen.product,
        "order": None,
        "trial_ends_at": seen.trial_ends_at,
    }
    story.stage.hear(
        a_subscription(Status.ACTIVE, at, **stated, renews_at=at + 30 * DAY),
        _of_trial(BillingReason.RENEWAL, at, key="lemonsqueezy:1500001"),
    )


def _of_trial(reason: BillingReason, at: datetime, **told: Any) -> PaymentSucceeded:
    return a_success(at, subscription=OTHER, reason=reason, created_at=at, **told)


def _paid(story: Story, eur: str) -> bool:
    invoices = story.stage.account.book.invoices.get(OTHER)
    existing = invoices.known.values() if invoices else ()
    return sum(invoice.seen.total for invoice in existing if invoice.paid) == refunds.minor(eur)


def _fails_unseen(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_failure(at, created_at=at))


def _expires(story: Story) -> None:
    story.stage.hear(a_subscription(Status.EXPIRED, story.stage.now, ends_at=story.stage.now))


def _raises_unpaid(story: Story, plan: str) -> None:
    at, stated = story.stage.now, {**story.bought(plan), "created_at": BOUGHT}
    story.stage.hear(
        a_subscription(at=at, **stated, renews_at=MONDAY),
        a_failure(at, key="lemonsqueezy:1300001", reason=BillingReason.UPDATED, created_at=at),
        a_subscription(Status.PAST_DUE, at, stamp=Stamp(at, 2), **stated, renews_at=at + 3 * DAY),
    )


def _is_called(story: Story, status: Status, **told: Any) -> None:
    at = story.stage.now
    story.stage.hear(a_subscription(status, at, stamp=Stamp(at, 2), created_at=BOUGHT, renews_at=_next(story), **told))


def _next(story: Story) -> datetime:
    """Return the end of the current period."""
    return BOUGHT + ((story.stage.now - BOUGHT) // (30 * DAY) + 1) * 30 * DAY


def _stops_without_a_date(story: Story) -> None:
    story.stage.hear(a_subscription(Status.CANCELLED, story.stage.now, created_at=BOUGHT))


def _pays_nothing(story: Story) -> None:
    at = story.stage.now
    story.stage.hear(a_success(at, key="lemonsqueezy:1300002", total=0, created_at=at))


def _a_colleague_tries(story: Story, plan: str) -> None:
    """Add a trial by an order of 0, of another customer of the same account."""
    at = story.stage.now
    story.stage.hear(
        _of_colleague(story, Status.ON_TRIAL, at, plan, at, trial_ends_at=at + 14 * DAY, renews_at=at + 14 * DAY),
        an_order(OrderStatus.PAID, at, key=COLLEAGUES_ORDER, customer=STRANGER, total=0, created_at=at),
    )


def _a_colleague_is_charged(story: Story) -> None:
    at, seen = story.stage.now, story.stage.account.book.subscriptions[COLLEAGUES].seen
    story.stage.hear(
        _of_colleague(story, Status.ACTIVE, at, seen.product, seen.created_at or at, renews_at=at + 30 * DAY),
        _of_colleagues_payment(at),
    )


def _a_colleague_buys(story: Story, plan: str) -> None:
    at = story.stage.now
    story.stage.hear(
        _of_colleague(story, Status.ACTIVE, at, plan, at, renews_at=at + 30 * DAY), _of_colleagues_payment(at)
    )


def _of_colleague(
    story: Story, status: Status, at: datetime, plan: str, began: datetime, **told: Any
) -> SubscriptionSeen:
    theirs = {"key": COLLEAGUES, "customer": STRANGER, **story.bought(plan)}
    return a_subscription(status, at, **theirs, order=COLLEAGUES_ORDER, created_at=began, **told)


def _of_colleagues_payment(at: datetime) -> PaymentSucceeded:
    theirs = {"key": refunds.COLLEAGUES_PAYMENT, "subscription": COLLEAGUES, "customer": STRANGER, "total": 2000}
    return a_success(at, **theirs, reason=BillingReason.INITIAL, created_at=at)


def _asks_the_price(story: Story, plan: str, eur: str | None = None) -> None:
    price = None if eur is None else refunds.minor(eur)
    stage = story.stage
    story.quoted.append(quote(Wanted(plan=plan, price=price), stage.state, stage.account.book, stage.moment))


def _is_charged_for_change(story: Story, eur: str) -> bool:
    return (story.quoted[-1].amount or 0) == refunds.minor(eur)


STEPS: Sentences = {
    r"asks what the change to (\w+) costs, which is (\d+\.\d\d) EUR a month": _asks_the_price,
    r"asks what the change to (\w+) costs": _asks_the_price,
    r"the charge for (\w+) fails": _raises_unpaid,
    r"takes the change back": lambda story: _is_called(story, Status.ACTIVE),
    r"the provider calls it active": lambda story: _is_called(story, Status.ACTIVE),
    r"the provider calls it past due": lambda story: _is_called(story, Status.PAST_DUE),
    r"resumes in the portal": lambda story: _is_called(story, Status.ACTIVE),
    r"cancels, and no end is told": _stops_without_a_date,
    r"a charge of nothing succeeds": _pays_nothing,
    r"pauses with access": lambda story: _is_called(story, Status.PAUSED, pause_mode="free"),
    r"pauses without access": lambda story: _is_called(story, Status.PAUSED, pause_mode="void"),
    r"pays the renewal": _renews,
    r"is billed by the year": _is_billed_by_the_year,
    r"pays the renewal for a year": _renews_for_a_year,
    r"the renewal fails": _fails,
    r"the charge of the renewal fails": _fails_unseen,
    r"cancels the subscription": _stops,
    r"changes the plan and pays the difference": _changes_plan,
    r"pays what is due": _pays_what_is_due,
    r"a charge for a change of plan fails": _change_fails,
    r"buys (\w+) for (\d+) months": _buys,
    r"buys (\w+), but its first charge fails": _buys_in_vain,
    r"a second checkout buys (\w+)": _buys_again,
    r"raises the plan to (\w+)": _raises,
    r"lowers it to (\w+)": _lowers,
    r"starts a trial of (\w+)": _tries,
    r"starts a trial of (\w+) for (\d+) days": _tries,
    r"starts another trial of (\w+)": _tries_again,
    r"cancels the trial": _cancels_trial,
    r"a colleague tries (\w+) by an order of 0\.00 EUR": _a_colleague_tries,
    r"the colleague's first money is charged": _a_colleague_is_charged,
    r"a colleague buys (\w+) for 20\.00 EUR": _a_colleague_buys,
    r"the trial is charged": _bills_trial,
    r"the provider lets the subscription expire": _expires,
}
OUTCOMES: Sentences = {
    r"the change costs (\d+\.\d\d) EUR": _is_charged_for_change,
    r"the change counts from day (\d+)": lambda story, day: story.quoted[-1].takes_effect_at == story.at(day),
    r"(\d+\.\d\d) EUR was charged for it": _paid,
}
