"""A request to a simulated API, and its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A request as it arrived; the path has no `/v1` any more."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    pairs: Sequence[tuple[str, str]] = ()
    """The same query with the names that are given several times."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""

    @property
    def is_authorised(self) -> bool:
        """Whether the request brings an API key. Every key is accepted, so that settings need no change for a trial."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and bool(key.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """An answer of the API."""

    status: int = 200
    document: dict[str, Any] | None = None
