"""Checks of `kulanz doctor` outside this installation: Redis, the mail server, the product, the providers."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError
from rq.suspension import is_suspended

from kulanz.cli.doctor.finding import Finding
from kulanz.errors import FarEndError, KulanzError
from kulanz.formats.wording import how_many
from kulanz.ingest import secret_usage
from kulanz.providers.standard.vocabulary import PROVIDER as STANDARD
from kulanz.queries.worker_status import worker_status
from kulanz.runtime import redis_faults
from kulanz.runtime.clock import real_now
from kulanz.runtime.notifier import QUEUES, connect
from kulanz.services import Services

if TYPE_CHECKING:
    from kulanz.delivery.provider import ProviderClient

PROBE_TIMEOUT = 5.0
MAX_CLOCK_SKEW = timedelta(seconds=30)
"""More between two clocks and one of them is wrong; signatures bear 300 seconds."""
START_WORKERS = "start `kulanz worker` (or `kulanz up`)"
UNKNOWN_SUBSCRIPTIONS = {"stripe": "sub_kulanz_doctor", "paddle": "sub_00000000000000000000000000"}
"""Ids of no object: a key with the permission to read gets "not found"."""
UNKNOWN_CUSTOMERS = {"polar": "00000000-0000-4000-8000-000000000000", "dodo": "cus_kulanz_doctor"}
"""Ids of no customer: a key that may make sessions of the portal gets "not found"."""


def endpoints(services: Services) -> Iterator[Finding]:
    """Whether a provider is configured that can deliver events."""
    configured = secret_usage.configured(services.settings)
    given = [
        f"/webhooks/{name} ({how_many(len(secrets), 'secret')})" for name, secrets in configured.items() if secrets
    ]
    advice = "set LEMONSQUEEZY_WEBHOOK_SECRETS, or another provider's: without a secret an endpoint does not exist"
    yield Finding("endpoints", bool(given), ", ".join(given) or "none is open", "" if given else advice)


def redis(services: Services) -> Iterator[Finding]:
    """Whether Redis answers and takes writes, its clock is ours, and a worker listens on each queue."""
    url = services.settings.redis_url
    if url is None:
        yield Finding("redis", None, "none: `kulanz up` starts a private one; workers ask the database every second")
        return
    try:
        with connect(url, timeout=PROBE_TIMEOUT) as client:
            if fault := redis_faults.of(client):
                yield Finding("redis", False, fault.found, fault.advice)
                return
            yield from _persistence(client)
            yield from _clocks(client)
            yield from _workers(url)
            yield from _suspension(client)
    except (RedisError, OSError, ValueError) as error:
        fault = redis_faults.from_error(error)
        yield Finding("redis", False, fault.found, f"{fault.advice}; meanwhile workers ask the database every second")


def mail(services: Services) -> Iterator[Finding]:
    """Whether the mail server lets us in; nothing is sent."""
    from kulanz.delivery import smtp

    url = services.settings.smtp_url
    if url is None:
        counts = services.settings.test_clock
        advice = "" if counts else "set SMTP_URL: a mail in a file counts as not delivered, and warnings need delivery"
        yield Finding("mail", None if counts else False, f"written to {services.settings.data_dir / 'mail'}", advice)
        return
    host = urlsplit(url).hostname
    sender = services.settings.mail_from or ""
    try:
        server = smtp.mail_server(url, ssl.create_default_context(), PROBE_TIMEOUT)
        smtp.probe(server, sender.rpartition("@")[2].strip(">") or "localhost")
    except FarEndError as error:
        yield Finding("mail", False, f"{host}: {error.detail}", "check SMTP_URL: host, port, name and password")
        return
    login = " and takes our password" if server.user else ""
    yield Finding("mail", True, f"{host} answers{login}")


def callback(services: Services) -> Iterator[Finding]:
    """Whether the merchant's product can be reached; nothing is sent to it."""
    url = services.settings.callback_url
    if url is None:
        yield _nobody_told(services)
        return
    parts = urlsplit(url)
    host, tls = parts.hostname or "", parts.scheme == "https"
    problem = _reached(host, parts.port or (443 if tls else 80), tls=tls)
    value = f"{host} can be reached" if problem is None else f"{host}: {problem}"
    yield Finding(
        "callbacks", problem is None, value, "check CALLBACK_URL, and that the product runs" if problem else ""
    )


