"""Requests made from `/v1/openapi.json` alone: what it allows, and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Schema = Mapping[str, Any]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_INSTANTS = st.integers(0, 2**37).map(lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat())
_FORMATS = {"date-time": _INSTANTS, "date": st.dates().map(lambda day: day.isoformat())}


def allowed(schema: Schema, components: Mapping[str, Schema]) -> SearchStrategy[Any]:
    """Return what makes values that a schema allows."""
    for word, made in _WORDS.items():
        if word in schema:
            return made(schema, components)
    return _TYPES.get(schema.get("type", ""), lambda *_: ANYTHING)(schema, components)


def altered(schema: Schema, components: Mapping[str, Schema]) -> SearchStrategy[Any]:
    """Return what makes objects that are nearly allowed: a field is missing, odd, or one too many."""
    good = allowed(schema, components)
    return st.one_of(
        st.tuples(good, st.text(max_size=12), ANYTHING).map(lambda item: {**item[0], item[1]: item[2]}),
        st.tuples(good, st.randoms(), ANYTHING).map(_odd),
        st.tuples(good, st.randoms()).map(_without),
        ANYTHING,
    )


def _objects(schema: Schema, components: Mapping[str, Schema]) -> SearchStrategy[Any]:
    fields = {name: allowed(item, components) for name, item in schema.get("properties", {}).items()}
    needed = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional=fields)


def _strings(schema: Schema) -> SearchStrategy[str]:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if schema.get("pattern") == "^[A-Z]{3}$":
        return st.sampled_from(["EUR", "USD", "JPY", "XXX"]) | st.from_regex("^[A-Z]{3}$", fullmatch=True)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 40), 600))


def _odd(made: tuple[dict[str, Any], Any, Any]) -> dict[str, Any]:
    good, random, value = made
    return {**good, random.choice(sorted(good)): value} if good else good


def _without(made: tuple[dict[str, Any], Any]) -> dict[str, Any]:
    good, random = made
    gone = random.choice(sorted(good)) if good else None
    return {name: value for name, value in good.items() if name != gone}


def _integers(schema: Schema, _: Mapping[str, Schema]) -> SearchStrategy[int]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -(2**70)) + 1)
    return st.integers(low, schema.get("maximum", 2**70))


_Made = Callable[[Schema, Mapping[str, Schema]], SearchStrategy[Any]]
_WORDS: dict[str, _Made] = {
    "$ref": lambda schema, known: allowed(known[schema["$ref"].rpartition("/")[2]], known),
    "enum": lambda schema, _: st.sampled_from(schema["enum"]),
    "anyOf": lambda schema, known: st.one_of([allowed(one, known) for one in schema["anyOf"]]),
}
_TYPES: dict[str, _Made] = {
    "object": _objects,
    "array": lambda schema, known: st.lists(allowed(schema["items"], known), max_size=3),
    "string": lambda schema, _: _strings(schema),
    "integer": _integers,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
}
