"""What all commands have in common (CONTRACT section 5), also one that is added later."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kulanz.cli import ALIASES, cli
from kulanz.cli.lazy import LazyGroup

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "docs" / "contract.md"
RUNNING = {"up", "web", "worker", "clock run", "provider-sim"}
"""They do not end by themselves: what they print is a log."""
READING = {
    "backup", "certificates", "charges", "check", "demo", "diff", "doctor", "due", "evidence", "explain", "export",
    "find", "generate", "groups", "hash", "init", "key", "keys", "list", "plan-change", "preview", "recovery",
    "reference", "replay", "schema", "send", "show", "sign", "simulate", "status", "test", "verify",
}  # fmt: skip
"""They change nothing of ours; `send` and `demo` are a provider that delivers, `init` comes before all else,
`test` sends a sample to oneself."""
OF_MANY_COMMANDS = {"--json", "--dry-run", "--actor", "--silent", "--token-file", "--yes"}
"""The contract tells of them once, for all commands."""


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


COMMANDS = dict(leaves(cli))


def options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def long_options(command: click.Command) -> set[str]:
    shown = [parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden]
    return {name for option in shown for name in (*option.opts, *option.secondary_opts) if name.startswith("--")}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - RUNNING))
def test_a_command_that_prints_prints_json_too(name: str) -> None:
    assert "--json" in options(COMMANDS[name])


@pytest.mark.parametrize("name", sorted(name for name in COMMANDS.keys() - RUNNING if name.split()[-1] not in READING))
def test_a_command_that_changes_something_can_be_tried_and_says_who(name: str) -> None:
    existing = options(COMMANDS[name])

    assert "--dry-run" in existing
    assert existing & {"--actor", "--token-file"}, "by whose word? a note, or the name of a token"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_stands_in_the_contract(name: str) -> None:
    group, _, word = name.rpartition(" ")
    rows = [line for line in CONTRACT.read_text().splitlines() if line.startswith("| `kulanz")]
    calls = [row.split(" | ")[0] for row in rows if not group or re.search(rf"\b{group}\b", row)]

    assert any(re.search(rf"(?<![\w-]){word}(?![\w-])", call) for call in calls)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_option_stands_beside_its_command_in_the_contract(name: str) -> None:
    group, _, word = name.rpartition(" ")
    lines = [
        line for line in CONTRACT.read_text().splitlines() if "`kulanz" in line and re.search(rf"\b{group}\b", line)
    ]
    told = " ".join(line for line in lines if re.search(rf"(?<![\w-]){word}(?![\w-])", line))

    untold = {option for option in long_options(COMMANDS[name]) if not re.search(rf"{option}(?![\w-])", told)}

    assert untold - OF_MANY_COMMANDS == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_says_what_it_is_for(name: str) -> None:
    assert COMMANDS[name].get_short_help_str()


def test_the_list_of_commands_says_what_each_of_them_says_of_itself() -> None:
    assert isinstance(cli, LazyGroup)
    assert set(cli.list_commands(click.Context(cli))) == {name.split()[0] for name in COMMANDS}


@pytest.mark.parametrize(
    ("typed", "offered"), [("acc", "account"), ("events re", "retry"), ("events retry --s", "--state")]
)
def test_the_shell_completes_what_is_typed(typed: str, offered: str) -> None:
    words = f"kulanz {typed}"
    given = {
        **os.environ,
        "_KULANZ_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }

    answer = subprocess.run(
        [sys.executable, "-c", "from kulanz.cli import main; main()"],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"plain,{offered}" in answer.stdout.splitlines()


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_the_pages_name_no_command_that_there_is_not(page: Path) -> None:
    existing = {tuple(name.split()) for name in COMMANDS} | {(name.split()[0],) for name in [*COMMANDS, *ALIASES]}
    groups = {path[0] for path in existing if len(path) > 1}
    called = re.findall(
        r"(?:`|^|bin/)kulanz ([a-z][a-z-]*)(?: ([a-z][a-z-]*)\b)?", page.read_text(), flags=re.MULTILINE
    )

    wrong = {
        " ".join(words) for words in called if (words if words[0] in groups and words[1] else words[:1]) not in existing
    }

    assert wrong == set()
