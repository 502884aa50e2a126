"""The page that says which sentence of the source texts is proved by which rows: `python -m tests.policy.coverage`.

The sentences, paraphrased, are the headings of the case tables. Each has rows of its own, rows of other sentences that
it names by `See …`, a test elsewhere (`Elsewhere: …`), or a reason why no software can do it (`Not by software: …`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kulanz.policy_tests import table
from kulanz.policy_tests.table import Case
from tests.policy.cases.tables import FOLDER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policies-coverage.md"
PAGES = {
    "plexo": "Plexo, refund policy of January 2025 (German)",
    "bitrix24": "Bitrix24, refunds: the German help page, and the English policy",
    "cloudcrm": "CloudCRM, booking and cancelling add-ons (German)",
    "dunning-at": "An Austrian customer portal, invoices and dunning (German)",
}
_HEADING = re.compile(r"### (\S+) (.+)")
_HEAD = """# Which sentence of which terms is kept

The presets `plexo`, `bitrix24`, `cloudcrm` and `dunning-at` follow five published texts. Each sentence is listed here
in our words. *Yes* names the lines of the case tables (`tests/policy/cases/`) that are played for it at
every test run: those in which it applies, and those that show where it ends; lines of a neighbouring sentence count
where the table says so. *No* has the reason why software cannot do it. Written by `python -m tests.policy.coverage`
from the tables.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What a page says, and what proves it."""

    number: str
    says: str
    see: tuple[str, ...]
    reason: str
    """Why no software can do it; empty: it is done."""
    elsewhere: str
    """What does it that no line of a table can tell, with its test."""
    rows: tuple[Case, ...]


def sentences(preset: str) -> list[Sentence]:
    """Every sentence of the page that a preset follows."""
    text = (FOLDER / f"{preset}.md").read_text(encoding="utf-8")
    return [_sentence(*match.groups(), part) for match, part in _parts(text)]


def proofs(sentence: Sentence, others: Sequence[Sentence]) -> tuple[Case, ...]:
    """The rows for a sentence: its own, and those of the sentences that it names."""
    named = {each.number: each for each in others}
    return (*sentence.rows, *(row for number in sentence.see for row in named[number].rows))


def page() -> str:
    """The page, with a count at its top."""
    chapters = {preset: sentences(preset) for preset in PAGES}
    every = [sentence for chapter in chapters.values() for sentence in chapter]
    done = [sentence for sentence in every if not sentence.reason]
    counted = f"\n**{len(every)} sentences: {len(done)} yes, {len(every) - len(done)} no.**\n"
    return _HEAD + counted + "".join(_chapter(preset, chapter) for preset, chapter in chapters.items())


def _parts(text: str) -> Iterator[tuple[re.Match[str], str]]:
    for part in re.split(r"^(?=###? )", text, flags=re.MULTILINE):
        if match := _HEADING.match(part):
            yield match, part


def _sentence(number: str, says: str, part: str) -> Sentence:
    see = re.search(r"^See (.+)\.$", part, re.MULTILINE)
    elsewhere = re.search(r"^Elsewhere: (.+)\.$", part, re.MULTILINE)
    reason = re.search(r"^Not by software: (.+)\.$", part, re.MULTILINE)
    return Sentence(
        number=number,
        says=says,
        see=tuple(see[1].split(", ")) if see else (),
        reason=reason[1] if reason else "",
        elsewhere=elsewhere[1] if elsewhere else "",
        rows=table.read(part, number).cases,
    )


def _chapter(preset: str, chapter: Sequence[Sentence]) -> str:
    rows = "\n".join(f"| {each.number} | {each.says} | {_proved(preset, each, chapter)} |" for each in chapter)
    return f"\n## {PAGES[preset]}\n\n| | sentence | kept |\n| --- | --- | --- |\n{rows}\n"


def _proved(preset: str, sentence: Sentence, chapter: Sequence[Sentence]) -> str:
    if sentence.reason:
        return f"no: {sentence.reason}"
    if sentence.elsewhere:
        return f"yes: {sentence.elsewhere}"
    lines = proofs(sentence, chapter)
    applies = sum(line.holds for line in lines)
    numbers = [*([sentence.number] if sentence.rows else []), *sentence.see]
    place = f"`{preset}.md` {', '.join(numbers)}"
    return f"yes: {place}; {applies} for, {len(lines) - applies} against"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
