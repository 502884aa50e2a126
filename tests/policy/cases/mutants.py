"""Whether the case tables notice a preset that says something else: each of its values is changed, one at a time.

`python -m tests.policy.cases.mutants [PRESET…]` changes every value: another span, count, word or clause, a list with
one thing less or more. A change that no line of the preset's table notices is named, and the exit code is then 1. What
no line can notice is listed in `UNSEEN` with the reason; an entry that a line notices, or about nothing, is one too.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any

from kulanz.errors import KulanzError
from kulanz.policy import document
from kulanz.policy.document import Policy, expected
from kulanz.policy.document import reading as read
from kulanz.policy_tests.play import differences, played
from kulanz.policy_tests.table import Case
from tests.policy.cases.tables import cases

_BRAKE = "the circuit breaker counts accounts, and a line is about one"
UNSEEN: Mapping[tuple[str, str], str] = {
    ("plexo", "dunning.mass_action_limit.accounts"): _BRAKE,
    ("plexo", "dunning.mass_action_limit.share"): _BRAKE,
    ("dunning-at", "letters.notices[grace_reminder]"): "this preset has no reminders that could go by letter",
}
"""Values, by preset and key, that no line of a table can notice, and why."""
_NAMES = frozenset({"name", "title"})
_OTHER_CLAUSE = "Otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A preset one value of which says something else."""

    preset: str
    key: str
    value: Any
    """What it says now; None: it was taken out."""
    policy: Policy
    document: str | None = None
    """As it was written."""

    def __str__(self) -> str:
        return f"{self.preset} {self.key} = {json.dumps(self.value, ensure_ascii=False)}"


def mutants(preset: str) -> Iterator[Mutant]:
    """Yield the preset with every value of its own changed; one that the reading of policies refuses is none."""
    written = tomllib.loads(document.preset(preset))
    for key, value, changed in _changed(Policy, written, ""):
        text = _as_toml(changed)
        try:
            policy = document.parse(text, version=1)
        except KulanzError:
            continue
        yield Mutant(preset=preset, key=key, value=value, policy=policy, document=text)


def noticing(mutant: Mutant) -> Case | None:
    """Return the first line found that does not come true under a mutant."""
    return next((case for case in _likely_first(mutant) if not _holds(case, mutant.policy)), None)


def faults(preset: str, made: Sequence[Mutant]) -> Iterator[str]:
    """Yield what is wrong with a table: a line that is not so, a mutant that nothing notices, a needless excuse."""
    rules = document.parse(document.preset(preset), version=1)
    yield from (f"does not hold: {case}" for case in cases(preset) if not _holds(case, rules))
    excused = {key for name, key in UNSEEN if name == preset}
    for mutant in made:
        line = noticing(mutant)
        if mutant.key not in excused and line is None:
            yield f"not noticed: {mutant}"
        elif mutant.key in excused and line is not None:
            yield f"excused, but noticed: {mutant} by {line}"


def main(names: Sequence[str]) -> int:
    """Tell of each preset how many of its values were changed, and what is wrong with its table."""
    failed = False
    for preset in names or document.presets():
        made = list(mutants(preset))
        gone = {key for name, key in UNSEEN if name == preset} - {mutant.key for mutant in made}
        matches = [*faults(preset, made), *(f"excused, but there is none: {key}" for key in sorted(gone))]
        sys.stdout.write("\n  ".join([f"{preset}: {len(made)} changes, {len(matches)} faults", *matches]) + "\n")
        failed = failed or bool(matches)
    return int(failed)


def _holds(case: Case, rules: Policy) -> bool:
    try:
        return not differences(case, played(case, rules))
    except (KulanzError, LookupError, ValueError, RuntimeError):
        return False


def _likely_first(mutant: Mutant) -> list[Case]:
    """Return the lines of a table, those that speak of the value first."""
    words = {str(mutant.value).casefold(), mutant.key.partition("[")[2].rstrip("]").casefold()} - {""}
    return sorted(cases(mutant.preset), key=lambda case: not any(word in case.told.casefold() for word in words))


def _changed(kind: type, table: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield a key, what it says otherwise, and the whole table with that."""
    existing = {item.name: item for item in fields(kind)}
    for name, value in table.items():
        item, key = existing[name], path + name
        if "table" in item.metadata:
            for inner, said, other in _changed(item.metadata["table"], value, f"{key}."):
                yield inner, said, {**table, name: other}
        elif "tables" in item.metadata:
            for place, other_item in enumerate(value):
                yield f"{key}[{place + 1}]", None, {**table, name: [*value[:place], *value[place + 1 :]]}
                for inner, said, other in _changed(item.metadata["tables"], other_item, f"{key}[{place + 1}]."):
                    yield inner, said, {**table, name: [*value[:place], other, *value[place + 1 :]]}
        elif key not in _NAMES:
            for part, other in _otherwise(item, value):
                yield key + (f"[{part}]" if part else ""), other, {**table, name: other}


def _otherwise(item: Field[Any], value: Any) -> Iterator[tuple[str, Any]]:
    """Yield which part of a value says something else, and the value with that."""
    listed = re.match(r'(one of|a list of) "', expected(item))
    words = re.findall(r'"([^"]+)"', expected(item)) if listed else []
    match value:
        case list():
            yield from _other_list(value, words)
            if item.metadata["reads"] is read.spans:
                yield "12h", [*value, "12h"]
        case dict():
            yield from _other_table(value)
        case str() if value in words:
            yield from (("", word) for word in words if word != value)
        case str() if item.metadata["reads"] is read.clause:
            yield "", _OTHER_CLAUSE
        case _:
            yield from (("", other) for other in _other_scalar(value))


def _other_table(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, dict):
            yield from ((f"{name}.{part}", {**value, name: other}) for part, other in _other_table(item))
        else:
            yield from ((name, {**value, name: other}) for other in _other_scalar(item))


def _other_list(value: list[Any], words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    if value:
        yield "", []
    for place, item in enumerate(value):
        yield str(item), [*value[:place], *value[place + 1 :]]
        if not isinstance(item, str) or re.fullmatch(r"\d+[dh]", item):
            yield from ((str(item), [*value[:place], other, *value[place + 1 :]]) for other in _other_scalar(item))
    yield from ((word, [*value, word]) for word in words if word not in value)


def _other_scalar(value: Any) -> Iterator[Any]:
    match value:
        case bool():
            yield not value
        case int():
            yield from (value - 1, value + 1)
        case float():
            yield from (value / 2, value * 2)
        case str() if span := re.fullmatch(r"(\d+)([dh])", value):
            yield from (f"{other}{span[2]}" for other in (int(span[1]) - 1, int(span[1]) + 1) if other >= 0)
        case _:
            yield f"{value} otherwise"


def _as_toml(value: Any) -> str:
    """Write a document of inline tables: what JSON calls a text, a number or a list is the same in TOML."""
    return "\n".join(f"{name} = {_inline(item)}" for name, item in value.items())


def _inline(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{name} = {_inline(item)}" for name, item in value.items()) + " }"
        case list():
            return "[" + ", ".join(_inline(item) for item in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
