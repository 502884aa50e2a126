"""Where a listed stem is found in what people write, and where it is not."""

from __future__ import annotations

import pytest

from kulanz.policy.areas.refunds.stems import mentions


@pytest.mark.parametrize(
    ("stem", "text"),
    [
        ("ausfall", "Längere Serviceausfälle"),
        ("ausfall", "die Ausfallzeiten"),
        ("irrtum", "IRRTÜMER"),
        ("störung", "eine Stoerung"),
        ("kritisch fehler", "kritische Fehler"),
        ("nicht erreichbar", "war nicht mehr erreichbar"),
        ("charged twice", "they charged us twice!"),
        ("set-up", "the Set up fee"),
        ("app", "CRM Apps"),
        ("domain", "domainregistrierung"),
        ("schulung", "Schulungs- und Beratungsdienstleistungen"),
    ],
)
def test_a_stem_is_a_word_inflected_or_at_an_end_of_a_compound(stem: str, text: str) -> None:
    assert mentions([stem], text)


@pytest.mark.parametrize(
    ("stem", "text"),
    [
        ("störung", "zerstörungsfrei"),
        ("app", "apple-stand"),
        ("app", "application"),
        ("market", "marketing-suite"),
        ("ssl", "fussleiste"),
        ("nicht erreichbar", "erreichbar war er nicht"),
        ("nicht erreichbar", "nicht so wie wir dachten, aber erreichbar"),
        ("ausfall", ""),
    ],
)
def test_a_stem_is_never_inside_a_word_nor_in_another_order(stem: str, text: str) -> None:
    assert not mentions([stem], text)
