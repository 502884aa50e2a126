"""The page of a customer in a provider's own dashboard, by the customer's key."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

_CUSTOMERS: Mapping[str, str] = {
    "lemonsqueezy": "https://app.lemonsqueezy.com/customers/",
    "paddle": "https://vendors.paddle.com/customers-v2/",
    "stripe": "https://dashboard.stripe.com/customers/",
}
"""Addresses without the customer's id. An id alone does not say whether it is of Polar or of Dodo."""


def customer_page(key: str) -> str | None:
    """Return the address of a customer's page; None where it does not follow from the key."""
    provider, _, customer = key.partition(":")
    page = _CUSTOMERS.get(provider)
    return f"{page}{quote(customer, safe='')}" if page is not None and customer else None
