"""The catalogue: translations of messages, in `locale/<language>/LC_MESSAGES/kulanz.po`, compiled when loaded."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).with_name("locale")


def file_of(language: str) -> Path:
    """Return the file of a language."""
    return FOLDER / language / "LC_MESSAGES" / "kulanz.po"


@cache
def translations(language: str) -> NullTranslations:
    """Return the translations into a language; without a file, English stays English."""
    path = file_of(language)
    if not path.is_file():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, language))
    compiled.seek(0)
    return GNUTranslations(compiled)
