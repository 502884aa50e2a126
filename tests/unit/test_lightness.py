"""What long-running processes do not load before they need it: memory is paid for once per process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        (
            "kulanz_workers.__main__",
            {"alembic", "babel", "flask", "idna", "jinja2", "requests", "rich", "standardwebhooks"},
        ),
        ("kulanz.web.application", {"alembic", "idna", "requests", "rich", "standardwebhooks"}),
    ],
)
def test_a_process_loads_no_library_before_its_first_use(module: str, spared: set[str]) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = set(json.loads(answer.stdout))

    assert loaded & spared == set()
