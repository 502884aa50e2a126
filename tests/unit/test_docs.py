"""What the pages say exists."""

import re
from pathlib import Path

import pytest

from kulanz.config.sources import VARIABLES
from kulanz.delivery.notices import OPTIONAL, OWN, REQUIRED
from tests import reference, reference_pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "bench").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers of Markdown make them."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text())

    broken = {
        link
        for link in links
        for path, _, anchor in [link.partition("#")]
        for target in [(page.parent / path).resolve() if path else page]
        if not target.exists() or (anchor and anchor not in anchors(target))
    }

    assert broken == set()


def test_every_setting_is_described() -> None:
    described = (ROOT / "docs" / "configuration.md").read_text() + (ROOT / "docs" / "contract.md").read_text()
    internal = {"KULANZ_DEMO"}  # Set by `kulanz up --demo` for its own processes.

    missing = {name for name in VARIABLES - internal if f"`{name}`" not in described and f"`{name}=" not in described}

    assert missing == set()


def test_the_readme_and_the_contributors_page_give_the_same_test_command() -> None:
    commands = {
        line.strip()
        for page in (ROOT / "README.md", ROOT / "docs" / "contributing.md")
        for line in page.read_text().splitlines()
        if "[test]" in line
    }

    assert len(commands) == 1


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()

    unlisted = {page.name for page in folder.glob("0*.md") if f"({page.name})" not in index}

    assert unlisted == set()


def test_the_page_about_mails_names_every_variable_and_notice_of_a_template() -> None:
    page = (ROOT / "docs" / "mails.md").read_text()
    names = {*OPTIONAL, *OWN, *REQUIRED, *(name for required in REQUIRED.values() for name in required)}

    assert {name for name in names if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("name", reference_pages.PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (reference.FOLDER / name).read_text() == reference_pages.PAGES[name](), "python -m tests.reference"
