"""The decorators that register a function as an operation of `/v1`, named and summarised by the function itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from inspect import getdoc
from typing import Any

from kulanz.commands.commands import Command
from kulanz.commands.fields import Form
from kulanz.documents.shape import Document
from kulanz.providers.naming import ACCOUNT_ID
from kulanz.queries.views import Page
from kulanz.services import Services
from kulanz.web.api import form_fields
from kulanz.web.api.query_parameters import PAGING

ID = re.compile(ACCOUNT_ID, re.ASCII)
"""Allowed form of an id in a path, ours or the merchant's."""

Parameters = Mapping[str, Any]
"""The values of a query, by what `kulanz.web.api.query_parameters` calls them."""
Answers = Callable[[Services, str, Parameters], Document | Page[Document]]
"""Answers a question about what the path names; "" where it names nothing."""
Orders = Callable[[bytes, str], Command]
"""Function that turns a body into a command about the path's subject beside the account; "" if there is none.

BadRequestError for invalid JSON, InvalidInputError for a wrong form.
"""


SILENT = ("silent",)
"""Query parameter of every command about an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method on a path.

    An operation without `answers` and `orders` has a view of its own, by its name, in `kulanz.web.api.views`.
    """

    name: str
    method: str
    path: str
    summary: str
    answer: type[Document] | None
    """None: a document that describes itself."""
    form: type[Form] | None = None
    query: tuple[str, ...] = ()
    status: int = HTTPStatus.OK
    media: str = "application/json"
    personal: bool = False
    """Whether the answer holds personal data: a token that may only read is refused."""
    refusals: tuple[int, ...] = ()
    """Statuses with which it may be refused beside those that every call of its kind has."""
    answers: Answers | None = None
    lists: str | None = None
    """Kind of the list of which the answer is a page."""
    orders: Orders | None = None
    repeats: str | None = None
    """The list in an account's document that contains earlier commands' results: a repetition is answered from it."""


def reads(
    path: str,
    answer: type[Document],
    *,
    query: tuple[str, ...] = (),
    lists: str | None = None,
    personal: bool = False,
    refusals: tuple[int, ...] = (),
) -> Callable[[Answers], Operation]:
    """Make an operation of a query function; `lists` names the list of which the answer is a page."""

    def made(function: Answers) -> Operation:
        return Operation(
            **_named(function),
            method="GET",
            path=path,
            answer=answer,
            query=query if lists is None else (*query, *PAGING),
            lists=lists,
            personal=personal,
            refusals=refusals,
            answers=function,
        )

    return made


def orders(
    path: str,
    form: type[form_fields.AnyForm],
    answer: type[Document],
    *,
    method: str = "POST",
    status: int = HTTPStatus.OK,
    repeats: str | None = None,
) -> Callable[[Callable[[form_fields.AnyForm, str], Command]], Operation]:
    """Make an operation of a function that returns the order that a form is."""

    def made(function: Callable[[form_fields.AnyForm, str], Command]) -> Operation:
        return Operation(
            **_named(function),
            method=method,
            path=path,
            form=form,
            answer=answer,
            query=SILENT,
            status=status,
            repeats=repeats,
            orders=lambda body, named: function(form_fields.read(body, form), named),
        )

    return made


def ends(path: str, answer: type[Document]) -> Callable[[Callable[[str], Command]], Operation]:
    """Make an operation without a body of a function that returns the command to end the path's subject."""

    def made(function: Callable[[str], Command]) -> Operation:
        def order(body: bytes, named: str) -> Command:
            form_fields.read(body, form_fields.Nothing)
            return function(named)

        return Operation(**_named(function), method="DELETE", path=path, answer=answer, query=SILENT, orders=order)

    return made


def _named(function: Callable[..., Any]) -> dict[str, Any]:
    return {"name": function.__name__, "summary": getdoc(function)}
