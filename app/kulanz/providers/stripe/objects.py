"""Readers of Stripe's objects, for the shapes of old and new API versions alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kulanz.providers.reading import PayloadReader


def subscription_of(invoice: PayloadReader) -> str | None:
    """Return the subscription that an invoice is of: under `parent` since 2025, at its top before."""
    line = invoice.first("lines")
    return (
        invoice.reference("subscription")
        or invoice.below("parent").below("subscription_details").reference("subscription")
        or line.reference("subscription")
        or line.below("parent").below("subscription_item_details").reference("subscription")
    )


def intent_of(invoice: PayloadReader) -> str | None:
    """Return the payment intent that paid an invoice: a field until 2025, among its payments since."""
    paid = (payload_reader.below("payment").reference("payment_intent") for payload_reader in invoice.each("payments"))
    return invoice.reference("payment_intent") or next((intent for intent in paid if intent), None)


def custom_data(payload_reader: PayloadReader, keys: Collection[str]) -> Mapping[str, Any]:
    """Return the metadata that names the account: the object's own, or the copy of its subscription's in an invoice."""
    matches = [place.values for place in _metadata(payload_reader)]
    return next((each for each in matches if any(each.get(key) is not None for key in keys)), matches[0])


def _metadata(payload_reader: PayloadReader) -> Iterator[PayloadReader]:
    yield payload_reader.below("metadata")
    yield payload_reader.below("subscription_details").below("metadata")
    yield payload_reader.below("parent").below("subscription_details").below("metadata")
