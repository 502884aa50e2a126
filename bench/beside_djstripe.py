"""Accepted and applied events for each second of processor time, beside dj-stripe's webhook endpoint.

dj-stripe lives in an environment of its own, made for the occasion from PyPI; without a network the area fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import events
from bench.figures import Figure, Goal
from bench.growing import accept, instance
from bench.plan import Bench, in_turn
from kulanz import pipeline
from kulanz.services import Services

WANTED = "dj-stripe>=2.10,<3"
OURS, THEIRS = 2000, 150
ENDPOINT = Path(__file__).with_name("djstripe_endpoint.py")


def djstripe(bench: Bench) -> Iterator[Figure]:
    """Both on SQLite, both in one process without a server; ours includes opening and closing dunning cases."""
    python = _environment(bench)
    figure = Figure(
        name="accepted and applied, SQLite",
        unit="events per CPU second",
        reference_name="dj-stripe",
        goal=Goal(at_least=10),
    )
    services = instance(bench, "beside-djstripe", "SQLite")
    for turn in bench.rounds("dj-stripe"):
        for who in in_turn(turn, ("ours", "theirs")):
            rate = _ours(bench, services) if who == "ours" else _theirs(bench, python, turn)
            figure.add(rate, is_ours=who == "ours")
    services.close()
    yield figure


def _environment(bench: Bench) -> Path:
    """Make a virtual environment with dj-stripe in it."""
    folder = bench.instances.directory / "djstripe"
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
    subprocess.run([python, "-m", "pip", "install", "-q", WANTED], check=True, capture_output=True, timeout=300)
    return python


def _ours(bench: Bench, services: Services) -> float:
    first = bench.accounts.take(OURS)
    requests = events.requests(OURS, first_account=first, seed=first)
    began = time.process_time()
    accept(services, requests)
    while pipeline.process(services, 250).moved:
        pass
    return OURS / (time.process_time() - began)


def _theirs(bench: Bench, python: Path, turn: int) -> float:
    database = bench.instances.directory / f"djstripe-{turn}.db"
    answer = subprocess.run([python, ENDPOINT, database, str(THEIRS)], check=True, capture_output=True, text=True)
    stated = json.loads(answer.stdout)
    return float(stated["events"]) / float(stated["seconds"])
