"""Typed fields of commands, and the base of those that the API takes as its request bodies."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from kulanz.errors import InvalidInputError
from kulanz.formats.messages import message

MAX_AMOUNT = 10**15
FIRST_YEAR, LAST_YEAR = 1900, 2999
"""Years of times that people state: at the calendar's ends a zone cannot write a time, and no period can follow."""
ADD_ON_KIND = r"[a-z][a-z0-9_-]{0,63}"
POT_ID = r"[A-Za-z][A-Za-z0-9._:-]{0,63}"
AddOnKind = Annotated[str, Meta(pattern=f"^{ADD_ON_KIND}$", description="What the add-on is, such as `users`.")]
PotId = Annotated[str, Meta(pattern=f"^{POT_ID}$", description="What the credit is for; no personal data.")]
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
"""What the API calls a field that has another name in an order."""


def check_year(field: str, at: date) -> None:
    """Raise InvalidInputError for a time so far away that nothing can be computed with it."""
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise InvalidInputError(
            message("{field}: a time of the years {first} to {last}", field=field, first=FIRST_YEAR, last=LAST_YEAR)
        )


class Form(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename=PUBLIC_NAMES):
    """A body that an API request may have."""

    may_be_empty: ClassVar[bool] = False
    """Whether nothing has to be said: then an empty body is a form, too."""

    def said(self) -> dict[str, Any]:
        """Return what is filled in, by the names that orders have for it; for the rest an order's own default holds."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}

    def check(self) -> None:
        """Raise InvalidInputError for what neither its types nor `read` can refuse."""
