"""The fields of a form of the console, read strictly."""

from __future__ import annotations

from collections.abc import Mapping

from kulanz.errors import InvalidInputError

FormFields = Mapping[str, str]
YES = ("yes",)
"""The choices of a field that is read by `flag`."""


def needed(stated: FormFields, name: str) -> str:
    """Return a field that must be given."""
    if not stated.get(name):
        raise InvalidInputError(f"{name}: which?")
    return stated[name]


def number(stated: FormFields, name: str) -> float:
    """Return a number that must be given."""
    try:
        return float(stated[name])
    except (KeyError, ValueError) as error:
        raise InvalidInputError(f"{name}: a number is needed") from error


def whole(stated: FormFields, name: str) -> int | None:
    """Return a whole number, None where it is not given."""
    return int(number(stated, name)) if stated.get(name) else None


def flag(stated: FormFields, name: str) -> bool:
    """Return whether a box is ticked."""
    return stated.get(name) in {"1", "on", "True", "true", "yes"}
