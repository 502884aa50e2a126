"""`python -m tests.faults --seconds 300 --seed 7`: the fault lab for as long as you like, on both databases.

It kills parts at random moments under load, counts what became of every acknowledged event and every effect, and
prints figures as JSON. Exit 1 where the promise was broken.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGQUIT
from typing import Any

import redis

from app.cli.up import private_redis
from tests.faults.lab import DATABASES, KILLED, Lab, a_lab
from tests.faults.load import Load

LONGEST_PAUSE = 1.5
Fault = Callable[[Lab], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lab on each database and print what it found."""
    wish = _parser().parse_args(arguments)
    kept = True
    for name in wish.database or DATABASES:
        with tempfile.TemporaryDirectory(prefix="kulanz-faults-") as folder:
            figures = run(
                Path(folder) / name, name, wish.seconds / len(wish.database or DATABASES), wish.seed, wish.rate
            )
        sys.stdout.write(json.dumps({"database": name, "seed": wish.seed, **figures}, indent=2) + "\n")
        kept = kept and figures["kept"]
    return 0 if kept else 1


def run(data_dir: Path, database: str, seconds: float, seed: int, rate: float) -> dict[str, Any]:
    """Do one fault after the other to an instance under load, for so long; return the figures."""
    with a_lab(data_dir, database, seed) as lab:
        done = Counter[str]()
        with lab.load(rate) as load:
            _torment(lab, _faults(lab), time.monotonic() + seconds, done)
        rest = lab.await_rest()
        return _figures(lab, load, done, rest)


def _torment(lab: Lab, faults: Mapping[str, Fault], until: float, done: Counter[str]) -> None:
    order = random.Random(lab.seed)
    names = [*KILLED, *KILLED, *faults]
    while time.monotonic() < until:
        time.sleep(order.uniform(0.1, LONGEST_PAUSE))
        name = order.choice(names)
        if name in faults:
            faults[name](lab)
            done[name] += 1
        elif lab.kill(name, at_work=order.random() < 0.5) is not None:
            done[name] += 1


def _faults(lab: Lab) -> dict[str, Fault]:
    faults: dict[str, Fault] = {"redis": _kill_redis, "redis emptied": _empty_redis, "kulanz up": Lab.restart}
    return faults if lab.server is None else {**faults, "postgresql": _stop_the_server}


def _stop_the_server(lab: Lab) -> None:
    assert lab.server is not None
    lab.server.stop(SIGQUIT)
    lab.server.start()


def _kill_redis(lab: Lab) -> None:
    lab.kill("redis")


def _empty_redis(lab: Lab) -> None:
    address = private_redis.url(lab.services.settings.data_dir)
    with suppress(redis.RedisError), redis.Redis.from_url(address) as client:
        client.flushall()


def _figures(lab: Lab, load: Load, done: Counter[str], rest: float) -> dict[str, Any]:
    verdict = lab.verdict()
    recoveries = sorted(seconds for each in lab.recoveries().values() for seconds in each)
    return {
        "kept": verdict.kept and not load.untaken,
        "counters": verdict.counters,
        "examples": {name: list(getattr(verdict, name))[:5] for name, count in verdict.counters.items() if count},
        "faults": dict(done),
        "deliveries": len(load.answers),
        "acknowledged": len(load.taken),
        "answers": {str(status): number for status, number in Counter(each.status for each in load.answers).items()},
        "accounts": len(load.stories),
        "mails": len(lab.house.mailbox.accepted),
        "callbacks": len(lab.house.callbacks.requests),
        "calls_to_the_provider": len(lab.house.provider.requests),
        "recovery_seconds": {name: round(at(recoveries), 2) for name, at in _QUANTILES.items()} if recoveries else {},
        "rest_seconds": round(rest, 2),
    }


_QUANTILES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "p50": lambda found: found[len(found) // 2],
    "p99": lambda found: found[int(0.99 * (len(found) - 1))],
    "longest": max,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="for how long, both databases together [120]")
    parser.add_argument("--seed", type=int, default=7, help="of the load and of the faults [7]")
    parser.add_argument("--rate", type=float, default=60, help="deliveries a second [60]")
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
