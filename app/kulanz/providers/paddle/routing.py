"""Routes an event: the account that custom data names, and the objects by which it may be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kulanz.providers.naming import Naming, claim
from kulanz.providers.paddle.vocabulary import (
    ADJUSTMENT,
    CUSTOMER,
    INVOICE,
    OBJECTS,
    PROVIDER,
    SUBSCRIPTION,
    TRANSACTION,
    WARNINGS,
    binding_if_any,
)
from kulanz.providers.provider import Routing
from kulanz.providers.reading import PayloadReader

_OWN = {SUBSCRIPTION: "subscription_id", TRANSACTION: "transaction_id", CUSTOMER: "customer_id"}
"""Objects whose own id is what others name under this key."""


def route(payload: Mapping[str, Any], naming: Naming) -> Routing:
    """Return the account of an event. A subscription's transaction waits until the subscription is known."""
    name = payload.get("event_type")
    kind = OBJECTS.get(name, "") if isinstance(name, str) else ""
    payload_reader = PayloadReader(payload, "payload").below("data")
    claimed = claim(
        payload_reader.values.get("custom_data") if kind != CUSTOMER else None,
        naming,
        PROVIDER,
        lambda: payload_reader.instant("created_at"),
    )
    ids = {field: payload_reader.identifier(field) for field in ("customer_id", "subscription_id", "transaction_id")}
    if kind in _OWN:
        ids[_OWN[kind]] = payload_reader.identifier("id")
    return Routing(
        problem=_warning(name, payload_reader),
        claim=claimed.account,
        unusable_claim=claimed.unusable,
        kept_claim=claimed.kept,
        signed=claimed.signed,
        customer=binding_if_any(CUSTOMER, ids["customer_id"]),
        subscription=binding_if_any(SUBSCRIPTION, ids["subscription_id"]),
        order=binding_if_any(TRANSACTION, ids["transaction_id"]),
        is_payment=kind != SUBSCRIPTION,
        needs_subscription=ids["subscription_id"] is not None
        and (kind in {TRANSACTION, INVOICE} or (kind == SUBSCRIPTION and not (ids["customer_id"] or claimed.account))),
        needs_order=kind == ADJUSTMENT and not (ids["customer_id"] or claimed.account),
        fallback=f"{PROVIDER}-{ids['customer_id']}" if ids["customer_id"] else None,
    )


def _warning(name: object, payload_reader: PayloadReader) -> str | None:
    """Return the alert about an endpoint that receives events while our calls to Paddle would fail."""
    words = WARNINGS.get(name) if isinstance(name, str) else None
    which = payload_reader.identifier("api_key_id") or payload_reader.identifier("id")
    return f"{words} ({which})" if words else None
