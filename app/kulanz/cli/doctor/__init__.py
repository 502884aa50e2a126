"""`kulanz doctor`: faults, and their remedies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from kulanz.cli.doctor.finding import Finding
from kulanz.cli.options import emit, json_option, table
from kulanz.config import environment, load, misspelt
from kulanz.errors import ConfigurationError, KulanzError, RefusedError

if TYPE_CHECKING:
    from kulanz.services import Services


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Look at settings, database, Redis, workers, clock, policy, mail, callbacks and the provider."""
    findings = list(_run_checks())
    ailing = [finding for finding in findings if finding.well is False]
    documents = [
        {"check": each.check, "ok": each.well, "detail": each.detail, "advice": each.advice} for each in findings
    ]
    rows = [(_mark(each.well), each.check, each.detail, each.advice) for each in findings]
    emit({"well": not ailing, "checks": documents}, as_json, table(("", "check", "found", "what to do"), rows))
    if ailing:
        raise RefusedError(f"not well: {', '.join(finding.check for finding in ailing)}")


def _run_checks() -> Iterator[Finding]:
    try:
        settings = load(environment())
    except ConfigurationError as error:
        for problem in error.problems:
            yield Finding("settings", False, problem, "see docs/configuration.md")
        return
    yield Finding("settings", True, f"data in {settings.data_dir}")
    for sentence in misspelt(environment()):
        yield Finding("settings", None, sentence, "see docs/configuration.md")
    from kulanz.cli.doctor import internal
    from kulanz.services import build

    opened = build(settings)
    try:
        findings = list(_result("database", internal.database, opened))
        yield from findings
        for check in internal.DATABASE_CHECKS if all(finding.well for finding in findings) else ():
            yield from _result("database", check, opened)
        for check in internal.OTHER_CHECKS:
            yield from _result(check.__name__, check, opened)
    finally:
        opened.close()


def _result(name: str, check: Callable[[Services], Iterator[Finding]], opened: Services) -> Iterator[Finding]:
    try:
        yield from check(opened)
    except KulanzError as error:
        yield Finding(name, False, error.detail)


def _mark(well: bool | None) -> str:  # noqa: FBT001
    return {True: "ok", False: "!!", None: "--"}[well]
