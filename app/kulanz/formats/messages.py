"""Messages to people, kept apart from their reader's language: an English text, and the values of its gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from kulanz.formats.money import plain


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units; `decimals` where the provider has others than the currency."""

    amount: int | None
    currency: str | None
    decimals: int | None = None


class Name(str):
    """A name of ours, such as `grace_warning`: a reader of a language is told it in words."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An English text with gaps such as `{deadline}`, as the catalogue knows it."""

    text: str
    many: str = ""
    """The text where its gap `number` is not 1."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Values of a message: texts, numbers, times, days, amounts, other messages, lists of these. Missing: unknown."""
    after: Message | None = None
    """A sentence that follows it."""

    def given(self, **values: Any) -> Message:
        """Return the message with values for its gaps."""
        return replace(self, values={**self.values, **values})

    def also(self, after: Message | None) -> Message:
        """Return the message with a sentence behind it, if there is one."""
        if after is None:
            return self
        return replace(self, after=after if self.after is None else self.after.also(after))

    def __str__(self) -> str:
        return PLAIN.read(self)


def message(text: str, **values: Any) -> Message:
    """Return a message; `text` is a literal, as the catalogue is collected from the source."""
    return Message(text=text, values=values)


def counted(text: str, many: str, number: int, **values: Any) -> Message:
    """Return a message that depends on a number."""
    return Message(text=text, many=many, values={"number": number, **values})


UNKNOWN, UNKNOWN_DATE = message("(unknown)"), message("an unknown date")


class Reader:
    """Reader of plain English, for programs too: timestamps in RFC 3339 to the second, amounts with their currency."""

    def read(self, each: Message) -> str:
        """Return a message as text."""
        words = self.translated(each).format_map(_Gaps(self, each.values))
        return words if each.after is None else f"{words} {self.read(each.after)}"

    def write(self, value: Any) -> str:
        """Return the value of a gap as text."""
        match value:
            case Message():
                words = self.read(value)
            case Money():
                words = self.money(value)
            case Name():
                words = self.name(value)
            case datetime():
                words = self.moment(value)
            case date():
                words = self.day(value)
            case list() | tuple():
                words = ", ".join(map(self.write, value))
            case _:
                words = str(value)
        return words

    def translated(self, each: Message) -> str:
        """Return the text of a message, with its gaps."""
        return each.many if each.many and each.values.get("number") != 1 else each.text

    def name(self, name: Name) -> str:
        """Return a name of ours."""
        return str(name)

    def number(self, number: float) -> str:
        """Return a number."""
        return f"{number:,}"

    def moment(self, instant: datetime) -> str:
        """Return a timestamp to the second."""
        return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"

    def day(self, day: date) -> str:
        """Return a day."""
        return day.isoformat()

    def money(self, money: Money) -> str:
        """Return an amount."""
        return plain(money.amount, money.currency, money.decimals)


class _Gaps(dict[str, str]):
    """The gaps of a text, filled as they are asked for: a value is never taken for a text with gaps."""

    def __init__(self, reader: Reader, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._reader = reader
        self._values = values

    def __missing__(self, gap: str) -> str:
        value = self._values.get(gap)
        if value is None:
            value = UNKNOWN_DATE if gap.endswith(("_at", "until", "_by")) else UNKNOWN
        return self._reader.write(value)


PLAIN = Reader()
"""Reader of records and documents, and the default without a language."""
