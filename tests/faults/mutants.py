"""`python -m tests.faults.mutants`: small mistakes in the code that nothing may slip through.

Each mutant is one changed operator, constant, condition or statement in what verifies, recognises repeats, merges and
parks; the tests of that code have to fail. Those that do not are listed, and the figures kept in docs/mutants.json,
from where RELIABILITY.md has them. Exit 1 under the goal of 90 %.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.faults.mutation_runner import ROOT, MutationRunner, a_mutation_runner

GOAL = 0.9
RESULTS = ROOT / "docs/mutants.json"
POLICY = ("tests/policy/test_snapshots.py", "tests/policy/test_book.py", "tests/policy/test_disputes.py")
INBOX = ("tests/store/test_inbox.py", "tests/store/test_claims.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A file, or some functions of it, and the tests that have to notice a mistake there, the most telling first."""

    area: str
    path: str
    tests: tuple[str, ...]
    functions: frozenset[str] = frozenset()
    """None are named: all of it."""


TARGETS = (
    Target(
        area="verification",
        path="app/kulanz/providers/signing.py",
        tests=("tests/unit/test_signing.py", "tests/unit/test_lemonsqueezy_routing.py"),
    ),
    Target(
        area="verification",
        path="app/kulanz/providers/timed_signing.py",
        tests=("tests/adapters/test_signatures.py", "tests/adapters/test_bad_input.py"),
    ),
    Target(
        area="de-duplication",
        path="app/kulanz/providers/lemonsqueezy/envelope.py",
        tests=("tests/unit/test_lemonsqueezy_peek.py", "tests/test_receiver.py"),
    ),
    Target(
        area="de-duplication",
        path="app/kulanz/providers/bodies.py",
        tests=("tests/unit/test_lemonsqueezy_peek.py", "tests/test_receiver.py"),
    ),
    Target(
        area="de-duplication",
        path="app/kulanz/store/inbox/recording.py",
        tests=("tests/store/test_inbox.py", "tests/test_receiver.py", "tests/test_spooling.py"),
    ),
    Target(area="merging", path="app/kulanz/policy/book/joining.py", tests=POLICY),
    Target(
        area="merging",
        path="app/kulanz/providers/ranking.py",
        tests=("tests/unit/test_lemonsqueezy_translation.py", *POLICY),
    ),
    Target(area="merging", path="app/kulanz/policy/book/provider.py", tests=(*POLICY, "tests/policy")),
    Target(
        area="parking",
        path="app/kulanz/store/inbox/__init__.py",
        functions=frozenset(
            {"take", "settle", "failed", "attribute", "wake", "holding_back", "retry", "skip", "_moments"}
        ),
        tests=(*INBOX, "tests/test_events.py", "tests/test_projections.py", "tests/faults/test_poison.py"),
    ),
    Target(
        area="parking",
        path="app/kulanz/store/inbox/claims.py",
        tests=(*INBOX, "tests/faults/test_poison.py", "tests/faults/test_side_by_side.py"),
    ),
    Target(
        area="parking",
        path="app/kulanz/processing/events.py",
        functions=frozenset(
            {
                "reason_of",
                "_apply_one_by_one",
                "_apply_alone",
                "_announce_crashes",
                "_attribute",
                "_park",
                "alert_parked",
            }
        ),
        tests=("tests/test_events.py", "tests/faults/test_poison.py"),
    ),
    Target(
        area="spool",
        path="app/kulanz/store/spool.py",
        tests=("tests/unit/test_spool.py", "tests/test_spooling.py"),
    ),
    Target(area="spool", path="app/kulanz/ingest/spooling.py", tests=("tests/test_spooling.py",)),
)
_SAME_IN = "no difference: SQLAlchemy expands the argument of `in_` in any case"
EXPLAINED: Mapping[str, str] = {
    "app/kulanz/store/inbox/claims.py:97: "
    "if ids or mine is None or mine.ids != _NOTHING or mine.seen_at < now_real - _REFRESH:"
    " → mine.ids == _NOTHING": "an idle worker writes more often, and gives up what it held three seconds later",
    "app/kulanz/providers/ranking.py:8: "
    "_FINAL = 4 → 5": "no difference: only the order of ranks counts, and it is the last",
    "app/kulanz/store/inbox/recording.py:37: "
    'inbox.c.delivery_key.in_(bindparam("deliveries", expanding=True)), → False': _SAME_IN,
    "app/kulanz/store/inbox/recording.py:38: "
    'inbox.c.content_key.in_(bindparam("contents", expanding=True)), → False': _SAME_IN,
}
"""Survivors that make no difference, and why."""
SWAPPED: Mapping[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}
Change = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: the line it is in, the line as it should be, what became of it, and the whole file with it."""

    path: str
    line: int
    was: str
    became: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.was} → {self.became}"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the mutants of one target came to."""

    area: str
    path: str
    mutants: int
    tried: int
    killed: int
    survivors: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants of one target after the other, and tell what slipped through."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=10_000, help="at most so many of each target [all]")
    parser.add_argument("--seed", type=int, default=7, help="by which a sample is chosen [7]")
    parser.add_argument("--only", default="", help="targets whose area or path contains this")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are kept [docs/mutants.json]")
    wish = parser.parse_args(arguments)
    chosen = [target for target in TARGETS if wish.only in target.area or wish.only in target.path]
    founds = [_tried(target, wish.sample, wish.seed, wish.results) for target in chosen]
    share = sum(each.killed for each in founds) / sum(each.tried for each in founds)
    sys.stdout.write(f"{sum(each.tried for each in founds)} tried, {share:.1%} killed\n")
    return 0 if share >= GOAL else 1


