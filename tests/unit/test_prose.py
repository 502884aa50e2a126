"""The language of pages, docstrings, comments and messages is plain: banned phrasings and long lines are counted."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Folders and pages whose prose is checked.
CHECKED = ["README.md", "docs", "app", "workers", "clients", "examples", "bench", "deploy"]

# Made from help texts and docstrings, which are checked where they are written.
GENERATED = ROOT / "docs" / "reference"

SUFFIXES = {".py", ".md", ".html", ".js", ".ts", ".mjs", ".css", ".toml", ".txt", ".sh", ".yml", ".yaml", ".conf"}
SUFFIXES |= {".service", ".timer", ".env"}

BANNED = re.compile(
    r"\b(nobody|somebody|whoever|whatever|anew|by\s+(?:it|them)sel(?:f|ves)|deeds?|goes\s+on(?!\s+hold)|in\s+vain|whoso"
    r"|(?:who|what)\s+waits|told\s+of|fresh\s+looks?|far\s+ends?|doorbells?)\b",
    re.IGNORECASE,
)

CODE = re.compile(r"^```.*?^```$|``[^`]+``|`(?:[^`\n]|\n(?!\n))+`|<!--.*?-->", re.DOTALL | re.MULTILINE)
GENERATED_PART = re.compile(r"<!-- from the table of settings.*?<!-- end -->|<!-- keys -->.*", re.DOTALL)
LINK_TARGET = re.compile(r"\]\([^)]*\)")


def prose_of_markdown(text: str) -> str:
    """The sentences of a page, without generated parts, code, comments and the targets of links."""
    return LINK_TARGET.sub("]", CODE.sub("", GENERATED_PART.sub("", text)))


def is_sentence(literal: str) -> bool:
    """Whether a string is for people: a name, an option or a key has no space in it."""
    return " " in literal.strip()


def prose_of_python(text: str) -> str:
    """Comments, docstrings and messages; code spans and identifiers apart."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    comments = [token.string.lstrip("#") for token in tokens if token.type == tokenize.COMMENT]
    literals = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_sentence(node.value)
    ]
    return "\n".join(CODE.sub("", prose) for prose in ["\n".join(comments), *literals])


def current(page: Path) -> str:
    """The text of a page; of the changelog only what is not released yet, for released notes are history."""
    text = page.read_text()
    return "".join(re.split(r"^(?=## )", text, flags=re.MULTILINE)[:2]) if page.name == "changelog.md" else text


def prose(file: Path) -> str:
    """The part of a file that is written for people."""
    if file.suffix == ".py":
        return prose_of_python(file.read_text())
    return prose_of_markdown(current(file))


def files(place: str) -> list[Path]:
    """The files of a folder that hold prose, or the one file that is named."""
    root = ROOT / place
    found = [root] if root.is_file() else sorted(root.rglob("*"))
    return [file for file in found if file.suffix in SUFFIXES and GENERATED not in file.parents]


@pytest.mark.parametrize("place", CHECKED)
def test_the_prose_of_a_folder_has_no_banned_phrase(place: str) -> None:
    banned = [
        f"{file.relative_to(ROOT)}: {match.group()} in …{text[max(0, match.start() - 50) : match.end() + 30]!r}…"
        for file in files(place)
        for text in [prose(file)]
        for match in BANNED.finditer(text)
    ]

    assert not banned, f"{len(banned)} banned phrasings:\n" + "\n".join(banned)


def test_a_banned_phrase_counts_in_comments_docstrings_and_messages_but_not_in_code() -> None:
    module = '''"""Somebody looks."""
nobody = "--nobody"  # An alert goes on
# and ends by
# itself; `whatever` is a name.
print(f"told of {nobody}")
'''

    counted = [" ".join(match.group().split()) for match in BANNED.finditer(prose_of_python(module))]

    assert counted == ["goes on", "by itself", "Somebody", "told of"]


def test_code_and_targets_of_links_are_no_prose_of_a_page() -> None:
    page = "`whatever` [anew](page.md#what-waits)\n\n```sh\nkulanz todo assign --nobody\n```\n"

    assert [match.group() for match in BANNED.finditer(prose_of_markdown(page))] == ["anew"]


PAGES = [page for page in files("docs") if page.suffix == ".md"]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LONGEST_LINE = 120
LONGEST_CELL = 220
LONG_LINES = {"changelog.md"}  # One line an entry, so that branches merge.
LONG_CELLS = {"contract.md", "policies.md"}  # Their tables are the reference itself.
UNBREAKABLE = re.compile(r"\s*\||\W*`[^`]+`\W*$|\S+$")  # A row of a table, one code span, one word.


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_line_outside_a_table_has_at_most_120_characters(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", current(page), flags=re.DOTALL | re.MULTILINE)

    long = [line for line in text.splitlines() if len(line) > LONGEST_LINE and not UNBREAKABLE.match(line)]

    assert page.name in LONG_LINES or long == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_cell_of_a_table_holds_a_paragraph(page: Path) -> None:
    text = prose_of_markdown(current(page))
    cells = [cell.strip() for row in text.splitlines() if row.startswith("|") for cell in row.split("|")]

    assert page.name in LONG_CELLS or [cell for cell in cells if len(cell) > LONGEST_CELL] == []


def test_the_glossary_has_at_most_sixty_nouns_each_once() -> None:
    rows = re.findall(r"^\| (?!noun|---)([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(), flags=re.MULTILINE)

    assert len(rows) == len(set(rows))
    assert len(rows) <= 60
