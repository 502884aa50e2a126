"""An owner's questions are answered within three clicks from the overview, and the pictures of the documentation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.browser.conftest import Shop
from tests.browser.showcase import account_of

MOST_CLICKS = 3
PICTURES = (
    ("overview", "/ops/", 860),
    ("account", f"/ops/accounts/{account_of('galena')}", 860),
    ("to-do", "/ops/todo", 600),
    ("recovery", "/ops/recovery", 860),
    ("mail", "/ops/mails/html?notice=grace_reminder", 560),
)
"""Page by page: its name, its address, and the height of what is shown."""


class Owner:
    """Starts at the overview and counts clicks."""

    def __init__(self, store: Shop) -> None:
        self.page = store.page
        self.page.goto(f"{store.url}/ops/")
        self._left = MOST_CLICKS

    def click(self, name: str | None = None, *, role: str = "link", within: str = "body") -> Owner:
        """Click the first link, or another element of its role, that has the name."""
        assert self._left, f"the click on {name or within} is one too many"
        self._left -= 1
        self.page.locator(within).get_by_role(role, name=name, exact=True).first.click()
        return self

    def reads(self, *texts: str, within: str = "main") -> None:
        """Find the answer on the page."""
        shown = " ".join(self.page.locator(within).inner_text().split())
        assert [text for text in texts if text not in shown] == [], shown


def row(page: Any, text: str) -> str:
    """The line of a table that has a text."""
    return " ".join(str(page.locator("tr", has_text=text).first.inner_text()).split())


def test_the_owners_ten_questions_take_three_clicks_at_most(store: Shop) -> None:
    page = store.page

    # Who loses access this week?
    Owner(store).reads(account_of("emerald"), "€49.00", within="section[aria-labelledby=losing]")

    # What was recovered last month, and how?
    Owner(store).click("Recovery by month, step and plan").click("2026-05").reads("By step", "after the hold")

    # Why is this one suspended?
    Owner(store).click("suspended").click(account_of("ruby")).reads("Why it stands so", "chargeback")

    # What waits for me?
    Owner(store).click("To do").reads(
        "a dispute is to be answered at the provider", "the answer to a refund request is late"
    )

    # What did policy version 2 change, and what in money?
    Owner(store).click("Policies").click("from version 1").click("recovery by policy version").reads(
        "By policy version"
    )
    assert "€" in row(page, "2 ")

    # Which mails did this account get?
    Owner(store).click("on hold").click(account_of("mica")).reads("mail: grace reminder", "mail: downgraded")

    # Is a worker stuck?
    Owner(store).reads("Workers", "kulanz-events", within=".health")

    # Who approved this refund?
    Owner(store).click("Refunds").click(within=f"tr:has-text('{account_of('topaz')}')").reads("Approved by finance")

    # Which disputes are due?
    Owner(store).click("Disputes").reads(account_of("tin"), account_of("ruby"))

    # Find "cobalt".
    owner = Owner(store).click("Accounts")
    page.locator("#q").fill("cobalt")
    owner.click("Find", role="button").reads("cobalt-industries")


def test_the_pictures_of_the_documentation_are_taken(store: Shop, tmp_path: Path) -> None:
    """With `PICTURES=docs/images` they are kept."""
    folder = Path(os.environ.get("PICTURES", tmp_path))
    for name, path, height in PICTURES:
        store.page.set_viewport_size({"width": 700 if name == "mail" else 1100, "height": height})
        assert store.page.goto(store.url + path).status == 200
        store.page.screenshot(path=folder / f"{name}.png")
