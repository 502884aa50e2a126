"""What the clients' pages show runs as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from kulanz_client.transport import AGENT

from tests.clients.fake_kulanz import SECRET, FakeKulanz
from tests.clients.instance import ROOT

PAGES = [
    ROOT / "clients" / "python" / "README.md",
    ROOT / "clients" / "js" / "README.md",
    ROOT / "examples" / "README.md",
]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGES[0].read_text(), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["flask", "plain"])
def test_a_snippet_of_the_python_page_runs(kulanz: FakeKulanz, snippet: str) -> None:
    secrets = {"KULANZ_TOKEN": "a-token", "KULANZ_CALLBACK_SECRET": SECRET, "SECRET_KEY": "a key"}
    environ = os.environ | secrets | {"KULANZ_URL": kulanz.url, "PYTHONPATH": str(ROOT / "clients" / "python")}

    done = subprocess.run([sys.executable, "-c", snippet], env=environ, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_both_clients_and_what_they_call_themselves_are_of_one_version() -> None:
    python = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text())["project"]["version"]
    javascript = json.loads((ROOT / "clients" / "js" / "package.json").read_text())["version"]

    assert f"kulanz-client/{python}" == AGENT == f"kulanz-client/{javascript}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []
