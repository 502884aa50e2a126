"""The channels of one worker thread: addresses, secrets and open connections for carrying effects out."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from kulanz.delivery.brand import Brand
from kulanz.delivery.provider import ProviderClient
from kulanz.formats.bank_accounts import BankAccount

if TYPE_CHECKING:
    import requests


def _session() -> requests.Session:
    """Return an HTTP session; imports the HTTP library only when one is needed."""
    from kulanz.delivery.guard import guarded_session  # noqa: PLC0415

    return guarded_session()


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """External connections and settings of delivery. One per thread: the session keeps its connections open."""

    clock: Callable[[], datetime]
    """Real time, not the test clock: signatures are checked against it."""
    callback_url: str | None = field(default=None, repr=False)
    callback_secret: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    mail_dir: Path | None = None
    """Folder for mails written as files while there is no `smtp_url`."""
    drop_dir: Path | None = None
    """Folder for hand-over folders, for people outside."""
    mail_from: str = "kulanz@localhost"
    mail_locale: str = "en"
    reply_to: str | None = None
    templates: Path | None = None
    """The folder of the merchant's own templates."""
    brand: Brand = field(default_factory=Brand)
    timezone: str = "UTC"
    """Zone of the dates in mails where the effect's data names none (`timezone`)."""
    billing_url: str | None = None
    public_url: str | None = None
    """Public address of the pages behind links in mails."""
    bank: BankAccount | None = None
    """Bank account for transfers, shown in letters."""
    sender_lines: tuple[str, ...] = ()
    """The sender's address on letters on paper."""
    ops_alert_to: str | None = None
    files_count_as_delivered: bool = False
    """True with the test clock or under `--demo` only (DOMAIN section 3)."""
    providers: Mapping[str, ProviderClient] = field(default_factory=dict)
    """Clients by the provider's name; a provider without an API key is absent."""
    step_timeout: timedelta = timedelta(seconds=10)
    """Time limit of a remote server for one step; a mail server's final reply to a mail may take six times as long."""
    session: requests.Session = field(default_factory=_session, repr=False)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRequest:
    """A request that was noted before it was sent, and whose outcome is unknown."""

    age: timedelta
    rest: timedelta
    """Remaining pause before the request may be repeated: the earlier one may still be on its way."""
    sender: str
    """The process that noted the request, for people."""
    sender_is_gone: bool
    """Whether that process is proved to have ended, so that it sends nothing more."""


def _nothing() -> None:
    """Let every call be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The circumstances of one attempt, which an effect does not know of itself."""

    account: str
    decided_at: datetime
    """Time of the effect's decision, in policy time: the same on every attempt."""
    now: datetime
    """Policy time of this attempt, at which its outcome is reported to the policy."""
    attempts: int = 0
    """Number of earlier attempts."""
    before_write: Callable[[], None] = _nothing
    """Called directly before a call that changes something at a provider; an exception prevents the call."""
    pay_token: str | None = field(default=None, repr=False)
    """Token at the end of the mail's link: made for this attempt, and stored only as a hash."""
    earlier: EarlierRequest | None = None
    """The request of an earlier attempt that may have moved money."""
