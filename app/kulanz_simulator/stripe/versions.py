"""Versions of an object in Stripe's API. Objects are held as the newest version writes them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any

Document = dict[str, Any]


class ApiVersion(StrEnum):
    """A version before and versions after `basil`, which took payments and periods to other places."""

    ACACIA = "2025-02-24.acacia"
    BASIL = "2025-03-31.basil"
    ENDIVE = "2026-10-28.endive"

    @property
    def is_old(self) -> bool:
        """Whether it is one from before `basil`."""
        return self is ApiVersion.ACACIA

    def has_event(self, name: str) -> bool:
        """Whether events of a name exist in it."""
        return not (self.is_old and name.startswith("invoice_payment."))


def rendered(
    document: Document, version: ApiVersion, expand: Collection[str] = (), *, livemode: bool = False
) -> Document:
    """Return an object in a version's format; fields that are expanded only on request are left out."""
    shown = copy.deepcopy(document)
    kind = str(shown["object"])
    if version.is_old and kind in _OLD:
        _OLD[kind](shown)
    for name in _HIDDEN.get(kind, ()):
        if name not in expand:
            shown.pop(name, None)
    if kind == "invoice":
        for line in shown["lines"]["data"]:
            line.pop("priced")
    if livemode:
        _call_live(shown)
    return shown


def _call_live(value: Any) -> None:
    """Mark an object and all in it as live."""
    if isinstance(value, list):
        for entry in value:
            _call_live(entry)
    elif isinstance(value, dict):
        value.update({"livemode": True} if "livemode" in value else {})
        for inner in value.values():
            _call_live(inner)


def _old_subscription(shown: Document) -> None:
    items = shown["items"]["data"]
    pending = (shown["pending_update"] or {}).get("subscription_items", ())
    for name in ("current_period_start", "current_period_end"):
        shown[name] = max(item[name] for item in items)
        for item in (*items, *pending):
            item.pop(name, None)
    _drop(shown, "billing_mode", "billing_schedules")


def _old_invoice(shown: Document) -> None:
    parent = shown.pop("parent") or {}
    details = parent.get("subscription_details") or {}
    shown["subscription"] = details.get("subscription")
    shown["subscription_details"] = {"metadata": details.get("metadata")}
    paid_by: Document = next(iter(shown["payments"]["data"]), {"payment": {}})["payment"]
    shown["payment_intent"], shown["charge"] = paid_by.get("payment_intent"), shown["paid_with"]
    shown |= {"paid": shown["status"] == "paid", "paid_out_of_band": False}
    shown["total_tax_amounts"] = [
        {"amount": part["amount"], "inclusive": part["tax_behavior"] == "inclusive"} for part in shown["total_taxes"]
    ]
    shown["tax"] = sum(part["amount"] for part in shown["total_tax_amounts"]) or None
    _drop(shown, "payments", "total_taxes", "amount_overpaid")
    _drop(shown["automatic_tax"], "provider")
    for line in shown["lines"]["data"]:
        details = line["parent"]["subscription_item_details"]
        line |= {"type": "subscription", "proration": details["proration"], "subscription": details["subscription"]}
        line |= {"subscription_item": details["subscription_item"], "price": line["priced"]}
        line |= {"tax_amounts": [], "tax_rates": []}
        _drop(line, "parent", "pricing", "subtotal")


def _old_charge(shown: Document) -> None:
    shown["invoice"] = shown["pays_for"]
    _drop(shown["billing_details"], "tax_id")


def _old_intent(shown: Document) -> None:
    shown["invoice"] = shown["pays_for"]


def _old_dispute(shown: Document) -> None:
    _drop(shown["evidence_details"], "submission_method")
    _drop((shown["payment_method_details"] or {}).get("card", {}), "network")
    for booked in shown["balance_transactions"]:
        _drop(booked, "balance_type")


def _drop(document: Document, *names: str) -> None:
    for name in names:
        document.pop(name, None)


_OLD: Mapping[str, Callable[[Document], None]] = {
    "subscription": _old_subscription,
    "invoice": _old_invoice,
    "charge": _old_charge,
    "payment_intent": _old_intent,
    "dispute": _old_dispute,
}
_HIDDEN = {"invoice": ("payments", "paid_with"), "charge": ("pays_for",), "payment_intent": ("pays_for",)}
"""Fields that the newest versions send only on request, or not at all."""
