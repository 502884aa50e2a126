"""The tutorial and the how-to pages: every shell block runs, in order, as a reader would copy it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kulanz_simulator import LemonSqueezySimulator, running
from tests.adapters.apis import an_api
from tests.end_to_end.test_up import kulanz, until, up
from tests.fake_servers import a_mailbox
from tests.servers import PostgreSQL
from tests.source_roots import python_path

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
RUNNING = {"python chat.py": 9000, "kulanz up": 8000, "flask --app product run --port 5050": 5050}
"""Blocks of the tutorial that get a terminal of their own, and the port on which each listens."""
HOW_TO = [page for page in sorted((ROOT / "docs" / "howto").glob("*.md")) if page.stem != "index"]
PLANS = "394420=professional,394421=enterprise"
STORE = "58231"
WEBHOOK = "https://billing.example.com/webhooks/stripe"

BEGIN = """\
set -eu -o pipefail
kulanz() {
    if [ "$1" = doctor ]; then command kulanz "$@" || [ $? = 1 ]; else command kulanz "$@"; fi
}
"""
"""`doctor` may find something: the page says that it names what is missing."""


def blocks(page: Path) -> list[str]:
    """The shell blocks of a page, in order."""
    return re.findall(r"^```sh\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def environ(folder: Path, **settings: str) -> dict[str, str]:
    """An environment with the command on its path, as after `pip install`."""
    bin_dir = folder / "bin"
    bin_dir.mkdir(exist_ok=True)
    command = bin_dir / "kulanz"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m kulanz "$@"\n')
    command.chmod(0o755)
    for name, module in {"python": "", "flask": "-m flask"}.items():
        (bin_dir / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        (bin_dir / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name in {"HOME", "TMPDIR", "LANG"}}
    return {**kept, "PATH": f"{bin_dir}:{os.environ['PATH']}", "PYTHONPATH": python_path(ROOT), **settings}


def run(blocks: list[str], folder: Path, **settings: str) -> str:
    """Run blocks in one shell in a folder, and return what they printed."""
    script = BEGIN + "\n".join(blocks)
    result = subprocess.run(
        ["bash", "-x", "-c", script],
        cwd=folder,
        env=environ(folder.parent, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "Traceback" not in result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def used_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's folder, as `kulanz init` wrote it: an account, a parked event, a purchase without an account's id."""
    folder = tmp_path_factory.mktemp("used") / "shop"
    data_dir = folder / ".kulanz"
    folder.mkdir()
    assert kulanz(data_dir, "init", "--yes", "--plans", PLANS).returncode == 0
    created = ROOT / "examples" / "subscription_created.json"
    odd = json.loads(created.read_text())
    odd["meta"]["event_name"] = "subscription_updated"
    odd["data"]["attributes"] |= {"status": "sleeping", "updated_at": "2026-11-30T21:20:00.000000Z"}
    (folder / "odd.json").write_text(json.dumps(odd))
    unnamed = json.loads(created.read_text().replace("81023", "91023").replace("64098", "74098"))
    del unnamed["meta"]["custom_data"]
    unnamed["meta"]["webhook_id"] = "bde0c598-e494-5ad5-b880-c203f30c215c"
    (folder / "unnamed.json").write_text(json.dumps(unnamed))

    def parked() -> bool:
        return "evt_2" in kulanz(data_dir, "events", "list", "--state", "parked").stdout

    with up(data_dir) as instance:
        until(instance.ready)
        assert kulanz(data_dir, "send", str(created), "odd.json", "unnamed.json").returncode == 0
        until(parked)
    return folder


@contextmanager
def _surroundings(page: Path, postgresql: PostgreSQL) -> Iterator[dict[str, str]]:
    """The settings of the remote servers that a page's commands talk to."""
    with ExitStack() as stack:
        settings = {"YOUR_API_KEY": "a-key"}
        match page.stem:
            case "move-to-postgresql":
                settings["POSTGRESQL"] = stack.enter_context(postgresql.a_database())
            case "connect-stripe":
                api = stack.enter_context(an_api())
                api.held["/v1/webhook_endpoints"] = {"data": [], "id": "we_1", "url": WEBHOOK, "secret": "whsec_new"}
                settings["STRIPE_API_URL"] = f"{api.url}/v1"
            case "connect-lemonsqueezy":
                shop = stack.enter_context(running(LemonSqueezySimulator(datetime.now(UTC))))
                settings |= {"YOUR_API_KEY": shop.api_key, "YOUR_STORE": STORE, "LEMONSQUEEZY_API_URL": shop.url}
            case "change-a-mail":
                settings["SMTP_URL"] = stack.enter_context(a_mailbox()).url
        yield settings


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_every_command_of_a_how_to_page_works_as_it_is_copied(
    page: Path, used_shop: Path, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(used_shop, folder)

    with _surroundings(page, postgresql) as settings:
        printed = run(blocks(page), folder, **settings)

    for said in EXPECTED.get(page.stem, ()):
        assert said in printed, printed


def in_the_background(block: str) -> str:
    """A block with a terminal of its own, as one shell runs it: beside the others, once its port answers."""
    port = RUNNING.get(block.strip())
    if port is None:
        return block
    return f"env {block.strip()} &\nuntil (: < /dev/tcp/127.0.0.1/{port}) 2> /dev/null; do sleep 0.2; done\n"


def test_the_tutorial_works_as_it_is_copied(tmp_path: Path) -> None:
    installing, *others = blocks(TUTORIAL)
    assert "pip install" in installing
    clients = f"{python_path(ROOT)}:{ROOT / 'clients' / 'python'}"

    script = ["trap 'kill $(jobs -p) || true; wait' EXIT", *map(in_the_background, others)]
    printed = run(script, tmp_path, CLONE=str(ROOT), PYTHONPATH=clients)

    assert {block.strip() for block in others} >= RUNNING.keys()
    for said in (
        "Subject: Your payment did not go through",
        "Subject: Dernier",
        "Plan: professional.\n",
        "Reports for payers.",
        "Notice: Your payment did not go through (until 20",
        "org_42: on_hold, plan free",
        "Forbidden",
        "a dispute is to be answered",
    ):
        assert said in printed, printed
    assert "dispute" in (tmp_path / "shop" / "chat.log").read_text()


EXPECTED = {
    "answer-a-chargeback": ["org_42: suspended", "org_42: good"],
    "change-a-mail": ["Subject: Your payment did not go through"],
    "change-the-policy": ['dunning.grace: "7d" → "14d" (more lenient)', "version 2, in force from"],
    "connect-lemonsqueezy": ["webhook"],
    "connect-stripe": ["STRIPE_WEBHOOK_SECRETS=whsec_new"],
    "customer-paid": ["org_42: good", "lemonsqueezy-5120417"],
    "move-to-postgresql": ["org_42"],
    "parked-event": ["found sleeping"],
}
"""What a page promises that its commands print."""
