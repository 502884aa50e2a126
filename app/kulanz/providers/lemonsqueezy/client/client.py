"""The API's objects: subscriptions, orders, invoices, licence keys, customers, webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from kulanz.errors import FarEndError, UntranslatableError
from kulanz.policy.facts import (
    InvoiceSeen,
    LicenceSeen,
    LicenceStatus,
    OrderSeen,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    Provenance,
    ProviderFact,
    SubscriptionSeen,
)
from kulanz.providers.lemonsqueezy.answers import answered, listed, looked_up
from kulanz.providers.lemonsqueezy.client import values
from kulanz.providers.lemonsqueezy.client.values import CustomerResource, ResourceKind, ResourcePage, WebhookResource
from kulanz.providers.lemonsqueezy.vocabulary import CUSTOMERS
from kulanz.providers.provider import Listed, Refunded
from kulanz.providers.reading import PayloadReader, flag
from kulanz.providers.transport import Transport

MAX_PAGE_SIZE = 100
_OF_AN_INVOICE = (PaymentSucceeded, PaymentFailed, PaymentRefunded)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LemonSqueezyClient(Transport):
    """Client of one API key. Failures raise `FarEndError`, or `UnknownOutcomeError` for a write that was sent."""

    FAR_END = "Lemon Squeezy"
    ACCEPTS = SENDS = "application/vnd.api+json"

    def said(self, document: Mapping[str, Any]) -> object:
        """Return the words of the first error."""
        errors = document.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        return first.get("detail") or first.get("title") if isinstance(first, dict) else None

    # Reads: None, or an empty list, where this key reaches nothing of that id.

    def subscription(self, subscription: str, /) -> SubscriptionSeen | None:
        """Return the subscription as the provider holds it now."""
        return self._one(ResourceKind.SUBSCRIPTIONS, subscription, looked_up)

    def order(self, order: str, /) -> OrderSeen | None:
        """Return an order as the provider holds it now."""
        fact = self._one(ResourceKind.ORDERS, order, _reconciled)
        return fact if isinstance(fact, OrderSeen) else None

    def invoice(self, invoice: str, /) -> ProviderFact | None:
        """Return a subscription's invoice: as a payment or a refund where its status says so."""
        return self._one(ResourceKind.INVOICES, invoice, _reconciled)

    def licence(self, licence: str, /) -> ProviderFact | None:
        """Return a licence key, without the key itself."""
        return self._one(ResourceKind.LICENCES, licence, _reconciled)

    def payment_page(self, subscription: str, _invoice: str | None, _customer: str, /) -> str | None:
        """Return the signed address for another card, else that of the customer's portal; each lasts for a day."""
        data = _data(self.ask(_path(ResourceKind.SUBSCRIPTIONS, subscription)))
        urls = PayloadReader(data, "data").below("attributes").below("urls")
        return urls.web_address("update_payment_method") or urls.web_address("customer_portal")

    def customer(self, customer: str, /) -> CustomerResource | None:
        """Return a customer."""
        return self._one(CUSTOMERS, customer, values.customer)

    def pages(
        self,
        kind: ResourceKind,
        *,
        first: int = 1,
        size: int = MAX_PAGE_SIZE,
        provenance: Provenance = Provenance.RECONCILED,
        asked_at: datetime | None = None,
        **filters: object,
    ) -> Iterator[ResourcePage[Listed]]:
        """Yield a list page by page, newest objects first; `filters` are the API's own (`store_id`, `status`, …).

        An entry that has not changed for a minute before `asked_at` is the last word on its object.
        """
        yield from self._pages(kind, lambda data: listed(data, provenance, asked_at), first, size, filters)

    def customers(
        self, *, first: int = 1, size: int = MAX_PAGE_SIZE, **filters: object
    ) -> Iterator[ResourcePage[CustomerResource]]:
        """Yield the customers page by page; filters are `store_id` and `email`."""
        yield from self._pages(CUSTOMERS, values.customer, first, size, filters)

    def webhooks(self, **filters: object) -> tuple[WebhookResource, ...]:
        """Return the webhook endpoints; the filter is `store_id`."""
        pages = self._pages("webhooks", values.webhook, 1, MAX_PAGE_SIZE, filters)
        return tuple(webhook for page in pages for webhook in page.items)

    def test_mode(self) -> bool:
        """Return whether the key is one of test mode; a key that does not say so is live."""
        meta = self.ask("/users/me").get("meta")
        return isinstance(meta, dict) and flag(meta.get("test_mode"))

    # Writes: a 404 is a `FarEndError`: another store or mode, perhaps. The answer's content comes back as a
    # fact; None: it was done, but the answer cannot be read.

    def cancel(self, subscription: str, /) -> SubscriptionSeen | None:
        """Stop the renewal; the period paid for runs out."""
        return self._done("DELETE", _path(ResourceKind.SUBSCRIPTIONS, subscription), None, looked_up)

    def resume(self, subscription: str, trial_ends_at: datetime | None = None, /) -> SubscriptionSeen | None:
        """Take a cancellation back; a trial needs its end sent again."""
        trial = {"trial_ends_at": _written(trial_ends_at)} if trial_ends_at else {}
        return self._change_subscription(subscription, {"cancelled": False, **trial})

    def pause(
        self, subscription: str, /, *, mode: str = "void", resumes_at: datetime | None = None
    ) -> SubscriptionSeen | None:
        """Pause collection: `void` offers nothing meanwhile, `free` continues without charges."""
        pause = {"mode": mode, "resumes_at": _written(resumes_at) if resumes_at else None}
        return self._change_subscription(subscription, {"pause": pause})

    def unpause(self, subscription: str, /) -> SubscriptionSeen | None:
        """Collect again."""
        return self._change_subscription(subscription, {"pause": None})

    def change_plan(
        self, subscription: str, variant: str, /, *, invoice_immediately: bool = False, disable_prorations: bool = False
    ) -> SubscriptionSeen | None:
        """Change the variant at once; of the two ways to bill the difference the latter wins at the provider."""
        billing = {"invoice_immediately": invoice_immediately, "disable_prorations": disable_prorations}
        wanted = {name: True for name, on in billing.items() if on}
        return self._change_subscription(subscription, {"variant_id": _number(variant), **wanted})

    def refund_order(self, order: str, amount: int, /) -> OrderSeen | None:
        """Refund so many minor units; read `refunded` before and after, and never repeat it blindly (I11)."""
        fact = self._refund(ResourceKind.ORDERS, order, amount)
        return fact if isinstance(fact, OrderSeen) else None

    def refund_invoice(self, invoice: str, amount: int, /) -> ProviderFact | None:
        """Refund so many minor units of an invoice; the rules of an order's refund hold here too."""
        return self._refund(ResourceKind.INVOICES, invoice, amount)

    def refunded(self, kind: str, payment: str, /) -> Refunded | None:
        """Return the refunded sum of an order or invoice so far, with the facts in the answer."""
        fact = self.order(payment) if kind == "order" else self.invoice(payment)
        given_fact = fact.invoice if isinstance(fact, _OF_AN_INVOICE) else fact
        if fact is None or not isinstance(given_fact, OrderSeen | InvoiceSeen):
            return None
        return Refunded(given_fact.refunded, given_fact.currency, (fact,))

    def refund(self, kind: str, payment: str, amount: int, _key: str, /) -> ProviderFact | None:
        """Give money back; the API has no idempotency keys, so a caller in doubt reads first."""
        return self.refund_order(payment, amount) if kind == "order" else self.refund_invoice(payment, amount)

    def disable_licence(self, licence: str, /) -> tuple[ProviderFact, ...] | None:
        """Disable a licence key, unless that is so; None where no key of that id is known."""
        seen = self.licence(licence)
        if seen is None:
            return None
        if isinstance(seen, LicenceSeen) and seen.status is LicenceStatus.DISABLED:
            return (seen,)
        fact = self.change_licence(licence, disabled=True)
        return (seen,) if fact is None else (seen, fact)

    def change_licence(self, licence: str, /, **attributes: object) -> ProviderFact | None:
        """Change `disabled`, `activation_limit` or `expires_at` of a licence key."""
        stated = {name: _written(value) if isinstance(value, datetime) else value for name, value in attributes.items()}
        document = _document(ResourceKind.LICENCES, licence, stated)
        return self._done("PATCH", _path(ResourceKind.LICENCES, licence), document, _reconciled)

    def create_webhook(
        self, store: str, *, url: str, events: tuple[str, ...], secret: str, test_mode: bool
    ) -> WebhookResource | None:
        """Register an address for events, signed with a secret of 6 to 40 characters."""
        attributes = {"url": url, "events": events, "secret": secret, "test_mode": test_mode}
        related = {"store": {"data": {"type": "stores", "id": store}}}
        document = {"data": {"type": "webhooks", "attributes": attributes, "relationships": related}}
        return self._done("POST", "/webhooks", document, values.webhook)

    def change_webhook(self, webhook: str, /, **attributes: object) -> WebhookResource | None:
        """Change `url`, `events` or `secret`."""
        document = _document("webhooks", webhook, attributes)
        return self._done("PATCH", _path("webhooks", webhook), document, values.webhook)

    def _one(self, kind: str, own_id: str, read: Callable[[Mapping[str, Any]], T]) -> T | None:
        try:
            answer = self.ask(_path(kind, own_id))
        except FarEndError as error:
            if error.answer == HTTPStatus.NOT_FOUND:
                return None
            raise
        data = _data(answer)
        result = _read(data, read)
        if PayloadReader(data, "data").identifier("id") != own_id:
            raise FarEndError(
                f"Lemon Squeezy answered with another of its {kind}", retryable=True, answer=HTTPStatus.OK
            )
        return result

    def _pages(
        self, kind: str, read: Callable[[Mapping[str, Any]], T], first: int, size: int, filters: Mapping[str, object]
    ) -> Iterator[ResourcePage[T]]:
        narrowed = {f"filter[{name}]": value for name, value in filters.items() if value is not None}
        number, last = first, first
        while number <= last:
            query = {**narrowed, "page[number]": number, "page[size]": size}
            page = _page(self.ask(f"/{kind}", query), number, read)
            last = page.last
            yield page
            number += 1

    def _change_subscription(self, subscription: str, attributes: Mapping[str, object]) -> SubscriptionSeen | None:
        document = _document(ResourceKind.SUBSCRIPTIONS, subscription, attributes)
        return self._done("PATCH", _path(ResourceKind.SUBSCRIPTIONS, subscription), document, looked_up)

    def _refund(self, kind: ResourceKind, own_id: str, amount: int) -> ProviderFact | None:
        document = _document(kind, own_id, {"amount": amount})
        return self._done("POST", f"{_path(kind, own_id)}/refund", document, _reconciled)

    def _done(self, method: str, path: str, document: object, read: Callable[[Mapping[str, Any]], T]) -> T | None:
        """Send a write. The status alone says that it was done, so an unreadable answer counts as an empty one."""
        answer = self.tell(method, path, document)
        try:
            return read(_data(answer or {}))
        except UntranslatableError:
            return None