def _nobody_told(services: Services) -> Finding:
    """Return the finding for an instance without callbacks: bad if the policy leaves mails to the product."""
    with services.database.read() as conn:
        mails = services.terms(conn).current.mails
    if mails in {"on", ()}:
        return Finding("callbacks", None, "CALLBACK_URL is not set: the product has to poll /v1")
    told = "the policy leaves mails to the product (mails), and CALLBACK_URL is not set: customers get no notice"
    return Finding("callbacks", False, told, 'set CALLBACK_URL, or mails = "on" in the policy')


def lemonsqueezy(services: Services) -> Iterator[Finding]:
    """Whether the API key works and is of the mode that the settings say, and our webhook is registered."""
    from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient

    client = services.clients.get("lemonsqueezy")
    if not isinstance(client, LemonSqueezyClient):
        yield Finding(
            "lemonsqueezy", None, "no API key: what should be done there becomes a to-do, and nothing is looked up"
        )
        return
    try:
        mode = "test" if client.test_mode() else "live"
        yield _of_mode("lemonsqueezy", mode, services)
        yield from _registered(services)
    except KulanzError as error:
        yield Finding("lemonsqueezy", False, error.detail, "check LEMONSQUEEZY_API_KEY; keys live one year")


def others(services: Services) -> Iterator[Finding]:
    """Whether the keys of the other providers may look subscriptions up."""
    for name, client in services.clients.items():
        if name in UNKNOWN_SUBSCRIPTIONS:
            yield _looked_up(name, client, services)
    for name, customer in UNKNOWN_CUSTOMERS.items():
        if name in services.payment_pages:
            yield _portal(name, customer, services)
    setup = "`kulanz stripe setup URL`"
    yield from _delivered(services, "stripe", "stripe webhook", "webhook endpoints", setup)
    chosen = "choose them in Paddle's notifications"
    yield from _delivered(services, "paddle", "paddle destination", "notification settings", chosen)


def _portal(name: str, customer: str, services: Services) -> Finding:
    from kulanz.delivery.pay_links import payment_page

    try:
        payment_page(services.payment_pages, f"{STANDARD}:", None, f"{STANDARD}:{customer}")
    except KulanzError as error:
        return Finding(name, False, error.detail, f"check {name.upper()}_API_KEY, and its scope")
    return Finding(name, True, "the key may open the customer's portal")


def _delivered(services: Services, name: str, check: str, right: str, remedy: str) -> Iterator[Finding]:
    """Whether a provider delivers all that is acted on to an endpoint of ours; a key may not be allowed to say so."""
    from kulanz.reconcile import event_subscriptions

    try:
        found = event_subscriptions.look(services, name)
    except KulanzError as error:
        yield Finding(check, None, f"not known: {error.detail}", f"let the key read {right}")
        return
    if found is not None:
        advice = f"{', '.join(found.missing)} not delivered: {remedy}" if found.missing else ""
        yield Finding(check, not found.missing, found.found, advice)


