"""Filters of templates: days, times and amounts as the reader of a letter writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import format_currency
from jinja2 import pass_context
from jinja2.runtime import Context

from kulanz.delivery.recipient import Recipient
from kulanz.formats.money import units


@pass_context
def day(context: Context, instant: str) -> str:
    """`8. März 2026`."""
    reader: Recipient = context["reader"]
    local_day = format_date(instant_of(instant).astimezone(reader.zone), "long", reader.locale)
    return local_day.replace(" ", "\N{NO-BREAK SPACE}")


@pass_context
def moment(context: Context, instant: str) -> str:
    """`8. März 2026, 15:08 Uhr (MEZ)`: to the minute, and with its zone, as a deadline must be read one way only."""
    reader: Recipient = context["reader"]
    local = instant_of(instant).astimezone(reader.zone)
    time = format_time(local, "short", tzinfo=reader.zone, locale=reader.locale)
    clock = "\N{NO-BREAK SPACE}Uhr" if reader.locale.language == "de" else ""
    return f"{day(context, instant)}, {time}{clock} ({_zone_name(local, reader.locale)})"


def _zone_name(local: datetime, locale: Locale) -> str:
    name = get_timezone_name(local, "short", locale=locale)
    return f"UTC{name[:3]}:{name[3:]}" if name.startswith(("+", "-")) else name


@pass_context
def money(context: Context, amount: int, currency: str) -> str:
    """`19,99 €`: minor units of a currency, as the reader writes them."""
    reader: Recipient = context["reader"]
    value = units(amount, currency, context["decimals"])
    return format_currency(value, currency, locale=reader.locale, decimal_quantization=False)


def instant_of(text: str) -> datetime:
    """Return an instant from RFC 3339; ValueError where it has no zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return instant.astimezone(UTC)
