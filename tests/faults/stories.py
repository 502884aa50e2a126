"""What the load tells: small stories of one account each, and what the world must see of each exactly once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from tests.lemonsqueezy import (
    Payload,
    Purchase,
    a_buyer,
    dispute_created,
    dispute_resolved,
    order_created,
    subscription_created,
    subscription_payment_failed,
    subscription_payment_recovered,
    subscription_payment_success,
    subscription_updated,
)

A_MONTH = timedelta(days=30)
RENEWALS = 12
APART = 40
"""Numbers of the provider that a story has for itself."""
THE_FIRST_REMINDER = timedelta(days=3)
"""After the failure, in the policy `plexo`: a failure that old falls due while the load runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The deliveries of one account; whatever becomes of their order, the rest must come of them."""

    purchase: Purchase
    first: Payload
    """What makes the subscription known, to the provider too."""
    deliveries: tuple[Payload, ...]
    mails: frozenset[str] = frozenset()
    callbacks: frozenset[str] = frozenset()
    cancelled: bool = False
    """Whether the renewal is stopped at the provider."""
    last_due: float = 0.0
    """When, in real seconds, the last of it falls due."""


def stories(order: random.Random, begin: datetime, now: Callable[[], datetime]) -> Iterator[Story]:
    """Tell stories without end; `order` says which, and in which order each is told. Numbers follow from `begin`."""
    own = int(begin.timestamp() * 10) % 10**9 * 1_000
    for number in count(own, APART):
        at = now().replace(microsecond=0)
        purchase = a_buyer(number, began=at - A_MONTH, first=number)
        story = order.choices([*TOLD], [*TOLD.values()])[0](purchase, at)
        yield story


def _renewed(purchase: Purchase, at: datetime) -> Story:
    updates = [
        subscription_updated(at=at - timedelta(days=age), purchase=purchase, card_last_four=f"{age:04}")
        for age in range(3)
    ]
    return _story(purchase, at, *updates)


def _faithful(purchase: Purchase, at: datetime) -> Story:
    """Tell of a year of renewals that were all paid: most of what a provider has to say, and nothing follows."""
    renewals = [at - timedelta(hours=RENEWALS - number) for number in range(RENEWALS)]
    stated = [
        payload
        for number, then in enumerate(renewals)
        for payload in (
            subscription_payment_success(
                at=then, purchase=purchase, id=purchase.invoice + 10 + number, created_at=then
            ),
            subscription_updated(at=then, purchase=purchase, card_last_four=f"{number:04}"),
        )
    ]
    return _story(purchase, at, *stated)


def _charged_back(purchase: Purchase, at: datetime) -> Story:
    return _story(
        purchase,
        at,
        dispute_created(at=at, purchase=purchase),
        mails=frozenset({"suspended"}),
        callbacks=frozenset({"account.suspended", "account.dispute_opened"}),
        cancelled=True,
    )


def _won(purchase: Purchase, at: datetime) -> Story:
    opened = dispute_created(at=at - timedelta(days=2), purchase=purchase)
    return _story(purchase, at, opened, dispute_resolved(at=at, purchase=purchase, status="won"))


def _unpaid(purchase: Purchase, at: datetime) -> Story:
    soon = timedelta(seconds=2)
    failed_at = at - THE_FIRST_REMINDER + soon
    return _story(
        purchase,
        at,
        subscription_payment_failed(at=failed_at, purchase=purchase),
        subscription_updated(at=failed_at, purchase=purchase, status="past_due"),
        mails=frozenset({"grace_reminder"}),
        callbacks=frozenset({"account.grace_started", "account.grace_reminder"}),
        last_due=(at + soon).timestamp(),
    )


def _recovered(purchase: Purchase, at: datetime) -> Story:
    failed_at = at - timedelta(days=1)
    return _story(
        purchase,
        at,
        subscription_payment_failed(at=failed_at, purchase=purchase),
        subscription_updated(at=failed_at, purchase=purchase, status="past_due"),
        subscription_payment_recovered(at=at, purchase=purchase),
        subscription_payment_success(at=at, purchase=purchase),
        subscription_updated(at=at, purchase=purchase),
    )


TOLD: Mapping[Callable[[Purchase, datetime], Story], int] = {
    _renewed: 2,
    _faithful: 3,
    _charged_back: 3,
    _won: 1,
    _unpaid: 3,
    _recovered: 2,
}
"""How often each is told."""


def _story(
    purchase: Purchase,
    at: datetime,
    *told: Payload,
    mails: frozenset[str] = frozenset(),
    callbacks: frozenset[str] = frozenset(),
    cancelled: bool = False,
    last_due: float = 0.0,
) -> Story:
    begun = at - A_MONTH
    first = subscription_created(at=begun, purchase=purchase)
    paid = subscription_payment_success(
        at=begun, purchase=purchase, id=purchase.invoice + 4, billing_reason="initial", created_at=begun
    )
    bought = (order_created(at=begun, purchase=purchase), first, paid)
    return Story(
        purchase=purchase,
        first=first,
        deliveries=(*bought, *told),
        mails=mails,
        callbacks=callbacks,
        cancelled=cancelled,
        last_due=last_due,
    )
