"""Stripe's REST API: what we read there, and what we change there: cancel, resume, refund."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from kulanz.errors import FarEndError, UntranslatableError
from kulanz.policy.facts import PaymentLinked, Provenance, ProviderFact, RefundSeen, Stamp, SubscriptionSeen
from kulanz.providers.provider import Refunded
from kulanz.providers.reading import PayloadReader
from kulanz.providers.stripe.objects import intent_of
from kulanz.providers.stripe.subscriptions import looked_up
from kulanz.providers.stripe.translation import looked_up_invoice
from kulanz.providers.stripe.vocabulary import key
from kulanz.providers.transport import Transport

EVENTS_PER_PAGE = 100
_LIVE = ("sk_live_", "rk_live_")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """A webhook endpoint: its address and its events."""

    id: str
    url: str
    events: tuple[str, ...]
    enabled: bool
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StripeClient(Transport):
    """Client of one API key. Failures raise `FarEndError`, or `UnknownOutcomeError` for a write that was sent."""

    FAR_END = "Stripe"
    SENDS = "application/x-www-form-urlencoded"
    REFUND_KEY_LASTS = timedelta(hours=23)
    """Stripe forgets a key after 24 hours."""

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        """Return the subscription as the provider holds it now, None where this key reaches none of that id."""
        try:
            answer, at = self.ask_when(_path(subscription))
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise
        if at is None:
            raise FarEndError("Stripe's answer has no date", retryable=True, answer=HTTPStatus.OK)
        try:
            seen = looked_up(answer, at)
        except UntranslatableError as error:
            raise FarEndError(f"Stripe's answer: {error.detail}", retryable=True, answer=HTTPStatus.OK) from error
        if seen.key.partition(":")[2] != subscription:
            raise FarEndError("Stripe answered with another subscription", retryable=True, answer=HTTPStatus.OK)
        return seen

    def invoice(self, invoice: str, /) -> ProviderFact | None:
        """Return a subscription's invoice, as a payment where it is paid; None where this key reaches none of it."""
        try:
            answer, at = self.ask_when(f"/invoices/{quote(invoice, safe='')}")
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise
        if at is None:
            raise FarEndError("Stripe's answer has no date", retryable=True, answer=HTTPStatus.OK)
        try:
            return looked_up_invoice(answer, at)
        except UntranslatableError as error:
            raise FarEndError(f"Stripe's answer: {error.detail}", retryable=True, answer=HTTPStatus.OK) from error

    def payment_page(self, subscription: str, invoice: str | None, _customer: str, /) -> str | None:
        """Return the hosted page of an open invoice, else a new session of the customer's portal."""
        document = self._read("invoices", invoice) if invoice else None
        if document is not None and document.get("status") == "open":
            page = PayloadReader(document, "invoice").web_address("hosted_invoice_url")
            if page is not None:
                return page
        held = self._read("subscriptions", subscription)
        customer = PayloadReader(held, "subscription").reference("customer") if held else None
        if customer is None:
            return None
        session = self.tell("POST", "/billing_portal/sessions", {"customer": customer})
        return PayloadReader(session or {}, "session").web_address("url")

    def cancel(self, subscription: str, /) -> None:
        """Stop the renewal; the period runs out, and until then it can be taken back."""
        self.tell("POST", _path(subscription), {"cancel_at_period_end": "true"})

    def resume(self, subscription: str, _trial_ends_at: datetime | None = None, /) -> None:
        """Take a cancellation back; a trial keeps its end."""
        self.tell("POST", _path(subscription), {"cancel_at_period_end": "false"})

    def refunded(self, kind: str, payment: str, /) -> Refunded | None:
        """Return the refunded sum of a charge, or of the charge that paid an invoice."""
        charge = self._charge(kind, payment)
        if charge is None:
            return None
        seen = _seen(PayloadReader(charge, "charge"), payment)
        facts: tuple[ProviderFact, ...] = (seen,) if seen.amount else ()
        return Refunded(seen.amount, seen.currency, facts if kind == "order" else (_link(seen), *facts))

    def refund(self, kind: str, payment: str, amount: int, once: str, /) -> None:
        """Refund, once for an idempotency key."""
        charge = self._charge(kind, payment)
        if charge is None:
            raise FarEndError("Stripe knows no charge for the payment", retryable=False, answer=HTTPStatus.NOT_FOUND)
        document = {"charge": str(charge["id"]), "amount": str(amount), "metadata[kulanz]": once}
        self.tell("POST", "/refunds", document, {"Idempotency-Key": once})

    def disable_licence(self, _licence: str, /) -> None:
        """Return None: Stripe sells no licence keys."""

    def events(self, types: Sequence[str], since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the events from one instant to another, newest first; Stripe keeps them for thirty days."""
        span = {"created[gte]": int(since.timestamp()), "created[lte]": int(until.timestamp())}
        query: dict[str, object] = {"limit": EVENTS_PER_PAGE, **span}
        wanted = frozenset(types)
        while True:
            answer = PayloadReader(self.ask("/events", query), "answer")
            listed = [dict(each.values) for each in answer.each("data")]
            yield [each for each in listed if each.get("type") in wanted]
            last = PayloadReader(listed[-1], "event").identifier("id") if listed else None
            if last is None or not answer.flag("has_more"):
                return
            query = {**query, "starting_after": last}

    def webhook_endpoints(self) -> tuple[WebhookEndpoint, ...]:
        """Return the webhook endpoints."""
        answer = self.ask("/webhook_endpoints", {"limit": 100})
        return tuple(_endpoint(each) for each in PayloadReader(answer, "answer").each("data"))

    def register_webhook(self, url: str, events: Sequence[str], endpoint: str | None) -> WebhookEndpoint:
        """Register an endpoint, or change the events of an existing one."""
        where = f"/webhook_endpoints/{quote(endpoint, safe='')}" if endpoint else "/webhook_endpoints"
        document: dict[str, object] = {"enabled_events[]": list(events), **({} if endpoint else {"url": url})}
        return _endpoint(PayloadReader(self.tell("POST", where, document) or {}, "answer"))

    def test_mode(self) -> bool:
        """Return whether the key is one of test mode; every key says so itself."""
        return not self.api_key.startswith(_LIVE)

    def write(self, document: object) -> bytes:
        """Return the fields of a form."""
        return urlencode(document if isinstance(document, Mapping) else {}, doseq=True).encode()

    def _charge(self, kind: str, payment: str) -> dict[str, Any] | None:
        """Return the charge that a payment was made by; an invoice names it, or by way of its payment intent."""
        if kind == "order":
            return self._read("charges", payment)
        invoice = self._read("invoices", payment, {"expand[]": "payments"})
        if invoice is None:
            return None
        payload_reader = PayloadReader(invoice, "invoice")
        charge = payload_reader.reference("charge") or self._latest_charge(intent_of(payload_reader))
        return self._read("charges", charge) if charge else None

    def _latest_charge(self, intent: str | None) -> str | None:
        document = self._read("payment_intents", intent) if intent else None
        return PayloadReader(document, "payment_intent").reference("latest_charge") if document else None

    def _read(self, kind: str, own_id: str, query: Mapping[str, object] | None = None) -> dict[str, Any] | None:
        try:
            return self.ask(f"/{kind}/{quote(own_id, safe='')}", query)
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise


def _seen(charge: PayloadReader, payment: str) -> RefundSeen:
    """Read the refunded sum of a charge as one refund that grows: Stripe's charge has no time of its last change."""
    amount = charge.amount("amount_refunded")
    return RefundSeen(
        key=key(charge.needed_identifier("id")),
        payment=key(payment),
        stamp=Stamp(at=charge.needed_unix("created"), rank=amount),
        amount=amount,
        currency=charge.currency("currency"),
        customer=key(charge.needed_reference("customer")),
        whole=charge.flag("refunded"),
        provenance=Provenance.RECONCILED,
    )


def _endpoint(told: PayloadReader) -> WebhookEndpoint:
    events = told.values.get("enabled_events")
    return WebhookEndpoint(
        id=told.identifier("id") or "",
        url=told.text("url", longest=2000) or "",
        events=tuple(event for event in events if isinstance(event, str)) if isinstance(events, list) else (),
        enabled=told.text("status") != "disabled",
        secret=told.text("secret"),
    )


def _link(seen: RefundSeen) -> PaymentLinked:
    """Return the fact that a charge paid an invoice, as the look-up found."""
    return PaymentLinked(payment=seen.payment, money=seen.key, at=seen.stamp.at, provenance=Provenance.RECONCILED)


def _path(subscription: str) -> str:
    return f"/subscriptions/{quote(subscription, safe='')}"
