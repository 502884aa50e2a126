"""Query parameters of `/v1`: their description, and the reader of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from werkzeug.datastructures import MultiDict

from kulanz.commands.fields import MAX_AMOUNT
from kulanz.policy.calendar.time import aware
from kulanz.policy.state import Standing
from kulanz.policy.state.refunds import RefundState
from kulanz.store.account_list import Sort
from kulanz.web.api import cursors
from kulanz.web.api.form_fields import shown
from kulanz.web.problems import BadRequestError

Read = Callable[[str, str | None], Any]
"""Returns the value of a parameter by its name and text, None if it is missing; raises BadRequestError."""

PAGING = ("cursor", "limit")
LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}", re.ASCII)

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter; `called` is the answering function's name for it, if it differs."""

    schema: Mapping[str, Any]
    read: Read
    called: str | None = None
    required: bool = False
    """Whether the parameter is required."""


def read(given: MultiDict[str, str], existing: Collection[str], *, lists: str | None = None) -> dict[str, Any]:
    """Return the values of all `known` parameters, by their names.

    BadRequestError for an unknown, repeated or invalid one. A cursor must belong to the list.
    """
    for name, values in given.lists():
        if name not in existing:
            raise BadRequestError(f"The query has a parameter that is not known here: {shown(name)}.")
        if len(values) > 1:
            raise BadRequestError(f"`{name}` is given more than once.")
    for name in existing:
        if PARAMETERS[name].required and name not in given:
            raise BadRequestError(f"`{name}` is needed.")
    params = {PARAMETERS[name].called or name: PARAMETERS[name].read(name, given.get(name)) for name in existing}
    if lists is not None:
        params["after"] = cursors.decode(lists, params["after"])
    return params


def _one_of(words: Collection[str]) -> Read:
    def chosen(name: str, text: str | None) -> str | None:
        if text is not None and text not in words:
            raise BadRequestError(f"`{name}` is one of {', '.join(words)}.")
        return text

    return chosen


def _flag(name: str, text: str | None) -> bool | None:
    if text not in (None, "true", "false"):
        raise BadRequestError(f"`{name}` is true or false.")
    return None if text is None else text == "true"


def _plan(name: str, text: str | None) -> str | None:
    if text is not None and not (text and text.isprintable()):
        raise BadRequestError(f"`{name}` is the name of a plan.")
    return text


def _currency(name: str, text: str | None) -> str | None:
    if text is not None and not (len(text) == len("EUR") and text.isascii() and text.isupper()):
        raise BadRequestError(f"`{name}` is a code of ISO 4217.")
    return text


def _amount(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_AMOUNT)) and int(text) <= MAX_AMOUNT):
        raise BadRequestError(f"`{name}` is an amount in minor units.")
    return int(text)


def _instant(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return aware(at)
    except (ValueError, OverflowError) as error:
        raise BadRequestError(f"`{name}` is a time such as 2026-03-02T14:08:20Z.") from error


def _locale(name: str, text: str | None) -> str | None:
    if text is not None and not LOCALE.fullmatch(text):
        raise BadRequestError(f"`{name}` is a language tag such as `de` or `de-AT`.")
    return text


def _month(name: str, text: str | None) -> str | None:
    if text is not None and not MONTH.fullmatch(text):
        raise BadRequestError(f"`{name}` is a month such as 2026-03.")
    return text


def _as_given(_: str, text: str | None) -> str | None:
    return text


PARAMETERS: Mapping[str, Parameter] = {
    "silent": Parameter(
        schema={
            "type": "boolean",
            "default": False,
            "description": "Withholds mails that promise nothing and take nothing: you inform the customer.",
        },
        read=_flag,
    ),
    "standing": Parameter(schema={"type": "string", "enum": [*Standing]}, read=_one_of(tuple(Standing))),
    "plan": Parameter(schema={"type": "string"}, read=_plan),
    "sort": Parameter(
        schema={
            "type": "string",
            "enum": [*Sort],
            "default": str(Sort.ID),
            "description": "`deadline`: the next first. `amount`: what is owed, by currency, the largest first."
            " `standing`: the gravest first.",
        },
        read=lambda name, text: Sort(_one_of(tuple(Sort))(name, text) or Sort.ID),
    ),
    "due_before": Parameter(
        schema={
            "type": "string",
            "format": "date-time",
            "description": "Only accounts with a deadline before this: a timestamp with its offset.",
        },
        read=_instant,
    ),
    "state": Parameter(schema={"type": "string", "enum": [*RefundState]}, read=_one_of(tuple(RefundState))),
    "late": Parameter(schema={"type": "boolean"}, read=_flag),
    "to": Parameter(
        schema={"type": "string", "minLength": 1, "description": "The plan that is wanted."},
        read=_plan,
        called="plan",
        required=True,
    ),
    "price": Parameter(
        schema={
            "type": "integer",
            "minimum": 0,
            "description": "Of a period of it, without taxes, in minor units.",
        },
        read=_amount,
    ),
    "currency": Parameter(schema={"type": "string", "description": "Of the price: ISO 4217."}, read=_currency),
    "subscription_id": Parameter(
        schema={"type": "string", "description": "The provider's; else the one that gives the plan."},
        read=_as_given,
        called="subscription",
    ),
    "locale": Parameter(
        schema={
            "type": "string",
            "pattern": f"^{LOCALE.pattern}$",
            "description": "Language of notice and sentences, before `Accept-Language`.",
        },
        read=_locale,
    ),
    "open": Parameter(
        schema={"type": "boolean", "description": "Only those that were not taken back."},
        read=lambda name, text: _flag(name, text) or False,
        called="only_open",
    ),
    "from_month": Parameter(
        schema={
            "type": "string",
            "pattern": f"^{MONTH.pattern}$",
            "description": "The first month of failure, in UTC; else eleven before the last.",
        },
        read=_month,
        called="first",
    ),
    "to_month": Parameter(
        schema={
            "type": "string",
            "pattern": f"^{MONTH.pattern}$",
            "description": "The last month of failure; else the present one.",
        },
        read=_month,
        called="last",
    ),
    "cursor": Parameter(
        schema={"type": "string", "description": "`next_cursor` of the page before."}, read=_as_given, called="after"
    ),
    "limit": Parameter(
        schema={
            "type": "integer",
            "minimum": 1,
            "maximum": cursors.LARGEST_LIMIT,
            "default": cursors.DEFAULT_LIMIT,
        },
        read=lambda _, text: cursors.limit(text),
    ),
}
