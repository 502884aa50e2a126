"""Sample data of a notice: everything that a template may use, and the least that it must do with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kulanz.delivery.notices import REQUIRED

EVERYTHING: Mapping[str, Any] = {
    "plan": "professional",
    "deadline": "2026-03-08T14:08:20Z",
    "amount": 4900,
    "amount_due": 1999,
    "currency": "EUR",
    "clause": "6.2",
    "on_grace_end": "cancel",
    "access": "full",
    "reason": "dispute",
    "data_deletion_eligible_at": "2026-04-08T14:08:20Z",
    "decision": "denied",
    "pay_by": "2026-03-20T00:00:00Z",
    "statutory_withdrawal_until": "2026-03-19T23:00:00Z",
    "topic": "mass_action_brake",
    "letter": "last_demand",
    "total_due": 3499,
    "fee": 1000,
    "fees": 1500,
    "invoice": "1134999",
    "overdue_since": "2026-03-01T14:08:20Z",
    "collections": True,
    "subject": "lemonsqueezy:1134999",
    "kind": "users",
    "quantity": 2,
    "unit_price": 590,
    "draft_amount": 571,
    "refund_due": 571,
    "billed_until": "2026-04-17T00:00:00Z",
    "ends_at": "2026-04-17T00:00:00Z",
    "cites": True,
    "consequence_clause": "6.2",
    "amount_clause": "14",
    "had_grace": True,
    "restores": True,
    "cancelled": False,
    "part_paid": 500,
    "tax_kept": 319,
    "plan_ends": True,
    "why": "renewal",
    "decision_reason": "It was used for a month.",
    "developer": "Acme Apps",
    "developer_contact": "help@acme.example",
    "measure": "30 GB",
    "piece": "10 GB",
    "tax": "included",
    "fee_currency": "EUR",
    "fee_possible": True,
    "names": {"users": {"de": "Zusätzliche Benutzer", "en": "Additional users", "fr": "Utilisateurs supplémentaires"}},
    "policy_url": "https://shop.example/terms",
}


def least(notice: str) -> dict[str, Any]:
    """Return only the data without which there is no such notice."""
    return {name: EVERYTHING[name] for name in REQUIRED[notice]}
