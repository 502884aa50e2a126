"""Every payload that our builders make is one of the vendor's own."""

from __future__ import annotations

import pytest

from tests import paddle, standard, stripe
from tests.adapters.payload_source import MONDAY, PayloadSource
from tests.adapters.payloads import PAYLOAD_SOURCES
from tests.vendors.models import complaints, model_of

JUDGED = [source for source in PAYLOAD_SOURCES if source.name != "lemonsqueezy"]
WHOLE = {"polar", "dodo"}
"""Their packages have types that say what has to be there. Stripe's and Paddle's say what may be, and how it is."""


def wrong_with(vendor: str, payload: dict[str, object]) -> list[str]:
    found = model_of(vendor, payload)
    assert found is not None
    way, model = found
    document: object = payload
    for step in way:
        assert isinstance(document, dict)
        document = document[step]
    found_wrong = complaints(document, model, whole=vendor in WHOLE)
    return [complaint for complaint in found_wrong if ".payload_type:" not in complaint]


@pytest.mark.parametrize("source", JUDGED, ids=lambda source: source.name)
def test_every_payload_of_a_story_is_one_of_the_vendors(source: PayloadSource) -> None:
    for tell in source.events.values():
        for payload in tell(MONDAY):
            assert wrong_with(source.name, payload) == []


def test_what_a_vendor_would_not_send_is_found() -> None:
    assert wrong_with("polar", standard.polar_subscription("updated", status="zombie"))
    assert wrong_with("polar", standard.polar_subscription("updated", total="12"))
    assert wrong_with("dodo", standard.dodo_payment("succeeded", total_amount="12"))
    assert wrong_with("stripe", stripe.invoice("paid", total="4900"))
    assert wrong_with("paddle", paddle.adjustment("refund", invented=1))
