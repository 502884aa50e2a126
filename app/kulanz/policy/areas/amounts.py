"""How an amount is told: in minor units of its currency, or in those that its provider has instead."""

from __future__ import annotations

from collections.abc import Mapping


def told_decimals(decimals: int | None) -> Mapping[str, int]:
    """Return what stands beside an amount in a record or a notice: the decimals, where the currency's are others."""
    return {} if decimals is None else {"decimals": decimals}
