"""The composition root: builds every part from the settings, for the web process, workers and commands alike."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from kulanz.config import Settings, policy_text
from kulanz.crypto.vault import Vault
from kulanz.delivery import Channels
from kulanz.delivery.brand import Brand
from kulanz.policy import document
from kulanz.policy.document import Policy
from kulanz.policy.state import Catalogue, Terms
from kulanz.providers import PROVIDERS, Naming, Provider
from kulanz.providers.standard.sender import DODO_PORTAL, POLAR_PORTAL
from kulanz.runtime.clock import Clock, real_now
from kulanz.runtime.counters import Counters
from kulanz.runtime.holidays import is_working_day
from kulanz.runtime.notifier import Notifier
from kulanz.runtime.rate_limit import RateLimit, rate_limit
from kulanz.runtime.send_timing import SendTiming
from kulanz.store import keyring, policies
from kulanz.store.database import Connection, Database
from kulanz.store.policies import PolicyRow

if TYPE_CHECKING:
    from kulanz.delivery.provider import Clients, PaymentPages, ProviderClient
    from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient
    from kulanz.providers.stripe.client import StripeClient

PATIENT_CLIENT_TRIES = 6


@dataclass(frozen=True, kw_only=True)
class Services:
    """The shared parts of a process. No part connects before it is used."""

    settings: Settings
    database: Database
    vault: Vault
    clock: Clock
    notifier: Notifier
    account_naming: Naming
    providers: Mapping[str, Provider]
    """Modules of the providers, by the name of the endpoint."""
    counters: Counters = field(repr=False)
    """Counters of this process, shared through the database."""
    rate_limit: RateLimit = field(default_factory=RateLimit, repr=False)
    """Rate limits of the providers' APIs, shared by all threads."""
    send_timing: SendTiming = field(default_factory=SendTiming)
    """The length of leases on outgoing actions."""
    _local: threading.local = field(default_factory=threading.local, repr=False)
    looked_up_at: dict[int, float] = field(default_factory=dict, repr=False)
    """When this process last asked the provider on behalf of a waiting event, in monotonic seconds."""
    _dispatch_pool: list[ThreadPoolExecutor] = field(default_factory=list, repr=False)
    _terms: dict[int, Terms] = field(default_factory=dict, repr=False)

    def terms(self, conn: Connection, now: datetime | None = None) -> Terms:
        """Return the terms of decisions at a time of the policy's clock; versions come from the database."""
        return self.all_terms(conn).by(now or self.clock.now(conn))

    def all_terms(self, conn: Connection) -> Terms:
        """Return the terms with the versions that come into force later."""
        newest = policies.newest(conn)
        if newest not in self._terms:
            rows = policies.all(conn) or [self.first_policy(conn)]
            versions = {row.version: _policy(row.document, row.version) for row in rows}
            self._terms[newest] = Terms(
                policies=tuple((moment, versions[row.version]) for moment, row in policies.line(rows)),
                versions=versions,
                catalogue=Catalogue.of(self.settings.plans),
                timezone=self.settings.timezone,
                country=self.settings.country,
                calendar=is_working_day,
                can_look=frozenset(_keys(self.settings)),
                notifies=self.settings.callback_url is not None,
            )
        return self._terms[newest]

    def adopt_policy(self, tx: Connection) -> None:
        """Put the configured policy in force if none ever was; later `policy activate` decides."""
        if policies.newest(tx) == 0:
            policies.add(tx, self.first_policy(tx))

    def first_policy(self, conn: Connection) -> PolicyRow:
        """Return the configured policy as the version that it will be when it is the first."""
        text = policy_text(self.settings.policy)
        policy = _policy(text, 1)
        now = self.clock.now(conn)
        return PolicyRow(
            version=1,
            name=policy.name,
            document=text,
            sha256=policy.sha256,
            effective_from=now,
            activated_at=now,
            actor="settings",
        )

    @property
    def clients(self) -> Clients:
        """The calling thread's own clients for the providers' APIs, by name, where a key is set."""
        clients: Clients | None = getattr(self._local, "clients", None)
        if clients is None:
            self._local.clients = clients = _clients(self.settings, self.rate_limit)
        return clients

    @property
    def payment_pages(self) -> Mapping[str, PaymentPages]:
        """The calling thread's own clients that lead customers to payment pages, by the name of the sender."""
        pages: Mapping[str, PaymentPages] | None = getattr(self._local, "pages", None)
        if pages is None:
            self._local.pages = pages = {**self.clients, **_portals(self.settings)}
        return pages

    def patient_clients(self) -> Mapping[str, LemonSqueezyClient]:
        """Return clients for long work, for providers that support it: they wait for the rate limit, and ask again."""
        pace = replace(self.rate_limit, max_wait=float("inf"))
        return {
            name: replace(client, tries=PATIENT_CLIENT_TRIES)
            for name, client in _lemonsqueezy(self.settings, pace).items()
        }

    def patient_stripe(self) -> StripeClient | None:
        """Return a client of Stripe's for long work, where there is a key."""
        client = _stripe(self.settings)
        return None if client is None else replace(client, tries=PATIENT_CLIENT_TRIES)

    def channels(self) -> Channels:
        """Return the channels for outgoing actions, with the calling thread's own connections."""
        channels: Channels | None = getattr(self._local, "means", None)
        if channels is None:
            self._local.means = channels = _channels(self.settings, self.clients)
        return channels

    def dispatch_pool(self, at_once: int) -> ThreadPoolExecutor:
        """Return the threads that deliver outgoing actions; they and their connections last as long as the process."""
        if not self._dispatch_pool:
            self._dispatch_pool.append(ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="carrier"))
        return self._dispatch_pool[0]

    def close(self) -> None:
        """Close every connection."""
        for carriers in self._dispatch_pool:
            carriers.shutdown()
        self.counters.close()
        self.notifier.close()
        self.database.dispose()


