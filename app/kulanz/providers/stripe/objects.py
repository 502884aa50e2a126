"""Where Stripe's versions keep what we look for: old and new shapes are read alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kulanz.providers.reading import Reading


def subscription_of(invoice: Reading) -> str | None:
    """Return the subscription that an invoice is of: under `parent` since 2025, at its top before."""
    line = invoice.first("lines")
    return (
        invoice.reference("subscription")
        or invoice.below("parent").below("subscription_details").reference("subscription")
        or line.reference("subscription")
        or line.below("parent").below("subscription_item_details").reference("subscription")
    )


def custom_data(told: Reading, account_key: str) -> Mapping[str, Any]:
    """Return the metadata that names the account: the object's own, or what an invoice carries of its subscription."""
    found = [place.values for place in _metadata(told)]
    return next((one for one in found if one.get(account_key) is not None), found[0])


def _metadata(told: Reading) -> Iterator[Reading]:
    yield told.below("metadata")
    yield told.below("subscription_details").below("metadata")
    yield told.below("parent").below("subscription_details").below("metadata")
