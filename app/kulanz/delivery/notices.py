"""Turns a notice and its data into a letter: subject, text and HTML, in the reader's language, zone and currency.

A template under `templates/<language>/` is the text itself: its first line is the subject, an empty line ends a
paragraph. The HTML part is made from the same paragraphs, so the two can never say different things.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import format_currency
from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError, pass_context, select_autoescape
from jinja2.runtime import Context

from kulanz.errors import UntranslatableError
from kulanz.formats.bank_accounts import BankAccount
from kulanz.formats.money import units
from kulanz.formats.reasons import REASONS
from kulanz.formats.wording import shell_word

LANGUAGES = ("de", "en")

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "grace_started": ("deadline",),
    "grace_reminder": ("deadline",),
    "grace_warning": ("deadline",),
    "downgraded": (),
    "recovered": (),
    "suspended": (),
    "reinstated": (),
    "refund_decided": ("decision",),
    "data_deletion_notice": ("data_deletion_eligible_at",),
    "dunning_level": ("letter",),
    "ops_alert": ("topic",),
    "add_on_booked": ("kind", "quantity", "billed_until"),
    "add_on_cancelled": ("kind", "ends_at"),
    "add_on_withdrawn": ("kind",),
}
"""Every notice, and the data without which it would be a wrong promise. `decision` is `approved` or `denied`."""

OPTIONAL = (
    "access",  # `none`: nothing but signing in, export and explanation is left
    "amount",  # what is disputed or refunded, in minor units of `currency`
    "amount_due",
    "billed_until",  # the end of the period to which an add-on is billed
    "amount_clause",  # the clause about what stays of a refund
    "cites",  # whether the policy's clauses are named
    "clause",
    "collections",  # whether a debt that stays unpaid may be handed over
    "consequence_clause",  # the clause of what follows when nothing is paid
    "currency",
    "data_deletion_eligible_at",
    "deadline",
    "decision_reason",  # what a person wrote who denied a refund
    "developer",  # whose policy a product follows, and how to reach them
    "developer_contact",
    "decimals",  # how many the amounts have, where the provider has others than the currency
    "draft_amount",  # what goes out with the next regular invoice
    "ends_at",
    "kind",  # what an add-on is, such as `users`
    "fee",  # what a dunning letter costs, and all of them together, in minor units of `currency`
    "fees",
    "fee_currency",
    "fee_possible",  # whether a chargeback may cost a fee that is not known yet
    "had_grace",  # whether there was a deadline before access was taken
    "invoice",  # the provider's number of it
    "measure",  # how much the pieces of an add-on are, such as `30 GB`
    "letter",  # `reminder`, `demand` or `last_demand`
    "on_grace_end",  # `cancel`: the subscription itself ends with the grace period
    "names",  # what plans and add-ons are called, by language
    "overdue_since",
    "part_paid",  # what was transferred of the invoice already
    "pay_by",
    "piece",  # one piece of an add-on, such as `10 GB`
    "plan_ends",  # whether a refund ends what the payment was for
    "policy_url",
    "plan",  # the paid plan that it is about
    "quantity",
    "reason",  # `dispute`; where it is left open, an `amount` in a notice of suspension says the same
    "restores",  # whether a late payment brings the plan back
    "statutory_withdrawal_until",
    "subject",
    "topic",
    "refund_due",  # what was charged already when a booking was withdrawn from
    "taken_off",  # the same on an unpaid invoice: it is no longer due
    "tax",  # of an add-on's prices: `included`, or `none` where the customer pays none; else it comes on top
    "tax_kept",  # the tax of a payment that is not refunded
    "unit_price",  # of one piece for a month
    "why",  # the word for a verdict
    "total_due",
)
"""What the templates use where it is there."""

_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedNotice:
    """A notice, ready to be addressed."""

    language: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """How the letter is written: language and formats, zone, and what every template may name."""

    locale: Locale
    zone: ZoneInfo
    account: str
    sender: str | None
    billing_url: str | None
    bank: BankAccount | None = None
    """Where transfers go."""
    to: tuple[str, ...] = ()
    """The lines of the envelope, for a letter on paper."""
    from_lines: tuple[str, ...] = ()
    """The sender's own, on paper."""
    on: datetime | None = None
    """The day that stands on it."""


def render(notice: str, data: Mapping[str, Any], reader: Recipient) -> RenderedNotice:
    """Return the letter; `UntranslatableError` where there is no such notice or its data does not fit."""
    _check(notice, data)
    try:
        written = _environment().get_template(f"{reader.locale.language}/{notice}.txt").render(_values(data, reader))
    except (TemplateError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise UntranslatableError(f"the notice {notice} cannot be written from its data") from error
    subject, *paragraphs = [_one_paragraph(block) for block in re.split(r"\n\s*\n", written.strip())]
    return RenderedNotice(
        language=reader.locale.language,
        subject=_spaced(subject),
        text=_spaced(_as_text(paragraphs)),
        html=_as_html(_spaced(subject), paragraphs, reader),
    )


def locale_of(wanted: str | None, default: str) -> Locale:
    """Return the first of the two that names a language we have letters in, with its country; else plain English."""
    for name in (wanted, default):
        result = _parsed(name)
        if result is not None and result.language in LANGUAGES:
            return result
    return Locale("en")


def _parsed(name: str | None) -> Locale | None:
    try:
        return Locale.parse((name or "").replace("-", "_"))
    except (ValueError, TypeError, UnknownLocaleError):
        return None


def zone_of(*names: object) -> ZoneInfo:
    """Return the first zone that exists; else UTC."""
    for name in names:
        try:
            return ZoneInfo(str(name))
        except (OSError, ValueError, KeyError):
            continue
    return ZoneInfo("UTC")


def one_line(value: object) -> object:
    """Return a value that cannot break out of its place: no line ends, no control characters, no endless text."""
    match value:
        case str():
            return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:_LONGEST_VALUE]
        case Mapping():
            return {str(one_line(str(key))): one_line(item) for key, item in value.items()}
        case list() | tuple():
            return [one_line(item) for item in value]
    return value


