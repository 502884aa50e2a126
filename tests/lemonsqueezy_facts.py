"""The facts that Lemon Squeezy's deliveries become, and the complaints about those that become none."""

from __future__ import annotations

import pytest

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import (
    DisputeSeen,
    InvoiceSeen,
    LicenceSeen,
    OrderSeen,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    ProviderFact,
    SubscriptionSeen,
)
from kulanz.providers import PROVIDERS, Naming
from tests import lemonsqueezy as ls

LEMONSQUEEZY = PROVIDERS["lemonsqueezy"]
UNSIGNED = Naming()


def translate(payload: ls.Payload, naming: Naming = UNSIGNED) -> tuple[ProviderFact, ...]:
    body = ls.wire(payload)
    seen = LEMONSQUEEZY.peek(body)
    return LEMONSQUEEZY.translate(seen.name, LEMONSQUEEZY.decode(body), seen.content_key.hex(), naming)


def subscription(**told: object) -> SubscriptionSeen:
    (fact,) = translate(ls.subscription_updated(**told))
    assert isinstance(fact, SubscriptionSeen)
    return fact


def invoice(outcome: str = "failed", **told: object) -> InvoiceSeen:
    (fact,) = translate(ls.EVENTS[f"subscription_payment_{outcome}"](**told))
    assert isinstance(fact, PaymentFailed | PaymentSucceeded | PaymentRefunded)
    return fact.invoice


def order(**told: object) -> OrderSeen:
    (fact,) = translate(ls.order_refunded(**told))
    assert isinstance(fact, OrderSeen)
    return fact


def licence(**told: object) -> LicenceSeen:
    (fact,) = translate(ls.license_key_updated(**told))
    assert isinstance(fact, LicenceSeen)
    return fact


def dispute(**told: object) -> DisputeSeen:
    (fact,) = translate(ls.dispute_updated(**told))
    assert isinstance(fact, DisputeSeen)
    return fact


def complaint(payload: ls.Payload) -> str:
    with pytest.raises(UntranslatableError) as caught:
        translate(payload)
    assert caught.value.detail.isprintable()
    return caught.value.detail
