"""Standard Webhooks for tests: Dodo's and Polar's events, a builder for each, the bytes, and the signature."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from kulanz.providers.timed_signing import standard_signature
from tests.purchase import MONDAY, Bought, Payload, moment, written

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase(Bought):
    """The same, with the provider's ids."""

    customer: str = "cus_8VbC6JDZzPEqfB"
    subscription: str = "sub_Iuaq622bbmmfOGrVTqdXv"
    product: str = "pdt_professional"
    product_name: str = "Professional"
    payment: str = "pay_2IjeQm4hqU6RA4Z4kwDee"
    refund: str = "ref_7Jp4mAqU6RA4Z4kwDee"
    dispute: str = "dp_7Jp4mAqU6RA4Z4kwDee"


BOUGHT = Purchase()
POLAR = Purchase(
    customer="0f9a4c27-8f0a-4c0a-9b62-2d5c7d5f7a01",
    subscription="5f8d5ca0-1111-4f4f-8d64-7c1df0a43b02",
    product="a1b2c3d4-2222-4b9e-9d6b-0a52a2f8c103",
    payment="c0ffee00-3333-4d7c-8a55-51b8c30f9c04",
    dispute="d15b07e0-4444-4e6b-9f01-90d0d6a0e205",
)


_ADDRESS = {"country": "AT", "city": "Vienna", "state": None, "street": "Main 1", "zipcode": "1010"}
_DODO_SUBSCRIPTION: Payload = {
    "addons": [],
    "billing": _ADDRESS,
    "brand_id": "brand_1",
    "credit_entitlement_cart": [],
    "has_payment_method": True,
    "meter_credit_entitlement_cart": [],
    "meters": [],
    "on_demand": False,
    "payment_frequency_count": 1,
    "payment_frequency_interval": "Month",
    "subscription_period_count": 10,
    "subscription_period_interval": "Year",
    "tax_inclusive": True,
}
_DODO_PAYMENT: Payload = {
    "billing": _ADDRESS,
    "brand_id": "brand_1",
    "business_id": "bus_P3SXLi0yAuFTP",
    "digital_products_delivered": False,
    "includes_usage": False,
    "is_multi_subscription": False,
    "is_update_payment_method": False,
    "payment_provider": "stripe",
    "service_periods": [],
    "settlement_amount": 4900,
    "settlement_currency": "EUR",
}
_POLAR_SUBSCRIPTION: Payload = {
    "recurring_interval": "month",
    "recurring_interval_count": 1,
    "current_meter_period_start": None,
    "current_meter_period_end": None,
    "started_at": None,
    "pause_at_period_end": False,
    "paused_at": None,
    "resumes_at": None,
    "discount_id": None,
    "checkout_id": None,
    "units": None,
    "customer_cancellation_reason": None,
    "customer_cancellation_comment": None,
    "discount": None,
    "prices": [],
    "meters": [],
    "pending_update": None,
}
_POLAR_ORDER: Payload = {
    "paid": True,
    "net_amount": 4118,
    "applied_balance_amount": 0,
    "due_amount": 4900,
    "billing_name": None,
    "billing_address": None,
    "invoice_number": None,
    "is_invoice_generated": False,
    "receipt_number": None,
    "units": None,
    "discount_id": None,
    "checkout_id": None,
    "platform_fee_amount": 0,
    "platform_fee_currency": None,
    "discount": None,
    "subscription": None,
    "items": [],
    "description": "Professional",
    "refundable_amount": 4118,
    "refundable_tax_amount": 782,
}
_POLAR_CUSTOMER: Payload = {
    "created_at": moment(MONDAY),
    "modified_at": None,
    "metadata": {},
    "email_verified": True,
    "type": "individual",
    "name": "Anne",
    "billing_name": None,
    "billing_address": None,
    "tax_id": None,
    "organization_id": "0f9a4c27-6666-4c0a-9b62-2d5c7d5f7a07",
    "deleted_at": None,
    "first_user_event_at": None,
    "avatar_url": None,
}
_SOLD: Payload = {
    "created_at": moment(MONDAY),
    "modified_at": None,
    "metadata": {},
    "trial_interval": None,
    "trial_interval_count": None,
    "description": None,
    "visibility": "public",
    "recurring_interval": "month",
    "recurring_interval_count": 1,
    "meter_interval": None,
    "meter_interval_count": None,
    "is_recurring": True,
    "is_archived": False,
    "organization_id": "0f9a4c27-6666-4c0a-9b62-2d5c7d5f7a07",
}
"""A product beside an order; beside a subscription it has more."""
_SUBSCRIBED = _SOLD | {"is_deletable": True, "prices": [], "benefits": [], "medias": [], "attached_custom_fields": []}


