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


def _text(accepts: Callable[[str], object], expected: str) -> Read:
    """Return the reader of a text in some form; `expected` is the end of the refusal."""

    def accepted(name: str, text: str | None) -> str | None:
        if text is not None and not accepts(text):
            raise BadRequestError(f"`{name}` is {expected}.")
        return text

    return accepted


def _one_of(words: Collection[str]) -> Read:
    return _text(words.__contains__, f"one of {', '.join(words)}")


def _flag(name: str, text: str | None) -> bool | None:
    if text not in (None, "true", "false"):
        raise BadRequestError(f"`{name}` is true or false.")
    return None if text is None else text == "true"


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
        return aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise BadRequestError(f"`{name}` is a time such as 2026-03-02T14:08:20Z.") from error


def _as_given(_: str, text: str | None) -> str | None:
    return text


_plan = _text(lambda text: text and text.isprintable(), "the name of a plan")
_currency = _text(lambda text: re.fullmatch("[A-Z]{3}", text), "a code of ISO 4217")
_locale = _text(LOCALE.fullmatch, "a language tag such as `de` or `de-AT`")
_month = _text(MONTH.fullmatch, "a month such as 2026-03")


def _parameter(
    read: Read,
    description: str | None = None,
    *,
    kind: str = "string",
    called: str | None = None,
    required: bool = False,
    **schema: Any,
) -> Parameter:
    described = {} if description is None else {"description": description}
    return Parameter(schema={"type": kind, **schema, **described}, read=read, called=called, required=required)


PARAMETERS: Mapping[str, Parameter] = {
    "silent": _parameter(
        _flag,
        "Withholds mails that promise nothing and take nothing: you inform the customer.",
        kind="boolean",
        default=False,
    ),
    "standing": _parameter(_one_of(tuple(Standing)), enum=[*Standing]),
    "plan": _parameter(_plan),
    "sort": _parameter(
        lambda name, text: Sort(_one_of(tuple(Sort))(name, text) or Sort.ID),
        "`deadline`: the next first. `amount`: what is owed, by currency, the largest first."
        " `standing`: the gravest first.",
        enum=[*Sort],
        default=str(Sort.ID),
    ),
    "due_before": _parameter(
        _instant, "Only accounts with a deadline before this: a timestamp with its offset.", format="date-time"
    ),
    "state": _parameter(_one_of(tuple(RefundState)), enum=[*RefundState]),
    "late": _parameter(_flag, kind="boolean"),
    "to": _parameter(_plan, "The plan that is wanted.", called="plan", required=True, minLength=1),
    "price": _parameter(_amount, "Of a period of it, without taxes, in minor units.", kind="integer", minimum=0),
    "currency": _parameter(_currency, "Of the price: ISO 4217."),
    "subscription_id": _parameter(
        _as_given, "The provider's; else the one that gives the plan.", called="subscription"
    ),
    "locale": _parameter(
        _locale, "Language of notice and sentences, before `Accept-Language`.", pattern=f"^{LOCALE.pattern}$"
    ),
    "open": _parameter(
        lambda name, text: _flag(name, text) or False,
        "Only those that were not taken back.",
        kind="boolean",
        called="only_open",
    ),
    "from_month": _parameter(
        _month,
        "The first month of failure, in UTC; else eleven before the last.",
        called="first",
        pattern=f"^{MONTH.pattern}$",
    ),
    "to_month": _parameter(
        _month, "The last month of failure; else the present one.", called="last", pattern=f"^{MONTH.pattern}$"
    ),
    "cursor": _parameter(_as_given, "`next_cursor` of the page before.", called="after"),
    "limit": _parameter(
        lambda _, text: cursors.limit(text),
        kind="integer",
        minimum=1,
        maximum=cursors.LARGEST_LIMIT,
        default=cursors.DEFAULT_LIMIT,
    ),
}
