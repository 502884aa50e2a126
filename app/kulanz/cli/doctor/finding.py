"""The result of one check of `kulanz doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `well` None means that it does not apply."""

    check: str
    well: bool | None
    detail: str
    advice: str = ""
