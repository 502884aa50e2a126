"""Line numbers of the keys in a TOML document, which TOML's own reader does not give. Pure.

The document has been read before, so what stands here is known to be TOML; only places are looked for.
"""

from __future__ import annotations

import re
from collections import Counter

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_KEY = re.compile(r"""(?P<bare>[A-Za-z0-9_-]+)|"(?P<basic>(?:[^"\\\n]|\\.)*)"|'(?P<literal>[^'\n]*)'""")
_TEXT = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_WORD = re.compile(r"[^,\]}\n#]*")


def lines(document: str) -> dict[str, int]:
    """Return the line of every table and key by its path: `dunning.grace`, `dunning.levels[2].after`.

    The elements of a list count from 1, whether written as `[[dunning.levels]]`, as inline tables, or as values.
    """
    return _Scan(document).lines


class _Scan:
    """Scanner of a document, from its first character to its last."""

    def __init__(self, document: str) -> None:
        self.lines: dict[str, int] = {}
        self._document = document
        self._at = 0
        self._lists: Counter[str] = Counter()
        table = ""
        while self._skip(_BLANK) < len(document):
            table = self._heading() if self._sees("[") else self._pair(table)

    def _heading(self) -> str:
        """Read `[a.b]` or `[[a.b]]` and return the path of the table that begins."""
        line, in_list = self._line(), self._document.startswith("[[", self._at)
        self._at += 2 if in_list else 1
        *parents, name = self._key()
        path = ""
        for parent in parents:
            path = self._newest(_joined(path, parent))
            self.lines.setdefault(path, line)
        path = _joined(path, name)
        self.lines.setdefault(path, line)
        if in_list:
            self._lists[path] += 1
            path = self._newest(path)
            self.lines.setdefault(path, line)
        self._at = self._document.index("]", self._at) + (2 if in_list else 1)
        return path

    def _newest(self, path: str) -> str:
        """Return the path of the newest table of a list, or the path itself where there is no list of that name."""
        return f"{path}[{self._lists[path]}]" if path in self._lists else path

    def _pair(self, table: str) -> str:
        """Read `key = value` and return the table that it belongs to."""
        line, path = self._line(), table
        for part in self._key():
            path = _joined(path, part)
            self.lines.setdefault(path, line)
        self._skip(_SPACES)
        self._at += 1  # The sign between key and value.
        self._value(path)
        return table

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_SPACES)
            result = _KEY.match(self._document, self._at)
            if result is None:
                return parts
            self._at = result.end()
            parts.append(next(part for part in result.groups() if part is not None))
            self._skip(_SPACES)
            if not self._sees("."):
                return parts
            self._at += 1

    def _value(self, path: str) -> None:
        self._skip(_SPACES)
        text = _TEXT.match(self._document, self._at)
        if text is not None:
            self._at = text.end()
        elif self._sees("["):
            self._elements(path)
        elif self._sees("{"):
            self._inner(path)
        else:
            self._skip(_WORD)

    def _elements(self, path: str) -> None:
        self._at += 1
        place = 0
        while self._skip(_BLANK) < len(self._document) and not self._sees("]"):
            place += 1
            self.lines.setdefault(f"{path}[{place}]", self._line())
            self._value(f"{path}[{place}]")
            self._comma()
        self._at += 1

    def _inner(self, path: str) -> None:
        self._at += 1
        while self._skip(_BLANK) < len(self._document) and not self._sees("}"):
            self._pair(path)
            self._comma()
        self._at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        self._at += self._sees(",")

    def _sees(self, sign: str) -> bool:
        return self._document.startswith(sign, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        result = pattern.match(self._document, self._at)
        self._at = result.end() if result else self._at
        return self._at

    def _line(self) -> int:
        return self._document.count("\n", 0, self._at) + 1


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
