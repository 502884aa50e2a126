"""The generated pages of `docs/reference/`: command line, API, keys of a policy, metrics."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import click
from prometheus_client import Counter, Histogram

from kulanz.cli import cli
from kulanz.policy.document import schema
from kulanz.telemetry import metrics
from kulanz.web.api import openapi

GENERATED = "<!-- Generated: python -m tests.reference -->"


def cli_page() -> str:
    """Every command with its options, in the order of `kulanz --help`."""
    lines = [
        _head("Command line", "`kulanz COMMAND --help` prints the same. Commands that print take `--json`."),
        *_commands(cli, ("kulanz",)),
    ]
    return _page(lines)


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        full = (*path, name)
        yield f"{'#' * len(full)} {' '.join(full)}"
        if isinstance(command, click.Group):
            yield _paragraph(command.help)
            yield from _commands(command, full)
            continue
        yield f"```text\n{' '.join((*full, *command.collect_usage_pieces(click.Context(command))))}\n```"
        yield _paragraph(command.help)
        options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
        if options:
            yield "\n".join(f"- {_option(each)}" for each in options)


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = "" if option.is_flag or option.count else f" *{_values(option)}*"
    required = " Required." if option.required else ""
    return f"{names}{metavar}: {_inline(option.help or '')}{required}".rstrip(": ")


def _values(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return " \\| ".join(map(str, option.type.choices))
    return (option.metavar or option.type.name).lower()


def api_page() -> str:
    """Every call of `/v1`, by subject, and every callback."""
    document = openapi.document()
    calls: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            calls[call["tags"][0]].append(_call(method.upper(), path, call))
    lines = [
        _head(
            "API",
            "`GET /v1/openapi.json` has the same with every type. Each call needs a token: `Authorization: Bearer …`. "
            "[The contract](../contract.md) says what callers may rely on.",
        ),
    ]
    for tag, described in calls.items():
        lines += [f"## {tag.capitalize()}", *described]
    lines += [
        "## Callbacks",
        "`webhooks` in the description, each with its JSON Schema: the `data` of the signed `POST` to `CALLBACK_URL`.",
        *(_callback(kind, item["post"], document) for kind, item in document["webhooks"].items()),
    ]
    return _page(lines)


def _callback(kind: str, callback: dict[str, Any], document: dict[str, Any]) -> str:
    schema = callback["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"]
    name = schema["$ref"].rpartition("/")[2]
    fields = ", ".join(f"`{field}`" for field in document["components"]["schemas"][name]["properties"])
    return f"### {kind}\n\n{_inline(callback['summary'])} Data: `{name}` with {fields}."


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    query = [parameter["name"] for parameter in call["parameters"] if parameter["in"] == "query"]
    body = _schema_name(call.get("requestBody", {}).get("content", {}))
    answers = [name for each in call["responses"].values() for name in [_schema_name(each.get("content", {}))]]
    facts = [
        f"Query: {', '.join(f'`{name}`' for name in query)}." if query else "",
        f"Body: `{body}`." if body else "",
        f"Answer: `{answers[0]}`." if answers[0] else "",
    ]
    return f"### {method} {path}\n\n" + " ".join([f"{_inline(call['summary']).rstrip('.')}.", *filter(None, facts)])


def _schema_name(content: dict[str, Any]) -> str:
    for media in content.values():
        return str(media["schema"].get("$ref", "")).rpartition("/")[2]
    return ""


def policy_page() -> str:
    """Every key of a policy document, by table."""
    lines = [
        _head(
            "Keys of a policy",
            "`kulanz policy schema` writes the same as JSON Schema, for editors. [Policies](../policies.md) explains "
            "what follows from them.",
        ),
        *_keys(schema.schema(), ""),
    ]
    return _page(lines)


def _keys(table: dict[str, Any], name: str) -> Iterator[str]:
    keys = table.get("properties", {})
    plain = {key: described for key, described in keys.items() if not _table(described)}
    if name:
        yield f"## \\[{name}\\]"
    if plain:
        yield "\n".join(f"- `{key}`: {_inline(described.get('description', ''))}" for key, described in plain.items())
    for key, described in keys.items():
        inner = _table(described)
        if inner:
            yield from _keys(inner, f"{name}.{key}" if name else key)


def _table(described: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a table, or of the items of a list of tables."""
    if "properties" in described:
        return described
    items = described.get("items", {})
    return items if isinstance(items, dict) and "properties" in items else None


def metrics_page() -> str:
    """Every metric with its kind and labels."""
    head = _head(
        "Metrics",
        "`GET /metrics`, in Prometheus's format. [Operations](../operations.md#metrics) has the exact definitions, and "
        "[the alerts](../operations.md#when-an-alert-rings) that are built on them.",
    )
    rows = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    for each in vars(metrics).values():
        match each:
            case metrics.Gauge():
                rows.append(_metric(each.name, "gauge", each.labels, each.documentation))
            case Counter():
                rows.append(_metric(f"{each._name}_total", "counter", each._labelnames, each._documentation))
            case Histogram():
                rows.append(_metric(each._name, "histogram", each._labelnames, each._documentation))
    return _page([head, "\n".join(rows)])


def _metric(name: str, kind: str, labels: tuple[str, ...], meaning: str) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {_inline(meaning)} |"


def _page(parts: list[str]) -> str:
    """Return a page whose lines have at most 118 characters; tables and headings stay as they are."""
    lines = "\n\n".join(parts).split("\n")
    return "\n".join(line if line.startswith(("|", "#", "```")) else _wrapped(line) for line in lines) + "\n"


def _wrapped(line: str) -> str:
    indent = "  " if line.startswith("- ") else ""
    return textwrap.fill(line, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _head(title: str, text: str) -> str:
    return f"{GENERATED}\n\n# {title}\n\n{text}"


def _paragraph(text: str | None) -> str:
    return _inline(inspect.cleandoc(text or ""), keep_lines=True)


def _inline(text: str, *, keep_lines: bool = False) -> str:
    """Text of the program as Markdown: what looks like a tag or an emphasis stays what it is."""
    text = text.replace("\b\n", "")
    parts = re.split(r"(`[^`]*`)", text if keep_lines else " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"([<>*_|\[\]])", r"\\\1", part) for part in parts)


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "api.md": api_page,
    "policy.md": policy_page,
    "metrics.md": metrics_page,
}
