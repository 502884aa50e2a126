"""Paddle Billing's deliveries for tests: a builder for each kind of object, the bytes, and the signature."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from kulanz.providers.timed_signing import paddle_signature
from tests.purchase import MONDAY, Bought, Payload, moment, written

SECRET = "pdl_ntfset_a-secret-of-the-shop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase(Bought):
    """The same, with the provider's ids."""

    customer: str = "ctm_01hv6y1jedq4p1n0yqn5ba3ky4"
    subscription: str = "sub_01hv8x29kz0t586xy6zn1a62ny"
    price: str = "pri_01gsz8x8sawmvhz1pv30nge1ke"
    product: str = "pro_01gsz4t5hdjse780zja8vvr7jg"
    product_name: str = "Professional"
    transaction: str = "txn_01hv8wptq8987qeep44cyrewp9"
    adjustment: str = "adj_01hvgf2s84dr6reszzg29zbvcm"

    @property
    def custom_data(self) -> Payload | None:
        return None if self.account is None else {"account_id": self.account}


BOUGHT = Purchase()


def event(name: str, document: Payload, *, at: datetime, **around: Any) -> Payload:
    data = written(document)
    content = sha256(json.dumps([name, moment(at), data]).encode()).hexdigest()
    return {
        "event_id": f"evt_{content[:26]}",
        "event_type": name,
        "occurred_at": moment(at),
        "notification_id": f"ntf_{content[26:52]}",
        "data": data,
        **around,
    }


def subscription(name: str = "updated", *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    ends = purchase.period_end(at)
    price = {"id": purchase.price, "product_id": purchase.product, "unit_price": {"amount": str(purchase.amount)}}
    item = {
        "status": "active",
        "quantity": 1,
        "price": price,
        "product": {"id": purchase.product, "name": purchase.product_name},
        "trial_dates": None,
        "next_billed_at": moment(ends),
    }
    whole = {
        "id": purchase.subscription,
        "status": {"past_due": "past_due", "canceled": "canceled", "paused": "paused", "trialing": "trialing"}.get(
            name, "active"
        ),
        "customer_id": purchase.customer,
        "currency_code": purchase.currency,
        "created_at": purchase.began,
        "updated_at": at,
        "started_at": purchase.began,
        "next_billed_at": ends,
        "paused_at": None,
        "canceled_at": at if name == "canceled" else None,
        "collection_mode": "automatic",
        "current_billing_period": {"starts_at": moment(ends - purchase.period), "ends_at": moment(ends)},
        "scheduled_change": None,
        "items": [item],
        "custom_data": purchase.custom_data,
    }
    return event(f"subscription.{name}", whole | told, at=at)


def transaction(name: str, *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    status = {"payment_failed": "ready"}.get(name, name)
    totals = {
        "subtotal": str(purchase.amount - 782),
        "discount": "0",
        "tax": "782",
        "total": str(purchase.amount),
        "grand_total": str(purchase.amount),
        "currency_code": purchase.currency,
    }
    whole = {
        "id": purchase.transaction,
        "status": status,
        "customer_id": purchase.customer,
        "subscription_id": purchase.subscription,
        "custom_data": purchase.custom_data,
        "currency_code": purchase.currency,
        "origin": "subscription_recurring",
        "items": [{"price": {"id": purchase.price}, "quantity": 1}],
        "details": {"totals": totals},
        "payments": [],
        "created_at": at,
        "updated_at": at,
        "billed_at": at,
    }
    return event(f"transaction.{name}", whole | told, at=at)


def invoice(name: str, *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    """An event of the invoice of a transaction, as far as it says whose money it is."""
    document = transaction("past_due", at=at, purchase=purchase)["data"]
    del document["origin"]
    own = {"id": f"inv_{purchase.transaction[4:]}", "transaction_id": purchase.transaction, "status": name}
    return event(f"invoice.{name}", document | own | told, at=at)


def adjustment(
    action: str, name: str = "created", *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any
) -> Payload:
    totals = {"subtotal": str(purchase.amount - 782), "tax": "782", "total": str(purchase.amount)}
    fee = {"amount": "1500", "original": None} if action == "chargeback" else None
    whole = {
        "id": f"{purchase.adjustment[:-3]}{sha256(action.encode()).hexdigest()[:3]}",
        "action": action,
        "type": "full",
        "status": "approved",
        "transaction_id": purchase.transaction,
        "subscription_id": purchase.subscription,
        "customer_id": purchase.customer,
        "reason": "fraudulent",
        "currency_code": purchase.currency,
        "items": [{"id": "adjitm_1", "type": "full", "amount": str(purchase.amount)}],
        "totals": totals | {"currency_code": purchase.currency},
        "payout_totals": totals | {"chargeback_fee": fee, "currency_code": "USD"},
        "created_at": at,
        "updated_at": at,
    }
    return event(f"adjustment.{name}", whole | told, at=at)


def customer(name: str = "created", *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    whole = {
        "id": purchase.customer,
        "status": "active",
        "name": "Anne",
        "email": purchase.email,
        "locale": "de",
        "custom_data": None,
        "created_at": purchase.began,
        "updated_at": at,
    }
    return event(f"customer.{name}", whole | told, at=at)


def wire(payload: object) -> bytes:
    """The bytes of a delivery."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def delivery(payload: Payload, secret: str = SECRET, at: int | None = None) -> tuple[bytes, dict[str, str]]:
    """The body of a payload, and the headers that come with it."""
    body = wire(payload)
    signature = paddle_signature(body, secret.encode(), int(time.time()) if at is None else at)
    return body, {"Content-Type": "application/json", "Paddle-Signature": signature}
