"""Registers our webhook at the provider, so that no secret has to be copied by hand."""

from __future__ import annotations

from dataclasses import dataclass

from kulanz.config import Settings
from kulanz.config.urls import refuse_no_web_url
from kulanz.errors import RefusedError
from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient, WebhookResource
from kulanz.providers.lemonsqueezy.vocabulary import OBJECTS

SHORTEST_SECRET, LONGEST_SECRET = 6, 40
WEBHOOK_EVENTS = tuple(name for name in OBJECTS if not name.startswith("dispute_"))
"""Event types that Kulanz handles; disputes are our own extension and unknown to the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Action done or planned: `created` or `changed`."""

    done: str
    url: str
    store: str
    test_mode: bool
    webhook: str | None


def register(
    client: LemonSqueezyClient, settings: Settings, url: str, store: str | None, *, dry_run: bool
) -> Registration:
    """Register `url` for deliveries; an existing registration gets the events and the secret again."""
    refuse_no_web_url(url)
    store, secret = _store(settings, store), _secret(settings)
    webhook_resource = next((webhook for webhook in client.webhooks(store_id=store) if webhook.url == url), None)
    test_mode = client.test_mode()
    done = "created" if webhook_resource is None else "changed"
    if not dry_run:
        webhook_resource = _write(client, webhook_resource, url=url, store=store, secret=secret, test_mode=test_mode)
    return Registration(
        done=done, url=url, store=store, test_mode=test_mode, webhook=webhook_resource.id if webhook_resource else None
    )


def _write(
    client: LemonSqueezyClient,
    webhook_resource: WebhookResource | None,
    *,
    url: str,
    store: str,
    secret: str,
    test_mode: bool,
) -> WebhookResource | None:
    if webhook_resource is None:
        return client.create_webhook(store, url=url, events=WEBHOOK_EVENTS, secret=secret, test_mode=test_mode)
    return client.change_webhook(webhook_resource.id, events=WEBHOOK_EVENTS, secret=secret)


def _store(settings: Settings, store: str | None) -> str:
    existing = {store} if store else settings.lemonsqueezy_store_ids
    if len(existing) != 1:
        raise RefusedError("which store? give --store, or set LEMONSQUEEZY_STORE_ID to one")
    return next(iter(existing))


def _secret(settings: Settings) -> str:
    if not settings.lemonsqueezy_webhook_secrets:
        raise RefusedError("there is no secret to sign with: set LEMONSQUEEZY_WEBHOOK_SECRETS")
    secret = settings.lemonsqueezy_webhook_secrets[0]
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise RefusedError(f"the newest secret has {len(secret)} characters; the provider takes 6 to 40")
    return secret
