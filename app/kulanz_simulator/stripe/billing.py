"""Automatic billing of Stripe's subscriptions: renewals, failed charges and their retries, what is overdue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kulanz.errors import RefusedError
from kulanz_simulator.stripe import documents
from kulanz_simulator.stripe.assumptions import LastResort, StripeAssumptions
from kulanz_simulator.stripe.documents import BY_HAND, Document, StripePurchase, seconds
from kulanz_simulator.stripe.store import (
    CHARGES,
    CUSTOMERS,
    INTENTS,
    INVOICE_PAYMENTS,
    INVOICES,
    SUBSCRIPTIONS,
    Collection,
    Contract,
    StripeStore,
    subscription_of,
)

ENDED = frozenset({"canceled", "incomplete_expired"})
OWED = frozenset({"past_due", "unpaid", "incomplete"})


@dataclass(frozen=True, slots=True)
class StripeBilling:
    """Charges for the subscriptions of one account."""

    store: StripeStore
    assumptions: StripeAssumptions

    def check_out(self, purchase: StripePurchase, charges: Sequence[bool] = ()) -> None:
        """Sell a subscription, now; its first invoice is charged, is sent, or is of 0 during a trial."""
        store, sub, now = self.store, purchase.subscription, self.store.now
        ends = now + (purchase.trial or purchase.period)
        if purchase.customer not in store.objects.get(CUSTOMERS, {}):
            held = store.add(CUSTOMERS, documents.customer(purchase, now))
            store.tell("customer.created", held)
        items = [
            documents.subscription_item(store.new_id("si"), sub, store.price(item.price), item.quantity, (now, ends))
            for item in purchase.items
        ]
        status = "trialing" if purchase.trial else "active" if purchase.collection == BY_HAND else "incomplete"
        store.contracts[sub] = Contract(purchase=purchase, paid_until=ends, charges=list(charges))
        document = documents.subscription(purchase, items, now, status=status)
        store.add(SUBSCRIPTIONS, document)
        store.tell("customer.subscription.created", document)
        self._plan_renewal(sub)
        invoice = self.new_invoice(sub, reason="subscription_create", free=purchase.trial is not None)
        self.finalise(invoice)
        if document["status"] == "incomplete":
            self.store.plan(now + self.assumptions.incomplete_expires_after, store.contracts[sub], self._expiry(sub))

    def renew(self, sub: str) -> None:
        """Begin the next period, whether it is paid for or not, and draft its invoice."""
        document, contract = self.store.get(SUBSCRIPTIONS, sub), self.store.contract(sub)
        if document["cancel_at_period_end"]:
            self.end(sub)
            return
        self._roll(document, contract)
        self._plan_renewal(sub)
        invoice = self.new_invoice(sub, reason="subscription_cycle")
        behaviour = (document["pause_collection"] or {}).get("behavior")
        if document["status"] == "unpaid" or behaviour == "keep_as_draft":
            return
        collection = self.store.collections[invoice["id"]]
        self.store.plan(self.store.now + self.assumptions.finalised_after, collection, lambda: self._finalise(invoice))

    def new_invoice(self, sub: str, *, reason: str, free: bool = False, lines: Sequence[Document] = ()) -> Document:
        """Draft an invoice for all items, or for some lines."""
        store, document = self.store, self.store.get(SUBSCRIPTIONS, sub)
        billed = [
            documents.line(store.new_id("il"), item, 0 if free else item["price"]["unit_amount"] * item["quantity"])
            for item in document["items"]["data"]
        ]
        purchase = store.contract(sub).purchase
        invoice = documents.invoice(
            store.new_id("in"), purchase, dict(document["metadata"]), lines or billed, store.now, reason=reason
        )
        store.add(INVOICES, invoice)
        store.collections[invoice["id"]] = Collection()
        store.tell("invoice.created", invoice)
        store.change(document, latest_invoice=invoice["id"])
        return invoice

    def finalise(self, invoice: Document) -> bool:
        """Open a draft and collect it; return whether it is paid or on its way."""
        store, sub = self.store, subscription_of(invoice)
        if invoice["status"] != "draft":
            return bool(invoice["status"] == "paid")
        behaviour = (store.get(SUBSCRIPTIONS, sub)["pause_collection"] or {}).get("behavior")
        store.change(invoice, status="open", number=invoice["id"][-7:])
        invoice["status_transitions"]["finalized_at"] = seconds(store.now)
        store.tell("invoice.finalized", invoice)
        if behaviour == "void":
            self.void(invoice)
        elif behaviour == "mark_uncollectible":
            self.give_up(invoice)
        elif not invoice["total"]:
            self._paid(invoice)
        elif invoice["collection_method"] == BY_HAND:
            self._send(invoice)
            return False
        else:
            return self.collect(invoice)
        return True

    def _finalise(self, invoice: Document) -> None:
        self.finalise(invoice)

    def collect(self, invoice: Document) -> bool:
        """Charge for an open invoice; return whether that succeeded, or is pending."""
        if invoice["status"] != "open":
            raise RefusedError(f"This invoice is {invoice['status']}.")
        contract = self.store.contract(subscription_of(invoice))
        if contract.purchase.debit:
            self._debit(invoice, contract)
            return True
        if contract.takes_charge():
            self._paid(invoice, self._charge(invoice, "succeeded"))
            return True
        self._charge(invoice, "failed")
        self._failed(invoice)
        return False

    def pay_by_transfer(self, invoice: Document) -> None:
        """Let the customer pay an open invoice."""
        if invoice["status"] not in {"open", "uncollectible"}:
            raise RefusedError(f"This invoice is {invoice['status']}.")
        self._paid(invoice, self._charge(invoice, "succeeded"))

    def decline(self, invoice: Document) -> None:
        """Let the customer try to pay an invoice that was sent, with a card that is declined."""
        if invoice["status"] != "open":
            raise RefusedError(f"This invoice is {invoice['status']}.")
        self._charge(invoice, "failed")
        self.store.change(invoice, attempt_count=invoice["attempt_count"] + 1, attempted=True)
        self.store.tell("invoice.payment_failed", invoice)

    def void(self, invoice: Document) -> None:
        """Take an invoice back."""
        self._stop(invoice, "void", "voided_at", "invoice.voided")

    def give_up(self, invoice: Document) -> None:
        """Call an invoice uncollectible: it is still owed."""
        self._stop(invoice, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")

    def end(self, sub: str) -> None:
        """End a subscription, and collect nothing more."""
        document = self.store.get(SUBSCRIPTIONS, sub)
        if document["status"] in ENDED:
            return
        self._stop_collecting(sub)
        self.store.contract(sub).generation += 1
        now = self.store.now
        self.store.change(
            document, status="canceled", ended_at=now, canceled_at=document["canceled_at"] or seconds(now)
        )
        self.store.tell("customer.subscription.deleted", document)

    def _roll(self, document: Document, contract: Contract) -> None:
        """Begin the next period of every item."""
        began, contract.paid_until = contract.paid_until, contract.paid_until + contract.purchase.period
        before = [dict(item) for item in document["items"]["data"]]
        for item in document["items"]["data"]:
            self.store.change(item, current_period_start=began, current_period_end=contract.paid_until)
        changed = {} if document["status"] != "trialing" else self.store.change(document, status="active")
        previous = {"items": {**document["items"], "data": before}, **changed}
        self.store.tell("customer.subscription.updated", document, previous)

    def _charge(self, invoice: Document, status: str) -> Document:
        """Add one attempt to take the money of an invoice."""
        store = self.store
        purchase = store.contract(subscription_of(invoice)).purchase
        if not invoice["payments"]["data"]:
            methods = ["sepa_debit"] if purchase.debit else ["card"]
            intent = store.add(INTENTS, documents.payment_intent(store.new_id("pi"), invoice, store.now, methods))
            link = documents.invoice_payment(store.new_id("inpay"), invoice, intent, store.now)
            link |= {"status": "open", "amount_paid": None}
            link["status_transitions"] = {"canceled_at": None, "paid_at": None}
            invoice["payments"]["data"].append(store.add(INVOICE_PAYMENTS, link))
        intent = store.get(INTENTS, invoice["payments"]["data"][0]["payment"]["payment_intent"])
        charge = documents.charge(store.new_id("ch"), intent, purchase.email, store.now, status=status)
        store.change(intent, latest_charge=store.add(CHARGES, charge)["id"])
        store.tell(f"charge.{status}", charge)
        return charge

    def _debit(self, invoice: Document, contract: Contract) -> None:
        """Send a direct debit: a new subscription runs meanwhile, and days later the bank says whether it was paid."""
        charge, sub = self._charge(invoice, "pending"), subscription_of(invoice)
        collection, outcome = self.store.collections[invoice["id"]], contract.takes_charge()
        if self.store.get(SUBSCRIPTIONS, sub)["status"] == "incomplete":
            self.store.update(sub, status="active")

        def arrive() -> None:
            word = "succeeded" if outcome else "failed"
            self.store.change(charge, status=word, paid=outcome, captured=outcome)
            self.store.tell(f"charge.{word}", charge)
            if outcome:
                self._paid(invoice, charge)
            else:
                self._failed(invoice)

        self.store.plan(self.store.now + self.assumptions.debit_takes, collection, arrive)

    def _paid(self, invoice: Document, charge: Document | None = None) -> None:
        store, sub = self.store, subscription_of(invoice)
        collection = store.collections[invoice["id"]]
        collection.generation += 1
        invoice["status_transitions"]["paid_at"] = seconds(store.now)
        attempts = {"attempt_count": invoice["attempt_count"] + 1, "attempted": True} if charge else {}
        paid = {"amount_paid": invoice["total"], "amount_remaining": 0, "next_payment_attempt": None}
        store.change(invoice, status="paid", **paid, **attempts)
        if charge is not None:
            store.change(invoice, paid_with=charge["id"])
            intent = store.get(INTENTS, charge["payment_intent"])
            store.change(intent, status="succeeded", amount_received=intent["amount"])
            link = invoice["payments"]["data"][0]
            link["status_transitions"]["paid_at"] = seconds(store.now)
            store.change(link, status="paid", amount_paid=invoice["total"])
            store.tell("invoice_payment.paid", link)
        store.tell("invoice.paid", invoice)
        store.tell("invoice.payment_succeeded", invoice)
        self._apply_pending(sub)
        status = store.get(SUBSCRIPTIONS, sub)["status"]
        if status in OWED and not self._overdue(sub):
            if status == "incomplete":
                store.contract(sub).generation += 1
                self._plan_renewal(sub)
            store.update(sub, status="active")

    def _overdue(self, sub: str) -> list[Document]:
        """Return the open invoices whose charges failed, or that were due."""
        collections = self.store.collections
        invoices = self.store.invoices_of(sub)
        return [each for each in invoices if each["status"] == "open" and collections[each["id"]].failed_at is not None]

    def _failed(self, invoice: Document) -> None:
        """Record a failed charge; after the last attempt comes the last resort."""
        store, sub = self.store, subscription_of(invoice)
        collection = store.collections[invoice["id"]]
        collection.generation += 1
        collection.failed_at = collection.failed_at or store.now
        attempt, after = collection.attempts, self.assumptions.attempts_after
        collection.attempts += 1
        status = store.get(SUBSCRIPTIONS, sub)["status"]
        soonest = store.now + self.assumptions.finalised_after
        again = max(collection.failed_at + after[attempt], soonest) if attempt < len(after) else None
        waits = again if status != "incomplete" else None
        store.change(invoice, attempt_count=collection.attempts, attempted=True, next_payment_attempt=waits)
        store.tell("invoice.payment_failed", invoice)
        if status == "incomplete" or store.get(SUBSCRIPTIONS, sub)["pending_update"]:
            return
        if again is None:
            self._resort(sub)
            return
        if status in {"active", "trialing"}:
            store.update(sub, status="past_due")
        store.plan(again, collection, lambda: self._charge_again(invoice))

    def _charge_again(self, invoice: Document) -> None:
        if invoice["status"] == "open":
            self.collect(invoice)

    def _send(self, invoice: Document) -> None:
        """Send an invoice that the customer pays by hand; what is overdue makes the subscription past due."""
        store, sub = self.store, subscription_of(invoice)
        due = store.now + timedelta(days=store.contract(sub).purchase.days_until_due)
        store.change(invoice, due_date=due, auto_advance=False)
        store.tell("invoice.sent", invoice)
        collection = store.collections[invoice["id"]]

        def fall_due() -> None:
            collection.failed_at = store.now
            store.tell("invoice.overdue", invoice)
            if store.get(SUBSCRIPTIONS, sub)["status"] == "active":
                store.update(sub, status="past_due")
            store.plan(due + self.assumptions.overdue_ends_after, collection, lambda: self._resort(sub))

        store.plan(due, collection, fall_due)

    def _resort(self, sub: str) -> None:
        """Apply the merchant's setting to a subscription whose last charge failed."""
        match self.assumptions.last_resort:
            case LastResort.CANCEL:
                self.end(sub)
            case LastResort.UNPAID:
                self._stop_collecting(sub)
                self.store.update(sub, status="unpaid")
            case LastResort.PAST_DUE:
                self._stop_collecting(sub)

    def _stop(self, invoice: Document, status: str, at: str, name: str) -> None:
        if invoice["status"] not in {"open", "uncollectible"}:
            raise RefusedError(f"This invoice is {invoice['status']}.")
        self.store.collections[invoice["id"]].generation += 1
        invoice["status_transitions"][at] = seconds(self.store.now)
        self.store.change(invoice, status=status, next_payment_attempt=None)
        self.store.tell(name, invoice)

    def _stop_collecting(self, sub: str) -> None:
        """Stop charging for open invoices; a customer who pays by hand still may."""
        for invoice in self.store.invoices_of(sub):
            if invoice["status"] in {"open", "draft"}:
                self.store.collections[invoice["id"]].generation += 1
                self.store.change(invoice, auto_advance=False, next_payment_attempt=None)

    def _apply_pending(self, sub: str) -> None:
        """Carry out the change that waited for its payment."""
        document = self.store.get(SUBSCRIPTIONS, sub)
        pending = document["pending_update"]
        if pending:
            wanted = {item["id"]: item for item in pending["subscription_items"]}
            data = [wanted.get(item["id"], item) for item in document["items"]["data"]]
            self.store.update(sub, pending_update=None, items={**document["items"], "data": data})

    def _expiry(self, sub: str) -> Callable[[], None]:
        """Return the act that ends a subscription whose first invoice was never paid."""

        def expire() -> None:
            for invoice in self.store.invoices_of(sub):
                if invoice["status"] == "open":
                    self.void(invoice)
            self.store.contract(sub).generation += 1
            self.store.update(sub, status="incomplete_expired", ended_at=seconds(self.store.now))

        return expire

    def _plan_renewal(self, sub: str) -> None:
        contract = self.store.contract(sub)
        self.store.plan(contract.paid_until, contract, lambda: self.renew(sub))


def instant(at: int) -> datetime:
    """Read an instant as Stripe writes it."""
    return datetime.fromtimestamp(at, UTC)
