"""Actions of people on Stripe's objects: customers in the portal, the merchant by the API, banks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kulanz.errors import InvalidInputError, RefusedError
from kulanz_simulator.stripe import documents
from kulanz_simulator.stripe.billing import ENDED, StripeBilling, instant
from kulanz_simulator.stripe.documents import Document, Item, seconds
from kulanz_simulator.stripe.store import CHARGES, DISPUTES, INVOICES, REFUNDS, SUBSCRIPTIONS, StripeStore

REASONS = (
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)
"""Why a bank takes money back."""
STATUSES = (
    "appeal_needs_response",
    "appeal_under_review",
    "lost",
    "needs_response",
    "prevented",
    "under_review",
    "warning_closed",
    "warning_needs_response",
    "warning_under_review",
    "won",
)
OVER = frozenset({"lost", "prevented", "warning_closed", "won"})
PAUSES = ("void", "keep_as_draft", "mark_uncollectible")
PRORATIONS = ("none", "create_prorations", "always_invoice")
PAYMENTS = ("allow_incomplete", "pending_if_incomplete", "error_if_incomplete")
FEE = 1500


@dataclass(frozen=True, slots=True)
class StripeDesk:
    """Acts on one account; each sends Stripe's webhooks about it."""

    store: StripeStore
    billing: StripeBilling

    def cancel(self, sub: str, *, at_period_end: bool = True) -> None:
        """Stop the renewal; the paid period runs out."""
        document = self._running(sub)
        if document["cancel_at_period_end"] == at_period_end:
            return
        ends = max(item["current_period_end"] for item in document["items"]["data"]) if at_period_end else None
        asked = seconds(self.store.now) if at_period_end else None
        self.store.update(sub, cancel_at_period_end=at_period_end, cancel_at=ends, canceled_at=asked)

    def resume(self, sub: str) -> None:
        """Take a cancellation back."""
        self.cancel(sub, at_period_end=False)

    def cancel_now(self, sub: str) -> None:
        """End a subscription at once."""
        self._running(sub)
        self.billing.end(sub)

    def pause(self, sub: str, behaviour: str = "void", resumes_at: datetime | None = None) -> None:
        """Collect nothing; the periods continue."""
        self._running(sub)
        if behaviour not in PAUSES:
            raise InvalidInputError(f"Invalid pause_collection[behavior]: must be one of {', '.join(sorted(PAUSES))}")
        until = None if resumes_at is None else seconds(resumes_at)
        self.store.update(sub, pause_collection={"behavior": behaviour, "resumes_at": until})

    def unpause(self, sub: str) -> None:
        """Collect again."""
        self._running(sub)
        self.store.update(sub, pause_collection=None)

    def change_items(
        self, sub: str, items: Sequence[Item], *, proration: str = "none", payment: str = "allow_incomplete"
    ) -> None:
        """Change to other prices or quantities; `always_invoice` charges the difference at once."""
        document = self._running(sub)
        if document["pending_update"]:
            raise RefusedError("This subscription has a pending update.")
        before, wanted = document["items"]["data"], self._items(document, items)
        more = self._costs(wanted) - self._costs(before)
        if proration != "always_invoice" or more <= 0:
            self.store.update(sub, items={**document["items"], "data": wanted})
            return
        if payment == "pending_if_incomplete":
            self._change_when_paid(sub, wanted, more)
        elif payment == "error_if_incomplete" and not self.store.contract(sub).card_works:
            raise RefusedError("Your card was declined.")
        else:
            self.store.update(sub, items={**document["items"], "data": wanted})
            self.billing.finalise(self._difference(sub, wanted, more))

    def move(self, sub: str, metadata: Mapping[str, str]) -> None:
        """Write other metadata: the subscription is another account's from now on."""
        document = self._running(sub)
        self.store.update(sub, metadata={**document["metadata"], **metadata})

    def pay(self, invoice: str) -> None:
        """Let the customer pay the open invoice, with another card or by a transfer."""
        self.billing.pay_by_transfer(self.store.get(INVOICES, invoice))

    def refund(self, charge: str, amount: int | None = None, metadata: Document | None = None) -> Document:
        """Give money of a charge back."""
        held = self.store.get(CHARGES, charge)
        if held["status"] != "succeeded" or held["disputed"]:
            word = "disputed" if held["disputed"] else held["status"]
            raise RefusedError(f"Charge {charge} is {word} and cannot be refunded.")
        left = held["amount"] - held["amount_refunded"]
        back = left if amount is None else amount
        if not 0 < back <= left:
            raise InvalidInputError(f"Refund amount is greater than unrefunded amount on charge ({left})")
        document = documents.refund(self.store.new_id("re"), held, back, metadata or {}, self.store.now)
        self.store.add(REFUNDS, document)
        gone = held["amount_refunded"] + back
        before = self.store.change(held, amount_refunded=gone, refunded=gone == held["amount"])
        self.store.tell("refund.created", document)
        self.store.tell("charge.refunded", held, before)
        return document

    def dispute(
        self, charge: str, reason: str = "fraudulent", status: str = "needs_response", amount: int | None = None
    ) -> Document:
        """Let a bank question a charge; an inquiry takes no money yet."""
        held = self.store.get(CHARGES, charge)
        if held["status"] != "succeeded" or held["disputed"]:
            raise RefusedError(f"Charge {charge} cannot be disputed.")
        if reason not in REASONS or status not in STATUSES:
            raise InvalidInputError("no such reason, or no such status")
        back = held["amount"] - held["amount_refunded"] if amount is None else amount
        document = documents.dispute(self.store.new_id("du"), held, back, self.store.now, reason=reason, status=status)
        self.store.add(DISPUTES, document)
        self.store.change(held, disputed=True)
        self.store.tell("charge.dispute.created", document)
        if not status.startswith(("warning", "prevented")):
            self._withdraw(document)
        return document

    def move_dispute(self, dispute: str, status: str) -> None:
        """Continue a dispute, or end it."""
        document = self.store.get(DISPUTES, dispute)
        if status not in STATUSES:
            raise InvalidInputError("no such status")
        answered = status.endswith("under_review")
        sent = {"has_evidence": True, "submission_count": 1} if answered else {}
        before = self.store.change(document, status=status, evidence_details={**document["evidence_details"], **sent})
        if status not in OVER:
            self.store.tell("charge.dispute.updated", document, before)
            return
        self.store.tell("charge.dispute.closed", document, before)
        if status == "won":
            document["balance_transactions"].append(self._booked(document, document["amount"], -FEE))
            self.store.tell("charge.dispute.funds_reinstated", document)

    def bounce(self, charge: str, reason: str = "insufficient_funds") -> Document:
        """Let a bank take a direct debit back that had succeeded: a dispute that is lost at once."""
        document = self.dispute(charge, reason, "lost")
        self.store.tell("charge.dispute.closed", document)
        return document

    def warn(self, charge: str) -> None:
        """Let a bank warn of a charge before there is any dispute."""
        held = self.store.get(CHARGES, charge)
        warning = documents.fraud_warning(self.store.new_id("issfr"), held, self.store.now)
        self.store.tell("radar.early_fraud_warning.created", warning)

    def fail(self, sub: str) -> None:
        """Renew now, with a card that does not work any more."""
        contract = self.store.contract(sub)
        contract.card_works, contract.charges = False, []
        contract.generation += 1
        contract.paid_until = self.store.now
        self.billing.renew(sub)

    def recover(self, sub: str) -> None:
        """Pay the open invoice, with a new card."""
        self.store.contract(sub).card_works = True
        owed = [invoice for invoice in self.store.invoices_of(sub) if invoice["status"] == "open"]
        if not owed:
            raise RefusedError("nothing is owed")
        for invoice in owed:
            self.billing.pay_by_transfer(invoice)

    def _running(self, sub: str) -> Document:
        document = self.store.get(SUBSCRIPTIONS, sub)
        if document["status"] in ENDED:
            raise RefusedError("A canceled subscription can only update its cancellation_details and metadata.")
        return document

    def _items(self, document: Document, items: Sequence[Item]) -> list[Document]:
        """Return the wanted items: the first keep their ids, also where the price changed."""
        held = document["items"]["data"]
        period = instant(held[0]["current_period_start"]), instant(held[0]["current_period_end"])
        idents = [item["id"] for item in held] + [self.store.new_id("si") for _ in items]
        return [
            documents.subscription_item(ident, document["id"], self.store.price(item.price), item.quantity, period)
            for ident, item in zip(idents, items, strict=False)
        ]

    def _change_when_paid(self, sub: str, wanted: list[Document], more: int) -> None:
        """Wait for the payment; a change that is not paid within 23 hours does not happen."""
        invoice = self._difference(sub, wanted, more)
        expires = self.store.now + self.billing.assumptions.incomplete_expires_after
        pending = {"expires_at": seconds(expires), "subscription_items": wanted}
        self.store.update(sub, pending_update=pending)
        if not self.billing.finalise(invoice):
            self.store.plan(expires, self.store.collections[invoice["id"]], lambda: self._drop(sub, invoice))

    def _drop(self, sub: str, invoice: Document) -> None:
        self.billing.void(invoice)
        self.store.update(sub, pending_update=None)

    def _difference(self, sub: str, wanted: Sequence[Document], more: int) -> Document:
        lines = [documents.line(self.store.new_id("il"), wanted[0], more, proration=True)]
        return self.billing.new_invoice(sub, reason="subscription_update", lines=lines)

    @staticmethod
    def _costs(items: Sequence[Document]) -> int:
        return sum(item["price"]["unit_amount"] * item["quantity"] for item in items)

    def _withdraw(self, document: Document) -> None:
        document["balance_transactions"].append(self._booked(document, -document["amount"], FEE))
        self.store.tell("charge.dispute.funds_withdrawn", document)

    def _booked(self, document: Document, amount: int, fee: int) -> Document:
        now = seconds(self.store.now)
        return {
            "id": self.store.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now,
            "balance_type": "payments",
            "created": now,
            "currency": document["currency"],
            "description": None,
            "fee": fee,
            "fee_details": [],
            "net": amount - fee,
            "reporting_category": "dispute" if fee > 0 else "dispute_reversal",
            "source": document["id"],
            "status": "available",
            "type": "adjustment",
        }