def _page(answer: Mapping[str, Any], number: int, read: Callable[[Mapping[str, Any]], T]) -> ResourcePage[T]:
    entries = answer.get("data")
    if not isinstance(entries, list):
        raise FarEndError("Lemon Squeezy's answer is no list", retryable=True, answer=HTTPStatus.OK)
    items, unreadable = [], []
    for entry in entries:
        data = entry if isinstance(entry, dict) else {}
        try:
            items.append(read(data))
        except UntranslatableError as error:
            unreadable.append(f"{PayloadReader(data, 'data').identifier('id') or '?'}: {error.detail}")
    payload_reader = PayloadReader(answer, "answer").below("meta").below("page")
    last, total = payload_reader.values.get("lastPage"), payload_reader.values.get("total")
    return ResourcePage(
        number=number,
        last=last if isinstance(last, int) and entries else number,
        total=total if isinstance(total, int) else len(entries),
        items=tuple(items),
        unreadable=tuple(unreadable),
    )


def _reconciled(data: Mapping[str, Any]) -> ProviderFact:
    return answered(data, Provenance.RECONCILED)


def _read(data: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return read(data)
    except UntranslatableError as error:
        raise FarEndError(f"Lemon Squeezy's answer: {error.detail}", retryable=True, answer=HTTPStatus.OK) from error


def _data(answer: Mapping[str, Any]) -> dict[str, Any]:
    data = answer.get("data")
    return data if isinstance(data, dict) else {}


def _document(kind: str, own_id: str, attributes: Mapping[str, object]) -> dict[str, Any]:
    return {"data": {"type": str(kind), "id": own_id, "attributes": attributes}}


def _path(kind: str, own_id: str) -> str:
    return f"/{kind}/{quote(own_id, safe='')}"


def _number(identifier: str) -> int | str:
    return int(identifier) if identifier.isascii() and identifier.isdigit() else identifier


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
