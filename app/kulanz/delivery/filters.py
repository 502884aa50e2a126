"""Filters of templates: days, times and amounts as the reader of a letter writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import format_currency
from jinja2 import pass_context
from jinja2.runtime import Context

from kulanz.delivery.recipient import Recipient
from kulanz.formats.money import units
from kulanz.formats.reasons import REASONS


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


@pass_context
def plan(context: Context, name: str) -> str:
    """Return what a plan or an add-on is called: by the policy, else its lower-case name as a title."""
    reader: Recipient = context["reader"]
    names = context["names"]
    words = names.get(name) if isinstance(names, Mapping) else None
    called = words.get(reader.locale.language) if isinstance(words, Mapping) else None
    return str(called) if called else name.replace("-", " ").replace("_", " ").title()


@pass_context
def because(context: Context, why: str) -> str:
    """Return the words for a verdict; a language of the merchant's has them in English."""
    reader: Recipient = context["reader"]
    return REASONS.get(reader.locale.language, REASONS["en"])[why]


@pass_context
def cited(context: Context, clause: str | None) -> str:
    """Return ` (Ziffer 6.2 unserer Richtlinie)` where the policy lets mails name its clauses; else nothing.

    A clause that a source names instead of numbering it is a section: `§Non-Payment`, `4-Mahnung`.
    """
    if not clause or not context["cites"]:
        return ""
    reader: Recipient = context["reader"]
    german = reader.locale.language == "de"
    number, _, name = clause.partition("-") if not clause.startswith("§") else ("", "", clause[1:])
    numbered = f"{'Ziffer' if german else 'section'}\N{NO-BREAK SPACE}{number}" if number else ""
    named = (f"Abschnitt „{name}“" if german else f"section “{name}”") if name else ""
    return f" ({', '.join(filter(None, (numbered, named)))} {'unserer Richtlinie' if german else 'of our policy'})"


def instant_of(text: str) -> datetime:
    """Return a timestamp from RFC 3339; ValueError without a zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("a timestamp needs its zone")
    return instant.astimezone(UTC)
