"""The recipient of a letter: language, zone and everything else that its templates may name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale

from kulanz.delivery.brand import Brand
from kulanz.delivery.languages import languages
from kulanz.formats.bank_accounts import BankAccount
from kulanz.formats.languages import LANGUAGES
from kulanz.formats.localised import LocalReader, parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Recipient's settings for a letter: language and formats, zone, and the names in every template."""

    locale: Locale
    zone: ZoneInfo
    account: str
    sender: str | None
    billing_url: str | None
    step: int = 0
    """Number of this notice among several of its kind."""
    brand: Brand = field(default_factory=Brand)
    templates: Path | None = None
    """The merchant's own."""
    fallback: Locale = Locale("en")  # noqa: RUF009 - a locale is a value
    """The locale of a notice that there are no words for in the recipient's own language."""
    bank: BankAccount | None = None
    """Bank account for transfers."""
    to: tuple[str, ...] = ()
    """The lines of the envelope, for a letter on paper."""
    from_lines: tuple[str, ...] = ()
    """The sender's own, on paper."""
    on: datetime | None = None
    """The day that stands on it."""

    @property
    def words(self) -> LocalReader:
        """How its messages, days and amounts are written."""
        return LocalReader(self.locale, self.zone)


def locale_of(wanted: str | None, default: str, templates: Path | None = None) -> Locale:
    """Return the first of the two that names a language we have letters in, with its country; else plain English."""
    existing = LANGUAGES if templates is None else languages(templates)
    for name in (wanted, default):
        result = parsed(name)
        if result is not None and result.language in existing:
            return result
    return Locale("en")
