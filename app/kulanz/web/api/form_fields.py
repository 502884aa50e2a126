"""Fields of request bodies, and the reader of a body."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from babel.numbers import list_currencies
from msgspec import Meta, Struct

from kulanz.errors import InvalidInputError
from kulanz.web.problems import BadRequestError

MAX_AMOUNT = 10**15
MOST_NAMED, LONGEST_NAME = 10, 40
"""Limits of a refusal: number of unknown fields that it names, and characters of each name."""
AddOnKind = Annotated[str, Meta(pattern="^[a-z][a-z0-9_-]{0,63}$", description="What the add-on is, such as `users`.")]
PotId = Annotated[
    str, Meta(pattern="^[A-Za-z][A-Za-z0-9._:-]{0,63}$", description="What the credit is for; no personal data.")
]
Pieces = Annotated[int, Meta(gt=0, le=100_000)]
Amount = Annotated[int, Meta(gt=0, le=MAX_AMOUNT, description="Minor units of the currency.")]
Fee = Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="Minor units of the currency.")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Reference = Annotated[str, Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339.")]
Day = Annotated[date, Meta(description="A day in the account's own time zone.")]
PUBLIC_NAMES = {
    "account": "account_id",
    "also": "include",
    "case": "case_id",
    "contacted_on": "date",
    "invoice": "invoice_id",
    "licence": "licence_id",
    "payment": "payment_id",
    "received_on": "date",
    "subscription": "subscription_id",
    "transaction": "transaction_id",
}
"""Names of fields in the API that differ from the commands' names."""
CURRENCIES = frozenset({"currency", "fee_currency"})
DOCUMENTS = frozenset({"document"})
"""The fields of texts that have a reader of their own."""


class Form(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename=PUBLIC_NAMES):
    """A body that an API request may have."""

    may_be_empty: ClassVar[bool] = False
    """Whether nothing has to be said: then an empty body is a form, too."""

    def said(self) -> dict[str, Any]:
        """Return the given fields by the commands' names; a command's own defaults apply to the others."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}

    def check(self) -> None:
        """Raise InvalidInputError for faults that neither types nor `read` can find."""


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
    for name, value in msgspec.to_builtins(filled).items():
        if name in CURRENCIES:
            _known_currency(name, value)
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
    if not text.strip() or not all(char.isprintable() or char == "\n" for char in text):
        raise InvalidInputError(f"`{field}` is not readable text.")


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())
