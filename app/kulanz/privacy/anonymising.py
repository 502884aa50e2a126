"""Anonymises a provider's event but keeps its shape: lengths, kinds of characters, repetition.

What a decision reads stays: words of a vocabulary, times, amounts, counts, and what the merchant sells. Everything else
is replaced, equal values by equal ones in all events of one export, under any name: unknown fields may be personal.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import shake_256
from string import ascii_lowercase, digits
from typing import Any

from kulanz.providers.naming import SIGNATURE_KEY, Naming
from kulanz.providers.signing import account_signature

EXPORT_SIGNER = "kulanz-export"
"""Name for the signature of an export's claims, in place of the merchant's own secret: `KULANZ_ACCOUNT_SECRET`."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}", re.ASCII)
_REASON = re.compile(
    "fraudulent|fraud|duplicate|product_not_received|unrecognized|subscription_canceled|general|credit_not_processed"
    "|insufficient_funds|bank_cannot_process|incorrect_account_details|debit_not_authorized|dispute_prevention"
)
"""Elsewhere people write reasons themselves."""
_NUMBER = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,8})?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_SHOWN_AMOUNT = re.compile(
    r"[^\w@]{0,4}[A-Z]{0,3}[^\w@]{0,2}[0-9.,'\u2019\u00a0 ]{1,24}[^\w@]{0,2}[A-Z]{0,3}[^\w@]{0,2}"
)
_PREFIX = re.compile(r"(?:(?:lemonsqueezy|stripe|paddle|standard)-|[a-z]{2,8}_(?=[A-Za-z0-9]))", re.ASCII)
_LAST_LABEL = re.compile(r"(?<=\.)[^.@]+$")

_WORDS = (
    *("event_name", "event_type", "type", "object", "payload_type", "api_version", "status"),
    *("billing_reason", "origin", "action", "mode", "behavior", "collection_method", "collection_mode"),
    *("charge_type", "dispute_stage", "dispute_status", "fraud_type", "payment_processor", "payment_provider"),
    *("interval", "recurring_interval", "payment_frequency_interval", "subscription_period_interval"),
)
_NUMBERS = re.compile(
    r"(?:.+_)?(?:amount|total|subtotal|tax|fee|price|quantity|count|limit|days|usd|due|paid|remaining)"
    r"|discount|credit|balance|net|seats|units|attempt|currency_rate|frequency",
    re.ASCII,
)
_TIMES = re.compile(r"(?:.+_)?(?:created|at|start|end|anchor|timestamp|date)", re.ASCII)
_FORMS = (
    (re.compile("|".join(_WORDS)), _WORD),
    (re.compile("reason"), _REASON),
    (re.compile("currency|currency_code|settlement_currency"), re.compile("[A-Za-z]{3}")),
    (re.compile(r".+_formatted"), _SHOWN_AMOUNT),
    (_TIMES, _INSTANT),
    (_NUMBERS, _NUMBER),
)
"""Kind of replacement for a value, by its field name and by its own form."""
_OF_THE_SHOP = frozenset(
    {"variant_id", "product_id", "price_id", "addon_id", "product_name", "variant_name", "product"}
)
_SOLD = frozenset({"price", "plan", "product"})
"""Objects of the merchant: their ids and names identify the plan."""
_READ_OF_CUSTOM_DATA = frozenset({"locale", "timezone", "country", "delivery"})
_CUSTOM = frozenset({"custom_data", "metadata"})


@dataclass(slots=True)
class Anonymiser:
    """One export: equal values in its events get equal replacements, and no mapping back is kept."""

    naming: Naming
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _known: dict[str, str] = field(default_factory=dict, repr=False)
    _used: set[str] = field(default_factory=set, repr=False)

    def payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event with every personal value replaced."""
        return {name: self._value(value, name, "") for name, value in payload.items()}

    def _value(self, value: Any, name: str, above: str) -> Any:
        match value:
            case dict() if name in _CUSTOM:
                return self._custom(value)
            case dict():
                return {key: self._value(inner, key, name) for key, inner in value.items()}
            case list():
                return [self._value(item, name, above) for item in value]
        return value if self._is_kept(value, name, above) else self._replaced(value)

    def _custom(self, custom: Mapping[str, Any]) -> dict[str, Any]:
        """Return custom data: everything that a shop puts there may be personal, also the names of its fields."""
        stated, own = custom.get(self.naming.account_key), self.naming.account_key
        replaced: dict[str, Any] = {}
        for name, value in custom.items():
            if name in _READ_OF_CUSTOM_DATA:
                replaced[name] = value
            elif name == SIGNATURE_KEY and self._is_signed(stated, value):
                replaced[name] = account_signature(self._text(str(stated)), EXPORT_SIGNER)
            else:
                replaced[name if name in {own, SIGNATURE_KEY} else self._text(name)] = self._replaced(value)
        return replaced

    def _replaced(self, value: Any) -> Any:
        """Return another value of the same shape, without any word of the original."""
        match value:
            case dict():
                return {self._text(key): self._replaced(inner) for key, inner in value.items()}
            case list():
                return [self._replaced(item) for item in value]
            case int() | float() if not isinstance(value, bool):
                return type(value)(self._text(str(value)))
            case str():
                return self._text(value)
        return value

    def _is_signed(self, account: object, signature: object) -> bool:
        secret = self.naming.account_secret
        if not (secret and isinstance(account, str) and isinstance(signature, str)):
            return False
        return hmac.compare_digest(account_signature(account, secret), signature.lower())

    def _is_kept(self, value: object, name: str, above: str) -> bool:
        """Whether a decision may read a value that has the form of its field."""
        if not isinstance(value, str):
            return isinstance(value, bool) or value is None or bool(_NUMBERS.fullmatch(name) or _TIMES.fullmatch(name))
        if name in _OF_THE_SHOP or (above in _SOLD and name in {"id", "name"}):
            return True
        return any(name_of.fullmatch(name) and form.fullmatch(value) for name_of, form in _FORMS)

    def _text(self, value: str) -> str:
        """Return the same text for the same one, another for another, with letters and digits where there were any."""
        known = self._known.get(value)
        if known is not None:
            return known
        prefix = match.group() if (match := _PREFIX.match(value)) else ""
        found = value
        for attempt in range(1000):
            found = prefix + self._alike(value[len(prefix) :], attempt)
            if found not in self._used and (found != value or not any(map(str.isalnum, value))):
                break
        self._known[value] = found
        self._used.add(found)
        return found

    def _alike(self, value: str, attempt: int) -> str:
        stream = shake_256(self._key + value.casefold().encode() + bytes([attempt % 256, attempt // 256]))
        noise = stream.digest(max(1, len(value)))
        changed = "".join(
            _other(char, byte, first=not place) for place, (char, byte) in enumerate(zip(value, noise, strict=False))
        )
        # No such top-level domain exists: no mail can reach it.
        return _LAST_LABEL.sub(lambda label: "zz" + label.group()[2:], changed) if "@" in value else changed


def _other(char: str, byte: int, *, first: bool) -> str:
    if char.isdigit():
        return digits[1 + byte % 9] if first and char != "0" else digits[byte % 10]
    if not char.isalpha():
        return char
    letter = ascii_lowercase[byte % 26]
    return letter.upper() if char.isupper() else letter