def dodo(name: str, document: Payload, *, at: datetime, **around: Any) -> Payload:
    return {
        "business_id": "bus_P3SXLi0yAuFTP",
        "type": name,
        "timestamp": moment(at),
        "data": written(document),
        **around,
    }


def polar(name: str, document: Payload, *, at: datetime, **around: Any) -> Payload:
    return {"type": name, "timestamp": moment(at), "api_version": "2026-10", "data": written(document), **around}


def dodo_subscription(name: str, *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    statuses = {"on_hold": "on_hold", "cancelled": "cancelled", "expired": "expired", "failed": "failed"}
    whole = {
        "payload_type": "Subscription",
        "subscription_id": purchase.subscription,
        "status": statuses.get(name, "active"),
        "customer": _customer(purchase),
        "product_id": purchase.product,
        "quantity": 1,
        "currency": purchase.currency,
        "recurring_pre_tax_amount": purchase.amount,
        "cancel_at_next_billing_date": False,
        "cancelled_at": None,
        "created_at": purchase.began,
        "expires_at": None,
        "metadata": purchase.metadata,
        "next_billing_date": purchase.period_end(at),
        "previous_billing_date": purchase.period_end(at) - purchase.period,
        "trial_period_days": 0,
    }
    return dodo(f"subscription.{name}", _DODO_SUBSCRIPTION | whole | told, at=at)


def dodo_payment(name: str, *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    whole = {
        "payload_type": "Payment",
        "payment_id": purchase.payment,
        "subscription_id": purchase.subscription,
        "status": name,
        "customer": _customer(purchase),
        "currency": purchase.currency,
        "total_amount": purchase.amount,
        "tax": 782,
        "created_at": at,
        "updated_at": None,
        "metadata": purchase.metadata,
        "product_cart": None,
        "refunds": [],
        "disputes": [],
        "retry_attempt": 0,
    }
    subscribed = (whole | told)["subscription_id"]
    several = {"subscription_ids": [subscribed] if subscribed else []}
    return dodo(f"payment.{name}", _DODO_PAYMENT | several | whole | told, at=at)


def dodo_refund(*, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    whole = {
        "payload_type": "Refund",
        "refund_id": purchase.refund,
        "brand_id": "brand_1",
        "business_id": "bus_P3SXLi0yAuFTP",
        "payment_id": purchase.payment,
        "amount": purchase.amount,
        "currency": purchase.currency,
        "customer": _customer(purchase),
        "is_partial": False,
        "created_at": at,
        "reason": None,
        "status": "succeeded",
        "metadata": {},
    }
    return dodo("refund.succeeded", whole | told, at=at)


def dodo_dispute(name: str = "opened", *, at: datetime = MONDAY, purchase: Purchase = BOUGHT, **told: Any) -> Payload:
    whole = {
        "payload_type": "Dispute",
        "dispute_id": purchase.dispute,
        "business_id": "bus_P3SXLi0yAuFTP",
        "payment_id": purchase.payment,
        "amount": str(purchase.amount),
        "currency": purchase.currency,
        "dispute_stage": "dispute",
        "dispute_status": f"dispute_{name}",
        "created_at": at,
        "remarks": None,
    }
    return dodo(f"dispute.{name}", whole | told, at=at)


def polar_subscription(name: str, *, at: datetime = MONDAY, purchase: Purchase = POLAR, **told: Any) -> Payload:
    ends = purchase.period_end(at)
    whole = {
        "id": purchase.subscription,
        "status": {"past_due": "past_due", "revoked": "canceled", "paused": "paused"}.get(name, "active"),
        "customer_id": purchase.customer,
        "customer": _POLAR_CUSTOMER | {"id": purchase.customer, "email": purchase.email},
        "product_id": purchase.product,
        "product": _SUBSCRIBED | {"id": purchase.product, "name": purchase.product_name},
        "amount": purchase.amount,
        "currency": purchase.currency.lower(),
        "cancel_at_period_end": name == "canceled",
        "canceled_at": None,
        "created_at": purchase.began,
        "modified_at": at,
        "current_period_start": ends - purchase.period,
        "current_period_end": ends,
        "ends_at": ends if name == "canceled" else None,
        "ended_at": at if name == "revoked" else None,
        "trial_start": None,
        "trial_end": None,
        "metadata": purchase.metadata,
        "seats": None,
    }
    return polar(f"subscription.{name}", _POLAR_SUBSCRIPTION | whole | told, at=at)


def polar_order(name: str, *, at: datetime = MONDAY, purchase: Purchase = POLAR, **told: Any) -> Payload:
    refunded = name == "refunded"
    whole = {
        "id": purchase.payment,
        "status": {"paid": "paid", "refunded": "refunded"}.get(name, "pending"),
        "billing_reason": "subscription_cycle",
        "subscription_id": purchase.subscription,
        "customer_id": purchase.customer,
        "customer": _POLAR_CUSTOMER | {"id": purchase.customer, "email": purchase.email},
        "product_id": purchase.product,
        "product": _SOLD | {"id": purchase.product, "name": purchase.product_name},
        "currency": purchase.currency.lower(),
        "subtotal_amount": purchase.amount - 782,
        "discount_amount": 0,
        "tax_amount": 782,
        "total_amount": purchase.amount,
        "refunded_amount": purchase.amount - 782 if refunded else 0,
        "refunded_tax_amount": 782 if refunded else 0,
        "next_payment_attempt_at": None,
        "created_at": at,
        "modified_at": None,
        "metadata": {},
    }
    return polar(f"order.{name}", _POLAR_ORDER | whole | told, at=at)


def polar_refund(dispute: str | None, *, at: datetime = MONDAY, purchase: Purchase = POLAR, **told: Any) -> Payload:
    about = {
        "id": purchase.dispute,
        "status": dispute,
        "created_at": moment(at),
        "modified_at": None,
        "amount": 4118,
        "tax_amount": 782,
        "currency": purchase.currency.lower(),
        "resolved": False,
        "closed": False,
        "past_due": False,
        "reason": None,
        "evidence_due_by": None,
        "order_id": purchase.payment,
        "payment_id": "b0b0b0b0-7777-4a6d-8f11-77d0d6a0e208",
    }
    whole = {
        "id": "b0b0b0b0-5555-4a6d-8f11-77d0d6a0e206",
        "status": "succeeded",
        "reason": "dispute_prevention",
        "organization_id": "0f9a4c27-6666-4c0a-9b62-2d5c7d5f7a07",
        "revoke_benefits": False,
        "amount": purchase.amount - 782,
        "tax_amount": 782,
        "currency": purchase.currency.lower(),
        "order_id": purchase.payment,
        "subscription_id": purchase.subscription,
        "customer_id": purchase.customer,
        "dispute": about if dispute else None,
        "created_at": at,
        "modified_at": None,
        "metadata": {},
    }
    return polar("refund.created", whole | told, at=at)


def wire(payload: object) -> bytes:
    """The bytes of a delivery."""
    return json.dumps(payload, separators=(",", ":")).encode()


def delivery(payload: Payload, secret: str = SECRET, at: int | None = None) -> tuple[bytes, dict[str, str]]:
    """The body of a payload, and the headers that come with it."""
    body, signed_at = wire(payload), int(time.time()) if at is None else at
    ident = f"msg_{sha256(body).hexdigest()[:27]}"
    headers = {
        "Content-Type": "application/json",
        "webhook-id": ident,
        "webhook-timestamp": str(signed_at),
        "webhook-signature": standard_signature(ident, body, secret.encode(), signed_at),
    }
    return body, headers


def _customer(purchase: Purchase) -> Payload:
    return {"customer_id": purchase.customer, "email": purchase.email, "name": "Anne", "phone_number": None}
