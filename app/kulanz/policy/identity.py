"""Deterministic names, made from a purpose: the same wish has the same name however often it is decided."""

from __future__ import annotations

from hashlib import sha256


def effect_id(*parts: object) -> str:
    """Return the id of an effect (I5, I11)."""
    return "ef_" + sha256("|".join(map(str, parts)).encode()).hexdigest()[:32]
