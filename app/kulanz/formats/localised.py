"""Messages, days, times and amounts as the readers of a language and a country write them, in their time zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import format_currency, format_decimal

from kulanz.formats.catalogue import translations
from kulanz.formats.languages import LANGUAGES
from kulanz.formats.messages import PLAIN, Message, Money, Name, Reader, message
from kulanz.formats.money import units


@dataclass(frozen=True, slots=True)
class LocalReader(Reader):
    """Reader of a language; without translations, of English."""

    locale: Locale
    zone: ZoneInfo

    def translated(self, each: Message) -> str:
        """Return the text of a message in the language, with its gaps."""
        found = translations(self.locale.language)
        if each.many:
            return found.ngettext(each.text, each.many, int(each.values["number"]))
        return found.gettext(each.text)

    def name(self, name: Name) -> str:
        """`letzte Mahnung`; a name without a translation has spaces."""
        return self.translated(Message(text=name.replace("_", " ")))

    def number(self, number: float) -> str:
        """`12.345`."""
        return format_decimal(number, locale=self.locale)

    def moment(self, instant: datetime) -> str:
        """`8. März 2026, 15:08 Uhr (MEZ)`: to the minute and with its zone: a deadline is read one way only."""
        local = instant.astimezone(self.zone)
        time = format_time(local, "short", tzinfo=self.zone, locale=self.locale)
        zone = zone_name(local, self.locale)
        return self.read(message("{day}, {time} ({zone})", day=local.date(), time=time, zone=zone))

    def day(self, day: date) -> str:
        """`8. März 2026`, which no line breaks within."""
        return format_date(day, "long", self.locale).replace(" ", "\N{NO-BREAK SPACE}")

    def money(self, money: Money) -> str:
        """`19,99 €`: minor units of a currency, with all the decimals that it has."""
        if money.amount is None or money.currency is None:
            return self.read(message("an unknown amount"))
        value = units(money.amount, money.currency, money.decimals)
        return format_currency(value, money.currency, locale=self.locale, decimal_quantization=False)


def parsed(name: str | None) -> Locale | None:
    """Return the locale of a name such as `de-AT`; None where there is no such locale."""
    try:
        return Locale.parse((name or "").replace("-", "_"))
    except (ValueError, TypeError, UnknownLocaleError):
        return None


def zone_name(local: datetime, locale: Locale) -> str:
    """Return the short name of a local time's zone, such as `MEZ`, or its distance from UTC."""
    zone = get_timezone_name(local, "short", locale=locale)
    return f"UTC{zone[:3]}:{zone[3:]}" if zone.startswith(("+", "-")) else zone


def zone_of(*names: object) -> ZoneInfo:
    """Return the first zone that exists; else UTC."""
    for name in names:
        try:
            return ZoneInfo(str(name))
        except (OSError, ValueError, KeyError):
            continue
    return ZoneInfo("UTC")


def reader_of(names: Iterable[str], zone: ZoneInfo) -> Reader:
    """Return the reader of the first language with translations, else plain English."""
    locales = (locale for name in names if (locale := parsed(name)) is not None and locale.language in LANGUAGES)
    locale = next(locales, None)
    return PLAIN if locale is None else LocalReader(locale, zone)
