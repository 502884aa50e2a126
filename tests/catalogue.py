"""Collects the messages of the source and its templates into the catalogue: `python -m tests.catalogue` after a change.

A new message has no translation then, and a test fails until each language has one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment

from kulanz.formats import catalogue
from kulanz.formats.languages import LANGUAGES
from kulanz.formats.reasons import REASONS
from kulanz.policy.topics import NOTES, SEEN_ELSEWHERE, TOPICS, topic_of
from kulanz.queries.sentence_texts import SENTENCES
from kulanz.web.console.vocabulary import NAMES

SOURCE = Path(__file__).resolve().parents[1] / "app"
TEMPLATES = SOURCE / "kulanz" / "web" / "console" / "templates"
TRANSLATED = tuple(language for language in LANGUAGES if language != "en")
_WRITTEN = datetime(2026, 11, 30, tzinfo=UTC)
"""Of every file: a date that changes with each run would say nothing."""


def messages() -> Iterator[str | tuple[str, str]]:
    """Every message: those in calls of `message` and `counted`, and those of the tables."""
    sources = {path: path.read_text() for path in sorted(SOURCE.rglob("*.py"))}
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)) if "formats.messages" in source or path.stem == "messages" else ():
            match node:
                case ast.Call(func=ast.Name(id="message"), args=[ast.Constant(value=str(text))]):
                    yield text
                case ast.Call(func=ast.Name(id="counted"), args=[ast.Constant(value=one), ast.Constant(value=many), _]):
                    yield str(one), str(many)
                case ast.Call(func=ast.Name(id="message" | "counted")):
                    raise ValueError(f"{path}:{node.lineno}: the text of a message is a literal")
    yield from labels()
    yield from NAMES
    yield from SENTENCES.values()
    yield from REASONS.values()
    yield from (topic_of(name).says for name in (*TOPICS, *sorted(SEEN_ELSEWHERE | NOTES)))


def labels() -> Iterator[str | tuple[str, str]]:
    """Every text of the console's templates: those in calls of `_` and `counted`."""
    reader = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for path in sorted(TEMPLATES.rglob("*.html")):
        for line, _, found in reader.extract_translations(path.read_text(), ("_", "counted")):  # type: ignore[attr-defined]
            match [found] if isinstance(found, str) else [text for text in found if text is not None]:
                case [str(text)]:
                    yield text
                case [str(one), str(many)]:
                    yield one, many
                case _:
                    raise ValueError(f"{path}:{line}: the text of a label is a literal")


def updated(language: str) -> Catalog:
    """The catalogue of a language with the messages of today, each with the translation that it has."""
    path = catalogue.file_of(language)
    existing = Catalog(language)
    if path.is_file():
        with path.open("rb") as source:
            existing = read_po(source, language)
    made = Catalog(
        language,
        project="Kulanz",
        header_comment="# Collected by `python -m tests.catalogue`; the English texts are in the source.",
        msgid_bugs_address="",
        creation_date=_WRITTEN,
        revision_date=_WRITTEN,
        fuzzy=False,
    )
    for text in messages():
        known = existing.get(text)
        made.add(text, known.string if known is not None else None)
    return made


def written(language: str) -> bytes:
    """The file of a language as it should be."""
    page = BytesIO()
    write_po(page, updated(language), width=140, sort_output=True)
    return b"".join(line for line in page.getvalue().splitlines(True) if not line.startswith(b'"Generated-By'))


if __name__ == "__main__":
    for name in TRANSLATED:
        content = written(name)
        catalogue.file_of(name).parent.mkdir(parents=True, exist_ok=True)
        catalogue.file_of(name).write_bytes(content)
