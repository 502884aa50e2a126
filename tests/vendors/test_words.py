"""The vendors' own types as judges: every name and word that they list is understood, and taken for what it says.

Run with the extra `vendors`: `python -m pytest tests/vendors`.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any

import dodopayments.types as dodo_types
import polar.v2026_10.literals as polar_words
import polar.v2026_10.webhooks as polar_webhooks
import pytest
import stripe as stripe_sdk
from hypothesis import given, settings
from hypothesis import strategies as st
from paddle_billing.Entities.Events.EventTypeName import EventTypeName
from paddle_billing.Entities.Shared import TransactionOrigin, TransactionStatus
from paddle_billing.Entities.Subscriptions import SubscriptionStatus as PaddleSubscriptionStatus

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import ProviderFact
from kulanz.providers import PROVIDERS, Naming, UnknownWord
from kulanz.providers.paddle.vocabulary import OBJECTS as PADDLE
from kulanz.providers.paddle.vocabulary import WARNINGS
from kulanz.providers.standard.vocabulary import DODO, POLAR
from kulanz.providers.stripe.vocabulary import OBJECTS as STRIPE
from tests import paddle, standard, stripe
from tests.adapters.payload_source import MONDAY, Payload, PayloadSource, StoryEvent
from tests.adapters.payloads import PAYLOAD_SOURCES

Case = tuple[str, Callable[[object], bytes], Payload]


def words_of(annotation: object) -> set[str]:
    """The words that a type lists."""
    if isinstance(annotation, str):
        return set(re.findall(r'"([a-z_0-9.]+)"', annotation))
    found = {word for word in typing.get_args(annotation) if isinstance(word, str)}
    return found.union(*(words_of(part) for part in typing.get_args(annotation) if not isinstance(part, str)))


def stripe_words(kind: type, field: str) -> set[str]:
    source = inspect.getsource(kind)
    match = re.search(rf"\n    {field}: (.*?)\n    \"\"\"", source, re.DOTALL)
    assert match is not None
    return words_of(match.group(1))


def paddle_words(kind: Any) -> set[str]:
    return {str(getattr(kind, name).value) for name in vars(kind) if not name.startswith("_") and name[0].isupper()}


def test_every_event_that_is_acted_on_is_one_of_the_vendors() -> None:
    # An event that a vendor has renamed would never come.
    listed = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', inspect.getsource(polar_webhooks)))
    named_by_stripe = set(re.findall(r'"([a-z_0-9]+(?:\.[a-z_0-9]+)+)"', inspect.getsource(stripe_sdk.Event)))

    assert POLAR.keys() <= listed
    assert DODO.keys() <= words_of(dodo_types.WebhookEventType)
    assert STRIPE.keys() <= named_by_stripe
    assert PADDLE.keys() | WARNINGS.keys() <= paddle_words(EventTypeName)


def _words() -> Iterator[tuple[str, set[str], Callable[[str], Case]]]:
    yield (
        "polar-subscription",
        words_of(polar_words.SubscriptionStatus),
        lambda word: ("standard", standard.wire, standard.polar_subscription("updated", status=word)),
    )
    yield (
        "polar-order",
        words_of(polar_words.OrderStatus),
        lambda word: ("standard", standard.wire, standard.polar_order("updated", status=word)),
    )
    yield (
        "polar-sale",
        words_of(polar_words.OrderStatus),
        lambda word: ("standard", standard.wire, standard.polar_order("updated", status=word, subscription_id=None)),
    )
    yield (
        "polar-reason",
        words_of(polar_words.OrderBillingReason),
        lambda word: ("standard", standard.wire, standard.polar_order("paid", billing_reason=word)),
    )
    yield (
        "polar-dispute",
        words_of(polar_words.DisputeStatus),
        lambda word: ("standard", standard.wire, standard.polar_refund(word)),
    )
    yield (
        "dodo-subscription",
        words_of(dodo_types.SubscriptionStatus),
        lambda word: ("standard", standard.wire, standard.dodo_subscription("updated", status=word)),
    )
    yield (
        "dodo-charge",
        words_of(dodo_types.ChargeType),
        lambda word: ("standard", standard.wire, standard.dodo_payment("succeeded", charge_type=word)),
    )
    yield (
        "dodo-dispute",
        words_of(dodo_types.DisputeStatus),
        lambda word: ("standard", standard.wire, standard.dodo_dispute("opened", dispute_status=word)),
    )
    yield (
        "stripe-subscription",
        stripe_words(stripe_sdk.Subscription, "status"),
        lambda word: ("stripe", stripe.wire, stripe.subscription("updated", status=word)),
    )
    yield (
        "stripe-invoice",
        stripe_words(stripe_sdk.Invoice, "status"),
        lambda word: ("stripe", stripe.wire, stripe.invoice("marked_uncollectible", status=word)),
    )
    yield (
        "stripe-dispute",
        stripe_words(stripe_sdk.Dispute, "status"),
        lambda word: ("stripe", stripe.wire, stripe.dispute("closed", status=word)),
    )
    yield (
        "stripe-charge",
        stripe_words(stripe_sdk.Charge, "status"),
        lambda word: ("stripe", stripe.wire, stripe.charge("succeeded", status=word)),
    )
    yield (
        "paddle-subscription",
        paddle_words(PaddleSubscriptionStatus),
        lambda word: ("paddle", paddle.wire, paddle.subscription("updated", status=word)),
    )
    yield (
        "paddle-transaction",
        paddle_words(TransactionStatus),
        lambda word: ("paddle", paddle.wire, paddle.transaction("completed", status=word)),
    )
    yield (
        "paddle-origin",
        paddle_words(TransactionOrigin),
        lambda word: ("paddle", paddle.wire, paddle.transaction("completed", origin=word)),
    )


VOCABULARIES = list(_words())


def facts_of(case: Case, unknown: list[UnknownWord] | None = None) -> tuple[ProviderFact, ...]:
    endpoint, wire, payload = case
    body = wire(payload)
    provider = PROVIDERS[endpoint]
    return provider.translate(provider.peek(body).name, provider.decode(body), "", Naming(), unknown)


@pytest.mark.parametrize(
    ("words", "told"), [entry[1:] for entry in VOCABULARIES], ids=[entry[0] for entry in VOCABULARIES]
)
def test_every_word_that_a_vendor_lists_is_known(words: set[str], told: Callable[[str], Case]) -> None:
    assert words
    for word in sorted(words):
        unknown: list[UnknownWord] = []
        assert facts_of(told(word), unknown), word
        assert unknown == [], word


NEEDED = frozenset(
    {
        "id",
        "object",
        "type",
        "data",
        "attributes",
        "timestamp",
        "created",
        "updated_at",
        "business_id",
        "subscription_id",
        "status",
        "total",
        "total_amount",
        "amount",
        "currency",
        "currency_code",
        "details",
        "totals",
        "grand_total",
        "payment_id",
        "refund_id",
        "dispute_id",
        "charge",
        "transaction_id",
        "order_id",
        "dispute_status",
        "amount_refunded",
        "refunded_amount",
        "refunded_tax_amount",
        "ends_at",
        "renews_at",
        "trial_ends_at",
        "effective_at",
        "created_at",
    }
)
"""Fields without which some event says nothing; an unusable value in another one parks no event."""
ODD = st.sampled_from([None, "", "zombie", 199.5, "12", -1, [], {}, True, "9999-99-99T00:00:00Z"])


def paths(value: object, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the way to every field of a payload."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*way, key)
            yield from paths(inner, (*way, key))


@given(data=st.data())
@settings(deadline=None)
@pytest.mark.parametrize("source", PAYLOAD_SOURCES, ids=lambda source: source.name)
def test_an_odd_value_crashes_nothing_and_parks_only_where_the_field_is_needed(
    source: PayloadSource, data: st.DataObject
) -> None:
    story = data.draw(st.sampled_from(sorted(source.events, key=str)), label="story")
    payload = data.draw(st.sampled_from(source.tell(StoryEvent(story), MONDAY)), label="payload")
    written = source.provider.decode(source.wire(payload))
    way = data.draw(st.sampled_from(sorted(paths(written))), label="field")
    changed = source.provider.decode(source.wire(payload))
    place = changed
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = data.draw(ODD, label="value")
    name = source.provider.peek(source.wire(payload)).name

    source.provider.route(changed, Naming())
    try:
        source.provider.translate(name, changed, "", Naming())
    except UntranslatableError:
        assert way[-1] in NEEDED, f"{'.'.join(way)} parks the event"
