"""Readers of a policy document's keys: each returns the policy's own value or names the expected form."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from kulanz.policy.calendar.hours import Window
from kulanz.policy.calendar.time import Span

Reader = Callable[[Any], Any]
"""Turns a TOML value into the policy's own, or raises ValueError with the expected form."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
"""The code of a language: ours, or one that a merchant has templates in."""


def text(value: Any) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value


def clause(value: Any) -> str:
    """Read the number of a clause."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Za-z.§-]{1,32}", value):
        raise ValueError('a clause such as "6.2"')
    return value


def span(value: Any) -> Span:
    """Read a span of time."""
    try:
        return Span.parse(value)
    except (ValueError, TypeError):
        raise ValueError('a span of time such as "7d", "48h" or "1d12h"') from None


def window(value: Any) -> Window:
    """Read a window of a day."""
    try:
        return Window.parse(value)
    except (ValueError, TypeError):
        raise ValueError('a window of the day of an hour at least, such as "09:00-17:30"') from None


def spans(value: Any) -> tuple[Span, ...]:
    """Read several spans of time."""
    if not isinstance(value, list):
        raise ValueError('a list of spans such as ["3d", "5d"]')  # noqa: TRY004 - one way to say what is expected
    return tuple(span(item) for item in value)


def instant(value: Any) -> datetime:
    """Read a timestamp with its offset, or a day, which begins in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError("a timestamp such as 2026-03-01T09:00:00Z, or a day such as 2026-03-01, without quotes")


