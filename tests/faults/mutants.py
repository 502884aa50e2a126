"""`python -m tests.faults.mutants --sample 100 --seed 7`: small mistakes in the code that nothing may slip through.

Each mutant is one changed operator, constant, condition or statement in what verifies, recognises repeats, merges and
parks; the tests of that code have to fail. Those that do not are listed. Exit 1 under the goal of 90 %.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.broken import ROOT, a_copy, is_noticed

GOAL = 0.9
SECONDS = 120.0
POLICY = ("tests/policy/test_book.py", "tests/policy/test_snapshots.py", "tests/labs/test_invariants.py")
INBOX = ("tests/store/test_inbox.py", "tests/store/test_claims.py")
TARGETS: Mapping[str, tuple[str, ...]] = {
    "app/providers/signing.py": ("tests/unit/test_signing.py", "tests/test_secrecy.py"),
    "app/providers/timed_signing.py": ("tests/adapters/test_signatures.py", "tests/adapters/test_bad_input.py"),
    "app/providers/lemonsqueezy/envelope.py": ("tests/unit/test_lemonsqueezy_glance.py", "tests/test_intake.py"),
    "app/store/inbox.py": (*INBOX, "tests/test_intake.py", "tests/test_drain.py", "tests/test_standby.py"),
    "app/store/claims.py": (*INBOX, "tests/faults/test_poison.py", "tests/faults/test_side_by_side.py"),
    "app/policy/joining.py": POLICY,
    "app/receiving/spool.py": ("tests/unit/test_spool.py", "tests/test_standby.py"),
    "app/receiving/standby.py": ("tests/test_standby.py",),
}
"""By file, the tests that have to notice, the most telling first."""
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
    """One mistake: the line it is in, the line as it should be, and the whole file with it."""

    path: str
    line: int
    was: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.was}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Try a sample, and tell what slipped through."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=100, help="so many, chosen by the seed [100]")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="", help="files whose path contains this")
    wish = parser.parse_args(arguments)
    found = [mutant for path in TARGETS if wish.only in path for mutant in mutants(path)]
    chosen = random.Random(wish.seed).sample(found, min(wish.sample, len(found)))
    survivors = [mutant for mutant in chosen if not killed(mutant)]
    share = 1 - len(survivors) / len(chosen)
    sys.stdout.write(f"{len(found)} mutants, {len(chosen)} tried, {share:.1%} killed\n")
    return 0 if share >= GOAL else 1


def mutants(path: str) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    source = (ROOT / path).read_text()
    lines = source.splitlines()
    for number in range(len(list(_changes(ast.parse(source))))):
        tree = ast.parse(source)
        node, change = list(_changes(tree))[number]
        change()
        yield Mutant(path, node.lineno, lines[node.lineno - 1].strip(), ast.unparse(ast.fix_missing_locations(tree)))


def killed(mutant: Mutant) -> bool:
    """Whether a test notices."""
    with a_copy() as folder:
        (folder / mutant.path).write_text(mutant.text)
        noticed = _noticed(folder, TARGETS[mutant.path])
    sys.stdout.write(f"{'killed  ' if noticed else 'SURVIVED'} {mutant}\n")
    sys.stdout.flush()
    return noticed


def _noticed(folder: Path, tests: Sequence[str]) -> bool:
    try:
        return is_noticed(folder, tests, SECONDS)
    except RuntimeError:
        return True  # It cannot even be imported.


def _changes(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, Change]]:
    """Yield every place where a mistake can be made, and what makes it; a decorator only declares."""
    for node in _doing(tree):
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
            case ast.Return(value=ast.expr()):
                yield node, _set(node, "value", ast.Constant(None))
            case ast.Expr(value=ast.Call()):
                yield node, _set(node, "value", ast.Constant(None))


def _doing(tree: ast.Module) -> Iterator[ast.AST]:
    decorators = [each for node in ast.walk(tree) for each in getattr(node, "decorator_list", [])]
    declared = {id(part) for each in decorators for part in ast.walk(each)}
    return (node for node in ast.walk(tree) if id(node) not in declared)


def _set(node: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(node, name, value)


if __name__ == "__main__":
    sys.exit(main())
