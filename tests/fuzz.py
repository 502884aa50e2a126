"""Schemathesis against a running `/v1`: `python -m tests.fuzz`, with `kulanz` and `st` of `.venv-fuzz`.

Requests are made from the API's own description, valid and broken. No answer may be a fault of ours (5xx), have a
status or a body that the description does not name, or take what it forbids. That every valid request is accepted is
not asked: a description cannot say that a cursor has to be one that was given out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

from dotenv import dotenv_values

from tests.fake_servers import a_free_port
from tests.lemonsqueezy import subscription_created, wire

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv-fuzz" / "bin"
EXAMPLES = 30


def main() -> int:
    """Start an instance in an empty folder, and return what Schemathesis ends with."""
    with tempfile.TemporaryDirectory(prefix="kulanz-fuzz-") as folder:
        return _fuzz(Path(folder))


def _fuzz(folder: Path) -> int:
    port = a_free_port()
    environ = {"PATH": os.environ["PATH"], "PORT": str(port), "KULANZ_HOST": "127.0.0.1"}

    def call(*words: str, stdin: bytes = b"") -> None:
        subprocess.run([BIN / "kulanz", *words], cwd=folder, env=environ, input=stdin, check=True, timeout=60)

    call("init", "--yes", "--plans", "47001=professional")
    call("migrate")
    token = str(dotenv_values(folder / ".env")["API_TOKENS"]).partition(":")[2]
    web = subprocess.Popen([BIN / "kulanz", "web"], cwd=folder, env=environ)
    try:
        address = f"http://127.0.0.1:{port}/v1/openapi.json"
        _await(Request(address, headers={"Authorization": f"Bearer {token}"}))
        call("send", "-", stdin=wire(subscription_created(account="0")))
        call("worker", "--burst")
        command = [
            *(BIN / "st", "run", address, "--header", f"Authorization: Bearer {token}", "--no-color"),
            *("--max-examples", str(EXAMPLES), "--exclude-checks", "positive_data_acceptance"),
        ]
        return subprocess.run(command, cwd=folder, check=False, timeout=900).returncode
    finally:
        web.terminate()
        web.wait(30)


def _await(request: Request, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError):
            urlopen(request, timeout=2).close()
            return
        time.sleep(0.2)
    raise SystemExit("the web process does not answer")


if __name__ == "__main__":
    sys.exit(main())
