"""Whose event it is: the account that custom data names, and the objects it may be found by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.providers.lemonsqueezy.vocabulary import INVOICES, ORDERS, PROVIDER, SUBSCRIPTIONS, binding
from app.providers.naming import Naming, claim
from app.providers.provider import Routing
from app.providers.reading import Reading

_OWN = {SUBSCRIPTIONS: "subscription_id", ORDERS: "order_id"}
"""Objects whose own id is what others name under this key."""


def route(payload: Mapping[str, Any], naming: Naming) -> Routing:
    """Say whose event it is. An invoice has no claim of its own worth waiting for: its subscription decides."""
    document = Reading(payload, "payload")
    claimed = claim(document.below("meta").values.get("custom_data"), naming)
    data = document.below("data")
    kind = data.values.get("type")
    ids = _ids(data, kind if isinstance(kind, str) else "")
    return Routing(
        claim=claimed.account,
        unusable_claim=claimed.unusable,
        signed=claimed.signed,
        customer=_binding("customer", ids["customer_id"]),
        subscription=_binding("subscription", ids["subscription_id"]),
        order=_binding("order", ids["order_id"]),
        needs_subscription=kind == INVOICES,
        fallback=f"{PROVIDER}-{ids['customer_id']}" if ids["customer_id"] else None,
    )


def _ids(data: Reading, kind: str) -> dict[str, str | None]:
    attributes = data.below("attributes")
    ids = {key: attributes.identifier(key) for key in ("customer_id", "subscription_id", "order_id")}
    return ids | ({_OWN[kind]: data.identifier("id")} if kind in _OWN else {})


def _binding(kind: str, identifier: str | None) -> str | None:
    return binding(kind, identifier) if identifier else None
