"""Query parameters of the console's pages: wrong values are refused with a sentence."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from flask import request

from kulanz.commands.fields import check_year
from kulanz.errors import InvalidInputError
from kulanz.formats.messages import message
from kulanz.web.console.reading import reading
from kulanz.web.problems import BadRequestError

ROWS_PER_PAGE = 50
_LARGEST = 2**62


def word(name: str, existing: Collection[str]) -> str | None:
    """Return one of the known words, None for an empty field."""
    given = request.args.get(name, "").strip()
    if given and given not in existing:
        raise BadRequestError(message("“{name}” is one of: {words}.", name=name, words=[*sorted(existing)]))
    return given or None


def number(name: str) -> int | None:
    """Return a whole number, None where nothing is asked."""
    return whole(name, request.args.get(name, "").strip())


def whole(name: str, given: str) -> int | None:
    """Read a whole number; None for an empty field."""
    if not given:
        return None
    if not (given.isascii() and given.isdigit()) or int(given[:20]) > _LARGEST:
        raise BadRequestError(message("“{name}” is a whole number.", name=name))
    return int(given)


def instant(name: str) -> datetime | None:
    """Return a timestamp, or None if the field is empty."""
    given = request.args.get(name, "").strip()
    if not given:
        return None
    try:
        at = reading().moment(given)
        check_year(name, at)
    except (ValueError, OverflowError, InvalidInputError) as error:
        raise BadRequestError(message("“{name}” is a time such as 2026-03-02T14:08:20Z.", name=name)) from error
    return at


def text(name: str, longest: int = 200) -> str | None:
    """Return a line of text, None where nothing is asked."""
    given = request.args.get(name, "").strip()
    if len(given) > longest or not given.isprintable():
        raise BadRequestError(
            message("“{name}” is a line of at most {longest} characters.", name=name, longest=longest)
        )
    return given or None


def given(name: str, longest: int) -> str | None:
    """Return a text as it was given, also an empty one; None where nothing is asked."""
    value = request.args.get(name)
    if value is not None and len(value) > longest:
        raise BadRequestError(message("“{name}” has at most {longest} characters.", name=name, longest=longest))
    return value


def reason() -> str:
    """Return the reason in a form; it is recorded, so it must not be empty."""
    given = request.form.get("reason", "").strip()
    if not given or len(given) > 500 or not all(char.isprintable() or char in "\r\n" for char in given):  # noqa: PLR2004
        raise BadRequestError(message("Say why, in at most 500 characters: the reason is recorded."))
    return " ".join(given.split())
