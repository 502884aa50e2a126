"""Writes the files that are made from others: `python -m tests.reference` after a change to the table of settings."""

from __future__ import annotations

import re
from pathlib import Path

from kulanz.cli.init.files import template
from kulanz.config import reference

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / ".env.example"
COMPOSE = ROOT / "compose.yaml"
PAGE = ROOT / "docs" / "configuration.md"
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
