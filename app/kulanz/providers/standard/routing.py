"""Routes an event: the account that metadata names, and the objects by which it may be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kulanz.providers.naming import Claim, Naming, claim, customer_claim
from kulanz.providers.provider import Routing
from kulanz.providers.standard.sender import data_of, ids_of, kind_of
from kulanz.providers.standard.vocabulary import (
    CUSTOMER,
    DISPUTE,
    PAYMENT,
    PROVIDER,
    REFUND,
    SUBSCRIPTION,
    binding_if_any,
)


def route(payload: Mapping[str, Any], naming: Naming) -> Routing:
    """Return the account of an event. A subscription's payment waits until the subscription is known."""
    kind, ids = kind_of(payload), ids_of(payload)
    told = data_of(payload)
    claimed = (
        Claim()
        if kind == CUSTOMER
        else claim(told.values.get("metadata"), naming, PROVIDER, lambda: told.instant("created_at"))
    )
    named = customer_claim((told if kind == CUSTOMER else told.below("customer")).values, naming, PROVIDER)
    return Routing(
        claim=claimed.account,
        unusable_claim=claimed.unusable,
        kept_claim=claimed.kept,
        signed=claimed.signed,
        customer=binding_if_any("customer", ids.customer),
        subscription=binding_if_any(SUBSCRIPTION, ids.subscription),
        order=binding_if_any(PAYMENT, ids.payment),
        customer_claim=named,
        needs_order=kind in {REFUND, DISPUTE} and not (ids.customer or claimed.account),
        is_payment=kind != SUBSCRIPTION,
        needs_subscription=ids.subscription is not None
        and (kind == PAYMENT or (kind == SUBSCRIPTION and not (ids.customer or claimed.account or named))),
        fallback=f"{PROVIDER}-{ids.customer}" if ids.customer else None,
    )
