"""Registering our webhook endpoint at Stripe, with exactly the events that are acted on."""

from __future__ import annotations

from dataclasses import dataclass, field

from kulanz.config.urls import refuse_no_web_url
from kulanz.providers.stripe.client import StripeClient
from kulanz.providers.stripe.vocabulary import OBJECTS

EVENTS = tuple(OBJECTS)
"""Event types that Kulanz handles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeRegistration:
    """Action done or planned: `created` or `changed`."""

    done: str
    url: str
    test_mode: bool
    endpoint: str | None
    secret: str | None = field(default=None, repr=False)
    """Stripe chooses the secret and returns it once, for a new endpoint."""


def register(client: StripeClient, url: str, *, dry_run: bool) -> StripeRegistration:
    """Register `url` for deliveries from Stripe; an existing endpoint gets the events again."""
    refuse_no_web_url(url)
    existing = next((endpoint for endpoint in client.webhook_endpoints() if endpoint.url == url), None)
    done = "created" if existing is None else "changed"
    if not dry_run:
        existing = client.register_webhook(url, EVENTS, existing.id if existing else None)
    return StripeRegistration(
        done=done,
        url=url,
        test_mode=client.test_mode(),
        endpoint=existing.id if existing else None,
        secret=existing.secret if existing else None,
    )
