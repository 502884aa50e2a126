"""The common base of the documents."""

from __future__ import annotations

from typing import Any, Self

from msgspec import Struct


class Document(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A document in which every field is named."""

    @classmethod
    def of(cls, source: object, **others: Any) -> Self:
        """Copy the attributes of a value that have the names of fields; `others` are the fields that differ."""
        same = {name: getattr(source, name) for name in cls.__struct_fields__ if name not in others}
        return cls(**same, **others)