def _persistence(client: Redis) -> Iterator[Finding]:
    """Redis has to keep nothing; but where its save fails it may refuse wake-up signals, and a full one loses them."""
    document: dict[str, Any] = client.info()
    saved = document.get("rdb_last_bgsave_status", "ok") == "ok" and document.get("aof_last_write_status", "ok") == "ok"
    kept = "appends to a file" if document.get("aof_enabled") else "keeps at most snapshots"
    evicts = bool(document.get("maxmemory")) and document.get("maxmemory_policy", "noeviction") != "noeviction"
    advice = "" if saved else "its last save failed, so it may refuse writes: make room on its disk"
    advice = advice or (f"set its maxmemory-policy to noeviction, not {document['maxmemory_policy']}" if evicts else "")
    yield Finding("redis", saved and not evicts, f"answers; {kept}, none is needed", advice)


def _clocks(client: Redis) -> Iterator[Finding]:
    seconds, micros = client.time()
    apart = abs(real_now() - datetime.fromtimestamp(seconds + micros / 1e6, UTC))
    well = apart < MAX_CLOCK_SKEW
    advice = "" if well else "one of the two hosts has the wrong time: run NTP on both"
    yield Finding("clocks", well, f"{apart.total_seconds():.0f} s apart from Redis's", advice)


def _workers(url: str) -> Iterator[Finding]:
    status = worker_status(url)
    attended = len(QUEUES) - len(status.unserved)
    yield Finding(
        "workers", not status.unserved, f"{attended} queues attended", START_WORKERS if status.unserved else ""
    )
    if status.foreign:
        found = f"{', '.join(status.foreign)}: takes wake-up signals of Kulanz, which are then a few seconds late"
        yield Finding("foreign workers", False, found, "end it: only `kulanz worker` can do what is in these queues")


def _suspension(client: Redis) -> Iterator[Finding]:
    """Check for `rq suspend`, called by another application's operator, or by ours to pause Kulanz."""
    if is_suspended(client):
        advice = "to pause Kulanz, stop `kulanz worker` and `kulanz clock run`; `rq resume` takes the mark away"
        yield Finding("rq suspend", None, "RQ is suspended in this Redis; Kulanz keeps running", advice)


def _reached(host: str, port: int, *, tls: bool) -> str | None:
    """Return why an address cannot be reached."""
    from kulanz.config.urls import is_metadata

    try:
        with socket.create_connection((host, port), timeout=PROBE_TIMEOUT) as line:
            if is_metadata(line.getpeername()[0]):
                return "a link-local or metadata address: nothing is ever sent there"
            if tls:
                ssl.create_default_context().wrap_socket(line, server_hostname=host).close()
    except ssl.SSLError:
        return "its certificate is not trusted, or its TLS failed"
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def _of_mode(name: str, mode: str, services: Services) -> Finding:
    fits = services.settings.lemonsqueezy_mode in {mode, "any"}
    advice = "" if fits else f"LEMONSQUEEZY_MODE is {services.settings.lemonsqueezy_mode}"
    return Finding(name, fits, f"the key works, in {mode} mode", advice)


def _registered(services: Services) -> Iterator[Finding]:
    """Whether the provider delivers every event type that Kulanz handles to an address of ours."""
    from kulanz.reconcile import event_subscriptions

    found = event_subscriptions.look(services, "lemonsqueezy")
    if found is not None:
        setup = "`kulanz lemonsqueezy setup URL`"
        lacking = f"{', '.join(found.missing)} not delivered: {setup}" if found.is_registered else setup
        yield Finding("webhook", not found.missing, found.found, lacking if found.missing else "")


def _looked_up(name: str, client: ProviderClient, services: Services) -> Finding:
    try:
        client.subscription(UNKNOWN_SUBSCRIPTIONS[name])
        mode = "test" if client.test_mode() else "live"
    except KulanzError as error:
        return Finding(name, False, error.detail, f"check {name.upper()}_API_KEY, and what it is allowed to")
    if name == "stripe":
        return _of_mode(name, mode, services)
    return Finding(name, True, f"the key works, in {mode} mode")


EXTERNAL_CHECKS: tuple[Callable[[Services], Iterator[Finding]], ...] = (
    endpoints,
    redis,
    mail,
    callback,
    lemonsqueezy,
    others,
)
