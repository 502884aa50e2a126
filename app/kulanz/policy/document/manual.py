"""Every key of a policy document as the manual lists it: what it means, what it expects, and its default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from kulanz.policy.document import Policy, expected
from kulanz.policy.document.differences import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """Description of a key; `levels[].after` is that of every table of a list."""

    key: str
    channels: str
    expects: str
    """The values, with their unit."""
    default: str | None
    """As a document writes it; None: it must be given."""


def entries(kind: type = Policy, path: str = "") -> Iterator[KeyDescription]:
    """Yield every key, in the order of the document."""
    for item in fields(kind):
        if "table" in item.metadata:
            yield from entries(item.metadata["table"], f"{path}{item.name}.")
        elif "tables" in item.metadata:
            yield from entries(item.metadata["tables"], f"{path}{item.name}[].")
        elif item.metadata:
            yield KeyDescription(
                key=path + item.name, channels=item.metadata["means"], expects=expected(item), default=_default(item)
            )


def as_markdown() -> str:
    """Return the manual's list of keys: a table for each table of the document."""
    lines: list[str] = []
    heading: str | None = None
    for entry in entries():
        table, _, name = entry.key.rpartition(".")
        if table != heading:
            heading = table
            lines += ["", *_head(table)]
        default = "must be given" if entry.default is None else f"`{entry.default}`"
        lines.append(f"| `{name}` | {_cell(entry.channels)} | {_cell(entry.expects)} | {default} |")
    return "\n".join(lines).strip() + "\n"


def _head(table: str) -> tuple[str, ...]:
    written = f"`[[{table.removesuffix('[]')}]]`" if table.endswith("[]") else f"`[{table}]`" if table else "At the top"
    return (f"**{written}**", "", "| key | what it means | a value is | default |", "| --- | --- | --- | --- |")


def _default(item: Field[Any]) -> str | None:
    if item.default is not MISSING:
        return shown(item.default)
    return shown(item.default_factory()) if item.default_factory is not MISSING else None


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
