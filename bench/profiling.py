"""`python -m bench --profile apply` or `receive`: a hot path under pyinstrument, in one process, without a server."""

from __future__ import annotations

from pathlib import Path

from bench import events
from bench.growing import accept, instance
from bench.plan import Bench
from kulanz import pipeline

HOT = ("receive", "apply")
EVENTS = 5000


def profile(bench: Bench, path: str, output: Path) -> None:
    """Write the profile of a hot path as a page."""
    from pyinstrument import Profiler  # noqa: PLC0415  # In the extra `bench`.

    services = instance(bench, "profile", "SQLite")
    requests = events.requests(EVENTS, first_account=1, seed=1)
    profiler = Profiler(interval=0.0005)
    if path == "receive":
        with profiler:
            accept(services, requests)
    else:
        accept(services, requests)
        with profiler:
            while pipeline.process(services, 250).moved:
                pass
    services.close()
    output.write_text(profiler.output_html())
