"""The result of one check of `kulanz doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: `well` None means that there is nothing to look at."""

    check: str
    well: bool | None
    detail: str
    advice: str = ""
