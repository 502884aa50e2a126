"""Registering our webhook at the provider, so that nobody has to copy a secret by hand."""

from __future__ import annotations

from dataclasses import dataclass

from kulanz.config import Settings
from kulanz.config.urls import refuse_no_web_url
from kulanz.errors import RefusedError
from kulanz.providers.lemonsqueezy.client import Client, Webhook
from kulanz.providers.lemonsqueezy.vocabulary import OBJECTS

SHORTEST_SECRET, LONGEST_SECRET = 6, 40
EVENTS = tuple(name for name in OBJECTS if not name.startswith("dispute_"))
"""Everything that somebody acts on; disputes are our own extension and unknown there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What was, or would be, done: `created` or `changed`."""

    done: str
    url: str
    store: str
    test_mode: bool
    webhook: str | None


def register(client: Client, settings: Settings, url: str, store: str | None, *, dry_run: bool) -> Registration:
    """Have the provider deliver to `url`; one that is registered already is told the events and the secret again."""
    refuse_no_web_url(url)
    store, secret = _store(settings, store), _secret(settings)
    known = next((webhook for webhook in client.webhooks(store_id=store) if webhook.url == url), None)
    test_mode = client.test_mode()
    done = "created" if known is None else "changed"
    if not dry_run:
        known = _write(client, known, url=url, store=store, secret=secret, test_mode=test_mode)
    return Registration(done=done, url=url, store=store, test_mode=test_mode, webhook=known.id if known else None)


def _write(
    client: Client, known: Webhook | None, *, url: str, store: str, secret: str, test_mode: bool
) -> Webhook | None:
    if known is None:
        return client.create_webhook(store, url=url, events=EVENTS, secret=secret, test_mode=test_mode)
    return client.change_webhook(known.id, events=EVENTS, secret=secret)


def _store(settings: Settings, store: str | None) -> str:
    known = {store} if store else settings.lemonsqueezy_store_ids
    if len(known) != 1:
        raise RefusedError("which store? give --store, or set LEMONSQUEEZY_STORE_ID to one")
    return next(iter(known))


def _secret(settings: Settings) -> str:
    if not settings.lemonsqueezy_webhook_secrets:
        raise RefusedError("there is no secret to sign with: set LEMONSQUEEZY_WEBHOOK_SECRETS")
    secret = settings.lemonsqueezy_webhook_secrets[0]
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise RefusedError(f"the newest secret has {len(secret)} characters; the provider takes 6 to 40")
    return secret
