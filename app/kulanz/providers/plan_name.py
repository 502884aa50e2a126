"""The fallback name of a plan that the catalogue does not map: the slug of the product's name."""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import normalize

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@lru_cache(maxsize=1024)
def slug(name: str | None, product: str | None) -> str:
    """Return a plan's name in lower case: never empty, and never the free plan's. A shop has few of them."""
    ascii_only = normalize("NFKD", (name or "").lower().translate(_UMLAUTS)).encode("ascii", "ignore").decode()
    value = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")
    return value if value not in {"", "free"} else f"product-{product or 'unnamed'}"
