"""Amounts as shown: in minor units of their currency, or in the units that the provider uses instead."""

from __future__ import annotations

from collections.abc import Mapping


def told_decimals(decimals: int | None) -> Mapping[str, int]:
    """Return the decimals for a record or a notice, if they differ from the currency's own."""
    return {} if decimals is None else {"decimals": decimals}
