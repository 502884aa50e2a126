"""Paddle Billing's REST API: what we read there, and what we change there: cancel, resume, refund."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from kulanz.errors import FarEndError, UntranslatableError
from kulanz.policy.facts import ProviderFact, Stamp, SubscriptionSeen
from kulanz.providers.paddle.subscriptions import looked_up
from kulanz.providers.paddle.translation import looked_up_transaction, refund_seen
from kulanz.providers.paddle.vocabulary import LOOKED_UP
from kulanz.providers.provider import Refunded
from kulanz.providers.reading import PayloadReader
from kulanz.providers.transport import Transport

_GONE = frozenset({"approved", "pending_approval"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A notification destination: its address and its events."""

    url: str
    events: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class PaddleClient(Transport):
    """Client of one API key. Failures raise `FarEndError`, or `UnknownOutcomeError` for a write that was sent."""

    FAR_END = "Paddle"

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        """Return the subscription as the provider holds it now, None where this key reaches none of that id."""
        try:
            data = self.ask(_path(subscription)).get("data")
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise
        try:
            seen = looked_up(data if isinstance(data, dict) else {})
        except UntranslatableError as error:
            raise FarEndError(f"Paddle's answer: {error.detail}", retryable=True, answer=HTTPStatus.OK) from error
        if seen.key.partition(":")[2] != subscription:
            raise FarEndError("Paddle answered with another subscription", retryable=True, answer=HTTPStatus.OK)
        return seen

    def invoice(self, invoice: str, /) -> ProviderFact | None:
        """Return a subscription's transaction, as a payment where it is paid; None where none of that id is known."""
        transaction = self._transaction(invoice)
        if transaction is None:
            return None
        try:
            return looked_up_transaction(dict(transaction.values))
        except UntranslatableError as error:
            raise FarEndError(f"Paddle's answer: {error.detail}", retryable=True, answer=HTTPStatus.OK) from error

    def payment_page(self, subscription: str, _invoice: str | None, _customer: str, /) -> str | None:
        """Return the checkout of the transaction by which the customer changes the card and pays what is past due."""
        answer = PayloadReader(self.ask(f"{_path(subscription)}/update-payment-method-transaction"), "answer")
        return answer.below("data").below("checkout").web_address("url")

    def cancel(self, subscription: str, /) -> None:
        """Stop the renewal at the end of the period: a subscription that has ended can never be taken back."""
        self.tell("POST", f"{_path(subscription)}/cancel", {"effective_from": "next_billing_period"})

    def resume(self, subscription: str, _trial_ends_at: datetime | None = None, /) -> None:
        """Take a scheduled cancellation back; a trial keeps its end."""
        self.tell("PATCH", _path(subscription), {"scheduled_change": None})

    def refunded(self, _kind: str, payment: str, /) -> Refunded | None:
        """Return the refunded sum of a transaction, including refunds that wait for approval."""
        transaction = self._transaction(payment)
        if transaction is None:
            return None
        answer = self.ask("/adjustments", {"transaction_id": payment, "action": "refund", "per_page": 50})
        gone = [item for item in PayloadReader(answer, "answer").each("data") if item.text("status") in _GONE]
        seen = tuple(refund_seen(item, Stamp(at=item.needed_instant("updated_at"), rank=LOOKED_UP)) for item in gone)
        return Refunded(sum(item.amount for item in seen), transaction.currency("currency_code"), seen)

    def refund(self, _kind: str, payment: str, amount: int, once: str, /) -> None:
        """Refund, with tax, from the first items on; Paddle approves it later and sends an event."""
        transaction = self._transaction(payment)
        if transaction is None:
            raise FarEndError("Paddle knows no such transaction", retryable=False, answer=HTTPStatus.NOT_FOUND)
        document = {
            "action": "refund",
            "type": "partial",
            "transaction_id": payment,
            "reason": once,
            "items": list(_shares(transaction.below("details").each("line_items"), amount)),
        }
        self.tell("POST", "/adjustments", document)

    def disable_licence(self, _licence: str, /) -> None:
        """Find none: Paddle sells no licence keys."""

    def destinations(self) -> tuple[Destination, ...]:
        """Return where Paddle delivers to."""
        answer = self.ask("/notification-settings", {"per_page": 200})
        return tuple(
            Destination(
                url=told.text("destination", longest=2000) or "",
                events=tuple(name for event in told.each("subscribed_events") if (name := event.text("name"))),
                active=told.flag("active"),
            )
            for told in PayloadReader(answer, "answer").each("data")
        )

    def test_mode(self) -> bool:
        """Return whether the key is one of the sandbox: it says so itself, or its address does."""
        return self.api_key.startswith("pdl_sdbx_") or "//sandbox-" in self.api_url

    def _transaction(self, payment: str) -> PayloadReader | None:
        try:
            data = self.ask(f"/transactions/{quote(payment, safe='')}").get("data")
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise
        return PayloadReader(data if isinstance(data, dict) else {}, "transaction")


def _shares(items: Iterable[PayloadReader], amount: int) -> Iterator[dict[str, str]]:
    """Yield the refund of each item: no more than was paid for it."""
    left = amount
    for item in items:
        share = min(left, item.below("totals").needed_amount("total"))
        if share > 0:
            left -= share
            yield {"item_id": item.needed_identifier("id"), "type": "partial", "amount": str(share)}


def _path(subscription: str) -> str:
    return f"/subscriptions/{quote(subscription, safe='')}"
