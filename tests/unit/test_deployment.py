"""The files that install and run Kulanz name what there is: packages, files, commands and settings."""

from __future__ import annotations

import fnmatch
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from kulanz.cli import cli
from kulanz.cli.init.files import template
from kulanz.config.settings import FILES, TABLE

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def refuse_an_unknown_command(words: list[str]) -> None:
    """Parse a command line as the command would, and call nothing."""
    command: click.Command | None = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
    assert command is not None
    command.make_context("kulanz", words)


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lines, flags=re.MULTILINE))


def test_the_lock_has_every_dependency_within_its_range() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [
        Requirement(line)
        for line in [*PROJECT["dependencies"], *extras["up"], *extras["dashboard"], *extras["postgres"]]
    ]

    unfit = {str(each) for each in wanted if not each.specifier.contains(locked().get(each.name, "0"))}

    assert unfit == set(), "deploy/lock.sh"


def test_each_package_of_the_lock_has_hashes() -> None:
    blocks = re.split(r"\n(?=\w)", (ROOT / "requirements.lock").read_text().partition("deploy/lock.sh\n")[2])

    assert {block.split("==")[0] for block in blocks if "--hash=sha256:" not in block} == set()


def test_what_the_image_is_built_from_is_there_and_not_ignored() -> None:
    copied = [
        path for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for path in line.split()
    ]
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)

    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert set(copied) == set(allowed)


def test_nothing_private_goes_into_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]

    assert "*" in lines
    assert not [
        name for name in (".env", ".git", ".kulanz", "secrets.toml") if any(fnmatch.fnmatch(name, a) for a in allowed)
    ]


def test_the_image_sets_settings_that_exist() -> None:
    names = set(re.findall(r"^(?:ENV |    )([A-Z][A-Z_]+)=", DOCKERFILE, re.MULTILINE)) - {
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
    }

    assert names == {"KULANZ_DATA_DIR", "KULANZ_HOST"}
    assert names <= TABLE.keys()


def test_the_compose_file_of_the_clone_is_the_one_that_init_writes() -> None:
    assert (ROOT / "compose.yaml").read_text() == template("compose.yaml"), "python -m tests.reference"


@pytest.mark.parametrize("line", (ROOT / "Procfile").read_text().splitlines())
def test_the_procfile_calls_commands(line: str) -> None:
    words = shlex.split(line.partition(": ")[2])

    assert words.pop(0) == "kulanz"
    refuse_an_unknown_command(words)


@pytest.mark.parametrize("text", [*(path.read_text() for path in UNITS), template("kulanz.service")])
def test_a_unit_calls_a_command_with_settings_that_exist_and_may_stop_in_peace(text: str) -> None:
    (called,) = re.findall(r"^ExecStart=/opt/kulanz/bin/kulanz (.+)$", text, re.MULTILINE)
    given = re.findall(r"(\w+)=", " ".join(re.findall(r"^Environment=(.+)$", text, re.MULTILINE)))

    refuse_an_unknown_command(called.split())
    assert set(given) <= TABLE.keys() | FILES.keys()
    if "Restart=always" in text:
        assert int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) >= 30
        assert "KillMode=mixed" in text or "clock run" in text


def test_the_folder_for_a_platform_holds_the_lock_the_procfile_and_no_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "app"

    subprocess.run([ROOT / "deploy" / "heroku" / "prepare.sh", folder], check=True, timeout=60)

    assert (folder / "requirements.txt").read_text() == (ROOT / "requirements.lock").read_text()
    assert (folder / "Procfile").read_text() == (ROOT / "Procfile").read_text()
    assert (folder / "bin" / "post_compile").stat().st_mode & 0o111
    assert not [*folder.rglob("__pycache__"), *folder.rglob("*.egg-info")]
    assert {path.name for path in folder.iterdir()} >= {"app", "workers", "pyproject.toml", ".python-version"}
