"""Lenient reading of a provider's JSON: usable values are taken, and a complaint names the key in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec

from kulanz.errors import UntranslatableError
from kulanz.formats.mail_addresses import is_address
from kulanz.formats.money import decimals_of, decimals_told

Word = TypeVar("Word", bound=str)
Spelt = TypeVar("Spelt", bound=StrEnum)

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
"""The characters allowed in a path of a provider's API and behind the colon of a key."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_YEARS = range(1970, 3000)
"""A date beyond them is a mistake, and adding a grace period to it could overflow."""
_LAST_SECOND = int(datetime(_YEARS.stop, 1, 1, tzinfo=UTC).timestamp())
_LARGEST_AMOUNT = 10**15
_ID_LIMIT = 10**18
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_WEB_ADDRESS = re.compile(r"https?://[!-~]{1,4000}")
_INDEX = re.compile(r"\[\d+\]")
_ABSENT = (None, "", 0)
"""Values of a provider for "nothing"; False is 0."""


def identifier(value: object) -> str | None:
    """Return an id as text, whether it came as a number or as text; None where it is neither, or 0."""
    if type(value) is int:  # A bool is no id.
        return str(value) if 0 < value < _ID_LIMIT else None
    if isinstance(value, str):
        return value if value != "0" and _IDENTIFIER.fullmatch(value) else None
    return identifier(int(value)) if isinstance(value, float) and value.is_integer() else None


def flag(value: object) -> bool:
    """Return a boolean that came as a bool, as 0 or 1, as text, or not at all."""
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in {"1", "true", "yes"})


