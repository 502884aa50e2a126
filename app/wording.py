"""How numbers of things are written for people: "1 account", "2 accounts"."""

from __future__ import annotations


def how_many(number: int, one: str, many: str = "") -> str:
    """Return a number with what it counts; `many` is said where it is more than an `s` at the end of `one`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