def _check(notice: str, data: Mapping[str, Any]) -> None:
    if notice not in REQUIRED:
        raise UntranslatableError(f"there is no notice {one_line(notice)}")
    missing = [name for name in REQUIRED[notice] if data.get(name) in (None, "")]
    if missing:
        raise UntranslatableError(f"the notice {notice} lacks {', '.join(missing)}")


def _values(data: Mapping[str, Any], reader: Recipient) -> dict[str, Any]:
    given = {str(key): one_line(value) for key, value in data.items() if value is not None}
    own = {
        "account": reader.account,
        "sender": reader.sender,
        "billing_url": reader.billing_url,
        "bank": reader.bank,
        "paper": bool(reader.to),
    }
    disputed = given.get("reason", "dispute" if "amount" in given else None) == "dispute"
    return {**dict.fromkeys(OPTIONAL), **given, **own, "disputed": disputed, "given": given, "reader": reader}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("kulanz.delivery"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "because": _because,
        "cited": _cited,
        "day": _day,
        "moment": _moment,
        "money": _money,
        "plain": _plain,
        "plan": _plan,
        "shell_word": shell_word,
        "words": _words,
    }
    return environment


def _one_paragraph(block: str) -> str:
    """Return the block with one line for each that is meant: a list's items, and a link under its label."""
    lines = (re.sub(r"[ \t]+", " ", line).strip(" \t") for line in block.split("\n"))
    return "\n".join(line for line in lines if line)


def _as_text(paragraphs: list[str]) -> str:
    wrapped = ("\n".join(map(_wrapped, paragraph.split("\n"))) for paragraph in paragraphs)
    return "\n\n".join(wrapped) + "\n"


def _wrapped(line: str) -> str:
    indent = "  " if line.startswith("- ") else ""
    return textwrap.fill(line, 76, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _spaced(text: str) -> str:
    """Return the text with plain spaces: those that do not break have done their work once lines are wrapped."""
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def _as_html(subject: str, paragraphs: list[str], reader: Recipient) -> str:
    template = _environment().get_template("letter.html")
    blocks = [paragraph.split("\n") for paragraph in paragraphs]
    day = format_date(reader.on.astimezone(reader.zone), "long", reader.locale) if reader.on else None
    return template.render(
        language=reader.locale.language,
        subject=subject,
        blocks=blocks,
        billing_url=reader.billing_url,
        to=reader.to,
        from_lines=reader.from_lines,
        day=day,
    )


@pass_context
def _day(context: Context, instant: str) -> str:
    """`8. März 2026`."""
    reader: Recipient = context["reader"]
    day = format_date(_instant(instant).astimezone(reader.zone), "long", reader.locale)
    return day.replace(" ", "\N{NO-BREAK SPACE}")


@pass_context
def _moment(context: Context, instant: str) -> str:
    """`8. März 2026, 15:08 Uhr (MEZ)`: to the minute, and with its zone, as a deadline must be read one way only."""
    reader: Recipient = context["reader"]
    local = _instant(instant).astimezone(reader.zone)
    time = format_time(local, "short", tzinfo=reader.zone, locale=reader.locale)
    clock = "\N{NO-BREAK SPACE}Uhr" if reader.locale.language == "de" else ""
    return f"{_day(context, instant)}, {time}{clock} ({_zone_name(local, reader.locale)})"


def _zone_name(local: datetime, locale: Locale) -> str:
    name = get_timezone_name(local, "short", locale=locale)
    return f"UTC{name[:3]}:{name[3:]}" if name.startswith(("+", "-")) else name


@pass_context
def _money(context: Context, amount: int, currency: str) -> str:
    """Minor units of a currency, as the reader writes them."""
    reader: Recipient = context["reader"]
    value = units(amount, currency, context["decimals"])
    return format_currency(value, currency, locale=reader.locale, decimal_quantization=False)


@pass_context
def _plan(context: Context, name: str) -> str:
    """Return what a plan or an add-on is called: by the policy, else its lower-case name as a title."""
    reader: Recipient = context["reader"]
    names = context["names"]
    words = names.get(name) if isinstance(names, Mapping) else None
    called = words.get(reader.locale.language) if isinstance(words, Mapping) else None
    return str(called) if called else name.replace("-", " ").replace("_", " ").title()


@pass_context
def _because(context: Context, why: str) -> str:
    """Return the words for a verdict."""
    reader: Recipient = context["reader"]
    return REASONS[reader.locale.language][why]


@pass_context
def _cited(context: Context, clause: str | None) -> str:
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


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _words(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return instant.astimezone(UTC)
