"""Filters of templates: days, times and amounts as the reader of a letter writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from jinja2 import pass_context
from jinja2.runtime import Context

from kulanz.delivery.recipient import Recipient
from kulanz.formats.messages import Message, Money, message
from kulanz.formats.reasons import REASONS
from kulanz.policy.topics import topic_of


@pass_context
def day(context: Context, instant: str) -> str:
    """`8. März 2026`."""
    reader: Recipient = context["reader"]
    return reader.words.day(instant_of(instant).astimezone(reader.zone).date())


@pass_context
def moment(context: Context, instant: str) -> str:
    """`8. März 2026, 15:08 Uhr (MEZ)`."""
    reader: Recipient = context["reader"]
    return reader.words.moment(instant_of(instant))


@pass_context
def money(context: Context, amount: int | None, currency: str | None) -> str:
    """`19,99 €`: minor units of a currency, as the reader writes them; TypeError for an amount that is missing."""
    if amount is None or currency is None:
        raise TypeError("an amount and its currency are needed")
    reader: Recipient = context["reader"]
    return reader.words.money(Money(amount, currency, context["decimals"]))


@pass_context
def plan(context: Context, name: str) -> str:
    """Return the name of a plan or an add-on: the policy's, perhaps in English, else its id as a title."""
    reader: Recipient = context["reader"]
    names = context["names"]
    words = names.get(name) if isinstance(names, Mapping) else None
    called = (words.get(reader.locale.language) or words.get("en")) if isinstance(words, Mapping) else None
    return str(called) if called else name.replace("-", " ").replace("_", " ").title()


@pass_context
def because(context: Context, why: str) -> str:
    """Return the words for a verdict; a language of the merchant's has them in English."""
    reader: Recipient = context["reader"]
    return reader.words.read(Message(text=REASONS[why]))


@pass_context
def topic(context: Context, name: str) -> str:
    """Return an alert's sentence."""
    reader: Recipient = context["reader"]
    return reader.words.read(Message(text=topic_of(name).says))


@pass_context
def cited(context: Context, clause: str | None) -> str:
    """Return ` (Ziffer 6.2 unserer Richtlinie)` where the policy lets mails name its clauses; else nothing.

    Format a clause: a clause with a name instead of a number is a section: `§Non-Payment`, `4-Mahnung`.
    """
    if not clause or not context["cites"]:
        return ""
    reader: Recipient = context["reader"]
    number, _, name = clause.partition("-") if not clause.startswith("§") else ("", "", clause[1:])
    place = _PLACES[bool(number), bool(name)].given(clause=number, name=name)
    return f" {reader.words.read(place)}"


_PLACES = {
    (True, False): message("(section\N{NO-BREAK SPACE}{clause} of our policy)"),
    (False, True): message("(section “{name}” of our policy)"),
    (True, True): message("(section\N{NO-BREAK SPACE}{clause}, section “{name}” of our policy)"),
    (False, False): message("(our policy)"),
}
"""By whether a clause has a number, and whether it has a name."""


def instant_of(text: str) -> datetime:
    """Return a timestamp from RFC 3339; ValueError without a zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("a timestamp needs its zone")
    return instant.astimezone(UTC)