def words(value: Any) -> tuple[str, ...]:
    """Read several words that are looked for in a text; their case does not matter."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ValueError('a list of words such as ["onboarding", "training"]')
    return tuple(item.casefold() for item in value)


def address(value: Any) -> str:
    """Read the address of a public page."""
    if not isinstance(value, str) or not re.fullmatch(r"https://[^\s<>\"]{1,200}", value):
        raise ValueError('the address of a page such as "https://example.com/refunds"')
    return value


def texts(value: Any) -> tuple[tuple[str, str], ...]:
    """Read a table that gives names a text each."""
    if not isinstance(value, dict) or not all(_NAME.fullmatch(name) and _is_text(each) for name, each in value.items()):
        raise ValueError('a table of names with a text each, such as { storage = "GB" }')
    return tuple(sorted(value.items()))


def texts_by_language(value: Any) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Read a table that gives names a text by language."""
    wanted = 'a table of names, each with a text by language, such as { users = { de = "Benutzer", en = "Users" } }'
    if not isinstance(value, dict) or not all(map(_NAME.fullmatch, value)):
        raise ValueError(wanted)
    for words in value.values():
        if (
            not isinstance(words, dict)
            or not words
            or not all(map(_LANGUAGE.fullmatch, words))
            or not all(map(_is_text, words.values()))
        ):
            raise ValueError(wanted)
    return tuple((name, tuple(sorted(words.items()))) for name, words in sorted(value.items()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one way to say what is expected
    return value


PROVIDERS = ("lemonsqueezy", "paddle", "standard", "stripe")
CUSTOMER_NOTICES = (
    *("grace_started", "grace_reminder", "grace_warning", "downgraded", "recovered", "dunning_level", "suspended"),
    *("reinstated", "refund_decided", "data_deletion_notice", "add_on_booked", "add_on_cancelled", "add_on_withdrawn"),
)
"""The notices that are mailed to customers."""


def flag_or_providers(value: Any) -> bool | tuple[str, ...]:
    """Read true or false, or the providers for which it is true."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, list) or any(name not in PROVIDERS for name in value):
        raise ValueError(f"true, false, or a list of {', '.join(PROVIDERS)}")
    return tuple(value)


def mails(value: Any) -> str | tuple[str, ...]:
    """Read whether customers are mailed: `on`, `off`, or a table by notice; return the notices that are off."""
    if value in ("on", "off"):
        return str(value)
    if not isinstance(value, dict) or not {*value} <= {*CUSTOMER_NOTICES} or not {*value.values()} <= {"on", "off"}:
        raise ValueError(
            '"on", "off", or a table by notice such as { recovered = "off" }; the notices are '
            + ", ".join(CUSTOMER_NOTICES)
        )
    return tuple(sorted(name for name, word in value.items() if word == "off"))


def count(value: Any) -> int:
    """Read a whole number from 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a whole number from 0")
    return value


def amount(value: Any) -> int | None:
    """Read an amount in minor units."""
    return count(value)


def names(value: Any) -> tuple[str, ...]:
    """Read a list of names in lower case."""
    if not isinstance(value, list) or not all(isinstance(item, str) and _NAME.fullmatch(item) for item in value):
        raise ValueError('a list of names such as ["users", "storage"]')
    return tuple(value)


def counts(value: Any) -> tuple[tuple[str, int], ...]:
    """Read a table that gives names whole numbers from 1."""
    fits = isinstance(value, dict) and all(_NAME.fullmatch(name) and count(each) for name, each in value.items())
    if not fits:
        raise ValueError("a table of names with whole numbers from 1, such as { storage = 10 }")
    return tuple(sorted(value.items()))


def amounts(value: Any) -> tuple[tuple[str, int], ...]:
    """Read amounts in minor units by currency."""
    wanted = "amounts in minor units by currency, such as { EUR = 500 }"
    if not isinstance(value, dict) or any(not re.fullmatch(r"[A-Z]{3}", str(name)) for name in value):
        raise ValueError(wanted)
    try:
        return tuple((str(name), count(value[name])) for name in sorted(value))
    except ValueError:
        raise ValueError(wanted) from None


def months(value: Any) -> tuple[int, ...]:
    """Read terms in whole months."""
    if not isinstance(value, list) or not all(type(item) is int and item > 0 for item in value):
        raise ValueError("a list of months such as [1, 3, 12]")
    return tuple(value)


def share(value: Any) -> float:
    """Read a share from 0 to 1."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError("a share from 0 to 1")
    return float(value)


@dataclass(frozen=True, slots=True)
class OneOf:
    """A reader of one of some words."""

    words: tuple[str, ...]

    def __call__(self, value: Any) -> str:
        """Read one of the words."""
        if value not in self.words:
            raise ValueError("one of " + ", ".join(f'"{word}"' for word in self.words))
        return str(value)


@dataclass(frozen=True, slots=True)
class SomeOf:
    """A reader of several of some words."""

    words: tuple[str, ...]

    def __call__(self, value: Any) -> tuple[str, ...]:
        """Read a list of the words."""
        if not isinstance(value, list) or any(item not in self.words for item in value):
            raise ValueError("a list of " + ", ".join(f'"{word}"' for word in self.words))
        return tuple(str(item) for item in value)


def one_of(*words: str) -> OneOf:
    """Return a reader of one of these words."""
    return OneOf(words)


def some_of(*words: str) -> SomeOf:
    """Return a reader of several of these words."""
    return SomeOf(words)


MORE, LESS, NEUTRAL = "more", "less", "neutral"
"""Direction of a key: whether the greater or the smaller value is kinder, or neither."""


def key(
    reads: Reader, means: str, kinder: str | tuple[Any, ...] | None = None, *, default: object = dataclasses.MISSING
) -> Any:
    """Return the field of a key: how its value is read, what it means, and which of two values is kinder.

    `kinder` is MORE, LESS, NEUTRAL, or the values from the strictest to the kindest. By default a longer span is
    kinder, a clause or a text is neutral, and any other kind of value is unknown.
    """
    untold = NEUTRAL if reads in {text, clause, instant, address, texts, texts_by_language} else None
    return dataclasses.field(default=default, metadata={"reads": reads, "means": means, "kinder": kinder or untold})


def tables(kind: type, means: str, *, default: object = dataclasses.MISSING) -> Any:
    """Return the field of a list of tables, each written as `[[name]]`, and what it means."""
    return dataclasses.field(default=default, metadata={"tables": kind, "means": means})


def table(kind: type, means: str, *, default: object = dataclasses.MISSING) -> Any:
    """Return the field of a table of keys, and what it means."""
    return dataclasses.field(default=default, metadata={"table": kind, "means": means})
