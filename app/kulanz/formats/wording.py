"""Text forms of counts and ids, for people and programs."""

from __future__ import annotations

import shlex


def how_many(number: int, item: str, many: str = "") -> str:
    """Return a number with its noun; `many` is the plural if it is not `one` with an `s`."""
    return f"{number:,} {item if number == 1 else many or item + 's'}"


def file_name(account: str) -> str:
    """Return the name of an account's evidence file, without the signs of an id that some systems do not take."""
    return f"{account.translate(_IN_NO_NAME)}.evidence.html"


def shell_word(identifier: str) -> str:
    """Return an id as the argument of a command to copy: a buyer may have chosen an id with a pipe in it."""
    return f"{'-- ' if identifier.startswith('-') else ''}{shlex.quote(identifier)}"


_IN_NO_NAME = str.maketrans(":|", "__")
