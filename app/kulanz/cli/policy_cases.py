"""`kulanz policy test`: a merchant's own cases, played under their policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kulanz.cli.documents import of_file, text
from kulanz.cli.options import emit, json_option
from kulanz.errors import RefusedError
from kulanz.formats.wording import how_many
from kulanz.policy import document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kulanz.policy.document import Policy
    from kulanz.policy_tests.table import Case


@click.command(name="test")
@click.argument("file", required=False)
@click.option("--cases", "tables", multiple=True, help="Tables of cases [default: FILE with .cases.md for .toml].")
@click.option("--sentences", is_flag=True, help="List what a table may say, and test nothing.")
@json_option
def test(*, file: str | None, tables: tuple[str, ...], sentences: bool, as_json: bool) -> None:
    """Run your own test cases under a policy, without a database; exit code 1 if a row is not as expected."""
    from kulanz.policy_tests import play

    if sentences:
        known = play.sentences()
        emit(known, as_json, "\n".join(f"{kind}:\n  " + "\n  ".join(said) for kind, said in known.items()))
        return
    if file is None:
        raise click.UsageError("FILE: name the policy, a file or a preset")
    policy = document.parse(text(file), version=1)
    cases = _read(tables or (_beside(file),), as_json=as_json)
    found = [difference for case in cases if (difference := _difference(case, policy))]
    differing = {(each["file"], each["line"]) for each in found}
    matches = {
        "policy": policy.name,
        "sha256": policy.sha256,
        "cases": len(cases),
        "differences": found,
        "problems": [],
    }
    emit(matches, as_json, "\n".join([*_lines(found), f"{how_many(len(cases), 'case')}, {len(found)} differ"]))
    if found:
        places = ", ".join(f"{name}:{line}" for name, line in sorted(differing))
        raise RefusedError(f"{file}: {how_many(len(found), 'case')} of {len(cases)} differ: {places}")


def _beside(file: str) -> str:
    path = Path(file)
    if path.suffix != ".toml":
        raise click.UsageError(f"--cases: name the tables for {file}, which is no .toml file")
    return str(path.with_suffix(".cases.md"))


def _read(names: Sequence[str], *, as_json: bool) -> list[Case]:
    """Read every table; raise RefusedError after printing the unreadable rows, each with file and line."""
    from kulanz.policy_tests import play, table

    cases: list[Case] = []
    problems: list[str] = []
    for name in names:
        read = table.read(of_file(name), name)
        cases += read.cases
        problems += [*read.problems, *(problem for case in read.cases for problem in play.problems(case))]
    problems = list(dict.fromkeys(problems))
    if problems:
        emit({"cases": len(cases), "differences": [], "problems": problems}, as_json, "\n".join(problems))
        raise RefusedError(f"{', '.join(names)}: {how_many(len(problems), 'problem')} in the tables")
    return cases


def _difference(case: Case, policy: Policy) -> dict[str, Any] | None:
    from kulanz.policy_tests import play

    story = play.played(case, policy)
    unmet = play.differences(case, story)
    if not unmet:
        return None
    named = {"file": case.source, "line": case.line, "by": case.clause or None, "what_happens": case.told}
    return {**named, "unmet": unmet, "found": play.found(story)}


def _lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    for each in found:
        yield f"{each['file']}:{each['line']}: {each['what_happens']}"
        yield from (f"  {said}" for said in each["unmet"])
        yield f"  found: {each['found']}"
