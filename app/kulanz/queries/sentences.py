"""Recorded changes in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from kulanz.documents.purchases import RefundRequest
from kulanz.formats.messages import PLAIN, Message, Money, Name, Reader, counted, message
from kulanz.formats.reasons import REASONS
from kulanz.policy.topics import topic_of
from kulanz.queries.sentence_texts import SENTENCES, VARIANTS

_NAMES = ("channel", "notice", "outcome")
_AMOUNTS = ("unit_price", "draft_amount", "due", "refund_due", "taken_off")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NOTHING, _NO_FEE = message("nothing"), message("none")


def sentence(change: Mapping[str, Any], reader: Reader = PLAIN) -> str:
    """Return one recorded change as a sentence."""
    return reader.read(_told(str(change["rule"]), change.get("detail", {})))


def _told(rule: str, detail: Mapping[str, Any]) -> Message:
    if rule.startswith("alert."):
        return message("Operators were alerted: {topic}.", topic=alert(rule.removeprefix("alert.")))
    rule = next((to for existing, to, applies in VARIANTS if existing == rule and applies(detail)), rule)
    words = {
        "access_until": _value(detail.get("ends_at")),
        **{name: _value(value) for name, value in detail.items()},
        **_money(detail),
        **_refund(detail),
        **{name: Name(detail[name]) for name in _names(rule) if detail.get(name)},
    }
    if "term_months" in detail:
        words["term"] = counted("{number} month", "{number} months", detail["term_months"])
    told = Message(text=SENTENCES.get(rule, "{rule}"), values={"rule": rule, **words})
    if detail.get("differs") and rule in {"refund.requested", "refund.amended"}:
        told = told.also(_difference(detail["differs"]))
    if detail.get("unverified"):
        told = told.also(message("Unverified: the provider was asked for a day and gave no answer."))
    return told.also(message("Reason: {reason}", reason=detail["reason"]) if detail.get("reason") else None)


def _names(rule: str) -> tuple[str, ...]:
    """Return the values that are names of ours; the kind of an add-on is the merchant's."""
    return (*_NAMES, "kind") if rule.startswith("override.") else _NAMES


def alert(topic: str) -> Message:
    """Return an alert's sentence."""
    return Message(text=topic_of(topic).says)


def _value(value: Any) -> Any:
    """Convert a recorded value: texts of times and days, and lists of names."""
    match value:
        case str() if _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value)
        case str() if _DAY.fullmatch(value):
            return date.fromisoformat(value)
        case list():
            return [str(item).replace("_", " ") for item in value] or _NOTHING
    return value


_DIFFERENCES = {
    ("contact_email",): message("The request's contact email differs from the account's; that changes no verdict."),
    ("organisation",): message("The request's organisation differs from the account's; that changes no verdict."),
    ("contact_email", "organisation"): message(
        "The request's contact email and organisation differ from the account's; that changes no verdict."
    ),
}


def _money(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return amounts in readable form: stored amounts are in minor units."""
    currency, fee, decimals = detail.get("currency"), detail.get("fee"), detail.get("decimals")
    unmatched = detail.get("unmatched")
    return {
        "amount": Money(detail.get("amount"), currency, decimals),
        "unmatched": Money(unmatched, currency) if unmatched else _NOTHING,
        "fee": Money(fee, detail.get("fee_currency") or currency) if fee else _NO_FEE,
        **{name: Money(detail[name], currency) for name in _AMOUNTS if name in detail},
    }


_VERDICTS = {
    "eligible": message("it goes back, as {why}"),
    "not_eligible": message("it does not go back, as {why}"),
    "review": message("a person decides, as {why}"),
}


def verdict(request: RefundRequest) -> Iterator[Message]:
    """Yield the policy's verdict on a refund request."""
    developer = request.developer
    why = _why(request.why, developer.name if developer else None, developer.contact if developer else None)
    yield message("The reason: {why}.", why=why)
    if request.differs_from_account:
        yield _difference(request.differs_from_account)
    if request.statutory_withdrawal_until:
        until = request.statutory_withdrawal_until
        yield message("A statutory withdrawal is possible until {until}.", until=until)
    yield message("Statutory rights are not affected.")


def _why(word: str, developer: str | None, contact: str | None) -> Message:
    """Return the reason for a verdict, with the developer whose policy a product follows."""
    why = Message(text=REASONS[word]) if word in REASONS else message("a person is to say")
    if not developer:
        return why
    return message("{why} ({developer}, {contact})", why=why, developer=developer, contact=contact)


def _difference(names: Sequence[str]) -> Message:
    return _DIFFERENCES.get(tuple(sorted(names)), _DIFFERENCES["contact_email", "organisation"])


def _refund(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return a refund request's words in readable form; the reason of a decision is shown apart."""
    if "verdict" not in detail:
        return {}
    why = _why(str(detail.get("why")), detail.get("developer"), detail.get("developer_contact"))
    return {
        "verdict_words": _VERDICTS.get(str(detail["verdict"]), _VERDICTS["review"]).given(why=why),
        "why_words": why,
        "refundable": Money(detail.get("refundable_amount"), detail.get("currency"), detail.get("decimals")),
    }
