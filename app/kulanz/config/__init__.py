"""Settings: everything that the environment, a file or a data directory may decide, checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kulanz.config.masking import masked_settings
from kulanz.config.parsing import ApiToken, OpsUser, SettingsReader, has_postgresql_driver, loopback
from kulanz.config.sources import Layers, misspelt
from kulanz.errors import ConfigurationError, KulanzError, PolicyError
from kulanz.policy import document

__all__ = ["ApiToken", "OpsUser", "Settings", "environment", "load", "masked", "misspelt", "policy_text"]

LEMONSQUEEZY_API = "https://api.lemonsqueezy.com/v1"
STRIPE_API = "https://api.stripe.com/v1"
PADDLE_API = "https://api.paddle.com"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """The effective settings (CONTRACT section 2); its `repr` shows no secret."""

    data_dir: Path
    """Absolute."""
    database_url: str
    port: int = 8000
    spool: int = 256
    """Mebibytes that deliveries may take up beside the database while that is away; 0: none are kept there."""
    redis_url: str | None = None
    """None: nobody told us of a Redis, nothing rings and the worker asks the database every second."""
    policy: str = "plexo"
    timezone: str = "UTC"
    country: str = "AT"
    lemonsqueezy_webhook_secrets: tuple[str, ...] = ()
    lemonsqueezy_api_key: str | None = None
    lemonsqueezy_api_url: str = LEMONSQUEEZY_API
    lemonsqueezy_mode: str = "live"
    """`live`, `test` or `any`: which events act."""
    lemonsqueezy_store_ids: frozenset[str] = frozenset()
    """Empty: all stores."""
    reconcile: str = "apply"
    """What the nightly round does with what it finds: `apply`, `report`, or `off`."""
    account_key: str = "account_id"
    account_from: tuple[str, ...] = ()
    """Where an event may name the account; none: in custom data and at the customer, under `account_key`."""
    account_secret: str | None = None
    require_signed_accounts: bool = False
    join_by_customer: bool = False
    trusted_claims: frozenset[str] = frozenset()
    stripe_webhook_secrets: tuple[str, ...] = ()
    stripe_account_ids: frozenset[str] = frozenset()
    """Connected accounts whose events act; those of the endpoint's own account always do."""
    stripe_api_key: str | None = None
    stripe_api_url: str = STRIPE_API
    paddle_webhook_secrets: tuple[str, ...] = ()
    paddle_api_key: str | None = None
    paddle_api_url: str = PADDLE_API
    standard_webhook_secrets: tuple[str, ...] = ()
    plans: tuple[tuple[str, str], ...] = ()
    """(`lemonsqueezy:394420`, `professional`) in rising order of plans."""
    callback_url: str | None = None
    callback_secret: str | None = None
    smtp_url: str | None = None
    """None: mails are written to `mail/*.eml` in the data directory."""
    mail_from: str = "kulanz@localhost"
    mail_locale: str = "en"
    billing_url: str | None = None
    ops_alert_to: str | None = None
    api_tokens: tuple[ApiToken, ...] = ()
    ops_users: tuple[OpsUser, ...] = ()
    metrics_token: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks (`10.0.0.0/8`)."""
    encryption_keys: tuple[bytes, ...] = field(default=())
    """32 bytes each; the first encrypts, all decrypt."""
    test_clock: bool = False
    demo: bool = False
    """Only `kulanz up --demo` sets it."""

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r})"


def environment() -> dict[str, str]:
    """Return a copy of the process's environment: the only place that reads it."""
    return dict(os.environ)


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings that `environ`, the file it names and the data directory give together.

    Raise ConfigurationError with every problem at once; none of them repeats a secret.
    """
    layers = Layers.read(environ)
    reader = SettingsReader(layers.values)
    settings = _settings(reader, layers.data_dir)
    problems = [*layers.problems, *reader.problems, *_policy_problems(settings), *_contradictions(settings, reader)]
    if problems:
        raise ConfigurationError([*problems, *misspelt(environ)])
    return _among_ourselves(settings) if settings.demo else settings


def policy_text(name: str) -> str:
    """Return the document that a preset's name or a file's path stands for."""
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        return path.read_text(encoding="utf-8")
    return document.preset(name)


def masked(settings: Settings) -> dict[str, str]:
    """Return every setting by its variable's name as text, secrets and passwords as `****`."""
    return masked_settings(settings)


