"""The table of settings: variable, field, kind, default and help of each, in one row.

Loading, masking, `kulanz config`, the reference page and `.env.example` are made from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kulanz.config import parsing as kinds
from kulanz.config.parsing import AlertChannel, ApiToken, Kind, OpsUser
from kulanz.formats.bank_accounts import BankAccount

DATA_DIR = ".kulanz"
LEMONSQUEEZY_API = "https://api.lemonsqueezy.com/v1"
STRIPE_API = "https://api.stripe.com/v1"
PADDLE_API = "https://api.paddle.com"
POLAR_API = "https://api.polar.sh"
DODO_API = "https://live.dodopayments.com"
MADE = "made by `kulanz up`"
FILE = "_FILE"
"""Suffix of a secret's name for the variable that names its file."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Row of the table; `section` is None for what only Kulanz itself sets."""

    section: str | None
    variable: str
    kind: Kind
    field: str
    default: Any
    default_text: str
    """The default for the reference, in Markdown."""
    help: str
    """One sentence or more, in Markdown."""
    merges: bool = False
    """Whether another variable adds to the same field; it is listed before that one."""


@dataclass(frozen=True, slots=True)
class _Row:
    """Metadata of a field of Settings."""

    section: str | None
    variable: str
    kind: Kind
    help: str
    default_text: str | None
    also: tuple[str, Kind, str] | None
    """A second variable that adds to the field, with its kind and its help."""


def _row(
    section: str | None,
    variable: str,
    kind: Kind,
    help: str,  # noqa: A002 - the column's name
    *,
    default: object = dataclasses.MISSING,
    text: str | None = None,
    also: tuple[str, Kind, str] | None = None,
) -> Any:
    row = _Row(section, variable, kind, help, text, also)
    return dataclasses.field(default=default, metadata={"row": row})


