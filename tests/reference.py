"""Writes the files that are made from others: `python -m tests.reference` after a change to settings, commands, calls,
keys of a policy or metrics."""

from __future__ import annotations

import re
from pathlib import Path

from kulanz.cli.init.files import template
from kulanz.config import reference
from tests.reference_pages import PAGES

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / ".env.example"
COMPOSE = ROOT / "compose.yaml"
PAGE = ROOT / "docs" / "configuration.md"
FOLDER = ROOT / "docs" / "reference"
BEGIN, END = "<!-- from the table of settings: python -m tests.reference -->", "<!-- end -->"


def written_page(text: str) -> str:
    """The page with each marked place filled by its section's table."""
    for title, settings in reference.sections().items():
        place = rf"(## {re.escape(title)}\n\n{re.escape(BEGIN)}\n).*?({re.escape(END)})"
        filled = rf"\g<1>\n{reference.markdown(settings)}\n\n\g<2>".replace("\\|", r"\\|")
        text, places = re.subn(place, filled, text, flags=re.DOTALL)
        assert places == 1, f"{title} has {places} places"
    return text


if __name__ == "__main__":
    PAGE.write_text(written_page(PAGE.read_text()))
    EXAMPLE.write_text(reference.example())
    COMPOSE.write_text(template("compose.yaml"))
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())