def _settings(reader: SettingsReader, data_dir: Path) -> Settings:
    demo = reader.flag("KULANZ_DEMO")
    api_url = reader.url("LEMONSQUEEZY_API_URL", ("https", "http")) or LEMONSQUEEZY_API
    return Settings(
        data_dir=data_dir,
        database_url=reader.database_url() or f"sqlite:///{data_dir / 'kulanz.db'}",
        port=reader.port("PORT", 8000),
        spool=reader.mebibytes("KULANZ_SPOOL", 256),
        redis_url=reader.redis_url(),
        policy=reader.text("KULANZ_POLICY") or "plexo",
        timezone=reader.timezone("KULANZ_TIMEZONE", "UTC"),
        country=reader.matching("KULANZ_COUNTRY", r"[A-Z]{2}", "two capital letters, such as AT") or "AT",
        lemonsqueezy_webhook_secrets=reader.secrets("LEMONSQUEEZY_WEBHOOK_SECRETS"),
        lemonsqueezy_api_key=reader.text("LEMONSQUEEZY_API_KEY"),
        lemonsqueezy_api_url=api_url.rstrip("/"),
        lemonsqueezy_mode=reader.choice("LEMONSQUEEZY_MODE", ("live", "test", "any"), "any" if demo else "live"),
        lemonsqueezy_store_ids=frozenset(reader.many("LEMONSQUEEZY_STORE_ID")),
        reconcile=reader.choice("KULANZ_RECONCILE", ("apply", "report", "off"), "apply"),
        account_key=reader.text("KULANZ_ACCOUNT_KEY") or "account_id",
        account_from=reader.places("KULANZ_ACCOUNT_FROM"),
        account_secret=reader.text("KULANZ_ACCOUNT_SECRET"),
        require_signed_accounts=reader.flag("KULANZ_REQUIRE_SIGNED_ACCOUNTS"),
        join_by_customer=reader.flag("KULANZ_JOIN_BY_CUSTOMER"),
        trusted_claims=reader.providers("KULANZ_TRUSTED_CLAIMS"),
        stripe_webhook_secrets=reader.secrets("STRIPE_WEBHOOK_SECRETS"),
        stripe_account_ids=frozenset(reader.many("STRIPE_ACCOUNT_IDS")),
        stripe_api_key=reader.text("STRIPE_API_KEY"),
        stripe_api_url=(reader.url("STRIPE_API_URL", ("https", "http")) or STRIPE_API).rstrip("/"),
        paddle_webhook_secrets=reader.secrets("PADDLE_WEBHOOK_SECRETS"),
        paddle_api_key=reader.text("PADDLE_API_KEY"),
        paddle_api_url=(reader.url("PADDLE_API_URL", ("https", "http")) or PADDLE_API).rstrip("/"),
        standard_webhook_secrets=reader.secrets("STANDARD_WEBHOOK_SECRETS"),
        plans=reader.plans("KULANZ_PLANS"),
        callback_url=reader.url("CALLBACK_URL", ("https", "http")),
        callback_secret=reader.signing_secret("CALLBACK_SECRET"),
        smtp_url=reader.url("SMTP_URL", ("smtp", "smtps")),
        mail_from=reader.mailbox("MAIL_FROM") or "kulanz@localhost",
        mail_locale=reader.choice("MAIL_LOCALE", ("de", "en"), "en"),
        billing_url=reader.url("BILLING_URL", ("https", "http")),
        ops_alert_to=reader.address("OPS_ALERT_TO"),
        api_tokens=reader.api_tokens("API_TOKENS"),
        ops_users=reader.ops_users(),
        metrics_token=reader.text("METRICS_TOKEN"),
        trusted_proxies=reader.networks("TRUSTED_PROXIES"),
        encryption_keys=reader.keys("ENCRYPTION_KEYS"),
        test_clock=reader.flag("KULANZ_TEST_CLOCK") or demo,
        demo=demo,
    )


def _among_ourselves(settings: Settings) -> Settings:
    """Return a demonstration's settings: what it invents is told to nobody but programs on this machine."""
    return replace(
        settings,
        lemonsqueezy_api_key=settings.lemonsqueezy_api_key if loopback(settings.lemonsqueezy_api_url) else None,
        stripe_api_key=settings.stripe_api_key if loopback(settings.stripe_api_url) else None,
        paddle_api_key=settings.paddle_api_key if loopback(settings.paddle_api_url) else None,
        callback_url=settings.callback_url if loopback(settings.callback_url) else None,
        smtp_url=settings.smtp_url if loopback(settings.smtp_url) else None,
    )


def _policy_problems(settings: Settings) -> list[str]:
    try:
        document.parse(policy_text(settings.policy))
    except PolicyError as error:
        return [f"KULANZ_POLICY: {problem}" for problem in error.problems]
    except KulanzError as error:
        return [f"KULANZ_POLICY: {error.detail}"]
    except (OSError, UnicodeDecodeError):
        return [f"KULANZ_POLICY: {settings.policy} cannot be read"]
    return []


def _contradictions(settings: Settings, reader: SettingsReader) -> list[str]:
    explicit_live = settings.lemonsqueezy_mode == "live" and reader.text("LEMONSQUEEZY_MODE") is not None
    mode_any = settings.lemonsqueezy_mode == "any"
    rules = (
        (
            not reader.given("ENCRYPTION_KEYS"),
            "ENCRYPTION_KEYS is not set: `kulanz up` makes one, or give 32 random bytes",
        ),
        (
            not settings.database_url.startswith("sqlite") and not has_postgresql_driver(),
            "DATABASE_URL: PostgreSQL needs its driver: pip install 'kulanz[postgres]'",
        ),
        (settings.test_clock and explicit_live, "KULANZ_TEST_CLOCK is refused with LEMONSQUEEZY_MODE=live"),
        (mode_any and not settings.test_clock, "LEMONSQUEEZY_MODE=any needs KULANZ_TEST_CLOCK=1 or `kulanz up --demo`"),
        (
            settings.require_signed_accounts and settings.account_secret is None,
            "KULANZ_REQUIRE_SIGNED_ACCOUNTS needs KULANZ_ACCOUNT_SECRET",
        ),
        (
            settings.callback_url is not None and not reader.given("CALLBACK_SECRET"),
            "CALLBACK_URL needs CALLBACK_SECRET: callbacks are signed",
        ),
    )
    return [problem for broken, problem in rules if broken]
