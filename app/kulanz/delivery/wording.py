"""Templates of notices: the merchant's own in a sandbox, file by file, with ours behind them."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    Template,
    TemplateSyntaxError,
    UndefinedError,
    select_autoescape,
)
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kulanz.delivery import filters
from kulanz.formats.languages import LANGUAGES
from kulanz.formats.wording import shell_word


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFault:
    """A fault in a template, with its place; the problem quotes no data."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


class UnfitWordsError(ValueError):
    """A template rendered a text that may not be sent."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(problem)
        self.file = file


@cache
def environment(folder: Path | None = None) -> Environment:
    """Return the environment of a folder of templates, or of ours alone.

    The sandbox keeps a template from anything but its variables: no attribute of Python's own, no change of a value.
    """
    ours = PackageLoader("kulanz.delivery")
    loader: BaseLoader = ours if folder is None else ChoiceLoader([FileSystemLoader(folder), ours])
    made = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
    )
    made.globals.clear()
    made.filters |= {
        "because": filters.because,
        "cited": filters.cited,
        "day": filters.day,
        "moment": filters.moment,
        "money": filters.money,
        "plain": lambda value: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str),
        "plan": filters.plan,
        "shell_word": shell_word,
        "topic": filters.topic,
        "words": lambda name: name.replace("_", " ").replace(".", " "),
    }
    return made


def has_notice(language: str, notice: str, step: int, folder: Path | None) -> bool:
    """Whether there is a text of a notice, or of this step of it, in a language."""
    if language in LANGUAGES:
        return True
    return folder is not None and any((folder / f"{stem}.txt").is_file() for stem in _stems(language, notice, step))


def text_template(language: str, notice: str, step: int, folder: Path | None) -> Template:
    """Return the text of a notice: that of its step where there is one."""
    return environment(folder).select_template([f"{stem}.txt" for stem in _stems(language, notice, step)])


def html_template(text: Template, language: str, notice: str, step: int, folder: Path | None) -> Template | None:
    """Return the merchant's own HTML of a notice; a text of one step is never joined to the HTML of all."""
    if folder is None:
        return None
    of_step, of_all = _stems(language, notice, step)
    stems = [of_step, of_all] if text.name == f"{of_all}.txt" else [of_step]
    stem = next((stem for stem in stems if (folder / f"{stem}.html").is_file()), None)
    return environment(folder).get_template(f"{stem}.html") if stem is not None else None


def steps(language: str, notice: str, folder: Path) -> Iterator[int]:
    """Yield the steps of a notice that have a text or HTML of their own."""
    for path in sorted((folder / language).glob(f"{notice}.*.*")):
        number = path.name.split(".")[1]
        if number.isdecimal() and number.isascii():
            yield int(number)


def fault_of(error: Exception, file: str, folder: Path) -> TemplateFault:
    """Return where in the merchant's templates an error arose; `file` where the error does not know."""
    place, line = _frame(error, folder) or (getattr(error, "file", file), 1)
    match error:
        case TemplateSyntaxError():
            return TemplateFault(file=error.name or place, line=error.lineno, problem=str(error.message))
        case UndefinedError() | SecurityError():
            return TemplateFault(file=place, line=line, problem=str(error.message))
        case UnfitWordsError():
            return TemplateFault(file=error.file, line=1, problem=str(error))
        case TypeError() | AttributeError():
            problem = "it fails where a value is missing: ask for it first, with {% if … %}"
            return TemplateFault(file=place, line=line, problem=problem)
        case UnicodeDecodeError():
            return TemplateFault(file=place, line=line, problem="not UTF-8")
        case _:
            return TemplateFault(file=place, line=line, problem=f"it fails with {type(error).__name__}")


def _frame(error: Exception, folder: Path) -> tuple[str, int] | None:
    """Return the innermost frame of an error inside a template of the folder."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(folder):
            return str(path.relative_to(folder)), frame.lineno or 1
    return None


def _stems(language: str, notice: str, step: int) -> tuple[str, str]:
    return f"{language}/{notice}.{step}", f"{language}/{notice}"
