"""An event's name says what happened: a word beside it that is unknown, or missing, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from kulanz.errors import UntranslatableError
from kulanz.policy.facts import DisputeSeen, DisputeStatus, ProviderFact, Status
from kulanz.providers import PROVIDERS, Naming, UnknownWord
from tests import lemonsqueezy as ls
from tests import paddle, standard, stripe
from tests.adapters.payload_source import MONDAY, Payload

Case = tuple[str, Callable[[object], bytes], Payload, str]


def _lemonsqueezy() -> Iterator[Case]:
    for name in ("payment_success", "payment_recovered", "payment_failed", "payment_refunded"):
        payload = ls.EVENTS[f"subscription_{name}"]()
        yield "lemonsqueezy", ls.wire, payload, "data.attributes.status"
        yield "lemonsqueezy", ls.wire, payload, "data.attributes.billing_reason"
    for name in ("order_created", "order_refunded", "license_key_created"):
        yield "lemonsqueezy", ls.wire, ls.EVENTS[name](), "data.attributes.status"
    for name in ("cancelled", "expired", "resumed", "paused", "unpaused"):
        yield "lemonsqueezy", ls.wire, ls.EVENTS[f"subscription_{name}"](), "data.attributes.status"
    yield "lemonsqueezy", ls.wire, ls.EVENTS["dispute_created"](), "data.attributes.status"


def _stripe() -> Iterator[Case]:
    for name in ("paid", "payment_succeeded", "payment_failed", "voided"):
        yield "stripe", stripe.wire, stripe.invoice(name), "data.object.status"
    yield "stripe", stripe.wire, stripe.invoice("payment_failed"), "data.object.collection_method"
    for name in ("succeeded", "refunded"):
        yield "stripe", stripe.wire, stripe.charge(name), "data.object.status"
    yield "stripe", stripe.wire, stripe.subscription("deleted", status="canceled"), "data.object.status"
    yield "stripe", stripe.wire, stripe.subscription("resumed"), "data.object.status"
    yield "stripe", stripe.wire, stripe.dispute("created"), "data.object.status"
    yield "stripe", stripe.wire, stripe.dispute("updated"), "data.object.status"
    yield "stripe", stripe.wire, stripe.dispute("funds_reinstated", status="won"), "data.object.status"


def _paddle() -> Iterator[Case]:
    for name in ("payment_failed", "past_due", "paid", "completed", "canceled"):
        yield "paddle", paddle.wire, paddle.transaction(name), "data.status"
    for name in ("trialing", "past_due", "paused", "canceled", "activated", "resumed"):
        yield "paddle", paddle.wire, paddle.subscription(name), "data.status"


def _polar() -> Iterator[Case]:
    for name in ("paid", "refunded"):
        yield "standard", standard.wire, standard.polar_order(name), "data.status"
        yield "standard", standard.wire, standard.polar_order(name), "data.billing_reason"
        yield "standard", standard.wire, standard.polar_order(name, subscription_id=None), "data.status"
    for name in ("active", "past_due", "canceled", "uncanceled", "revoked", "paused", "resumed"):
        yield "standard", standard.wire, standard.polar_subscription(name), "data.status"


def _dodo() -> Iterator[Case]:
    for name in ("active", "renewed", "on_hold", "cancelled", "failed", "expired"):
        yield "standard", standard.wire, standard.dodo_subscription(name), "data.status"
    for name in ("opened", "challenged", "won", "lost", "expired", "accepted", "cancelled"):
        yield "standard", standard.wire, standard.dodo_dispute(name), "data.dispute_status"
    for name in ("succeeded", "failed"):
        yield "standard", standard.wire, standard.dodo_payment(name), "data.status"


CASES = [*_lemonsqueezy(), *_stripe(), *_paddle(), *_polar(), *_dodo()]


def name_of(case: Case) -> str:
    payload = case[2]
    name = payload.get("type") or payload.get("event_type") or payload["meta"]["event_name"]
    return f"{case[0]}-{name}-{case[3]}"


every_case = pytest.mark.parametrize("case", CASES, ids=name_of)


def facts_of(case: Case, payload: Payload, unknown: list[UnknownWord] | None = None) -> tuple[ProviderFact, ...]:
    endpoint, wire, _, _ = case
    body = wire(payload)
    provider = PROVIDERS[endpoint]
    return provider.translate(provider.peek(body).name, provider.decode(body), "", Naming(), unknown)


def with_word(payload: Payload, path: str, *word: Any) -> Payload:
    """The same payload with another word, or without one."""
    changed = deepcopy(payload)
    *way, last = path.split(".")
    place = changed
    for step in way:
        place = place[step]
    place.pop(last, None)
    if word:
        place[last] = word[0]
    return changed


@every_case
def test_an_unknown_word_changes_nothing_and_is_noted(case: Case) -> None:
    unknown: list[UnknownWord] = []

    told = facts_of(case, with_word(case[2], case[3], "zombie"), unknown)

    assert told == facts_of(case, case[2])
    assert unknown in ([UnknownWord(case[3], "zombie")], [])


@every_case
@pytest.mark.parametrize("nothing", [(), (None,), ("",)], ids=["absent", "null", "empty"])
def test_a_missing_word_changes_nothing(case: Case, nothing: tuple[Any, ...]) -> None:
    unknown: list[UnknownWord] = []

    assert facts_of(case, with_word(case[2], case[3], *nothing), unknown) == facts_of(case, case[2])
    assert unknown == []


@pytest.mark.parametrize(
    ("endpoint", "wire", "payload", "path"),
    [
        ("lemonsqueezy", ls.wire, ls.subscription_updated(), "data.attributes.status"),
        ("stripe", stripe.wire, stripe.subscription("updated"), "data.object.status"),
        ("stripe", stripe.wire, stripe.dispute("closed"), "data.object.status"),
        ("paddle", paddle.wire, paddle.subscription("updated"), "data.status"),
        ("standard", standard.wire, standard.polar_subscription("updated"), "data.status"),
        ("standard", standard.wire, standard.dodo_subscription("updated"), "data.status"),
    ],
)
@pytest.mark.parametrize("word", ["zombie", "unpaid_", "grace", "on_trial!"])
def test_what_only_the_word_says_is_still_needed(
    endpoint: str, wire: Any, payload: Payload, path: str, word: str
) -> None:
    with pytest.raises(UntranslatableError):
        facts_of((endpoint, wire, payload, path), with_word(payload, path, word))


@pytest.mark.parametrize(
    ("endpoint", "wire", "payload", "path", "word"),
    [
        ("stripe", stripe.wire, stripe.subscription("updated"), "data.object.status", "cancelled"),
        ("stripe", stripe.wire, stripe.subscription("updated"), "data.object.status", "expired"),
        ("paddle", paddle.wire, paddle.subscription("updated"), "data.status", "unpaid"),
        ("paddle", paddle.wire, paddle.subscription("updated"), "data.status", "cancelled"),
        ("standard", standard.wire, standard.polar_subscription("updated"), "data.status", "expired"),
        ("standard", standard.wire, standard.dodo_subscription("updated"), "data.status", "unpaid"),
        ("standard", standard.wire, standard.dodo_subscription("updated"), "data.status", "on_trial"),
    ],
)
def test_one_providers_words_are_never_anothers(
    endpoint: str, wire: Any, payload: Payload, path: str, word: str
) -> None:
    with pytest.raises(UntranslatableError):
        facts_of((endpoint, wire, payload, path), with_word(payload, path, word))


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (ls.subscription_payment_success(), "data.attributes.discount_total"),
        (ls.subscription_payment_success(), "data.attributes.tax"),
        (ls.order_created(), "data.attributes.discount_total"),
        (ls.EVENTS["license_key_created"](), "data.attributes.instances_count"),
    ],
)
@pytest.mark.parametrize("value", [199.5, "unlimited", "1e3", True, {}])
def test_an_optional_value_that_is_unusable_is_left_out(payload: Payload, path: str, value: object) -> None:
    case = ("lemonsqueezy", ls.wire, payload, path)
    unknown: list[UnknownWord] = []

    assert facts_of(case, with_word(payload, path, value), unknown) == facts_of(case, with_word(payload, path))
    assert unknown == [UnknownWord(path, "no whole number")]


def test_a_licence_without_a_limit_may_say_so_in_a_word() -> None:
    payload = ls.EVENTS["license_key_created"]()
    case = ("lemonsqueezy", ls.wire, payload, "")

    (licence,) = facts_of(case, with_word(payload, "data.attributes.activation_limit", "unlimited"))

    assert getattr(licence, "activation_limit", 0) is None


@pytest.mark.parametrize("path", ["data.attributes.total", "data.attributes.refunded_amount"])
def test_an_amount_that_a_refund_needs_is_still_needed(path: str) -> None:
    payload = ls.order_refunded()

    with pytest.raises(UntranslatableError):
        facts_of(("lemonsqueezy", ls.wire, payload, path), with_word(payload, path, 199.5))


@pytest.mark.parametrize("status", ["appeal_needs_response", "appeal_under_review"])
@pytest.mark.parametrize("name", ["updated", "closed", "funds_withdrawn"])
def test_an_appealed_dispute_at_stripe_is_contested(name: str, status: str) -> None:
    details = {"type": "card", "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "83"}}
    payload = stripe.dispute(name, status=status, payment_method_details=details)

    (seen,) = facts_of(("stripe", stripe.wire, payload, ""), payload)

    assert isinstance(seen, DisputeSeen)
    assert seen.status is DisputeStatus.UNDER_REVIEW


def test_polars_plan_to_cancel_runs_to_its_end_whatever_the_status_says() -> None:
    payload = with_word(standard.polar_subscription("canceled", at=MONDAY), "data.status", "leaving")

    (seen,) = facts_of(("standard", standard.wire, payload, ""), payload)

    assert (getattr(seen, "status", None), getattr(seen, "ends_at", None)) == (
        Status.CANCELLED,
        standard.POLAR.period_end(MONDAY),
    )
