"""What a newcomer does first: the demonstration, the README's commands, a first webhook; and what lies in the way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.up import KULANZ, ROOT, environ, kulanz, until, up
from tests.fake_servers import a_free_port
from tests.lemonsqueezy import subscription_created, wire
from tests.source_roots import python_path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_the_demonstration_tells_its_story_and_goes_on_running(data_dir):
    with up(data_dir, "--demo") as running:
        until(lambda: "keeps running" in running.printed(), seconds=60)
        stated = [line.partition("→ ")[2].partition(":")[0] for line in running.printed().splitlines() if "→" in line]
        assert stated == ["good", "grace", "grace", "grace", "on_hold", "good", "suspended", "good"]
        assert running.ready()

        replayed = kulanz(data_dir, "replay", "--shuffle")
        assert (replayed.returncode, replayed.stderr) == (0, "")
        assert running.stop(signal.SIGINT) == 0

    refused = kulanz(data_dir, "up", "--port", str(a_free_port()))
    assert (refused.returncode, "holds the accounts of a demonstration" in refused.stderr) == (1, True)


def in_a_shell(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a person gets who copies commands into a shell in which no virtual environment is active."""
    plain = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        ["/bin/sh", "-e", "-c", commands], capture_output=True, text=True, env=plain, check=False, cwd=folder
    )


def test_the_readmes_look_around_works_as_it_stands(tmp_path):
    commands = re.search(r"second terminal.*?```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / ".kulanz").mkdir()

    with up(tmp_path / ".kulanz" / "demo-data", "--demo") as running:
        until(lambda: "keeps running" in running.printed(), seconds=60)
        answer = in_a_shell(commands[1], tmp_path)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "demo_" in answer.stdout
    assert "org_42: good, plan professional" in answer.stdout
    assert ".eml" in answer.stdout


def test_the_demonstration_leaves_the_usual_data_directory_and_database_alone(tmp_path):
    usual, port = tmp_path / "usual", a_free_port()
    settings = {"KULANZ_DATA_DIR": str(usual), "DATABASE_URL": f"sqlite:///{tmp_path / 'real.db'}"}
    command = [*KULANZ, "up", "--demo", "--port", str(port)]
    output = tmp_path / "out"
    with output.open("wb") as file:
        demonstration = subprocess.Popen(command, stdout=file, stderr=file, env=environ(**settings), cwd=tmp_path)
    try:
        until(lambda: "account list" in output.read_text(), seconds=60)
        again = re.findall(r"KULANZ_DATA_DIR=\S+ \S*kulanz account (?:explain \S+|list)", output.read_text())
        stated = [in_a_shell(command, tmp_path) for command in again]
    finally:
        demonstration.terminate()
        demonstration.wait(30)

    assert [each.returncode for each in stated] == [0, 0]
    assert not (tmp_path / "real.db").exists()
    assert [path.name for path in usual.iterdir()] == ["demo-data"]
    with up(usual, port=port) as running:
        until(running.ready)
        assert kulanz(usual, "account", "list", "--json").stdout.count("demo_") == 0


def test_files_in_the_directory_that_it_is_called_in_are_never_imported(data_dir):
    ran = data_dir.with_name("ran")
    for module in (
        "app",
        "workers",
        "kulanz",
        "kulanz_workers",
        "queue",
        "alembic",
        "redis",
        "rq",
        "granian",
        "sqlalchemy",
    ):
        data_dir.with_name(f"{module}.py").write_text(f"open({str(ran)!r}, 'a').write('{module} ')\n")

    with up(data_dir, "--demo") as running:
        until(lambda: "keeps running" in running.printed(), seconds=60)
        burst = kulanz(data_dir, "worker", "--burst")

    assert (burst.returncode, burst.stderr) == (0, "")
    assert not ran.exists()


def test_a_merchants_app_and_workers_on_the_python_path_are_not_ours(data_dir):
    ran = data_dir.with_name("ran")
    for module in ("app", "workers"):
        data_dir.with_name(f"{module}.py").write_text(f"open({str(ran)!r}, 'a').write('{module} ')\n")
    path = os.pathsep.join((".", python_path(ROOT)))

    with up(data_dir, PYTHONPATH=path) as running:
        until(running.ready)
        burst = kulanz(data_dir, "worker", "--burst", PYTHONPATH=path)

    assert (burst.returncode, burst.stderr) == (0, "")
    assert not ran.exists()


def test_from_an_empty_folder_three_commands_lead_to_the_first_webhook(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    (tmp_path / "invoice.json").write_bytes(wire(subscription_created(account="org_42")))

    def call(*arguments: str) -> str:
        command = [*KULANZ, *arguments]
        done = subprocess.run(command, cwd=folder, env=environ(), capture_output=True, text=True, check=True)
        return done.stdout

    folder.mkdir()
    call("init", "--yes", "--plans", "47001=professional")
    with up(folder / ".kulanz") as running:
        until(lambda: "Ctrl-C" in running.printed())
        answer = call("send", str(tmp_path / "invoice.json"))
        until(lambda: "org_42" in call("account", "list"))

    assert "accepted" in answer
    assert "secrets  as you have set them" in running.printed()
    assert not (folder / ".kulanz" / "secrets.toml").exists()
