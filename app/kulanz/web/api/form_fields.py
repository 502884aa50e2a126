"""Fields of request bodies, and the reader of a body."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TypeVar

import msgspec
from babel.numbers import list_currencies

from kulanz.commands.fields import Form, check_year
from kulanz.errors import InvalidInputError
from kulanz.web.problems import BadRequestError

MOST_NAMED, LONGEST_NAME = 10, 40
"""Of a sender's unknown fields: how many a refusal names, and how many characters of each."""
CURRENCIES = frozenset({"currency", "fee_currency"})
DOCUMENTS = frozenset({"document"})
"""The fields of texts that have a reader of their own."""
WITH_LINES = frozenset({"postal_address", "reason"})
"""The fields of texts that may have several lines; all others are names, and `$` in a pattern allows a line's end."""


class Nothing(Form, frozen=True, kw_only=True):
    """Empty body, or an object without fields: the path names everything."""

    may_be_empty = True


AnyForm = TypeVar("AnyForm", bound=Form)


def read(body: bytes, form: type[AnyForm]) -> AnyForm:
    """Return the form in a body: BadRequestError for invalid JSON, InvalidInputError for a wrong form."""
    try:
        filled = msgspec.json.decode(body or (b"{}" if form.may_be_empty else b""), type=form)
    except msgspec.ValidationError as error:
        raise InvalidInputError(_unknown_fields(body, form) or f"{error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError("The body is not JSON.") from error
    for name, value in zip(form.__struct_encode_fields__, msgspec.structs.astuple(filled), strict=True):
        if name in CURRENCIES:
            _known_currency(name, value)
        elif isinstance(value, date):
            check_year(name, value)
        elif isinstance(value, str) and name not in DOCUMENTS:
            _readable(name, value)
    filled.check()
    return filled


def _unknown_fields(body: bytes, form: type[Form]) -> str:
    """Return a sentence that names every field which the form does not have, "" where there is none."""
    try:
        stated = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    unknown = [name for name in stated if name not in form.__struct_encode_fields__] if isinstance(stated, dict) else []
    if not unknown:
        return ""
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    return f"Unknown {'field' if len(unknown) == 1 else 'fields'}: {', '.join(map(shown, unknown[:MOST_NAMED]))}{more}."


def shown(name: str) -> str:
    """Return a sender's own name of a field or parameter as a message may quote it: printable and cut short."""
    printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    return f"`{printable[:LONGEST_NAME]}`"


def _known_currency(field: str, code: str | None) -> None:
    if code is not None and code not in _currencies():
        raise InvalidInputError(f"`{field}`: {code} is not an ISO 4217 currency.")


def _readable(field: str, text: str) -> None:
    """Refuse control characters and other text that some databases cannot store."""
    line = text.replace("\n", "") if field in WITH_LINES else text
    if not text.strip() or not line.isprintable():
        raise InvalidInputError(f"`{field}` is not readable text.")


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())
