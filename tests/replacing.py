"""A copy of a value with other fields, of dataclasses and structs alike (Python 3.13 has `copy.replace`)."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def replace(value: T, **changes: Any) -> T:
    """Return a copy of a frozen value in which some fields differ."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changes)
    copy: T = dataclasses.replace(value, **changes)  # type: ignore[type-var]  # A dataclass then.
    return copy
