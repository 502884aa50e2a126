"""`python -m tests.faults.outage --seconds 600`: a long outage under a light load; nothing may be lost.

`--of redis` freezes Redis instead of taking the database away; the acknowledgement's p99 before and meanwhile is told.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults import faults
from tests.faults.lab import DATABASES, Lab, a_lab
from tests.faults.load import Answered
from tests.faults.test_killed import away

NORMALLY = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it on one database; exit 1 where a counter is not 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.outage", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=20, help="deliveries a second [20]")
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--of", choices=("database", "redis"), default="database")
    parser.add_argument("--seed", type=int, default=7)
    wish = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="kulanz-outage-") as folder,
        a_lab(Path(folder) / "instance", wish.database, wish.seed) as lab,
    ):
        return _run(lab, wish.of, wish.seconds, wish.rate)


def _run(lab: Lab, of: str, seconds: float, rate: float) -> int:
    with lab.load(rate) as load:
        load.until(NORMALLY)
        before = len(load.answers)
        if of == "redis":
            faults.freeze_redis(lab, seconds)
        else:
            with away(lab):
                load.until(seconds)
        meanwhile = load.answers[before:]
        load.until(NORMALLY)
    rest = lab.await_rest(seconds)
    verdict = lab.verdict()
    statuses = sorted({answer.status for answer in load.answers})
    sys.stdout.write(
        f"{len(meanwhile)} deliveries during {seconds:.0f} s without {of}; all answers {statuses}; "
        f"p99 {_p99(load.answers[:before]) * 1000:.0f} ms before, {_p99(meanwhile) * 1000:.0f} ms meanwhile; "
        f"at rest after {rest:.1f} s; {verdict.counters}\n"
    )
    return 0 if verdict.kept and not load.untaken else 1


def _p99(answers: Sequence[Answered]) -> float:
    matches = sorted(answer.seconds for answer in answers)
    return matches[int(0.99 * (len(matches) - 1))] if matches else 0.0


if __name__ == "__main__":
    sys.exit(main())
