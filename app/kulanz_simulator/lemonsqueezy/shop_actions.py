"""Actions of people on the store's objects: customers, the merchant in the dashboard or by the API, the bank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kulanz.errors import InvalidInputError, RefusedError
from kulanz.providers.lemonsqueezy.vocabulary import INVOICES, LICENCES, ORDERS, SUBSCRIPTIONS
from kulanz_simulator.lemonsqueezy.assumptions import Assumptions
from kulanz_simulator.lemonsqueezy.billing import UNPAID_STATUSES, Billing
from kulanz_simulator.lemonsqueezy.store import Store

_ENDED = frozenset({"expired"})
PAUSES = ("void", "free")


@dataclass(frozen=True, slots=True)
class ShopActions:
    """Acts on the store; each sends the provider's webhooks about it."""

    store: Store
    billing: Billing
    assumptions: Assumptions

    def cancel(self, sub: str) -> None:
        """Stop the renewal; a paid subscription runs out, a past-due one may expire at once."""
        document = self.store.told(SUBSCRIPTIONS, sub)
        self._refuse_ended(document)
        if document["cancelled"]:
            return
        contract = self.store.contract(sub)
        at_once = document["status"] in UNPAID_STATUSES and self.assumptions.cancelling_expires_past_due
        ends = self.store.now if at_once else max(contract.paid_until, self.store.now)
        self.store.change(SUBSCRIPTIONS, sub, status="cancelled", cancelled=True, ends_at=ends)
        self._tell(sub, "subscription_cancelled")
        if at_once:
            self.billing.expire(sub)
        else:
            self.billing.plan_end(sub, ends)

    def resume(self, sub: str, trial_ends_at: str | None = None) -> None:
        """Take a cancellation back."""
        document = self.store.told(SUBSCRIPTIONS, sub)
        self._refuse_ended(document)
        if not document["cancelled"]:
            return
        owed = self.store.contract(sub).open_invoice is not None
        status = "on_trial" if trial_ends_at else "past_due" if owed else "active"
        trial = {"trial_ends_at": trial_ends_at} if trial_ends_at else {}
        self.store.change(SUBSCRIPTIONS, sub, status=status, cancelled=False, ends_at=None, **trial)
        self._tell(sub, "subscription_resumed")
        self.billing.plan_renewal(sub)

    def pause(self, sub: str, mode: str = "void", resumes_at: str | None = None) -> None:
        """Stop collecting."""
        if mode not in PAUSES:
            raise InvalidInputError("pause.mode: void or free")
        self._refuse_ended(self.store.told(SUBSCRIPTIONS, sub))
        self.store.change(SUBSCRIPTIONS, sub, status="paused", pause={"mode": mode, "resumes_at": resumes_at})
        self.billing.stop(sub)
        self._tell(sub, "subscription_paused")

    def unpause(self, sub: str) -> None:
        """Collect again."""
        if self.store.told(SUBSCRIPTIONS, sub)["status"] != "paused":
            return
        self.store.change(SUBSCRIPTIONS, sub, status="active", pause=None)
        self._tell(sub, "subscription_unpaused")
        self.billing.plan_renewal(sub)

    def change_plan(self, sub: str, variant: int, product: str | None = None) -> None:
        """Switch the variant, at once; the difference goes with the next renewal, and an unpaid change is over."""
        named = {} if product is None else {"product_name": product}
        contract = self.store.contract(sub)
        if contract.unpaid_change is not None:
            contract.unpaid_change = None
            named["status"] = "active"
        self.store.change(SUBSCRIPTIONS, sub, variant_id=variant, **named)
        self.store.tell("subscription_updated", sub)

    def change_plan_unpaid(self, sub: str, variant: int) -> None:
        """Switch the variant and charge the difference at once; the charge fails."""
        self.change_plan(sub, variant)
        self.billing.charge_change(sub)

    def pay_change(self, sub: str) -> None:
        """Pay the difference whose charge failed, with a new card."""
        self.billing.pay_change(sub)

    def change_quantity(self, sub: str, quantity: int) -> None:
        """Have another number of seats."""
        self._refuse_ended(self.store.told(SUBSCRIPTIONS, sub))
        item = dict(self.store.told(SUBSCRIPTIONS, sub)["first_subscription_item"] or {})
        self.store.change(SUBSCRIPTIONS, sub, first_subscription_item={**item, "quantity": quantity})
        self.store.tell("subscription_updated", sub)

    def refund_order(self, order: str, amount: int | None = None) -> None:
        """Give money of an order back; the first invoice of its subscription is the same money."""
        self._refund(ORDERS, order, amount)
        self.store.tell("order_refunded", order)
        first = self._first_invoice(order)
        if first is not None:
            self._refund(INVOICES, first, amount)
            self.store.tell("subscription_payment_refunded", first)

    def refund_invoice(self, invoice: str, amount: int | None = None) -> None:
        """Give money of an invoice back."""
        self._refund(INVOICES, invoice, amount)
        self.store.tell("subscription_payment_refunded", invoice)
        order = self._order_of(invoice)
        if order is not None:
            self._refund(ORDERS, order, amount)
            self.store.tell("order_refunded", order)

    def call_fraudulent(self, order: str, *, told_by: str | None = None) -> None:
        """Let the bank call an order fraudulent; its event, if any, is an assumption."""
        self.store.change(ORDERS, order, status="fraudulent")
        name = told_by or self.assumptions.fraud_is_told_by
        if name and name != "nothing":
            self.store.tell(name, order)

    def clear(self, order: str, *, told_by: str | None = None) -> None:
        """Let an order be paid again, after all."""
        self.store.change(ORDERS, order, status="paid")
        name = told_by or self.assumptions.fraud_is_told_by
        if name and name != "nothing":
            self.store.tell(name, order)

    def change_licence(self, licence: str, attributes: dict[str, Any]) -> None:
        """Change a licence key."""
        document = {key: attributes[key] for key in ("disabled", "activation_limit", "expires_at") if key in attributes}
        status = {"status": "disabled"} if document.get("disabled") else {}
        self.store.change(LICENCES, licence, **document, **status)
        self.store.tell("license_key_updated", licence)

    def fail(self, sub: str) -> None:
        """Renew now, with a card that does not work any more."""
        contract = self.store.contract(sub)
        contract.card_works, contract.charges = False, []
        self.billing.stop(sub)
        contract.paid_until = self.store.now
        self.billing.renew(sub)

    def recover(self, sub: str) -> None:
        """Pay what is owed, with a new card."""
        self.store.contract(sub).card_works = True
        self.billing.retry(sub)

    def _tell(self, sub: str, name: str) -> None:
        self.store.tell(name, sub)
        self.store.tell("subscription_updated", sub)

    def _refund(self, kind: str, own_id: str, amount: int | None) -> None:
        document = self.store.told(kind, own_id)
        if document["status"] not in {"paid", "partial_refund", "fraudulent"}:
            raise RefusedError(f"what is {document['status']} cannot be refunded")
        left = document["total"] - document["refunded_amount"]
        back = left if amount is None else amount
        if not 0 < back <= left:
            raise InvalidInputError(f"amount: 1 to {left}")
        full = back == left
        fully = {"refunded": True, "refunded_at": self.store.now} if full else {}
        refunded = document["refunded_amount"] + back
        status = "refunded" if full else "partial_refund"
        self.store.change(kind, own_id, status=status, refunded_amount=refunded, **fully)

    def _first_invoice(self, order: str) -> str | None:
        return next((own_id for own_id, of in self._first_invoices() if of == order), None)

    def _order_of(self, invoice: str) -> str | None:
        return next((of for own_id, of in self._first_invoices() if own_id == invoice), None)

    def _first_invoices(self) -> list[tuple[str, str]]:
        """Return the first invoice of each subscription with its order."""
        return [
            (str(data["id"]), str(self.store.told(SUBSCRIPTIONS, data["attributes"]["subscription_id"])["order_id"]))
            for data in self.store.objects.get(INVOICES, {}).values()
            if data["attributes"]["billing_reason"] == "initial" and data["attributes"]["total"] > 0
        ]

    @staticmethod
    def _refuse_ended(document: dict[str, Any]) -> None:
        if document["status"] in _ENDED:
            raise RefusedError(f"a subscription that is {document['status']} stays so")
