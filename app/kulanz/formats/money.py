"""Amounts as people read them: how many decimals an amount in minor units has, and the amount in plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

_WHOLE = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DECIMALS: Mapping[str, int] = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3), "CLF": 4, "UYW": 4}
"""Minor units of ISO 4217. The number of decimals that people use can differ (CLDR: none for HUF or COP)."""
_OTHER = (2, 0, 3)
"""Numbers of decimals that a provider may use instead."""
_DIGIT = re.compile(r"\d")
_TAIL = re.compile(r"[^\d](\d+)\D*$")


def decimals_of(currency: str) -> int:
    """Return how many decimals the minor unit of a currency has."""
    return _DECIMALS.get(currency, 2)


def decimals_told(amount: int, currency: str, written: str) -> int | None:
    """Return the number of decimals of an amount by its written form; None if the two do not fit."""
    read = list(_readings(written))
    return next((places for places in (decimals_of(currency), *_OTHER) if _fits(amount, places, read)), None)


def units(amount: int, currency: str, decimals: int | None = None) -> Decimal:
    """Return an amount in the units that people count in."""
    return Decimal(amount).scaleb(-(decimals_of(currency) if decimals is None else decimals))


def plain(amount: int | None, currency: str | None, decimals: int | None = None) -> str:
    """Return an amount in plain text; `decimals` where the provider has others than the currency."""
    if amount is None or currency is None:
        return "an unknown amount"
    value = units(amount, currency, decimals)
    exact = max(decimals_of(currency), 0 if value == value.to_integral_value() else -int(value.as_tuple().exponent))
    return f"{value:,.{exact}f} {currency}"


def _readings(written: str) -> Iterator[tuple[Decimal, int]]:
    """Yield the numbers that a text may mean, each with its decimals: `1,000` may be a thousand, or one."""
    digits = "".join(_DIGIT.findall(written))
    if not digits:
        return
    tail = _TAIL.search(written)
    places = len(tail.group(1)) if tail and len(tail.group(1)) < len(digits) else 0
    for count in dict.fromkeys((places, 0) if places == 3 else (places if places < 3 else 0,)):  # noqa: PLR2004
        yield Decimal(digits).scaleb(-count), count


def _fits(amount: int, places: int, readings: list[tuple[Decimal, int]]) -> bool:
    value = abs(Decimal(amount)).scaleb(-places)
    return any(abs(value - number) <= Decimal(5).scaleb(-count - 1) for number, count in readings)
