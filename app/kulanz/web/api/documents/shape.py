"""The common base of the API's documents."""

from __future__ import annotations

from msgspec import Struct


class Document(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A document in which every field is named."""
