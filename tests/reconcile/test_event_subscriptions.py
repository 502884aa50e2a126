"""Events that a provider does not deliver are alerted by the clock, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from kulanz.providers.paddle.vocabulary import NEEDED
from kulanz.reconcile.event_subscriptions import FIRST_LOOK, INTERVAL, EventSubscriptionsLoop
from kulanz.reconcile.setup import WEBHOOK_EVENTS
from kulanz.reconcile.stripe_setup import EVENTS
from kulanz.runtime.clock import real_now
from kulanz.services import Services, build
from tests.adapters.apis import Api, an_api
from tests.shop import Shop

SITE = "https://billing.example/webhooks"


@pytest.fixture
def api() -> Iterator[Api]:
    with an_api() as api:
        yield api


@pytest.fixture
def services(shop: Shop, api: Api) -> Iterator[Services]:
    """A shop that sells by Stripe and Paddle, too, by the real clock, without what the shop itself registered."""
    shop.services.clock.reset()
    keys = {"stripe_api_key": "sk_test_1", "paddle_api_key": "pdl_sdbx_apikey_1"}
    urls = {"stripe_api_url": f"{api.url}/v1", "paddle_api_url": api.url}
    with closing(build(replace(shop.services.settings, **keys, **urls))) as services:
        yield services


def delivered(shop: Shop, api: Api, left_out: int) -> None:
    """Let each provider deliver all but some events to us."""
    client = shop.services.patient_clients()["lemonsqueezy"]
    client.create_webhook(
        "58231",
        url=f"{SITE}/lemonsqueezy",
        events=WEBHOOK_EVENTS[left_out:],
        secret="a-secret",
        test_mode=client.test_mode(),
    )
    stripe = {"id": "we_1", "url": f"{SITE}/stripe", "enabled_events": list(EVENTS[left_out:]), "status": "enabled"}
    api.held["/v1/webhook_endpoints"] = {"data": [stripe]}
    events = [{"name": event} for event in NEEDED[left_out:]]
    paddle = {"id": "ntfset_1", "destination": f"{SITE}/paddle", "active": True, "subscribed_events": events}
    api.held["/notification-settings"] = {"data": [paddle]}


def looked(services: Services, after: timedelta) -> bool:
    """Let a clock begin, and tick after a while; whether it looked."""
    loop = EventSubscriptionsLoop(services)
    begun = loop.tick(real_now() + after)
    loop.wait()
    return begun


def alerts(shop: Shop) -> list[str]:
    shop.services.clock.set(shop.now)
    shop.settle()
    shop.services.clock.reset()
    found = [document["data"] for document in shop.callbacks.documents if document["type"] == "ops.alert"]
    return sorted(alert["subject"] for alert in found if alert["topic"] == "events_not_delivered")


def test_events_that_a_provider_does_not_deliver_are_alerted_once(shop: Shop, api: Api, services: Services) -> None:
    delivered(shop, api, left_out=1)

    looks = [looked(services, after) for after in (timedelta(), FIRST_LOOK, FIRST_LOOK, FIRST_LOOK + INTERVAL)]

    assert looks == [False, True, False, True]
    missing = {"lemonsqueezy": WEBHOOK_EVENTS[0], "stripe": EVENTS[0], "paddle": NEEDED[0]}
    assert alerts(shop) == sorted(f"{provider}: {event}" for provider, event in missing.items())


def test_what_is_delivered_in_full_or_cannot_be_read_is_not_alerted(shop: Shop, api: Api, services: Services) -> None:
    delivered(shop, api, left_out=0)
    looked(services, timedelta())
    in_full = looked(services, FIRST_LOOK)
    api.status = 403
    refused = looked(services, FIRST_LOOK + INTERVAL)

    assert (in_full, refused) == (True, True)
    assert alerts(shop) == []


def test_a_provider_that_knows_no_endpoint_of_ours_is_alerted(shop: Shop, api: Api, services: Services) -> None:
    delivered(shop, api, left_out=0)
    elsewhere = {"id": "we_1", "url": "https://other.example/", "enabled_events": ["*"], "status": "enabled"}
    api.held["/v1/webhook_endpoints"] = {"data": [elsewhere]}
    looked(services, timedelta())

    looked(services, FIRST_LOOK)

    assert alerts(shop) == ["stripe: none of 1 endpoints leads to /webhooks/stripe"]
