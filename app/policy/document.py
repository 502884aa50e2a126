"""A policy as written: one TOML document, validated with every problem at once, frozen, hashed (DOMAIN section 6)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime
from hashlib import sha256
from importlib import resources
from itertools import pairwise
from typing import Any

from app.errors import NotFoundError, PolicyError
from app.policy import reading as read
from app.policy.add_ons.rules import AddOnRules
from app.policy.closure.rules import ClosureRules, RetentionRules
from app.policy.collecting.rules import CollectionRules, LetterRules, MandateRules, TransferRules
from app.policy.credit.rules import CreditRules
from app.policy.lines import lines
from app.policy.refunding.rules import RefundRules
from app.policy.rules import (
    CancellationRules,
    DisputeRules,
    DunningRules,
    OverrideRules,
    PlanChangeRules,
    PrepaidRules,
    TrialRules,
)
from app.policy.time import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One immutable policy document. `sha256` is over its bytes as written."""

    name: str = field(metadata=read.key(read.text, "the policy's name"))
    title: str = field(default="", metadata=read.key(read.text, "what people call it"))
    effective_from: datetime | None = field(
        default=None,
        metadata=read.key(read.instant, "from when it is in force once it is activated; without it, at once"),
    )
    trial: TrialRules = field(metadata=read.table(TrialRules, "trials"))
    cancellation: CancellationRules = field(metadata=read.table(CancellationRules, "cancellations"))
    plan_change: PlanChangeRules = field(metadata=read.table(PlanChangeRules, "upgrades and downgrades"))
    dunning: DunningRules = field(metadata=read.table(DunningRules, "failed renewals"))
    dispute: DisputeRules = field(metadata=read.table(DisputeRules, "chargebacks"))
    collections: CollectionRules = field(
        metadata=read.table(CollectionRules, "debts that are handed over to a collection agency")
    )
    letters: LetterRules = field(metadata=read.table(LetterRules, "notices that go by letter"))
    mandates: MandateRules = field(metadata=read.table(MandateRules, "direct-debit mandates"))
    transfers: TransferRules = field(metadata=read.table(TransferRules, "transfers recorded by hand"))
    prepaid: PrepaidRules = field(metadata=read.table(PrepaidRules, "terms that are paid in advance"))
    credit: CreditRules = field(metadata=read.table(CreditRules, "prepaid credit"))
    add_ons: AddOnRules = field(metadata=read.table(AddOnRules, "add-ons booked in quantities"))
    overrides: OverrideRules = field(metadata=read.table(OverrideRules, "exceptions"))
    closure: ClosureRules = field(metadata=read.table(ClosureRules, "organisations that ask to be deleted"))
    retention: RetentionRules = field(metadata=read.table(RetentionRules, "records that are kept, and for how long"))
    refund: RefundRules = field(metadata=read.table(RefundRules, "refunds"))
    sha256: str = ""
    version: int = 0
    """Given when it is activated; 0 before."""


def parse(document: str, *, version: int = 0) -> Policy:
    """Read a policy document; raise PolicyError with every problem (key, line, what was expected)."""
    try:
        table = tomllib.loads(document)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"not TOML: {error}"]) from error
    problems: list[str] = []
    places = lines(document)
    values = _read(Policy, table, "", places, problems)
    if "dunning" in values:
        problems.extend(_problem(key, places, expected) for key, expected in _contradictions(values["dunning"]))
    if problems:
        raise PolicyError(problems)
    return Policy(**values, sha256=sha256(document.encode()).hexdigest(), version=version)


def preset(name: str) -> str:
    """Return the text of a policy that ships with Kulanz; raise NotFoundError naming those there are."""
    try:
        return (resources.files("app.policy") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"no policy preset {name!r}; there are: {', '.join(presets())}") from None


def presets() -> tuple[str, ...]:
    """Return the names of the policies that ship with Kulanz."""
    folder = resources.files("app.policy") / "presets"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def keys(kind: type = Policy, path: str = "") -> list[tuple[str, str, Any]]:
    """Return every key of a policy document with its meaning and default (MISSING: must be given), for the manual."""
    found: list[tuple[str, str, Any]] = []
    for item in fields(kind):
        if "table" in item.metadata:
            found.extend(keys(item.metadata["table"], f"{path}{item.name}."))
        elif "tables" in item.metadata:
            found.extend(keys(item.metadata["tables"], f"{path}{item.name}[]."))
        elif "reads" in item.metadata:
            found.append((path + item.name, item.metadata["means"], item.default))
    return found


def expected(item: Field[Any]) -> str:
    """Return what a key's reader says that it expects."""
    try:
        item.metadata["reads"](None)
    except ValueError as error:
        return str(error)
    return "a value"


def _read(
    kind: type, table: Mapping[str, Any], path: str, places: Mapping[str, int], problems: list[str]
) -> dict[str, Any]:
    known = {item.name: item for item in fields(kind) if item.metadata}
    expected = f"unknown key; expected one of {', '.join(sorted(known))}"
    problems.extend(_problem(path + name, places, expected) for name in table if name not in known)
    values = {}
    for name, item in known.items():
        value = _value(item, table, path, places, problems)
        if value is not MISSING:
            values[name] = value
    return values


def _value(
    item: Field[Any], table: Mapping[str, Any], path: str, places: Mapping[str, int], problems: list[str]
) -> Any:
    key = path + item.name
    if "table" in item.metadata:
        return _table(item.metadata["table"], table.get(item.name, {}), key, places, problems)
    if "tables" in item.metadata:
        inner = table.get(item.name, [])
        if not isinstance(inner, list):
            problems.append(_problem(key, places, f"expected tables [[{key}]]"))
            return MISSING
        kind = item.metadata["tables"]
        read = [_table(kind, one, f"{key}[{place}]", places, problems) for place, one in enumerate(inner, start=1)]
        return MISSING if MISSING in read else tuple(read)
    if item.name not in table:
        if item.default is MISSING:
            problems.append(_problem(key, places, f"missing; expected {expected(item)}"))
        return MISSING
    try:
        return item.metadata["reads"](table[item.name])
    except ValueError as error:
        problems.append(_problem(key, places, f"expected {error}"))
        return MISSING


def _table(kind: type, table: Any, key: str, places: Mapping[str, int], problems: list[str]) -> Any:
    if not isinstance(table, dict):
        problems.append(_problem(key, places, f"expected a table [{key}]"))
        return MISSING
    before = len(problems)
    values = _read(kind, table, f"{key}.", places, problems)
    return kind(**values) if len(problems) == before else MISSING


def _contradictions(dunning: DunningRules) -> Iterator[tuple[str, str]]:
    """Yield the keys that are well-formed alone and make no sense together, with what was expected."""
    if dunning.grace and _length(dunning.warning_notice) >= _length(dunning.final_warning):
        yield "dunning.warning_notice", "expected less than dunning.final_warning, or no warning is ever in time"
    spans = [_length(level.after) for level in dunning.levels]
    for place, (earlier, later) in enumerate(pairwise(spans), start=2):
        if later <= earlier:
            yield f"dunning.levels[{place}].after", "expected more than that of the level before"


def _length(span: Span) -> float:
    return span.days * 86400 + span.rest.total_seconds()


def _problem(key: str, places: Mapping[str, int], expected: str) -> str:
    """Return a problem with its line: of the key, of the table that it belongs to, or of the document."""
    at = key
    while at and at not in places:
        at = at.rpartition(".")[0]
    return f"{key}: line {places.get(at, 1)}: {expected}"
