"""A policy as written: one TOML document, validated with every problem at once, frozen, hashed (DOMAIN section 6)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from hashlib import sha256
from importlib import resources
from typing import Any

from app.errors import NotFoundError, PolicyError
from app.policy.time import Span

Reader = Callable[[Any], Any]
"""Turns a TOML value into the policy's own, or raises ValueError with what was expected."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value


def _clause(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Za-z.§-]{1,32}", value):
        raise ValueError('a clause such as "6.2"')
    return value


def _span(value: Any) -> Span:
    try:
        return Span.parse(value)
    except (ValueError, TypeError):
        raise ValueError('a span of time such as "7d", "48h" or "1d12h"') from None


def _spans(value: Any) -> tuple[Span, ...]:
    if not isinstance(value, list):
        raise ValueError('a list of spans such as ["3d", "5d"]')  # noqa: TRY004 - one way to say what is expected
    return tuple(_span(item) for item in value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one way to say what is expected
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a whole number from 0")
    return value


def _amount(value: Any) -> int | None:
    return _count(value)


def _share(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError("a share from 0 to 1")
    return float(value)


def _one_of(*words: str) -> Reader:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError("one of " + ", ".join(f'"{word}"' for word in words))
        return str(value)

    return read


def _some_of(*words: str) -> Reader:
    one = _one_of(*words)

    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or any(item not in words for item in value):
            raise ValueError("a list of " + ", ".join(f'"{word}"' for word in words))
        return tuple(one(item) for item in value)

    return read


def _key(reads: Reader, means: str) -> dict[str, Any]:
    return {"reads": reads, "means": means}


def _table(kind: type, means: str) -> dict[str, Any]:
    return {"table": kind, "means": means}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRules:
    """A trial gives its plan to its end and bills by itself (plexo 2)."""

    clause: str = field(default="", metadata=_key(_clause, "clause that decisions about trials name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationRules:
    """What cancelling does to access (plexo 4)."""

    clause: str = field(default="", metadata=_key(_clause, "clause that decisions about cancellations name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChangeRules:
    """When another plan begins to count (plexo 5)."""

    downgrade: str = field(
        default="period_end",
        metadata=_key(
            _one_of("period_end", "at_once"),
            "when a lower plan takes effect: at the end of the period paid for, or at once",
        ),
    )
    downgrade_clause: str = field(default="", metadata=_key(_clause, "clause that a downgrade names"))
    upgrade_clause: str = field(default="", metadata=_key(_clause, "clause that an upgrade names"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MassActionLimit:
    """The brake: more than both figures within an hour stops dunning holds until an operator lets them go on."""

    accounts: int = field(
        default=25, metadata=_key(_count, "accounts that may lose access by dunning within an hour in any case")
    )
    share: float = field(default=0.1, metadata=_key(_share, "share of all accounts that may, where that is more"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DunningRules:
    """What follows a failed renewal (plexo 6)."""

    grace: Span = field(metadata=_key(_span, "from the first failure to the end of access; 0d removes access at once"))
    reminders: tuple[Span, ...] = field(
        default=(), metadata=_key(_spans, "after the first failure, when to remind the customer")
    )
    final_warning: Span = field(
        default=Span(rest=Span.parse("48h").rest),
        metadata=_key(_span, "before the end of grace, when the final warning goes out"),
    )
    warning_notice: Span = field(
        default=Span(rest=Span.parse("24h").rest),
        metadata=_key(_span, "how long before the end it must have been delivered"),
    )
    warn_by: str = field(
        default="mail",
        metadata=_key(_one_of("mail", "callback"), "whose delivery counts: the mail's or the callback's"),
    )
    max_warnings: int = field(default=3, metadata=_key(_count, "undelivered warnings after which operators decide"))
    on_grace_end: str = field(
        default="hold_only",
        metadata=_key(_one_of("cancel", "hold_only"), "whether the subscription is also cancelled at the provider"),
    )
    hold_access: str = field(
        default="free", metadata=_key(_one_of("free", "none"), "what is left of access while on hold")
    )
    hold_days: Span = field(
        default=Span(days=30),
        metadata=_key(_span, "how long a hold waits for a late payment before the subscription is given up"),
    )
    opens_on: tuple[str, ...] = field(
        default=("renewal",),
        metadata=_key(_some_of("initial", "renewal", "updated"), "billing reasons whose failure opens a case"),
    )
    provider_sends_failure_mail: bool = field(
        default=False,
        metadata=_key(_flag, "the provider mails the customer on each failure, so `grace_started` is not mailed by us"),
    )
    grace_clause: str = field(default="", metadata=_key(_clause, "clause of the grace period"))
    hold_clause: str = field(default="", metadata=_key(_clause, "clause of the downgrade"))
    mass_action_limit: MassActionLimit = field(metadata=_table(MassActionLimit, "the brake on mass downgrades"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeRules:
    """What follows a chargeback (plexo 10)."""

    scope: str = field(default="account", metadata=_key(_one_of("account", "subscription"), "what a dispute restricts"))
    review_above: int | None = field(
        default=None, metadata=_key(_amount, "minor units above which operators decide instead")
    )
    deletion_after: Span = field(
        default=Span(days=30),
        metadata=_key(_span, "from the opening, and again from the loss, to when data may be deleted"),
    )
    deletion_notices: tuple[Span, ...] = field(
        default=(), metadata=_key(_spans, "before that day, when the customer is told")
    )
    partially_lost: str = field(
        default="lost", metadata=_key(_one_of("lost", "restore"), "what a partial loss counts as")
    )
    unrequested_full_refund: str = field(
        default="review",
        metadata=_key(_one_of("suspend", "review", "ignore"), "what a full refund that nobody here asked for means"),
    )
    clause: str = field(default="", metadata=_key(_clause, "clause that decisions about chargebacks name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One immutable policy document. `sha256` is over its bytes as written."""

    name: str = field(metadata=_key(_text, "the policy's name"))
    title: str = field(default="", metadata=_key(_text, "what people call it"))
    trial: TrialRules = field(metadata=_table(TrialRules, "trials"))
    cancellation: CancellationRules = field(metadata=_table(CancellationRules, "cancellations"))
    plan_change: PlanChangeRules = field(metadata=_table(PlanChangeRules, "upgrades and downgrades"))
    dunning: DunningRules = field(metadata=_table(DunningRules, "failed renewals"))
    dispute: DisputeRules = field(metadata=_table(DisputeRules, "chargebacks"))
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
    values = _read(Policy, table, "", _lines(document), problems)
    if not problems:
        problems.extend(_contradictions(values["dunning"]))
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
        elif "reads" in item.metadata:
            found.append((path + item.name, item.metadata["means"], item.default))
    return found


def _read(
    kind: type, table: Mapping[str, Any], path: str, lines: Mapping[str, int], problems: list[str]
) -> dict[str, Any]:
    known = {item.name: item for item in fields(kind) if item.metadata}
    expected = f"unknown key; expected one of {', '.join(sorted(known))}"
    problems.extend(_problem(path + name, lines, expected) for name in table if name not in known)
    values = {}
    for name, item in known.items():
        value = _value(item, table, path, lines, problems)
        if value is not MISSING:
            values[name] = value
    return values


def _value(item: Field[Any], table: Mapping[str, Any], path: str, lines: Mapping[str, int], problems: list[str]) -> Any:
    key = path + item.name
    if "table" in item.metadata:
        inner = table.get(item.name, {})
        if not isinstance(inner, dict):
            problems.append(_problem(key, lines, f"expected a table [{key}]"))
            return MISSING
        before = len(problems)
        values = _read(item.metadata["table"], inner, f"{key}.", lines, problems)
        return item.metadata["table"](**values) if len(problems) == before else MISSING
    if item.name not in table:
        if item.default is MISSING:
            problems.append(_problem(key, lines, "missing"))
        return MISSING
    try:
        return item.metadata["reads"](table[item.name])
    except ValueError as error:
        problems.append(_problem(key, lines, f"expected {error}"))
        return MISSING


def _contradictions(dunning: DunningRules) -> list[str]:
    if dunning.grace and _length(dunning.warning_notice) >= _length(dunning.final_warning):
        return ["dunning.warning_notice: expected less than dunning.final_warning, or no warning is ever in time"]
    return []


def _length(span: Span) -> float:
    return span.days * 86400 + span.rest.total_seconds()


def _problem(key: str, lines: Mapping[str, int], expected: str) -> str:
    line = lines.get(key) or lines.get(key.rpartition(".")[0])
    return f"{key}: line {line}: {expected}" if line else f"{key}: {expected}"


def _lines(document: str) -> dict[str, int]:
    """Return the line on which each key or table stands; TOML's own reader does not tell."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(document.splitlines(), start=1):
        if heading := re.match(r"\s*\[+\s*([\w.\- ]+?)\s*\]+", line):
            table = heading[1].replace(" ", "")
            lines.setdefault(table, number)
        elif key := re.match(r"\s*([\w\-]+)\s*=", line):
            lines.setdefault(f"{table}.{key[1]}" if table else key[1], number)
    return lines
