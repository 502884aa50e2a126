"""Automatic billing of subscriptions: checkout, renewals, failed charges and their retries, the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kulanz.errors import RefusedError
from kulanz.providers.lemonsqueezy.samples import Purchase
from kulanz.providers.lemonsqueezy.vocabulary import INVOICES, SUBSCRIPTIONS
from kulanz_simulator.lemonsqueezy.assumptions import Assumptions
from kulanz_simulator.lemonsqueezy.store import Contract, Store, instant

RUNNING_STATUSES = frozenset({"active", "on_trial"})
UNPAID_STATUSES = frozenset({"past_due", "unpaid"})


@dataclass(frozen=True, slots=True)
class Billing:
    """Charges for the store's subscriptions."""

    store: Store
    assumptions: Assumptions

    def check_out(self, purchase: Purchase, *, trial: timedelta | None = None, licence: bool = False) -> str:
        """Sell a subscription, now, and return its id; the first period is paid, or begins with a trial."""
        store = self.store
        custom = None if purchase.account is None else {"account_id": purchase.account}
        ends = store.now + (trial or purchase.period)
        status = {"status": "on_trial", "trial_ends_at": ends} if trial else {"status": "active"}
        price = 0 if trial else purchase.price
        store.add_customer(purchase)
        order = store.add("order_created", purchase, custom, **_amounts(purchase, price))["id"]
        sub: str = store.add("subscription_created", purchase, custom, renews_at=ends, **status)["id"]
        contract = store.contracts[sub] = Contract(purchase=purchase, paid_until=ends)
        invoice = self._invoice(contract, sub, reason="initial", total=price, status="paid")
        store.tell("order_created", order)
        store.tell("subscription_created", sub)
        store.tell("subscription_payment_success", invoice, custom=self.assumptions.invoices_echo_custom_data)
        if licence:
            key = store.add("license_key_created", purchase, custom)["id"]
            store.tell("license_key_created", key)
        self._plan(sub, ends, self.renew)
        return sub

    def renew(self, sub: str) -> None:
        """Charge for the next period."""
        contract = self.store.contract(sub)
        status = self.store.told(SUBSCRIPTIONS, sub)["status"]
        if status not in RUNNING_STATUSES and contract.unpaid_change is None:
            raise RefusedError(f"a subscription that is {status} does not renew")
        contract.open_invoice = self._invoice(contract, sub, reason="renewal", status="pending")
        if self._charge(contract):
            self._paid(sub, contract)
        else:
            contract.failed_at = self.store.now
            self._failed(sub, contract, attempt=0)

    def retry(self, sub: str) -> None:
        """Charge again for the open invoice, out of turn, as when a customer enters another card."""
        contract = self.store.contract(sub)
        if contract.open_invoice is None:
            raise RefusedError("nothing is owed")
        if self.store.told(SUBSCRIPTIONS, sub)["status"] == "expired":
            raise RefusedError("a subscription that is expired is charged no more")
        if self._charge(contract):
            self._paid(sub, contract, recovered=True)
        else:
            self._tell_failure(contract)

    def charge_change(self, sub: str) -> None:
        """Charge the difference of a changed plan and fail; the renewal comes at its time."""
        contract = self.store.contract(sub)
        contract.unpaid_change = self._invoice(contract, sub, reason="updated", status="pending")
        echo = self.assumptions.invoices_echo_custom_data
        self.store.tell("subscription_payment_failed", contract.unpaid_change, custom=echo)
        self.store.change(SUBSCRIPTIONS, sub, status="past_due")
        self.store.tell("subscription_updated", sub)

    def pay_change(self, sub: str) -> None:
        """Collect the difference of a changed plan after all."""
        contract = self.store.contract(sub)
        if contract.unpaid_change is None:
            raise RefusedError("no change of plan is owed")
        invoice, contract.unpaid_change = contract.unpaid_change, None
        self.store.change(INVOICES, invoice, status="paid")
        self.store.change(SUBSCRIPTIONS, sub, status="active")
        self.store.tell("subscription_payment_success", invoice, custom=self.assumptions.invoices_echo_custom_data)
        self.store.tell("subscription_updated", sub)

    def expire(self, sub: str) -> None:
        """End a subscription."""
        self._void(sub)
        now = self.store.now
        ends = instant(self.store.told(SUBSCRIPTIONS, sub)["ends_at"])
        self.store.change(SUBSCRIPTIONS, sub, status="expired", ends_at=min(ends or now, now))
        self.store.tell("subscription_expired", sub)
        self.store.tell("subscription_updated", sub)

    def plan_end(self, sub: str, at: datetime) -> None:
        """Have a cancelled subscription expire then, and renew no more."""
        self._void(sub)
        self._plan(sub, at, self.expire)

    def plan_renewal(self, sub: str) -> None:
        """Continue charging, after a cancellation or a pause that was taken back."""
        self._void(sub)
        contract = self.store.contract(sub)
        if contract.open_invoice is None:
            self._plan(sub, max(contract.paid_until, self.store.now), self.renew)
        else:
            self._plan_attempt(sub, contract, attempt=0)

    def stop(self, sub: str) -> None:
        """Charge no more until `plan_renewal`."""
        self._void(sub)

    def _charge(self, contract: Contract) -> bool:
        return contract.charges.pop(0) if contract.charges else contract.card_works

    def _paid(self, sub: str, contract: Contract, *, recovered: bool = False) -> None:
        store, invoice = self.store, contract.open_invoice
        self._void(sub)
        store.change(INVOICES, invoice, status="paid", urls={"invoice_url": "https://bakery.lemonsqueezy.com/invented"})
        contract.open_invoice = contract.failed_at = None
        contract.paid_until += contract.purchase.period
        cancelled = store.told(SUBSCRIPTIONS, sub)["cancelled"]
        status = "cancelled" if cancelled else "active"
        ends = contract.paid_until if cancelled else None
        store.change(SUBSCRIPTIONS, sub, status=status, renews_at=contract.paid_until, ends_at=ends)
        echo = self.assumptions.invoices_echo_custom_data
        if recovered:
            store.tell("subscription_payment_recovered", invoice, custom=echo)
        store.tell("subscription_payment_success", invoice, custom=echo)
        store.tell("subscription_updated", sub)
        self._plan(sub, contract.paid_until, self.expire if cancelled else self.renew)

    def _failed(self, sub: str, contract: Contract, attempt: int) -> None:
        """Record a failed charge; after the last attempt the subscription is unpaid, and in the end it expires."""
        if attempt == 0 or self.assumptions.every_attempt_is_told:
            self._tell_failure(contract)
        after = self.assumptions.attempts_after
        if attempt < len(after):
            next_attempt = self._plan_attempt(sub, contract, attempt)
            self.store.change(SUBSCRIPTIONS, sub, status="past_due", renews_at=next_attempt)
        else:
            self.store.change(SUBSCRIPTIONS, sub, status="unpaid")
            if self.assumptions.unpaid_expires_after is not None:
                self._plan(sub, self.store.now + self.assumptions.unpaid_expires_after, self.expire)
        self.store.tell("subscription_updated", sub)

    def _tell_failure(self, contract: Contract) -> None:
        self.store.change(INVOICES, contract.open_invoice)
        echo = self.assumptions.invoices_echo_custom_data
        self.store.tell("subscription_payment_failed", contract.open_invoice, custom=echo)

    def _plan_attempt(self, sub: str, contract: Contract, attempt: int) -> datetime:
        began = contract.failed_at or self.store.now
        at = max(began + self.assumptions.attempts_after[attempt], self.store.now)

        def charge_again() -> None:
            if self._charge(contract):
                self._paid(sub, contract, recovered=True)
            else:
                self._failed(sub, contract, attempt + 1)

        self.store.plan(at, contract, charge_again)
        return at

    def _invoice(self, contract: Contract, sub: str, *, reason: str, status: str, total: int | None = None) -> str:
        price = contract.purchase.price if total is None else total
        own_id: str = self.store.add(
            "subscription_payment_success" if status == "paid" else "subscription_payment_failed",
            contract.purchase,
            self.store.custom_data.get((SUBSCRIPTIONS, sub)),
            id=str(self.store.new_id()),
            billing_reason=reason,
            **_amounts(contract.purchase, price),
        )["id"]
        return own_id

    def _plan(self, sub: str, at: datetime, act: Any) -> None:
        self.store.plan(at, self.store.contract(sub), lambda: act(sub))

    def _void(self, sub: str) -> None:
        self.store.contract(sub).generation += 1


def _amounts(purchase: Purchase, price: int) -> dict[str, int]:
    """Return the charged amount; an amount of 0 has no tax."""
    tax = purchase.taxes if price else 0
    return {"total": price, "subtotal": price - tax, "tax": tax}
