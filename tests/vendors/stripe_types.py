"""The annotated classes of the `stripe` library as a judge: a payload has their fields, of their kinds.

The classes are read, not imported, so that several releases of the library can judge beside each other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SCALARS = {"str": str, "int": int, "bool": bool, "float": (int, float), "Decimal": str}
IN_A_LIST = frozenset({"object", "data", "url", "has_more", "total_count"})


@dataclass(frozen=True, slots=True)
class Class:
    """A class with the annotations of its fields, and the classes inside it."""

    name: str
    fields: Mapping[str, ast.expr]
    inner: Mapping[str, Class] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StripeTypes:
    """One release of the library, unpacked somewhere."""

    folder: Path

    def complaints(self, document: Mapping[str, Any]) -> list[str]:
        """Say what of an object the library does not know, or misses."""
        kind = str(document["object"])
        known = _classes(self.folder).get(kind)
        return [f"{kind}: no such class"] if known is None else list(self._object(document, known, (known,), kind))

    def _object(self, document: Mapping[str, Any], known: Class, scope: tuple[Class, ...], path: str) -> Iterator[str]:
        for name, value in document.items():
            if name not in known.fields:
                yield f"{path}.{name}: not known"
            else:
                yield from self._value(value, known.fields[name], scope, f"{path}.{name}")
        for name, annotation in known.fields.items():
            if name not in document and not _is_optional(annotation):
                yield f"{path}.{name}: missing"

    def _value(self, value: Any, annotation: ast.expr, scope: tuple[Class, ...], path: str) -> Iterator[str]:
        match annotation:
            case ast.Constant(value=str(text)):
                yield from self._value(value, ast.parse(text, mode="eval").body, scope, path)
            case ast.Subscript(value=ast.Name(id=generic), slice=part):
                yield from self._generic(value, generic, part, scope, path)
            case ast.Name(id=name) if name in SCALARS:
                if not isinstance(value, SCALARS[name]) or (name == "int" and isinstance(value, bool)):
                    yield f"{path}: {type(value).__name__}, not {name}"
            case ast.Name(id="Any"):
                return
            case ast.Name(id=name):
                yield from self._named(value, name, scope, path)
            case _:
                yield f"{path}: {ast.unparse(annotation)} is not understood"

    def _generic(self, value: Any, generic: str, part: ast.expr, scope: tuple[Class, ...], path: str) -> Iterator[str]:
        match generic:
            case "Literal":
                words = ast.literal_eval(part)
                if value not in (words if isinstance(words, tuple) else (words,)):
                    yield f"{path}: {value!r} is none of its words"
            case "Union":
                # A list of words that ends with `str` is open; ours are to be among the named ones all the same.
                parts = part.elts if isinstance(part, ast.Tuple) else [part]
                yield from self._value(value, parts[0], scope, path)
            case "Optional" | "ExpandableField":
                if value is not None and not (generic == "ExpandableField" and isinstance(value, str)):
                    yield from self._value(value, part, scope, path)
            case "List" | "ListObject":
                yield from self._list(value, part, scope, path)
            case _:
                if not isinstance(value, dict):
                    yield f"{path}: no object"

    def _list(self, value: Any, part: ast.expr, scope: tuple[Class, ...], path: str) -> Iterator[str]:
        listed = value
        if isinstance(value, dict):
            listed = value.get("data")
            yield from (f"{path}.{name}: not known" for name in value.keys() - IN_A_LIST)
        if not isinstance(listed, list):
            yield f"{path}: no list"
            return
        for number, entry in enumerate(listed):
            yield from self._value(entry, part, scope, f"{path}[{number}]")

    def _named(self, value: Any, name: str, scope: tuple[Class, ...], path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path}: {type(value).__name__}, not {name}"
            return
        inner = next((place.inner[name] for place in reversed(scope) if name in place.inner), None)
        if inner is not None:
            yield from self._object(value, inner, (*scope, inner), path)
            return
        known = next((each for each in _classes(self.folder).values() if each.name == name), None)
        if known is None:
            yield f"{path}: no class {name}"
        else:
            yield from self._object(value, known, (known,), path)


def _is_optional(annotation: ast.expr) -> bool:
    text = ast.unparse(annotation).strip("'\"")
    return text.startswith(("Optional[", "NotRequired["))


@cache
def _classes(folder: Path) -> Mapping[str, Class]:
    """Read the classes of objects, by what `object` says in them."""
    found: dict[str, Class] = {}
    for path in [*folder.glob("_*.py"), *folder.glob("radar/_*.py")]:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and (kind := _object_name(node)):
                found[kind] = _class(node)
    return found


def _class(node: ast.ClassDef) -> Class:
    fields = {
        part.target.id: part.annotation
        for part in node.body
        if isinstance(part, ast.AnnAssign)
        and isinstance(part.target, ast.Name)
        and not ast.unparse(part.annotation).startswith("ClassVar")
    }
    return Class(node.name, fields, {part.name: _class(part) for part in node.body if isinstance(part, ast.ClassDef)})


def _object_name(node: ast.ClassDef) -> str | None:
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and ast.unparse(part.target) == "OBJECT_NAME" and part.value is not None:
            return str(ast.literal_eval(part.value))
    return None
