"""Values of the API's answers: pages of a list, customers, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from kulanz.providers.lemonsqueezy.vocabulary import CUSTOMERS, INVOICES, LICENCES, ORDERS, SUBSCRIPTIONS, key
from kulanz.providers.reading import PayloadReader

T = TypeVar("T")


class ResourceKind(StrEnum):
    """The lists that facts come from, in the order in which an account is best built up."""

    SUBSCRIPTIONS = SUBSCRIPTIONS
    ORDERS = ORDERS
    INVOICES = INVOICES
    LICENCES = LICENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePage(Generic[T]):
    """A part of a list, as it was when it was asked for: the list may have moved since."""

    number: int
    last: int
    total: int
    items: tuple[T, ...]
    unreadable: tuple[str, ...] = ()
    """The entries that could not be translated, a line each: one odd object hides no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerResource:
    """A buyer. The provider's sums about them are left out."""

    key: str
    name: str | None
    email: str | None
    status: str
    country: str | None
    test_mode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResource:
    """A webhook endpoint; the provider never sends its secret again."""

    id: str
    url: str
    events: tuple[str, ...]
    test_mode: bool
    last_sent_at: datetime | None


def customer(data: Mapping[str, Any]) -> CustomerResource:
    """Read a customer. Raises `UntranslatableError`."""
    payload_reader, own_id = _read(data, CUSTOMERS)
    return CustomerResource(
        key=key(own_id),
        name=payload_reader.text("name"),
        email=payload_reader.email("email"),
        status=payload_reader.text("status") or "",
        country=payload_reader.text("country"),
        test_mode=payload_reader.flag("test_mode"),
    )


def webhook(data: Mapping[str, Any]) -> WebhookResource:
    """Read a webhook. Raises `UntranslatableError`."""
    payload_reader, own_id = _read(data, "webhooks")
    events = payload_reader.values.get("events")
    return WebhookResource(
        id=own_id,
        url=payload_reader.text("url", longest=2000) or "",
        events=tuple(str(event) for event in events) if isinstance(events, list) else (),
        test_mode=payload_reader.flag("test_mode"),
        last_sent_at=payload_reader.instant("last_sent_at"),
    )


def _read(data: Mapping[str, Any], kind: str) -> tuple[PayloadReader, str]:
    document = PayloadReader(data, "data")
    document.expect("type", kind)
    return document.below("attributes"), document.needed_identifier("id")
