"""Words of the page behind a mail's link: a template like those of mails, for a browser instead of a letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from babel import Locale

from kulanz.delivery.languages import LANGUAGES
from kulanz.delivery.notices import footer_of, paragraphs_of, values_of
from kulanz.delivery.recipient import Recipient
from kulanz.delivery.wording import text_template

_BUTTON = "> "


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """The page's words in the order in which they stand there."""

    language: str
    title: str
    blocks: tuple[str, ...]
    button: str
    """Empty: there is nothing to press."""
    after: tuple[str, ...]
    footer: tuple[str, ...]


def render_page(name: str, data: Mapping[str, Any], reader: Recipient) -> PageWords:
    """Return the words of a page in the reader's language; a line that begins with `> ` is its button."""
    ours = reader.locale if reader.locale.language in LANGUAGES else reader.fallback
    reader = replace(reader, locale=ours if ours.language in LANGUAGES else Locale("en"), templates=None)
    values = values_of(data, reader)
    template = text_template(reader.locale.language, f"pages/{name}", 0, None)
    title, *blocks = [block for block in paragraphs_of(template, values) if block]
    at = next((place for place, block in enumerate(blocks) if block.startswith(_BUTTON)), len(blocks))
    return PageWords(
        language=reader.locale.language,
        title=title,
        blocks=tuple(blocks[:at]),
        button=blocks[at].removeprefix(_BUTTON) if at < len(blocks) else "",
        after=tuple(blocks[at + 1 :]),
        footer=tuple(footer_of(values, reader)),
    )
