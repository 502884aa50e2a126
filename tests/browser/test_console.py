"""An operator's night in a real browser: logs in, finds who is in trouble, puts it right, and can read all of it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kulanz.queries import accounts
from kulanz.runtime.clock import real_now
from kulanz.store import inbox
from tests.browser.conftest import LONG_NAME, Shop, log_in

WIDTHS = (360, 768, 1440)
GRAVE = {"serious", "critical"}
TOO_WIDE = """() => {
  const scrolls = (box) => box !== document.body && ['auto', 'scroll'].includes(getComputedStyle(box).overflowX);
  const scrolled = (element) => element && (scrolls(element) || scrolled(element.parentElement));
  const outside = (element) => element.getBoundingClientRect().right > window.innerWidth + 1;
  const bursts = (element) => element.clientWidth && element.scrollWidth > element.clientWidth + 1;
  return [...document.querySelectorAll('body *')]
    .filter((element) => element.checkVisibility() && !element.closest('.hide, .skip, .cards thead'))
    .filter((element) => (outside(element) || bursts(element)) && !scrolled(element))
    .map((element) => element.outerHTML.slice(0, 120));
}"""
"""The elements that reach beyond the window, or whose content is wider than they are; boxes that scroll may."""


def paths(shop: Shop) -> list[str]:
    return [
        "/ops/login",
        "/ops/",
        "/ops/?by=month",
        "/ops/ahead",
        "/ops/todo",
        "/ops/mails",
        "/ops/recovery",
        "/ops/accounts",
        "/ops/accounts?q=nobody",
        "/ops/accounts?q=org_",
        "/ops/accounts?sort=deadline&standing=grace&due=30",
        "/ops/zone",
        "/ops/accounts/org_100",
        "/ops/accounts/org_400",
        f"/ops/accounts/{LONG_NAME}",
        f"/ops/effects?account={LONG_NAME}",
        f"/ops/events?account={LONG_NAME}",
        "/ops/events",
        f"/ops/events/{shop.parked}",
        "/ops/events/retry?state=parked",
        "/ops/effects",
        "/ops/disputes",
        "/ops/policies",
        "/ops/policies/1",
        "/ops/policies/diff?old=plexo&new=1",
        "/ops/policies/trial?base=plexo",
        "/ops/refunds",
        f"/ops/refunds/{shop.request}",
        "/ops/accounts/org_200",
        "/ops/log",
        "/ops/queues/",
        "/ops/queues/0/view/jobs",
        "/ops/queues/0/view/workers",
    ]


def test_an_operator_puts_things_right(browsing: Shop) -> None:
    page, until = browsing.page, (real_now() + timedelta(days=20)).strftime("%Y-%m-%dT%H:%M")

    log_in(browsing)
    page.get_by_role("link", name="org_100").click()
    page.get_by_text("Extend grace").click()
    form = page.locator("details[open]")
    form.get_by_label("Until").fill(until)
    form.get_by_label("Reason").fill("waiting for the bank")
    form.get_by_role("button", name="Preview").click()
    assert "ops extended the grace period" in page.inner_text("main")
    page.get_by_role("button", name="Do it: extend grace").click()
    assert page.get_by_role("status").inner_text().startswith("Done: Extend grace")

    page.get_by_text("Open a dispute").click()
    form = page.locator("details[open]")
    form.get_by_label("Amount").fill("49.00")
    form.get_by_label("Currency").fill("EUR")
    form.get_by_label("Reason").fill("told by the bank")
    form.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Do it: open a dispute").click()
    account = accounts.account_document(browsing.services, "org_100")
    assert account.standing == "suspended"
    assert f"{account.dunning_cases[0].grace_ends_at:%Y-%m-%dT%H:%M}" >= until

    page.get_by_role("link", name="Events", exact=True).click()
    page.get_by_role("link", name="parked", exact=True).click()
    page.get_by_role("link", name=browsing.parked).click()
    page.get_by_role("button", name="Retry").click()
    assert page.get_by_role("status").inner_text() == "It is due again."
    with browsing.services.database.read() as conn:
        assert inbox.counts(conn)["received"] == 1

    page.get_by_role("link", name="Queues").click()
    page.get_by_role("cell", name="kulanz-events").wait_for()
    assert browsing.complaints == []


@pytest.mark.parametrize("width", [360, 1440])
def test_a_policy_is_tried_and_put_in_force(browsing: Shop, width: int) -> None:
    page, kept = browsing.page, os.environ.get("SCREENSHOTS")
    page.set_viewport_size({"width": width, "height": 900})
    log_in(browsing)

    page.goto(f"{browsing.url}/ops/policies/trial")
    document = page.get_by_label("Policy, as TOML")
    document.fill(document.input_value().replace('grace = "7d"', 'grace = "9d"'))
    page.get_by_role("button", name="Try it").click()
    stated, wide = page.inner_text("main"), page.evaluate("document.documentElement.scrollWidth")
    if kept:
        page.screenshot(path=Path(kept) / f"trial-{width}.png", full_page=True)
    faults = _faults(pytest.importorskip("axe_playwright_python.sync_playwright").Axe(), page, "a trial")
    page.get_by_label("Reason").fill("two days of goodwill")
    page.get_by_role("button", name="Put version 2 in force").click()

    assert faults == []
    assert "dunning.grace" in stated
    assert "would differ" in stated
    assert wide <= width
    assert page.get_by_role("status").inner_text() == "Version 2 is activated."
    assert browsing.complaints == []


def test_no_page_has_a_grave_fault_for_who_cannot_see_well(browsing: Shop) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    matches: list[tuple[str, str, str]] = []

    for scheme in ("light", "dark"):
        browsing.page.emulate_media(color_scheme=scheme)
        for path in paths(browsing):
            browsing.page.goto(browsing.url + path)
            if path == "/ops/login" and scheme == "light":
                matches += _faults(axe, browsing.page, path)
                log_in(browsing)
                continue
            for details in browsing.page.locator("details").all():
                details.evaluate("one => one.open = true")
            browsing.page.wait_for_timeout(400)
            matches += _faults(axe, browsing.page, f"{path} {scheme}")

    assert matches == []
    assert browsing.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_its_window(shop: Shop, chromium: Any, width: int, scheme: str) -> None:
    """With `SCREENSHOTS=<folder>` each is kept, to be looked at."""
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, kept = context.new_page(), os.environ.get("SCREENSHOTS")
    wide: list[str] = []

    log_in(shop, page)
    for path in paths(shop):
        page.goto(shop.url + path)
        page.wait_for_timeout(300 if "queues" in path else 0)
        wide += [f"{path}: {element}" for element in page.evaluate(TOO_WIDE)]
        if kept:
            name = path.strip("/").replace("/", "-").replace("?", "-")
            page.screenshot(path=Path(kept) / f"{name}-{width}-{scheme}.png", full_page=True)
    context.close()

    assert wide == []


def test_all_of_it_works_without_scripts(shop: Shop, chromium: Any) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()

    log_in(shop, page)
    page.get_by_role("link", name="org_500").click()
    page.locator("summary", has_text="Waive").click()
    form = page.locator("details[open]")
    form.get_by_label("Reason").fill("goodwill")
    form.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Do it: waive").click()

    assert "org_500" in page.inner_text("h1")
    assert accounts.account_document(shop.services, "org_500").standing == "good"
    context.close()


def test_the_keyboard_alone_reaches_the_content(browsing: Shop) -> None:
    log_in(browsing)
    page = browsing.page

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def _faults(axe: Any, page: Any, path: str) -> list[tuple[str, str, str]]:
    violations = axe.run(page).response["violations"]
    return [
        (
            path,
            violation["id"],
            violation["nodes"][0]["html"][:160] + " | " + violation["nodes"][0]["failureSummary"][:200],
        )
        for violation in violations
        if violation["impact"] in GRAVE
    ]
