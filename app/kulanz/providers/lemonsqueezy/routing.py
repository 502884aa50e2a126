"""Routes an event: the account that custom data names, and the objects by which it may be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kulanz.providers.lemonsqueezy.vocabulary import INVOICES, ORDERS, PROVIDER, SUBSCRIPTIONS, binding_if_any
from kulanz.providers.naming import Naming, claim
from kulanz.providers.provider import Routing
from kulanz.providers.reading import PayloadReader, identifier, inner


def route(payload: Mapping[str, Any], naming: Naming) -> Routing:
    """Return the account of an event. An invoice has no claim worth waiting for: its subscription decides."""
    data = inner(payload, "data")
    kind, attributes = data.get("type"), inner(data, "attributes")
    claimed = claim(
        inner(payload, "meta").get("custom_data"),
        naming,
        PROVIDER,
        lambda: PayloadReader(attributes, "attributes").instant("created_at"),
    )
    customer = identifier(attributes.get("customer_id"))
    return Routing(
        claim=claimed.account,
        unusable_claim=claimed.unusable,
        kept_claim=claimed.kept,
        signed=claimed.signed,
        customer=binding_if_any("customer", customer),
        subscription=binding_if_any("subscription", _id_of("subscription_id", SUBSCRIPTIONS, data, attributes)),
        order=binding_if_any("order", _id_of("order_id", ORDERS, data, attributes)),
        needs_subscription=kind == INVOICES or (kind == SUBSCRIPTIONS and customer is None and claimed.account is None),
        fallback=f"{PROVIDER}-{customer}" if customer else None,
    )


def _id_of(key: str, kind: str, data: Mapping[str, Any], attributes: Mapping[str, Any]) -> str | None:
    """Return the id of an object that is named under a key, or that is the event's subject."""
    return identifier(data.get("id") if data.get("type") == kind else attributes.get(key))
