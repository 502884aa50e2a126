"""Stems of words that a policy lists, found in what people write: as words, inflected, or at an end of a compound.

A stem is never found inside a word. Umlauts, accents and case are folded, and a hyphen parts words as a space does. The
words of a stem of several stand in its order, with two others between them at most: "nicht mehr erreichbar".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from unicodedata import combining, normalize

_ENDINGS = ("", "e", "en", "er", "ern", "em", "es", "n", "nen", "s", "d", "ed")
"""What declension, the plural and the past tense add, in German and English."""
_SHORTEST_IN_A_COMPOUND = 4
"""Shorter stems begin and end too many other words: `app` in `apple`."""
_SHORTEST_REST = 4
_OTHERS_BETWEEN = 2
_WORD = re.compile(r"[^\W_]+")
_TWO_LETTERS = re.compile(r"([aou])e")
"""An umlaut as people write it without one: `ae` for `ä`."""


def mentions(stems: Iterable[str], text: str) -> bool:
    """Return whether a text has one of the stems."""
    words = _words(text)
    return bool(words) and any(_has(words, _words(stem), 0, len(words)) for stem in stems)


def _has(words: Sequence[str], stem: Sequence[str], start: int, end: int) -> bool:
    """Whether the words of a stem follow each other from a place on, the first of them before another place."""
    if not stem:
        return True
    return any(
        _is(words[place], stem[0]) and _has(words, stem[1:], place + 1, place + 2 + _OTHERS_BETWEEN)
        for place in range(start, min(end, len(words)))
    )


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    letters = (letter for letter in normalize("NFKD", text.casefold()) if not combining(letter))
    return tuple(_TWO_LETTERS.sub(r"\1", word) for word in _WORD.findall("".join(letters)))


def _is(word: str, stem: str) -> bool:
    """Whether a word is a stem, inflected or not, or a compound that begins or ends with it."""
    begins, rest = word.startswith(stem), len(word) - len(stem)
    if begins and word[len(stem) :] in _ENDINGS:
        return True
    if len(stem) < _SHORTEST_IN_A_COMPOUND:
        return False
    return (begins and rest >= _SHORTEST_REST) or any(word.endswith(stem + ending) for ending in _ENDINGS)
