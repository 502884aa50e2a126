"""Amounts as shown: in minor units of their currency, or in the units that the provider uses instead."""

from __future__ import annotations

from collections.abc import Mapping


def told_decimals(decimals: int | None) -> Mapping[str, int]:
    """Return what stands beside an amount in a record or a notice: the decimals, where the currency's are others."""
    return {} if decimals is None else {"decimals": decimals}
