"""The console in German: every page is read, fits its window, and stays German once it was chosen."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from tests.browser.conftest import LONG_NAME, Shop, log_in
from tests.browser.test_console import TOO_WIDE, paths

TEXTS = """() => {
  const kept = 'code, pre, textarea, time, .id, .user, [lang=en] *, [lang=en]:not(html), [name=zone] *, datalist *';
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), texts = [];
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!parent.closest(kept + ', script, style')) texts.push(walker.currentNode.textContent);
  }
  for (const element of document.querySelectorAll('[aria-label], [placeholder], [title], [data-label]')) {
    if (!element.closest(kept)) {
      for (const name of ['aria-label', 'placeholder', 'title', 'data-label']) {
        texts.push(element.getAttribute(name) || '');
      }
    }
  }
  return [document.title, ...texts].map((text) => text.replace(/\\s+/g, ' ').trim());
}"""
"""Every text of a page, and every label of a screen reader, but those marked as English, ids and code."""
WORD = re.compile(r"[A-Za-z]{3}")
KEPT = re.compile(
    rf"""
    Kulanz | Deutsch | English | Français | kulanz-\w+ | kulanz\s[\w-]+ .* | SHA-256 | Redis | sqlite | ops |
    postgresql | browser | [a-z]+@[\w.]+ | (org|evt|rr)_\w+ | {LONG_NAME} | plexo | plexo[\s:,].* | lemonsqueezy.* |
    professional | free | subscription[\s_][\w\s]* | dispute[\s_]created | order[\s_]created |
    account\.[\w.]+ | ops\.\w+ | Name | Status |
    Bakery\sAda | RF\s18\s5390
    """,
    re.VERBOSE,
)
"""Names of products, programs, providers and people; texts that German shares with English."""


def of(page: Any) -> set[str]:
    """The texts of a page."""
    texts = (text.removesuffix(" · Kulanz") for text in page.evaluate(TEXTS))
    return {text for text in texts if WORD.search(text)}


def choose(page: Any, shop: Shop, language: str) -> None:
    """Choose a language as an operator does."""
    page.goto(f"{shop.url}/ops/zone")
    page.locator("[name=language]").select_option(label=language)
    page.locator("main button").click()


def test_no_page_in_german_has_an_english_label_and_each_fits_its_window(shop: Shop, chromium: Any) -> None:
    """With `SCREENSHOTS=<folder>` each is kept, to be looked at."""
    context, kept = chromium.new_context(viewport={"width": 360, "height": 900}), os.environ.get("SCREENSHOTS")
    page, english, left, wide = context.new_page(), {}, [], []
    visited = [*paths(shop), "/ops/nothing", "/ops/log?before=x"]
    log_in(shop, page)
    for path in visited:
        page.goto(shop.url + path)
        english[path] = of(page)

    choose(page, shop, "Deutsch")
    for path in visited:
        page.goto(shop.url + path)
        assert page.locator("html").get_attribute("lang") == "de"
        left += [f"{path}: {text}" for text in of(page) & english[path] if not KEPT.fullmatch(text)]
        wide += [f"{path}: {element}" for element in page.evaluate(TOO_WIDE)]
        if kept:
            name = path.strip("/").replace("/", "-").replace("?", "-")
            page.screenshot(path=Path(kept) / f"{name}-360-de.png", full_page=True)
    context.close()

    assert left == []
    assert wide == []


def test_the_browsers_language_is_spoken_from_the_login_on_until_another_is_chosen(shop: Shop, chromium: Any) -> None:
    context = chromium.new_context(locale="de-AT")
    page = context.new_page()

    page.goto(f"{shop.url}/ops/recovery")
    page.get_by_label("Name").fill("ops")
    page.get_by_label("Passwort").fill("wrong")
    page.get_by_role("button", name="Anmelden").click()
    refused = page.get_by_role("alert").inner_text()
    page.get_by_label("Passwort").fill("correct horse")
    page.get_by_role("button", name="Anmelden").click()
    german = page.inner_text("h1")
    choose(page, shop, "English")
    page.goto(f"{shop.url}/ops/recovery")
    english = page.inner_text("h1")
    choose(page, shop, "that of the browser")
    page.goto(f"{shop.url}/ops/recovery")
    again = page.inner_text("h1")
    context.close()

    assert refused == "Kein Benutzer hat diesen Namen und dieses Passwort."
    assert (german, english, again) == ("Rückgewinnung", "Recovery", "Rückgewinnung")


def test_a_command_is_given_and_refused_in_german(shop: Shop, chromium: Any) -> None:
    page = chromium.new_page()
    log_in(shop, page)
    choose(page, shop, "Deutsch")

    page.goto(f"{shop.url}/ops/accounts/org_500")
    page.get_by_text("Nachfrist verlängern").click()
    form = page.locator("details[open]")
    form.get_by_label("Bis (UTC)").fill("2020-01-01T00:00")
    form.get_by_label("Grund").fill("Kulanz")
    form.get_by_role("button", name="Vorschau").click()
    refused = page.get_by_role("alert").inner_text()
    form = page.locator("details[open]")
    form.get_by_label("Bis (UTC)").fill(str(form.get_by_label("Bis (UTC)").input_value()).replace("2020", "2027"))
    form.get_by_role("button", name="Vorschau").click()
    preview = page.inner_text("main")
    page.get_by_role("button", name="Ausführen: Nachfrist verlängern").click()
    done = page.get_by_role("status").inner_text()
    page.close()

    assert refused.startswith("Nicht möglich: until: ")
    assert "Der Kunde" in preview
    assert "unverändert" in preview
    assert done.startswith("Erledigt: Nachfrist verlängern.")