def unix(value: object) -> datetime | None:
    """Return the time for seconds since 1970; None for an unusable value, and for 0."""
    seconds = _whole(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and 0 < seconds < _LAST_SECOND else None


def shown(value: object, longest: int = 60) -> str:
    """Return a value from outside in a form for one short printable line."""
    if isinstance(value, Mapping | list | tuple):
        return "an object" if isinstance(value, Mapping) else "a list"
    if isinstance(value, int) and abs(value) > _LARGEST_AMOUNT:
        return "a very large number"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    clean = "".join(char if char.isprintable() else "?" for char in text[:longest])
    return f"{clean}…" if len(text) > longest else clean


def inner(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key; an empty one where there is none."""
    result = values.get(key)
    return result if isinstance(result, dict) else {}


class UnknownWord(NamedTuple):
    """An unknown value that no decision needed."""

    field: str
    word: str


class PayloadReader(msgspec.Struct, frozen=True):
    """Reader of one object of a payload, key by key. `path` is where it stands, for complaints."""

    values: Mapping[str, Any]
    path: str
    unknown: list[UnknownWord] = []
    """Unknown words met on the way through the payload; shared by all its objects."""

    def below(self, key: str) -> PayloadReader:
        """Return the object under a key; an empty one where there is none."""
        return PayloadReader(inner(self.values, key), f"{self.path}.{key}", self.unknown)

    def identifier(self, key: str) -> str | None:
        """Return an id, None where there is no usable one."""
        return identifier(self.values.get(key))

    def needed_identifier(self, key: str) -> str:
        """Return a required id."""
        return self.identifier(key) or self._complain(key, "an id")

    def expect(self, key: str, word: str) -> None:
        """Complain unless a word is there."""
        if self.values.get(key) != word:
            self._complain(key, word)

    def flag(self, key: str) -> bool:
        """Return a boolean; a missing or null one is false."""
        return flag(self.values.get(key))

    def instant(self, key: str, *, matters: bool = False) -> datetime | None:
        """Return an instant, None where it is missing or null, or unusable and does not matter."""
        value = self.values.get(key)
        stored_value = _instant(value)
        if stored_value is None and matters and value not in _ABSENT:
            self._complain(key, "a date and time of the years 1970 to 2999")
        return stored_value

    def needed_instant(self, key: str) -> datetime:
        """Return a required instant."""
        return self.instant(key) or self._complain(key, "a date and time of the years 1970 to 2999")

    def unix(self, key: str) -> datetime | None:
        """Return an instant that is written as seconds since 1970; None where there is no usable one."""
        return unix(self.values.get(key))

    def needed_unix(self, key: str) -> datetime:
        """Return a required instant from seconds since 1970."""
        return self.unix(key) or self._complain(key, "seconds since 1970, before the year 3000")

    def reference(self, key: str) -> str | None:
        """Return the id of another object, whether only that or the whole object stands there."""
        return self.identifier(key) or self.below(key).identifier("id")

    def needed_reference(self, key: str) -> str:
        """Return the required id of another object."""
        return self.reference(key) or self._complain(key, "an id")

    def first(self, key: str) -> PayloadReader:
        """Return the first object of a list; an empty one where there is none."""
        return next(iter(self.each(key)), PayloadReader({}, f"{self.path}.{key}[0]", self.unknown))

    def each(self, key: str) -> tuple[PayloadReader, ...]:
        """Return the objects of a list, which may be wrapped into an object as its `data`."""
        result = self.values.get(key)
        listed = result.get("data") if isinstance(result, dict) else result
        items = listed if isinstance(listed, list) else []
        return tuple(
            PayloadReader(item, f"{self.path}.{key}[{index}]", self.unknown)
            for index, item in enumerate(items)
            if isinstance(item, dict)
        )

    def amount(self, key: str) -> int:
        """Return optional minor units or a count: 0 where there is no usable one, which is noted."""
        value = self.values.get(key)
        amount = 0 if value in _ABSENT else _amount(value)
        if amount is None:
            self._note(key, "no whole number")
        return amount or 0

    def stated_amount(self, key: str) -> int:
        """Return minor units that count where they are stated: 0 where they are missing or null."""
        return 0 if self.values.get(key) in _ABSENT else self.needed_amount(key)

    def needed_amount(self, key: str) -> int:
        """Return required minor units."""
        value = _amount(self.values.get(key))
        return self._complain(key, "a whole number of minor units") if value is None else value

    def currency(self, key: str) -> str:
        """Return a currency's three letters in upper case."""
        return self.optional_currency(key) or self._complain(key, "a currency of three letters")

    def optional_currency(self, key: str) -> str | None:
        """Return an optional currency."""
        value = self.values.get(key)
        return value.upper() if isinstance(value, str) and _CURRENCY.fullmatch(value) else None

    def decimals(self, amount: str, currency: str, written: str) -> int | None:
        """Return the decimals of an amount, by what is written beside it; None: as many as its currency."""
        text = self.text(written)
        if text is None:
            return None
        own = decimals_of(currency)
        told = decimals_told(self.amount(amount), currency, text)
        if told is None:
            self._note(written, shown(text))
        return None if told in (None, own) else told

    def word(self, key: str, words: Mapping[str, Word], otherwise: Word | None = None) -> Word:
        """Return the meaning of a provider's word; `otherwise` is the event's own where the word is unknown."""
        value = self.values.get(key)
        known = words.get(value) if isinstance(value, str) else None
        if known is not None:
            return known
        if otherwise is None:
            self._complain(key, f"one of {', '.join(words)}")
        if value not in _ABSENT:
            self._note(key, shown(value))
        return otherwise

    def text(self, key: str, longest: int = 200) -> str | None:
        """Return a printable text, cut to a length; None where there is none."""
        value = self.values.get(key)
        if not isinstance(value, str):
            return None
        clean = value if value.isprintable() else "".join(char for char in value if char.isprintable())
        return clean.strip()[:longest] or None

    def web_address(self, key: str) -> str | None:
        """Return the address of a page as it stands there; None for what is none."""
        value = self.values.get(key)
        return value if isinstance(value, str) and _WEB_ADDRESS.fullmatch(value) else None

    def email(self, key: str) -> str | None:
        """Return a mail address as the provider wrote it; None for what is none."""
        value = self.values.get(key)
        return value if isinstance(value, str) and is_address(value) else None

    def _note(self, key: str, word: str) -> None:
        self.unknown.append(UnknownWord(_INDEX.sub("", f"{self.path}.{key}"), word))

    def _complain(self, key: str, expected: str) -> NoReturn:
        value = shown(self.values[key]) if key in self.values else "nothing"
        raise UntranslatableError(f"{self.path}.{key}: expected {expected}, found {value}")


def spelt(words: type[Spelt], **aliases: Spelt) -> Mapping[str, Spelt]:
    """Return the vocabulary of a provider that writes our words, and some of them in other spellings."""
    return {**{word.value: word for word in words}, **aliases}


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return None
    try:
        stored_value = datetime.fromisoformat(value)
        if stored_value.tzinfo is not UTC:
            stored_value = (
                stored_value.replace(tzinfo=UTC) if stored_value.tzinfo is None else stored_value.astimezone(UTC)
            )
    except (ValueError, OverflowError):
        return None
    return stored_value if stored_value.year in _YEARS else None


def _amount(value: object) -> int | None:
    amount = _whole(value)
    return amount if amount is not None and abs(amount) <= _LARGEST_AMOUNT else None


def _whole(value: object) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"-?[0-9]{1,16}", value) else None
    return None