def build(settings: Settings, providers: Mapping[str, Provider] = PROVIDERS) -> Services:
    """Wire the services of one process; nothing is opened yet."""
    database = Database(settings.database_url)
    return Services(
        settings=settings,
        database=database,
        vault=Vault(settings.encryption_keys, keyring.Keyring(database)),
        clock=Clock(database, settings.test_clock),
        notifier=Notifier(settings.redis_url),
        account_naming=Naming(
            account_key=settings.account_key,
            account_from=settings.account_from,
            account_secret=settings.account_secret,
            require_signed=settings.require_signed_accounts,
            trusted=settings.trusted_claims,
        ),
        providers=providers,
        counters=Counters(database),
        rate_limit=rate_limit(settings.redis_url, settings.lemonsqueezy_api_key or ""),
    )


@lru_cache(maxsize=64)
def _policy(text: str, version: int) -> Policy:
    return document.parse(text, version=version)


def _keys(settings: Settings) -> Mapping[str, tuple[str, str]]:
    """Return the API key and the address of each provider that there is a key for."""
    existing = {
        "lemonsqueezy": (settings.lemonsqueezy_api_key, settings.lemonsqueezy_api_url),
        "stripe": (settings.stripe_api_key, settings.stripe_api_url),
        "paddle": (settings.paddle_api_key, settings.paddle_api_url),
    }
    return {name: (key, url) for name, (key, url) in existing.items() if key is not None}


def _clients(settings: Settings, pace: RateLimit) -> Clients:
    """Import the HTTP client only where it is used: a worker that applies events never does."""
    if not _keys(settings):
        return {}
    from kulanz.delivery.guard import guarded_session  # noqa: PLC0415
    from kulanz.providers.paddle.client import PaddleClient as Paddle  # noqa: PLC0415

    keys = _keys(settings)
    made: dict[str, ProviderClient] = {**_lemonsqueezy(settings, pace)}
    if (stripe := _stripe(settings)) is not None:
        made["stripe"] = stripe
    if "paddle" in keys:
        made["paddle"] = Paddle(*keys["paddle"], guarded_session())
    return made


def _portals(settings: Settings) -> dict[str, PaymentPages]:
    if not (settings.polar_api_key or settings.dodo_api_key):
        return {}
    from kulanz.delivery.guard import guarded_session  # noqa: PLC0415
    from kulanz.providers.standard.portals import DodoPortal, PolarPortal  # noqa: PLC0415

    made: dict[str, PaymentPages] = {}
    if settings.polar_api_key:
        made[POLAR_PORTAL] = PolarPortal(settings.polar_api_key, settings.polar_api_url, guarded_session())
    if settings.dodo_api_key:
        made[DODO_PORTAL] = DodoPortal(settings.dodo_api_key, settings.dodo_api_url, guarded_session())
    return made


def _stripe(settings: Settings) -> StripeClient | None:
    matches = _keys(settings).get("stripe")
    if matches is None:
        return None
    from kulanz.delivery.guard import guarded_session  # noqa: PLC0415
    from kulanz.providers.stripe.client import StripeClient  # noqa: PLC0415

    return StripeClient(*matches, guarded_session())


def _lemonsqueezy(settings: Settings, pace: RateLimit) -> dict[str, LemonSqueezyClient]:
    matches = _keys(settings).get("lemonsqueezy")
    if matches is None:
        return {}
    from kulanz.delivery.guard import guarded_session  # noqa: PLC0415
    from kulanz.providers.lemonsqueezy.client import LemonSqueezyClient  # noqa: PLC0415

    return {"lemonsqueezy": LemonSqueezyClient(*matches, guarded_session(), rate_limit=pace)}


def brand_of(settings: Settings) -> Brand:
    """Return the brand for mails."""
    given = {"color": settings.brand_color} if settings.brand_color else {}
    return Brand(
        name=settings.brand_name,
        logo=settings.brand_logo,
        address=settings.brand_address,
        support=settings.support_email,
        **given,
    )


def _channels(settings: Settings, clients: Clients) -> Channels:
    return Channels(
        clock=real_now,
        callback_url=settings.callback_url,
        callback_secret=settings.callback_secret,
        smtp_url=settings.smtp_url,
        mail_dir=settings.data_dir / "mail",
        drop_dir=settings.data_dir,
        mail_from=settings.mail_from,
        mail_locale=settings.mail_locale,
        reply_to=settings.mail_reply_to,
        templates=settings.templates,
        brand=brand_of(settings),
        timezone=settings.timezone,
        billing_url=settings.billing_url,
        public_url=settings.public_url,
        bank=settings.bank_account,
        sender_lines=settings.sender_address,
        ops_alert_to=settings.ops_alert_to,
        files_count_as_delivered=settings.test_clock or settings.demo,
        providers=clients,
    )
