"""The JSON Schema of a policy document, for editors that check a file while it is written; made from its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from kulanz.policy.document import Policy
from kulanz.policy.document import reading as read
from kulanz.policy.document.differences import shown

JsonSchema = dict[str, Any]
_NAME = r"^[a-z][a-z0-9_-]{0,63}$"
_TEXT = {"type": "string", "pattern": r"\S"}
_SPAN = {"type": "string", "pattern": r"^(?=.)(\d{1,5}d)?(\d{1,5}h)?(\d{1,5}m)?(\d{1,6}s)?$"}
_INSTANT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?$"
_COUNT = {"type": "integer", "minimum": 0}
_LINE = {"type": "string", "pattern": r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"}


def _named(values: JsonSchema, names: str = _NAME) -> JsonSchema:
    return {"type": "object", "propertyNames": {"pattern": names}, "additionalProperties": values}


def _list(items: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": items}


_BY_LANGUAGE: JsonSchema = {**_named(_LINE, r"^[a-z]{2,3}$"), "minProperties": 1}
_ON_OR_OFF: JsonSchema = {"enum": ["on", "off"]}
_OF_READERS: Mapping[Any, JsonSchema] = {
    read.text: _TEXT,
    read.clause: {"type": "string", "pattern": r"^[0-9A-Za-z.§-]{1,32}$"},
    read.span: _SPAN,
    read.window: {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"},
    read.spans: _list(_SPAN),
    read.instant: {"type": "string", "pattern": _INSTANT},
    read.words: _list(_TEXT),
    read.address: {"type": "string", "pattern": r'^https://[^\s<>"]{1,200}$'},
    read.texts: _named(_LINE),
    read.texts_by_language: _named(_BY_LANGUAGE),
    read.flag: {"type": "boolean"},
    read.flag_or_providers: {"anyOf": [{"type": "boolean"}, _list({"enum": list(read.PROVIDERS)})]},
    read.mails: {
        "anyOf": [
            _ON_OR_OFF,
            {
                "type": "object",
                "propertyNames": {"enum": list(read.CUSTOMER_NOTICES)},
                "additionalProperties": _ON_OR_OFF,
            },
        ]
    },
    read.count: _COUNT,
    read.amount: _COUNT,
    read.names: _list({"type": "string", "pattern": _NAME}),
    read.counts: _named({"type": "integer", "minimum": 1}),
    read.amounts: _named(_COUNT, "^[A-Z]{3}$"),
    read.months: _list({"type": "integer", "minimum": 1}),
    read.share: {"type": "number", "minimum": 0, "maximum": 1},
}
"""The JSON Schema of each reader of `kulanz.policy.document.reading`."""


def schema() -> JsonSchema:
    """Return the schema (draft 2020-12); TOML's timestamps are strings in it, as editors pass them on."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A policy of Kulanz"}
    return {**head, **_table(Policy, "")}


def _table(kind: type, means: str) -> JsonSchema:
    properties = {item.name: _property(item) for item in fields(kind) if item.metadata}
    table: JsonSchema = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [item.name for item in fields(kind) if item.metadata and _is_required(item)]
    return table | ({"required": required} if required else {}) | ({"description": means} if means else {})


def _property(item: Field[Any]) -> JsonSchema:
    means = item.metadata["means"]
    if "table" in item.metadata:
        return _table(item.metadata["table"], means)
    if "tables" in item.metadata:
        return {"description": means, **_list(_table(item.metadata["tables"], ""))}
    default = "" if item.default is MISSING else f" Default: {shown(item.default)}"
    return {"description": f"{means}.{default}", **_value(item.metadata["reads"])}


def _value(reads: Any) -> JsonSchema:
    match reads:
        case read.OneOf(words):
            return {"enum": list(words)}
        case read.SomeOf(words):
            return _list({"enum": list(words)})
    return _OF_READERS[reads]


def _is_required(item: Field[Any]) -> bool:
    """Whether a key must be given, or a table because a key in it must."""
    if "table" in item.metadata:
        return any(_is_required(inner) for inner in fields(item.metadata["table"]) if inner.metadata)
    return "tables" not in item.metadata and item.default is MISSING
