"""Stripe's requests: forms whose names have brackets, read into nested objects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from kulanz.errors import InvalidInputError


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return `items[0][price]=a&expand[]=b` as `{"items": {"0": {"price": "a"}}, "expand": ["b"]}`."""
    document: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = re.split(r"\[|\]\[", name.removesuffix("]"))
        place, key = document, first
        for inner in rest:
            if not inner:
                place.setdefault(key, []).append(value)
                break
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise InvalidInputError(f"Invalid {first}")
            key = inner
        else:
            place[key] = value
    return document


def wanted(document: dict[str, Any], name: str) -> bool | None:
    """Return a flag, None where it is not given."""
    value = document.get(name)
    if value not in {None, "true", "false"}:
        raise InvalidInputError(f"Invalid boolean: {value}")
    return None if value is None else value == "true"


def amount(document: dict[str, Any], name: str) -> int | None:
    """Return a whole number, None where it is not given."""
    value = document.get(name)
    if value is None:
        return None
    if not str(value).isdigit():
        raise InvalidInputError(f"Invalid integer: {value}")
    return int(value)
