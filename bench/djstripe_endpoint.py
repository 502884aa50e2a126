"""dj-stripe's webhook endpoint under events, run by the interpreter of an environment of its own.

`python djstripe_endpoint.py DATABASE COUNT` prints the processor time as JSON. What it asks of Stripe's API for each
event is answered in the process, at once: no network is counted against it. The events are of its cheapest kind.
"""

import hashlib
import hmac
import json
import sys
import time
import types

import django
import stripe
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import include, path

SECRET = "whsec_of_the_bench"
VERSION = "2024-06-20"
NOW = int(time.time())
_NOT_DURABLE = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF"}
"""Its commits need not wait for the disk: only processor time is compared."""


def main(database: str, count: int) -> None:
    _configure(database)
    from djstripe.models import WebhookEndpoint  # noqa: PLC0415  # Only after the settings.

    endpoint = WebhookEndpoint.objects.create(
        id="we_1",
        secret=SECRET,
        url="https://example.com",
        livemode=False,
        enabled_events=["*"],
        api_version=VERSION,
    )
    where = f"/stripe/webhook/{endpoint.djstripe_uuid}/"
    stripe.api_key, stripe.default_http_client = settings.STRIPE_TEST_SECRET_KEY, _Stripe()
    client, bodies = Client(), [_event(number) for number in range(count + 20)]
    for body in bodies[:20]:
        _post(client, where, body)
    began = time.process_time()
    for body in bodies[20:]:
        _post(client, where, body)
    print(json.dumps({"events": count, "seconds": time.process_time() - began}))


_ACCOUNT = {
    "id": "acct_1",
    "object": "account",
    "business_profile": {"name": "Bench"},
    "charges_enabled": True,
    "country": "AT",
    "default_currency": "eur",
    "details_submitted": True,
    "email": "bench@example.com",
    "metadata": {},
    "payouts_enabled": True,
    "settings": {"dashboard": {"display_name": "Bench"}},
    "type": "standard",
}


class _Stripe(stripe.HTTPClient):
    """Stripe's API: it has one account, and every requested product."""

    name = "bench"

    def request(self, _method: str, url: str, _headers: object, _post_data: object = None) -> tuple[str, int, dict]:
        ident = url.partition("?")[0].rpartition("/")[2]
        if ident in {"products", "prices"}:
            return json.dumps({"object": "list", "data": [], "has_more": False, "url": url}), 200, {}
        return json.dumps(_ACCOUNT if ident.startswith("acc") else _product(ident)), 200, {}


def _configure(database: str) -> None:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database, "OPTIONS": _NOT_DURABLE}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "djstripe"],
        ROOT_URLCONF="bench_urls",
        SECRET_KEY="of the bench",
        STRIPE_LIVE_MODE=False,
        STRIPE_TEST_SECRET_KEY="sk_test_" + "0" * 24,
        USE_TZ=True,
    )
    django.setup()
    urls = types.ModuleType("bench_urls")
    urls.urlpatterns = [path("stripe/", include("djstripe.urls", namespace="djstripe"))]
    sys.modules["bench_urls"] = urls
    call_command("migrate", verbosity=0)


def _product(ident: str) -> dict[str, object]:
    return {
        "id": ident,
        "object": "product",
        "active": True,
        "created": NOW,
        "description": None,
        "livemode": False,
        "metadata": {},
        "name": "Professional",
        "type": "service",
        "updated": NOW,
    }


def _event(number: int) -> bytes:
    document = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2024-06-20",
        "created": NOW,
        "data": {"object": _product(f"prod_{number}")},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "product.updated",
    }
    return json.dumps(document).encode()


def _post(client: Client, where: str, body: bytes) -> None:
    now = int(time.time())
    signed = hmac.new(SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    told = {"Stripe-Signature": f"t={now},v1={signed}"}
    answer = client.post(where, body, content_type="application/json", headers=told)
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code}: {answer.content[:300]!r}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