def read(path: Path) -> list[Found]:
    """Return the figures that are kept; none where there are none."""
    return msgspec.json.decode(path.read_bytes(), type=list[Found]) if path.exists() else []


def mutants(target: Target) -> Iterator[Mutant]:
    """Yield every mutant of a target."""
    source = (ROOT / target.path).read_text()
    lines = source.splitlines()
    for number in range(len(list(_changes(_parts(ast.parse(source), target.functions))))):
        tree = ast.parse(source)
        node, change = list(_changes(_parts(tree, target.functions)))[number]
        change()
        text = ast.unparse(ast.fix_missing_locations(tree))
        yield Mutant(
            target.path, node.lineno, lines[node.lineno - 1].strip(), ast.unparse(node).partition("\n")[0], text
        )


def _tried(target: Target, sample: int, seed: int, results: Path) -> Found:
    every = list(mutants(target))
    chosen = random.Random(seed).sample(every, min(sample, len(every)))
    with a_mutation_runner(target.tests) as runner:
        survivors = [str(mutant) for mutant in chosen if not _killed(mutant, runner)]
    stored_found = Found(
        area=target.area,
        path=target.path,
        mutants=len(every),
        tried=len(chosen),
        killed=len(chosen) - len(survivors),
        survivors=survivors,
    )
    others = [each for each in read(results) if (each.area, each.path) != (target.area, target.path)]
    results.write_bytes(msgspec.json.format(msgspec.json.encode([*others, stored_found]), indent=1) + b"\n")
    return stored_found


def _killed(mutant: Mutant, runner: MutationRunner) -> bool:
    began = time.monotonic()
    noticed = runner.notices(mutant.path, mutant.text)
    word = "killed  " if noticed else "SURVIVED"
    sys.stdout.write(f"{word} {time.monotonic() - began:3.0f} s {mutant}\n")
    sys.stdout.flush()
    return noticed


def _parts(tree: ast.Module, functions: frozenset[str]) -> Sequence[ast.AST]:
    """Return the functions that are meant, or the whole."""
    if not functions:
        return (tree,)
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in functions]


def _changes(parts: Sequence[ast.AST]) -> Iterator[tuple[ast.stmt | ast.expr, Change]]:
    """Yield every place where a mistake can be made, and what makes it; a decorator only declares."""
    for node in (node for part in parts for node in _doing(part)):
        match node:
            case ast.Compare(ops=[only]) if type(only) in SWAPPED:
                yield node, _set(node, "ops", [SWAPPED[type(only)]()])
            case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in SWAPPED:
                yield node, _set(node, "op", SWAPPED[type(op)]())
            case ast.Constant(value=bool() as value):
                yield node, _set(node, "value", not value)
            case ast.Constant(value=int() as value):
                yield node, _set(node, "value", value + 1)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield node, _set(node, "operand", ast.UnaryOp(ast.Not(), operand))
            case ast.If(test=test) | ast.IfExp(test=test):
                yield node, _set(node, "test", ast.UnaryOp(ast.Not(), test))
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield node, _set(node, "value", ast.Constant(None))
            case ast.Expr(value=ast.Call()):
                yield node, _set(node, "value", ast.Constant(None))


def _doing(tree: ast.AST) -> Iterator[ast.AST]:
    decorators = [each for node in ast.walk(tree) for each in getattr(node, "decorator_list", [])]
    declared = {id(part) for each in decorators for part in ast.walk(each)}
    return (node for node in ast.walk(tree) if id(node) not in declared)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _set(node: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(node, name, value)


if __name__ == "__main__":
    sys.exit(main())
