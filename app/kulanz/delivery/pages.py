"""Text of the page behind a mail's link: a template like those of mails, for a browser instead of a letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from babel import Locale

from kulanz.delivery.notices import FAULTS, footer_of, paragraphs_of, values_of
from kulanz.delivery.recipient import Recipient
from kulanz.delivery.wording import UnfitWordsError, text_template
from kulanz.formats.languages import LANGUAGES
from kulanz.telemetry.logs import log

FOLDER = "pages"
PAGES = ("due", "paid", "nothing", "ended", "unknown", "unavailable")
STAGES = ("grace", "hold")
"""Values of `stage` for a payment that is due: access is not taken yet, or is taken."""
_BUTTON = "> "


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """The page's paragraphs in order."""

    language: str
    title: str
    blocks: tuple[str, ...]
    button: str
    """Empty: there is nothing to press."""
    after: tuple[str, ...]
    footer: tuple[str, ...]


def render_page(name: str, data: Mapping[str, Any], reader: Recipient) -> PageWords:
    """Return the text of a page in the reader's language; a line that begins with `> ` is its button.

    If a template of the merchant's fails, our own is used.
    """
    language = reader.locale.language
    if reader.templates is not None and has_page(reader.templates, language, name):
        try:
            return render_own_page(name, data, reader)
        except FAULTS as error:
            log.warning("pay.template_failed", page=f"{language}/{FOLDER}/{name}.txt", error=type(error).__name__)
    ours = reader.locale if language in LANGUAGES else reader.fallback
    return _rendered(name, data, replace(reader, locale=ours if ours.language in LANGUAGES else Locale("en")), None)


def render_own_page(name: str, data: Mapping[str, Any], reader: Recipient) -> PageWords:
    """Return the text of a page by the merchant's template; raises its errors."""
    return _rendered(name, data, reader, reader.templates)


def has_page(folder: Path, language: str, name: str) -> bool:
    """Whether the merchant has a template of his own for a page in a language."""
    return (folder / language / FOLDER / f"{name}.txt").is_file()


def _rendered(name: str, data: Mapping[str, Any], reader: Recipient, folder: Path | None) -> PageWords:
    values = {"stage": None, **values_of(data, reader)}
    template = text_template(reader.locale.language, f"{FOLDER}/{name}", 0, folder)
    title, *blocks = [block for block in paragraphs_of(template, values) if block] or [""]
    if not title or title.startswith(_BUTTON) or "\n" in title:
        raise UnfitWordsError(template.name or "", "the first line is the title, and an empty line follows it")
    at = next((place for place, block in enumerate(blocks) if block.startswith(_BUTTON)), len(blocks))
    if name == "due" and at == len(blocks):
        raise UnfitWordsError(template.name or "", "a payment that is due has a button: a line that begins with > ")
    return PageWords(
        language=reader.locale.language,
        title=title,
        blocks=tuple(blocks[:at]),
        button=blocks[at].removeprefix(_BUTTON) if at < len(blocks) else "",
        after=tuple(blocks[at + 1 :]),
        footer=tuple(footer_of(values, reader)),
    )
