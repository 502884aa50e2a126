"""Which events hold dunning back while they are not applied: whatever may say that a renewal is paid."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import pytest

from kulanz.policy.book.provider import RUNNING_STATUSES
from kulanz.policy.facts import InvoiceSeen, InvoiceStatus, PaymentRefunded, PaymentSucceeded, SubscriptionSeen
from kulanz.providers.lemonsqueezy import vocabulary as lemonsqueezy
from kulanz.providers.paddle import vocabulary as paddle
from kulanz.providers.standard import vocabulary as standard
from kulanz.providers.stripe import vocabulary as stripe
from tests.adapters.payload_source import MONDAY, PayloadSource
from tests.adapters.payloads import PAYLOAD_SOURCES

VOCABULARIES = {
    "lemonsqueezy": (lemonsqueezy.OBJECTS, lemonsqueezy.MAY_SETTLE),
    "stripe": (stripe.OBJECTS, stripe.MAY_SETTLE),
    "paddle": (paddle.OBJECTS, paddle.MAY_SETTLE),
    "standard": (standard.POLAR | standard.DODO, standard.MAY_SETTLE),
}
NO_PAYMENT = re.compile(
    "failed|past_due|overdue|on_hold|early_fraud_warning|checkout|(?<!un)cancel|expired|revoked|deleted|(?<!un)paused$|uncollectible|dispute|adjustment|charge|refund"
    "|customer.(created|updated|imported)$|licen|order_created|invoice_payment"
)
"""What events say that tell of no payment for a renewal; what was bought once is none, and neither is a charge."""


@pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda source: source.name)
def test_every_event_that_settles_a_renewal_holds_dunning_back(source: PayloadSource) -> None:
    told = [payload for tell in source.events.values() for payload in tell(MONDAY)]
    names = {source.provider.peek(source.wire(payload)).name for payload in told if settles(source, payload)}

    assert {name for name in names if not source.provider.may_settle(name)} == set()
    assert len(names) > 2


def settles(source: PayloadSource, payload: dict[str, object]) -> bool:
    for fact in source.facts(payload):
        match fact:
            case PaymentSucceeded() | PaymentRefunded() | InvoiceSeen(status=InvoiceStatus.VOID | InvoiceStatus.PAID):
                return True
            case SubscriptionSeen(status=status) if status in RUNNING_STATUSES:
                return True
    return False


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_other_event_says_by_its_name_that_nothing_was_paid(name: str) -> None:
    objects, may_settle = VOCABULARIES[name]

    assert may_settle <= objects.keys()
    assert [event for event in others(objects, may_settle) if not NO_PAYMENT.search(event)] == []


def others(objects: Mapping[str, str], may_settle: Collection[str]) -> list[str]:
    return [event for event in objects if event not in may_settle]
