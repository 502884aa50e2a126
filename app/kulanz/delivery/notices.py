"""Turns a notice and its data into a letter: subject, text and HTML, in the reader's language, zone and currency.

A template under `templates/<language>/` is the text itself: its first line is the subject, an empty line ends a
paragraph. The HTML part is made from the same paragraphs, so the two can never say different things.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

from babel import Locale
from jinja2 import Template, TemplateError

from kulanz.delivery.filters import instant_of
from kulanz.delivery.recipient import Recipient, locale_of
from kulanz.delivery.wording import (
    TemplateFault,
    UnfitWordsError,
    environment,
    fault_of,
    has_notice,
    html_template,
    text_template,
)
from kulanz.errors import UntranslatableError
from kulanz.formats.languages import LANGUAGES
from kulanz.formats.localised import zone_of
from kulanz.policy.effects import OPERATORS_NOTICE

__all__ = [
    "LANGUAGES",
    "OPTIONAL",
    "REQUIRED",
    "Recipient",
    "RenderedNotice",
    "footer_of",
    "locale_of",
    "one_line",
    "paragraphs_of",
    "render",
    "values_of",
    "zone_of",
]

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
    "cancelled",  # whether the customer has cancelled the subscription
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
"""Optional names in templates."""

OWN = (
    "account",
    "sender",  # the name in MAIL_FROM, else BRAND_NAME
    "billing_url",
    "step",  # the number of the reminder
    "disputed",
    "given",  # all data of an alert, by name
    "bank",  # where transfers go: `bank.holder`, `bank.iban`, `bank.bic`
    "paper",  # whether it is a letter on paper
    "brand_name",
    "brand_logo",  # for the `src` of an `img` element
    "brand_color",
    "brand_address",
    "support_email",
)
"""Names that every template may use; `subject` is that of the letter in HTML."""
PROMISES = ("deadline", "data_deletion_eligible_at", "billed_until", "ends_at")
"""Required data of a letter: their day must appear in it, as the filter `day` writes it."""

_LONGEST_VALUE = 200
_LONGEST_SUBJECT = 300
FAULTS = (
    TemplateError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    OSError,
    MemoryError,
)
"""Errors that rendering a template can raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedNotice:
    """A notice, ready to be addressed."""

    language: str
    subject: str
    text: str
    html: str
    fault: TemplateFault | None = None
    """Why the merchant's own template was not used."""


def render(notice: str, data: Mapping[str, Any], reader: Recipient) -> RenderedNotice:
    """Return the letter; `UntranslatableError` where there is no such notice or its data does not fit.

    If a template of the merchant's fails, or leaves out required data, our own template is used.
    """
    _check(notice, data)
    fault = None
    if reader.templates is not None:
        try:
            return render_own(notice, data, reader)
        except FAULTS as error:
            fault = fault_of(error, f"{reader.locale.language}/{notice}.txt", reader.templates)
    ours = reader.locale if reader.locale.language in LANGUAGES else reader.fallback
    locale = ours if ours.language in LANGUAGES else Locale("en")
    try:
        return replace(_rendered(notice, data, replace(reader, locale=locale, templates=None)), fault=fault)
    except FAULTS as error:
        raise UntranslatableError(f"the notice {notice} cannot be written from its data") from error


def render_own(notice: str, data: Mapping[str, Any], reader: Recipient) -> RenderedNotice:
    """Return the letter by the merchant's template; raises the template's errors."""
    has_words = has_notice(reader.locale.language, notice, reader.step, reader.templates)
    return _rendered(notice, data, reader if has_words else replace(reader, locale=reader.fallback))


def _rendered(notice: str, data: Mapping[str, Any], reader: Recipient) -> RenderedNotice:
    language, values = reader.locale.language, values_of(data, reader)
    template = text_template(language, notice, reader.step, reader.templates)
    first, *paragraphs = paragraphs_of(template, values)
    subject = _spaced(first)
    _refuse_unfit(template, subject, paragraphs)
    footer = [] if notice == OPERATORS_NOTICE else footer_of(values, reader)
    text = _spaced(_as_text([*paragraphs, *footer]))
    own = html_template(template, language, notice, reader.step, reader.templates)
    html = own.render({**values, "subject": subject}) if own else _as_html(subject, paragraphs, footer, reader)
    for promise in _promised(notice, data, reader):
        _refuse_without(promise, text, template)
        _refuse_without(promise, unescape(re.sub(r"<[^>]*>", " ", html)), own or template)
    return RenderedNotice(language=language, subject=subject, text=text, html=html)


def paragraphs_of(template: Template, values: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs of a text, which empty lines end."""
    return [_one_paragraph(block) for block in re.split(r"\n\s*\n", template.render(values).strip())]


def footer_of(values: Mapping[str, Any], reader: Recipient) -> list[str]:
    """Return the paragraphs under a letter to a customer: where questions go, and the imprint."""
    names = [f"{language}/_imprint.txt" for language in (reader.locale.language, reader.fallback.language, "en")]
    written = paragraphs_of(environment(reader.templates).select_template(names), values)
    return [paragraph for paragraph in written if paragraph]


def _refuse_unfit(template: Template, subject: str, paragraphs: list[str]) -> None:
    name = template.name or ""
    if not subject or "\n" in subject or not subject.isprintable() or len(subject) > _LONGEST_SUBJECT:
        raise UnfitWordsError(name, "the first line is the subject, and an empty line follows it")
    if not any(paragraphs):
        raise UnfitWordsError(name, "there is nothing under the subject")


def _promised(notice: str, data: Mapping[str, Any], reader: Recipient) -> Iterator[tuple[str, str]]:
    """Yield the required data of the letter: each name, and its day in the reader's format."""
    for name in PROMISES:
        if name in REQUIRED[notice]:
            local = instant_of(data[name]).astimezone(reader.zone)
            yield name, _spaced(reader.words.day(local.date()))


def _refuse_without(promise: tuple[str, str], words: str, template: Template) -> None:
    name, day = promise
    if day not in " ".join(_spaced(words).split()):
        raise UnfitWordsError(template.name or "", f"{name} is promised and is missing: {{{{ {name} | moment }}}}")


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


def values_of(data: Mapping[str, Any], reader: Recipient) -> dict[str, Any]:
    """Return the names that a template may use, with their values."""
    given = {str(key): one_line(value) for key, value in data.items() if value is not None}
    brand = reader.brand
    own = {
        "account": reader.account,
        "sender": reader.sender,
        "billing_url": reader.billing_url,
        "step": reader.step,
        "brand_name": brand.name,
        "brand_logo": brand.logo_source,
        "brand_color": brand.color,
        "brand_address": "\n".join(brand.address_lines),
        "support_email": brand.support,
        "bank": reader.bank,
        "paper": bool(reader.to),
    }
    disputed = given.get("reason", "dispute" if "amount" in given else None) == "dispute"
    return {**dict.fromkeys(OPTIONAL), **given, **own, "disputed": disputed, "given": given, "reader": reader}


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


def _as_html(subject: str, paragraphs: list[str], footer: list[str], reader: Recipient) -> str:
    day = reader.words.day(reader.on.astimezone(reader.zone).date()) if reader.on else None
    return (
        environment(reader.templates)
        .get_template("letter.html")
        .render(
            language=reader.locale.language,
            subject=subject,
            blocks=[paragraph.split("\n") for paragraph in paragraphs],
            footer=[paragraph.split("\n") for paragraph in footer],
            billing_url=reader.billing_url,
            to=reader.to,
            from_lines=reader.from_lines,
            day=day,
            brand=reader.brand,
        )
    )
