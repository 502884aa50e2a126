"""Registering our webhook endpoint at Stripe, with exactly the events that are acted on."""

from __future__ import annotations

from dataclasses import dataclass, field

from kulanz.config.urls import refuse_no_web_url
from kulanz.providers.stripe.client import StripeClient
from kulanz.providers.stripe.vocabulary import OBJECTS

EVENTS = tuple(OBJECTS)
"""Everything that is acted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeRegistration:
    """What was, or would be, done: `created` or `changed`."""

    done: str
    url: str
    test_mode: bool
    endpoint: str | None
    secret: str | None = field(default=None, repr=False)
    """Stripe chooses it, and tells it once: of a new endpoint."""


def register(client: StripeClient, url: str, *, dry_run: bool) -> StripeRegistration:
    """Have Stripe deliver to `url`; an endpoint that is registered already is told the events again."""
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
