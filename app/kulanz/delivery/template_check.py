"""Checks the merchant's templates before anything is sent: names, variables, promises and HTML, with file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from jinja2 import TemplateError, meta, nodes

from kulanz.delivery import samples
from kulanz.delivery.brand import Brand, logo_problem
from kulanz.delivery.languages import languages
from kulanz.delivery.notices import FAULTS, OPTIONAL, OWN, REQUIRED, render_own
from kulanz.delivery.pages import FOLDER, PAGES, STAGES, has_page, render_own_page
from kulanz.delivery.recipient import Recipient
from kulanz.delivery.wording import TemplateFault, environment, fault_of, has_notice, steps
from kulanz.formats.localised import parsed

_LAYOUT = "letter.html"
_PAGES = f"{FOLDER}/"
_LAYOUT_VARIABLES = frozenset(
    {"language", "subject", "blocks", "footer", "billing_url", "to", "day", "brand", "from_lines"}
)
_VARIABLES = frozenset({*OPTIONAL, *OWN, *(name for names in REQUIRED.values() for name in names)})
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_MAY_STAY_OPEN = frozenset(
    ["p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option", "body", "html", "head"]
)
_LINKS = ("https://", "http://", "mailto:", "cid:", "tel:")


def problems(templates: Path | None, brand: Brand, default_locale: str) -> list[str]:
    """Return a sentence for every fault of the configured templates and brand."""
    found = [f"KULANZ_TEMPLATES: {fault}" for fault in check(templates, default_locale)] if templates else []
    logo = logo_problem(brand.logo_file) if brand.logo_file else None
    return [*found, *([f"BRAND_LOGO: {logo}"] if logo else [])]


def check(folder: Path, default_locale: str = "en") -> list[TemplateFault]:
    """Return every fault of the templates in a folder; none: each notice can be written in each language."""
    if not folder.is_dir():
        return [TemplateFault(file=str(folder), line=1, problem="there is no such folder")]
    faults = [fault for path in sorted(_files(folder)) for fault in _of_file(path, folder)]
    broken = {fault.file for fault in faults}
    faults += [fault for fault in _when_written(folder, default_locale) if fault.file not in broken]
    return list(dict.fromkeys(faults))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _of_file(path: Path, folder: Path) -> Iterator[TemplateFault]:
    """Yield the faults of a file that are visible without data."""
    name = path.relative_to(folder).as_posix()
    problem = _name_problem(name)
    if problem is not None:
        yield TemplateFault(file=name, line=1, problem=problem)
        return
    notice, _, step = path.stem.partition(".")
    if notice in REQUIRED and not has_notice(path.parent.name, notice, int(step or 0), folder):
        yield TemplateFault(file=name, line=1, problem=f"it needs a text beside it: {path.parent.name}/{path.stem}.txt")
    made = environment(folder)
    try:
        source = path.read_text(encoding="utf-8")
        tree = made.parse(source, name)
        made.compile(source, name)
    except (TemplateError, UnicodeDecodeError, OSError) as error:
        yield fault_of(error, name, folder)
        return
    existing = _LAYOUT_VARIABLES if name == _LAYOUT else _VARIABLES
    existing = existing | {"stage"} if path.parent.name == FOLDER else existing
    unknown = meta.find_undeclared_variables(tree) - existing
    for variable in tree.find_all(nodes.Name):
        if variable.name in unknown:
            yield TemplateFault(file=name, line=variable.lineno, problem=f"there is no variable {variable.name}")


def _name_problem(name: str) -> str | None:
    if name == _LAYOUT:
        return None
    language, _, file = name.partition("/")
    stem, _, ending = file.rpartition(".")
    if ending not in {"txt", "html"} or "/" in stem.removeprefix(_PAGES):
        return "expected <language>/<notice>.txt or .html"
    locale = parsed(language)
    if locale is None or locale.language != language:
        return f"{language} is not the code of a language, such as fr"
    return _page_problem(file) if file.startswith(_PAGES) else _stem_problem(stem)


def _page_problem(file: str) -> str | None:
    existing = {f"{_PAGES}{page}.txt" for page in PAGES}
    return None if file in existing else f"there is no page {file}; there are {', '.join(PAGES)}"


def _stem_problem(stem: str) -> str | None:
    notice, _, step = stem.partition(".")
    if notice.startswith("_"):
        return None
    if notice not in REQUIRED or (step and not (step.isascii() and step.isdecimal())):
        return f"there is no notice {stem}; there are {', '.join(REQUIRED)}"
    return None


def _when_written(folder: Path, default_locale: str) -> Iterator[TemplateFault]:
    fallback = parsed(default_locale) or Locale("en")
    for language in languages(folder):
        locale = parsed(language)
        for notice in REQUIRED if locale is not None else ():
            for step in sorted({0, *steps(language, notice, folder)}):
                if locale is not None and has_notice(language, notice, step, folder):
                    yield from _of_notice(notice, replace(_reader(locale, fallback, folder), step=step), folder)
        for page in PAGES if locale is not None else ():
            if locale is not None and has_page(folder, language, page):
                yield from _of_page(page, _reader(locale, fallback, folder), folder)


def _of_notice(notice: str, reader: Recipient, folder: Path) -> Iterator[TemplateFault]:
    file = f"{reader.locale.language}/{notice}.txt"
    for data in _samples(notice):
        for brand, billing in ((reader.brand, reader.billing_url), (Brand(), None)):
            try:
                written = render_own(notice, data, replace(reader, brand=brand, billing_url=billing))
            except FAULTS as error:
                yield fault_of(error, file, folder)
                return
            own = _own_html(reader, notice, folder)
            if own is not None and (problem := _html_problem(written.html)):
                line = _line_of(problem[0], (folder / own).read_text(encoding="utf-8"))
                yield TemplateFault(file=own, line=line, problem=problem[1])


def _of_page(page: str, reader: Recipient, folder: Path) -> Iterator[TemplateFault]:
    """Yield the fault of a page: a due payment has all data of its reminder, every other page may have none."""
    least = samples.least("grace_reminder") if page == "due" else {}
    for data in (*({**samples.EVERYTHING, "stage": stage} for stage in STAGES), {**least, "stage": STAGES[0]}):
        try:
            render_own_page(page, data, reader)
        except FAULTS as error:
            yield fault_of(error, f"{reader.locale.language}/{FOLDER}/{page}.txt", folder)
            return


def _samples(notice: str) -> Iterator[Mapping[str, Any]]:
    yield samples.EVERYTHING
    yield samples.least(notice)
    if notice == "refund_decided":
        yield {**samples.EVERYTHING, "decision": "approved"}
    if notice == "dunning_level":
        for letter in ("reminder", "demand"):
            yield {**samples.EVERYTHING, "letter": letter}


def _own_html(reader: Recipient, notice: str, folder: Path) -> str | None:
    stem = f"{reader.locale.language}/{notice}"
    names = (f"{stem}.{reader.step}.html", f"{stem}.html", _LAYOUT)
    return next((name for name in names if (folder / name).is_file()), None)


def _reader(locale: Locale, fallback: Locale, folder: Path) -> Recipient:
    return Recipient(
        locale=locale,
        fallback=fallback,
        zone=ZoneInfo("Europe/Vienna"),
        account="org_42",
        sender="Shop",
        billing_url="https://shop.example/billing",
        brand=Brand(
            name="Shop", logo="https://shop.example/logo.png", address="Shop|1010 Wien", support="a@shop.example"
        ),
        templates=folder,
    )


class _Structure(HTMLParser):
    """The open elements of a page; `problem` is the first fault, with its tag."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: tuple[str, str] | None = None
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src"} and not (value or "").startswith(_LINKS):
                self._note(tag, f"<{tag}> has a {name} that leads nowhere from a mail")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        while self._open and self._open[-1] != tag and self._open[-1] in _MAY_STAY_OPEN:
            self._open.pop()
        if self._open and self._open[-1] == tag:
            self._open.pop()
        elif tag not in _MAY_STAY_OPEN:
            wrong = self._open[-1] if tag in self._open else tag
            self._note(wrong, f"<{wrong}> is not closed" if tag in self._open else f"</{tag}> closes nothing")

    def end(self) -> None:
        """Report the element that is open at the end."""
        if self.rawdata.startswith("<"):
            self._note("", "a tag has no end")
        left = next((tag for tag in reversed(self._open) if tag not in _MAY_STAY_OPEN), None)
        if left is not None:
            self._note(left, f"<{left}> is not closed")

    def _note(self, tag: str, problem: str) -> None:
        self.problem = self.problem or (tag, problem)


def _html_problem(html: str) -> tuple[str, str] | None:
    page = _Structure()
    page.feed(html)
    page.end()
    return page.problem


def _line_of(tag: str, source: str) -> int:
    """Return the line of the last tag of a kind in a template: the likeliest one to be open."""
    lines = [number for number, line in enumerate(source.splitlines(), 1) if f"<{tag}" in line or f"</{tag}" in line]
    return lines[-1] if lines else 1
