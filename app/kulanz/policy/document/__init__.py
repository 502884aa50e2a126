"""A policy as written: one TOML document, validated with every problem at once, frozen, hashed (DOMAIN section 6)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime
from hashlib import sha256
from importlib import resources
from typing import Any

from kulanz.errors import NotFoundError, PolicyError
from kulanz.policy.document import reading as read
from kulanz.policy.document.add_ons import AddOnRules
from kulanz.policy.document.closure import ClosureRules, RetentionRules
from kulanz.policy.document.collections import CollectionRules, LetterRules, MandateRules, TransferRules
from kulanz.policy.document.contradictions import contradictions, of_document
from kulanz.policy.document.credit import CreditRules
from kulanz.policy.document.lines import lines
from kulanz.policy.document.refunds import RefundRules
from kulanz.policy.document.rules import (
    CancellationRules,
    DisputeRules,
    DunningRules,
    NoticeRules,
    OverrideRules,
    PlanChangeRules,
    PrepaidRules,
    RenewalRules,
    TermsRules,
    TrialRules,
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Policy:
    """An immutable policy document. `sha256` is over its bytes as written."""

    name: str = read.key(read.text, "the policy's name")
    title: str = read.key(read.text, "what people call it", default="")
    effective_from: datetime | None = read.key(
        read.instant, "from when it is in force once it is activated; without it, at once", default=None
    )
    url: str = read.key(
        read.address, "the page on which customers read these terms: mails name it, and clauses", default=""
    )
    cites_clauses: bool = read.key(
        read.flag, "whether mails name clauses although there is no `url`", read.NEUTRAL, default=False
    )
    mails: str | tuple[str, ...] = read.key(
        read.mails,
        "whether we mail customers; what is off goes to your product as the callback `notice.due`, and your product"
        " writes the mail",
        read.NEUTRAL,
        default="on",
    )
    """The notices that are off, if it is no single word."""
    names: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = read.key(
        read.texts_by_language, "what plans and add-ons are called in mails and letters, by language", default=()
    )
    trial: TrialRules = read.table(TrialRules, "trials")
    cancellation: CancellationRules = read.table(CancellationRules, "cancellations")
    plan_change: PlanChangeRules = read.table(PlanChangeRules, "upgrades and downgrades")
    renewals: RenewalRules = read.table(RenewalRules, "renewals that nothing is heard of")
    notices: NoticeRules = read.table(NoticeRules, "when notices about a failed renewal go out")
    dunning: DunningRules = read.table(DunningRules, "failed renewals")
    dispute: DisputeRules = read.table(DisputeRules, "chargebacks")
    collections: CollectionRules = read.table(CollectionRules, "debts that are handed over to a collection agency")
    letters: LetterRules = read.table(LetterRules, "notices that go by letter")
    mandates: MandateRules = read.table(MandateRules, "direct-debit mandates")
    transfers: TransferRules = read.table(TransferRules, "transfers recorded by hand")
    prepaid: PrepaidRules = read.table(PrepaidRules, "terms that are paid in advance")
    credit: CreditRules = read.table(CreditRules, "prepaid credit")
    add_ons: AddOnRules = read.table(AddOnRules, "add-ons booked in quantities")
    overrides: OverrideRules = read.table(OverrideRules, "exceptions")
    closure: ClosureRules = read.table(ClosureRules, "organisations that ask to be deleted")
    retention: RetentionRules = read.table(RetentionRules, "records that are kept, and for how long")
    refund: RefundRules = read.table(RefundRules, "refunds")
    terms: TermsRules = read.table(TermsRules, "how the rules themselves change")
    sha256: str = ""
    version: int = 0
    """Given when it is activated; 0 before."""

    def __repr__(self) -> str:
        return f"Policy(name={self.name!r}, version={self.version}, sha256={self.sha256[:12]!r})"

    @property
    def cites(self) -> bool:
        """Whether mails name the clauses of decisions: customers can look them up."""
        return bool(self.url) or self.cites_clauses

    def mails_by_us(self, notice: str) -> bool:
        """Whether we mail a notice; otherwise the merchant's product does."""
        off = self.mails
        return off == "on" or (isinstance(off, tuple) and notice not in off)

    def names_of(self, *words: str | None) -> dict[str, dict[str, str]]:
        """Return the names of plans and add-ons by language, of those that are asked for."""
        return {name: dict(texts) for name, texts in self.names if name in words}


def parse(document: str, *, version: int = 0) -> Policy:
    """Read a policy document; raise PolicyError with every problem (key, line, what was expected)."""
    values, _ = _values(document)
    return Policy(**values, sha256=sha256(document.encode()).hexdigest(), version=version)


def remarks(document: str) -> list[str]:
    """Return the keys without effect in a valid document (key, line, expected value); raise PolicyError as `parse`."""
    return _values(document)[1]


def _values(document: str) -> tuple[dict[str, Any], list[str]]:
    """Return the values of a document, and the keys in it that have no effect."""
    table = _toml(document)
    reading = _DocumentReader(lines(document))
    values = reading.table(Policy, table, "")
    if reading.problems:
        raise PolicyError(sorted([*reading.problems, *reading.remarks], key=_line))
    return values, reading.remarks