_where = partial(_row, "Where it runs")
_provider = partial(_row, "The provider")
_plans = partial(_row, "Accounts and plans")
_telling = partial(_row, "Callbacks, mail and alerts")
_trying = partial(_row, "Trying things out")
_internal = partial(_row, None)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """The effective settings (CONTRACT section 2); its `repr` shows no secret."""

    host: str | None = _where(
        "KULANZ_HOST",
        kinds.HOST,
        "the address that `kulanz web` and `kulanz up` listen on, unless `--host` names one; in a container `0.0.0.0`",
        default=None,
        text="`0.0.0.0` for `web`, `127.0.0.1` for `up`",
    )
    port: int = _where("PORT", kinds.PORT, "the port of the web process", default=8000)
    data_dir: Path = _where(  # noqa: RUF009 - a field of the dataclass
        "KULANZ_DATA_DIR",
        kinds.TEXT,
        "database, secrets, mail files, the private Redis's socket; `demo-data/`, where `kulanz up --demo` keeps all of"
        " its own",
        text=f"`{DATA_DIR}`",
    )
    """Absolute."""
    database_url: str = _where(
        "DATABASE_URL",
        kinds.DATABASE,
        "`postgresql://user:pass@host/name` needs the extra: `pip install 'kulanz[postgres]'`. A"
        " [pooler](operations.md#postgresql-connections-and-time-outs) is detected; `?pool=transaction` or"
        " `?pool=session` at the end names its mode instead",
        text="SQLite in the data directory",
    )
    spool: int = _where(
        "KULANZ_SPOOL",
        kinds.MEBIBYTES,
        "MiB that deliveries may take up in `spool/` in the data directory while the database is away; they are"
        " acknowledged, and stored later. `off` where that disk does not outlive a restart: then they are answered 503",
        default=256,
    )
    """Mebibytes that deliveries may take up beside the database while that is away; 0: none are kept there."""
    redis_url: str | None = _where(
        "REDIS_URL",
        kinds.REDIS,
        "`redis://`, `rediss://`, `unix://`, `redis+sentinel://`",
        default=None,
        text="the private Redis of `kulanz up`",
    )
    """None: no Redis is known, no wake-up signal is sent, and the worker asks the database every second."""
    encryption_keys: tuple[bytes, ...] = _where(
        "ENCRYPTION_KEYS",
        kinds.KEYS,
        "comma-separated, 32 bytes each as 64 hexadecimal digits or base64 (`kulanz keys generate`). The first"
        " encrypts, all decrypt. Without a key only `up` starts",
        default=(),
        text=MADE,
    )
    """32 bytes each; the first encrypts, all decrypt."""
    trusted_proxies: tuple[str, ...] = _where(
        "TRUSTED_PROXIES",
        kinds.NETWORKS,
        "addresses or networks whose `X-Forwarded-*` is believed; headers whose names have an underscore are dropped",
        default=(),
    )
    """Addresses or networks (`10.0.0.0/8`)."""
    metrics_token: str | None = _where(
        "METRICS_TOKEN",
        kinds.SECRET,
        "bearer for `/metrics`; without it only loopback peers without a forwarding header may read it",
        default=None,
    )

    log: str = _where(
        "KULANZ_LOG",
        kinds.choice("logfmt", "json"),
        "the form of the lines on standard error: `logfmt` or `json`",
        default="logfmt",
    )

    lemonsqueezy_webhook_secrets: tuple[str, ...] = _provider(
        "LEMONSQUEEZY_WEBHOOK_SECRETS",
        kinds.ENDPOINT_SECRETS,
        "comma-separated, all are accepted; put the newest first",
        default=(),
        text=MADE,
    )
    lemonsqueezy_api_key: str | None = _provider(
        "LEMONSQUEEZY_API_KEY",
        kinds.SECRET,
        "needed for the re-check before a downgrade, for cancelling and resuming, and for"
        " [reconciliation](reconciliation.md)",
        default=None,
    )
    lemonsqueezy_api_url: str = _provider(
        "LEMONSQUEEZY_API_URL", kinds.API, "the API's address", default=LEMONSQUEEZY_API
    )
    lemonsqueezy_mode: str = _provider(
        "LEMONSQUEEZY_MODE",
        kinds.choice("live", "test", "any"),
        "`live`, `test` or `any`; events of the other mode are recorded and ignored. `any` needs the test clock",
        default="live",
    )
    """`live`, `test` or `any`: which events act."""
    lemonsqueezy_store_ids: frozenset[str] = _provider(
        "LEMONSQUEEZY_STORE_ID",
        kinds.WORDS,
        "comma-separated; events of other stores are recorded and ignored",
        default=frozenset(),
        text="all",
    )
    """Empty: all stores."""
    reconcile: str = _provider(
        "KULANZ_RECONCILE",
        kinds.choice("apply", "report", "off"),
        "what the [nightly comparison](reconciliation.md) with the provider does: `apply` what is certain, `report`"
        " only, or `off`",
        default="apply",
    )
    """Mode of the nightly run for its findings: `apply`, `report`, or `off`."""
    stripe_webhook_secrets: tuple[str, ...] = _provider(
        "STRIPE_WEBHOOK_SECRETS",
        kinds.ENDPOINT_SECRETS,
        "turns [Stripe's](providers.md) endpoint on; comma-separated, all are accepted",
        default=(),
    )
    stripe_account_ids: frozenset[str] = _provider(
        "STRIPE_ACCOUNT_IDS",
        kinds.WORDS,
        "comma-separated ids of connected accounts (`acct_…`) whose events act beside those of the endpoint's own; see"
        " [providers.md](providers.md#rules-for-their-words)",
        default=frozenset(),
    )
    """Connected accounts whose events act; those of the endpoint's own account always do."""
    stripe_api_key: str | None = _provider(
        "STRIPE_API_KEY",
        kinds.SECRET,
        "for the re-check before a downgrade, for cancelling and resuming at Stripe, and for"
        " [events that never arrived](reconciliation.md)",
        default=None,
    )
    stripe_api_url: str = _provider("STRIPE_API_URL", kinds.API, "the API's address", default=STRIPE_API)
    paddle_webhook_secrets: tuple[str, ...] = _provider(
        "PADDLE_WEBHOOK_SECRETS", kinds.ENDPOINT_SECRETS, "turns Paddle's endpoint on", default=()
    )
    paddle_api_key: str | None = _provider(
        "PADDLE_API_KEY",
        kinds.SECRET,
        "for the re-check before a downgrade, for cancelling and resuming at Paddle",
        default=None,
    )
    paddle_api_url: str = _provider(
        "PADDLE_API_URL",
        kinds.API,
        "the API's address; the sandbox is `https://sandbox-api.paddle.com`",
        default=PADDLE_API,
    )
    standard_webhook_secrets: tuple[str, ...] = _provider(
        "STANDARD_WEBHOOK_SECRETS",
        kinds.ENDPOINT_SECRETS,
        "turns the endpoint of [Standard Webhooks](providers.md) on",
        default=(),
    )
    polar_api_key: str | None = _provider(
        "POLAR_API_KEY",
        kinds.SECRET,
        "an access token of Polar with the scope `customer_sessions:write`, for the button of"
        " [the page behind a mail's link](mails.md#the-page-behind-the-link)",
        default=None,
    )
    polar_api_url: str = _provider(
        "POLAR_API_URL",
        kinds.API,
        "the API's address; the sandbox is `https://sandbox-api.polar.sh`",
        default=POLAR_API,
    )
    dodo_api_key: str | None = _provider(
        "DODO_API_KEY", kinds.SECRET, "a key of Dodo's API, for the same button", default=None
    )
    dodo_api_url: str = _provider(
        "DODO_API_URL",
        kinds.API,
        "the API's address; that of test mode is `https://test.dodopayments.com`",
        default=DODO_API,
    )

    account_key: str = _plans(
        "KULANZ_ACCOUNT_KEY",
        kinds.TEXT,
        "the key of the checkout's custom data that holds your account's id: letters, digits and `. _ : @ \\| + -`, the"
        " first a letter or digit",
        default="account_id",
    )
    account_from: tuple[str, ...] = _plans(
        "KULANZ_ACCOUNT_FROM",
        kinds.PLACES,
        "the [places](providers.md) that may name the account, comma-separated, the first that names one counts:"
        " `metadata.<key>`, `client_reference_id`, `customer.external_id`, `customer.metadata.<key>`; unset: custom"
        " data and the customer, under `KULANZ_ACCOUNT_KEY`",
        default=(),
    )
    account_secret: str | None = _plans(
        "KULANZ_ACCOUNT_SECRET",
        kinds.SECRET,
        "checks `account_sig`, the hex HMAC-SHA256 of the account's id that your server put into the link, with or"
        " without [an end](contract.md#2-settings)",
        default=None,
    )
    require_signed_accounts: bool = _plans(
        "KULANZ_REQUIRE_SIGNED_ACCOUNTS",
        kinds.FLAG,
        "`1`: custom data without a good signature names no account",
        default=False,
    )
    join_by_customer: bool = _plans(
        "KULANZ_JOIN_BY_CUSTOMER",
        kinds.FLAG,
        "`1`: a customer's purchases that name no account go where all of the others name one. A customer is known by"
        " the e-mail that was typed, so leave it off where strangers can buy",
        default=False,
    )
    trusted_claims: frozenset[str] = _plans(
        "KULANZ_TRUSTED_CLAIMS",
        kinds.PROVIDERS,
        "`stripe,standard,…`: providers where your server alone writes the metadata; their claims count as signed",
        default=frozenset(),
    )
    plans: tuple[tuple[str, str], ...] = _plans(
        "KULANZ_PLANS",
        kinds.PLANS,
        "`provider:variant=plan`, comma-separated, rising: the plan named last is the highest. `addon:<name>` marks an"
        " add-on, `lifetime:<plan>` a variant of which one order gives the plan for good. A variant that is not listed"
        " has the slug of its product's name, just above `free`",
        default=(),
    )
    """(`lemonsqueezy:394420`, `professional`) in rising order of plans."""
    policy: str = _plans(
        "KULANZ_POLICY", kinds.TEXT, "a preset's name or a file; see [policies.md](policies.md)", default="plexo"
    )
    timezone: str = _plans(
        "KULANZ_TIMEZONE", kinds.TIMEZONE, "of deadlines, where the account has none of its own", default="UTC"
    )
    country: str = _plans(
        "KULANZ_COUNTRY", kinds.COUNTRY, "of working days, where the account has none of its own", default="AT"
    )

    callback_url: str | None = _telling(
        "CALLBACK_URL",
        kinds.WEB,
        "your product's endpoint; [Standard Webhooks](https://www.standardwebhooks.com); needs `CALLBACK_SECRET`",
        default=None,
    )
    callback_secret: str | None = _telling(
        "CALLBACK_SECRET", kinds.SIGNING_SECRET, "signs callbacks: `whsec_…`", default=None, text=MADE
    )
    smtp_url: str | None = _telling(
        "SMTP_URL",
        kinds.SMTP,
        "`smtp://user:pass@host:587` or `smtps://…`; without it mails are written to `mail/*.eml` in the data"
        " directory, and count as delivered only under the test clock",
        default=None,
    )
    """None: mails are written to `mail/*.eml` in the data directory."""
    mail_from: str = _telling(
        "MAIL_FROM",
        kinds.MAILBOX,
        "the sender, as `billing@example.com` or `Shop <billing@example.com>`",
        default="kulanz@localhost",
    )
    mail_locale: str = _telling(
        "MAIL_LOCALE",
        kinds.matching("[a-z]{2,3}([-_][A-Z]{2})?", "a language, such as de or de-AT"),
        "`de`, `en`, `fr`, or a language that `KULANZ_TEMPLATES` has; an account's own is in custom data `locale`",
        default="en",
    )
    mail_reply_to: str | None = _telling(
        "MAIL_REPLY_TO", kinds.MAIL_ADDRESS, "where answers to mails go, if not to the sender", default=None
    )
    support_email: str | None = _telling(
        "SUPPORT_EMAIL",
        kinds.MAIL_ADDRESS,
        "the address for questions, below each mail to a customer",
        default=None,
    )
    templates: Path | None = _telling(  # noqa: RUF009 - a field of the dataclass
        "KULANZ_TEMPLATES",
        kinds.PATH,
        "a folder of [your own words](mails.md), file by file; ours stand for every file that it lacks",
        default=None,
    )
    """The folder of the merchant's own templates of mails."""
    brand_name: str | None = _telling(
        "BRAND_NAME",
        kinds.matching(r"[^\x00-\x1f\x7f]{1,100}", "at most 100 characters, on one line"),
        "the sender's name where `MAIL_FROM` has none, and the logo's other text",
        default=None,
    )
    brand_logo: str | None = _telling(
        "BRAND_LOGO",
        kinds.matching(r"https?://[^\s\"'<>]+|[^\x00-\x1f:]+", "https://… or a file"),
        "shown above each mail: `https://…`, or a PNG, JPEG or GIF file of at most 256 KiB, which goes out with it",
        default=None,
    )
    """An address on the web, or a file."""
    brand_color: str | None = _telling(
        "BRAND_COLOR",
        kinds.matching("#[0-9a-fA-F]{6}", "a colour such as #0b57d0"),
        "the colour of the button, as `#rrggbb`",
        default=None,
        text="a blue",
    )
    brand_address: str | None = _telling(
        "BRAND_ADDRESS",
        kinds.matching(r"[^\x00-\x09\x0b-\x1f\x7f]{1,500}", "at most 500 characters"),
        "your imprint, which stands under each mail; `\\|` begins a new line",
        default=None,
    )
    billing_url: str | None = _telling(
        "BILLING_URL", kinds.WEB, "where your customer pays or changes the card", default=None
    )
    public_url: str | None = _telling(
        "PUBLIC_URL",
        kinds.API,
        "where customers reach this instance, such as `https://billing.example.com`: mails about an unpaid renewal then"
        " link to [a page of its own](mails.md#the-page-behind-the-link), `/pay/…`, which leads to the provider's"
        " fresh payment page",
        default=None,
        text="none: mails link to `BILLING_URL`",
    )
    unknown_accounts: str = _telling(
        "KULANZ_UNKNOWN_ACCOUNTS",
        kinds.choice("404", "free"),
        "the answer for the entitlement of an unknown account: `404`, or `free` for the free plan with `known: false`",
        default="404",
    )
    bank_account: BankAccount | None = _telling(  # noqa: RUF009 - a field, as all others
        "BANK_ACCOUNT",
        kinds.BANK_ACCOUNT,
        "the account for transfers, named in dunning letters and on paper: `holder; IBAN` or `holder; IBAN; BIC`",
        default=None,
    )
    sender_address: tuple[str, ...] = _telling(
        "SENDER_ADDRESS",
        kinds.ADDRESS_LINES,
        "your postal address on letters on paper; semicolons divide its lines",
        default=(),
    )
    ops_alert_to: str | None = _telling(
        "OPS_ALERT_TO",
        kinds.MAIL_ADDRESS,
        "the one mail address for alerts to operators",
        default=None,
    )
    alert_channels: tuple[AlertChannel, ...] = _telling(
        "ALERT_URLS",
        kinds.ALERT_CHANNELS,
        "[chats, pagers and other places](operations.md#alerts-in-the-teams-chat) that get a message when a"
        " matter needs a person, and when it ends: Apprise addresses, comma-separated;"
        " needs `pip install 'kulanz[alerts]'`",
        default=(),
    )
    console_url: str | None = _telling(
        "CONSOLE_URL",
        kinds.WEB,
        "where people reach this instance, such as `https://kulanz.example.com`: such alerts link into the console",
        default=None,
    )
    api_tokens: tuple[ApiToken, ...] = _telling(
        "API_TOKENS",
        kinds.API_TOKENS,
        "`name:token` or `name:token:read`, comma-separated; a bare token is named `api`. None: `/v1` is closed",
        default=(),
        text=MADE,
    )
    ops_users: tuple[OpsUser, ...] = _telling(
        "OPS_USERS",
        kinds.OPS_USERS,
        "more users of the console: `name:password` and `name:password:read`, comma-separated. A password may be given"
        " as its hash (`kulanz keys hash`, or Werkzeug's `generate_password_hash`)",
        default=(),
        also=(
            "OPS_PASSWORD",
            kinds.OPS_PASSWORD,
            "password, or its hash, of the user `ops` of [the console](operations.md#the-console); closed without any",
        ),
    )

    test_clock: bool = _trying(
        "KULANZ_TEST_CLOCK",
        kinds.FLAG,
        "`1` allows `kulanz clock set` and `advance`. Refused with a live API key and with `LEMONSQUEEZY_MODE=live`",
        default=False,
    )
    demo: bool = _internal("KULANZ_DEMO", kinds.FLAG, "set by `kulanz up --demo` for its own processes", default=False)

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r})"


def _rows() -> Iterator[Setting]:
    for field in dataclasses.fields(Settings):
        row: _Row = field.metadata["row"]
        default = None if field.default is dataclasses.MISSING else field.default
        if row.also is not None:
            variable, kind, help_text = row.also
            yield Setting(row.section, variable, kind, field.name, default, MADE, help_text, merges=True)
        text = row.default_text or _default_text(row.kind, default)
        yield Setting(row.section, row.variable, row.kind, field.name, default, text, row.help)


def _default_text(kind: Kind, default: object) -> str:
    return "none" if is_unset(default) else f"`{kind.show(default)}`"


def is_unset(value: object) -> bool:
    """Whether a value is the placeholder of a setting that was not given and has no default."""
    return value is None or value in ((), frozenset())


TABLE: Mapping[str, Setting] = {setting.variable: setting for setting in _rows()}
"""Every setting by its variable, in the order of the reference."""
VARIABLES = frozenset(TABLE) - {"KULANZ_DATA_DIR"}
"""The settings that each layer may give; the data directory has to be known before its files are read."""
FILES: Mapping[str, str] = {f"{variable}{FILE}": variable for variable, setting in TABLE.items() if setting.kind.secret}
"""The variables that name a file, each with the secret that the file holds."""
