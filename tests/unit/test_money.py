"""Amounts in minor units as people read them, in currencies with none, two or three decimals."""

from __future__ import annotations

import pytest

from kulanz.formats.money import decimals_told, plain


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1999, "EUR", "19.99 EUR"),
        (1999, "JPY", "1,999 JPY"),
        (50000, "KRW", "50,000 KRW"),
        (1999, "KWD", "1.999 KWD"),
        (1999, "HUF", "19.99 HUF"),
        (-8498, "USD", "-84.98 USD"),
        (None, "EUR", "an unknown amount"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(amount: int | None, currency: str, text: str) -> None:
    assert plain(amount, currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "written", "decimals", "text"),
    [
        (1999, "EUR", "€19.99", 2, "19.99 EUR"),
        (1999, "EUR", "19,99 €", 2, "19.99 EUR"),
        (123456, "EUR", "€1,234.56", 2, "1,234.56 EUR"),
        (123456, "CHF", "CHF 1\N{RIGHT SINGLE QUOTATION MARK}234.56", 2, "1,234.56 CHF"),
        (2000, "USD", "$20", 2, "20.00 USD"),
        (1000, "JPY", "¥1,000", 0, "1,000 JPY"),
        (100000, "JPY", "¥1,000", 2, "1,000 JPY"),
        (100050, "JPY", "¥1,001", 2, "1,000.50 JPY"),
        (5000000, "KRW", "₩50,000", 2, "50,000 KRW"),
        (1999, "TND", "TND19.990", 2, "19.990 TND"),
        (19990, "TND", "TND19.990", 3, "19.990 TND"),
        (-8498, "USD", "-$84.98", 2, "-84.98 USD"),
        (0, "TND", "TND0.000", 3, "0.000 TND"),
        (1999, "EUR", "€5.00", None, None),
        (1999, "EUR", "free", None, None),
    ],
)
def test_what_the_provider_writes_beside_an_amount_says_how_many_decimals_it_has(
    amount: int, currency: str, written: str, decimals: int | None, text: str | None
) -> None:
    assert decimals_told(amount, currency, written) == decimals
    if text is not None:
        assert plain(amount, currency, decimals) == text