def _toml(document: str) -> dict[str, Any]:
    """Parse the TOML; raise PolicyError with the line of the first syntax error."""
    try:
        return tomllib.loads(document)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        number = int(line[1]) if line else document.count("\n") + 1
        raise PolicyError([f"line {number}: not TOML: {message[0].lower()}{message[1:]}"]) from error
    except (ValueError, RecursionError) as error:  # A number of thousands of digits, thousands of brackets.
        raise PolicyError(["not TOML that can be read: a number is too long, or it is nested too deep"]) from error


def preset(name: str) -> str:
    """Return the text of a policy that ships with Kulanz; raise NotFoundError with the known names."""
    try:
        return (resources.files("kulanz.policy") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"no policy preset {name!r}; there are: {', '.join(presets())}") from None


def presets() -> tuple[str, ...]:
    """Return the names of the policies that ship with Kulanz."""
    folder = resources.files("kulanz.policy") / "presets"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def keys(kind: type = Policy, path: str = "") -> list[tuple[str, str, Any]]:
    """Return every key of a policy document with its meaning and default (MISSING: must be given), for the manual."""
    matches: list[tuple[str, str, Any]] = []
    for item in fields(kind):
        if "table" in item.metadata:
            matches.extend(keys(item.metadata["table"], f"{path}{item.name}."))
        elif "tables" in item.metadata:
            matches.extend(keys(item.metadata["tables"], f"{path}{item.name}[]."))
        elif "reads" in item.metadata:
            matches.append((path + item.name, item.metadata["means"], item.default))
    return matches


def expected(item: Field[Any]) -> str:
    """Return a key's expected value, by its reader."""
    try:
        item.metadata["reads"](None)
    except ValueError as error:
        return str(error)
    return "a value"


@dataclass(slots=True)
class _DocumentReader:
    """Recursive reader of a document's tables, which collects all problems on its way."""

    places: Mapping[str, int]
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    read: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The values of each table, as far as they could be read."""

    def table(self, kind: type, table: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the values of one table's keys that `kind` knows; `path` ends with a dot, or is empty."""
        existing = {item.name: item for item in fields(kind) if item.metadata}
        for name in (name for name in table if name not in existing):
            self._complain(path + name, f"unknown key; expected one of {', '.join(sorted(existing))}")
        document = {name: self._value(item, table, path) for name, item in existing.items()}
        values = {name: value for name, value in document.items() if value is not MISSING}
        untold = {
            name: other_item.default
            for name, other_item in existing.items()
            if name not in table and other_item.default is not MISSING
        }
        rows = {
            name: self._rows(table[name], path + name)
            for name, other_item in existing.items()
            if _lists(other_item, name, table)
        }
        found = of_document(values) if kind is Policy else contradictions(kind, {**untold, **values, **rows})
        for key, words, fatal in found:
            self._complain(path + key, words, fatal=fatal)
        return values

    def _value(self, item: Field[Any], table: Mapping[str, Any], path: str) -> Any:
        key = path + item.name
        if "table" in item.metadata:
            return self._table(item.metadata["table"], table.get(item.name, {}), key)
        if "tables" in item.metadata:
            return self._tables(item.metadata["tables"], table.get(item.name, []), key)
        if item.name not in table:
            if item.default is MISSING:
                self._complain(key, f"missing; expected {expected(item)}")
            return MISSING
        try:
            return item.metadata["reads"](table[item.name])
        except ValueError as error:
            self._complain(key, f"expected {error}")
            return MISSING

    def _tables(self, kind: type, inner: Any, key: str) -> Any:
        if not isinstance(inner, list):
            self._complain(key, f"expected tables [[{key}]]")
            return MISSING
        read = [self._table(kind, item, f"{key}[{place}]") for place, item in enumerate(inner, start=1)]
        return MISSING if MISSING in read else tuple(read)

    def _rows(self, inner: list[Any], key: str) -> list[Mapping[str, Any]]:
        """Return the readable values of each of several tables."""
        return [self.read.get(f"{key}[{place}]", {}) for place, _ in enumerate(inner, start=1)]

    def _table(self, kind: type, table: Any, key: str) -> Any:
        if not isinstance(table, dict):
            self._complain(key, f"expected a table [{key}]")
            return MISSING
        before = len(self.problems)
        values = self.read[key] = self.table(kind, table, f"{key}.")
        return kind(**values) if len(self.problems) == before else MISSING

    def _complain(self, key: str, expected: str, *, fatal: bool = True) -> None:
        (self.problems if fatal else self.remarks).append(_problem(key, self.places, expected))


def _lists(item: Field[Any], name: str, table: Mapping[str, Any]) -> bool:
    return "tables" in item.metadata and isinstance(table.get(name), list)


def _problem(key: str, places: Mapping[str, int], expected: str) -> str:
    """Return a problem with its line: of the key, of the table that it belongs to, or of the document."""
    at = key
    while at and at not in places:
        at = at.rpartition("[" if at.endswith("]") else ".")[0]
    return f"{key}: line {places.get(at, 1)}: {expected}"


def _line(problem: str) -> int:
    """Return the line that a problem names."""
    result = re.search(r"line (\d+):", problem)
    return int(result[1]) if result else 0
