"""The manual lists every key of a policy document, as the code has it."""

from __future__ import annotations

from pathlib import Path

from kulanz.policy import document
from kulanz.policy.document import manual

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policies.md"


def test_the_manual_lists_every_key_with_meaning_values_and_default() -> None:
    listed = PAGE.read_text().partition("<!-- keys -->\n")[2]

    assert listed == manual.as_markdown(), (
        "after `<!-- keys -->` in docs/policies.md belongs what `kulanz policy keys --markdown` prints"
    )


def test_every_key_says_what_it_expects() -> None:
    entries, existing = list(manual.entries()), document.keys()

    assert [entry.key for entry in entries] == [key for key, _, _ in existing]
    assert all(entry.channels and entry.expects != "a value" for entry in entries)
