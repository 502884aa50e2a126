"""Writes the table of settings: as tables in Markdown, and as an example of a `.env`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kulanz.config.settings import TABLE, Setting

EXAMPLE_HEADER = """\
# The settings of Kulanz, made from its table of settings. Copy this file to .env (mode 0600) and fill in what you need:
# docs/configuration.md. What is marked "secret" may lie in a file instead: SMTP_URL_FILE=/run/secrets/smtp_url
"""


def sections() -> dict[str, list[Setting]]:
    """Return the settings that people give, by section."""
    named: dict[str, list[Setting]] = {}
    for setting in TABLE.values():
        if setting.section is not None:
            named.setdefault(setting.section, []).append(setting)
    return named


def markdown(settings: list[Setting]) -> str:
    """Return one table of the reference page."""
    rows = [
        f"| `{each.variable}` | {each.default_text} | {'secret' if each.kind.secret else ''} | {each.help} |"
        for each in settings
    ]
    return "\n".join(["| variable | default | | meaning |", "| --- | --- | --- | --- |", *rows])


def page() -> str:
    """Return all tables, each below its heading."""
    return "\n\n".join(f"## {title}\n\n{markdown(settings)}" for title, settings in sections().items())


def example() -> str:
    """Return a `.env` in which every setting is named and none is given."""
    return "\n".join([EXAMPLE_HEADER, *_example_lines()])


def _example_lines() -> Iterator[str]:
    for title, settings in sections().items():
        yield f"## {title}\n"
        for setting in settings:
            secret = "secret; " if setting.kind.secret else ""
            yield f"# {plain(setting.help)} ({secret}default: {plain(setting.default_text)})"
            yield f"#{setting.variable}=\n"


def plain(text: str) -> str:
    """Return a text in Markdown without its links and escapes."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("\\|", "|")
