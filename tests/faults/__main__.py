"""`python -m tests.faults --kills 1000 --deliveries 100000 --seed 7`: the fault lab for as long as you like.

It kills parts one by one and in volleys, and does to Redis, the database and the far ends what `tests.faults.faults`
knows, under load, on both databases, in legs of some minutes with a seed each. Then it counts what became of every
acknowledged event and every effect. A leg's figures are kept when it ends: called again, it does what is left, and
writes docs/RELIABILITY.md. Exit 1 where the promise was broken.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults import faults, report
from tests.faults.lab import DATABASES, KILLED, Lab, a_lab
from tests.faults.load import Load
from tests.faults.report import Leg

LONGEST_PAUSE = 1.5
VOLLEYS = 0.25
"""The share of faults that are a volley: every part is killed, one right after the other."""
KILLS = 0.6
RESULTS = Path("docs/reliability.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the legs that are left, one after the other, and write what all of them found."""
    wish = _parser().parse_args(arguments)
    done = report.read(wish.results) if wish.resume else []
    for seed in range(wish.seed, wish.seed + wish.most_legs):
        for name in wish.database or DATABASES:
            of_this = [leg for leg in done if leg.database == name]
            enough = sum(leg.kills for leg in of_this) >= wish.kills and (
                sum(leg.acknowledged for leg in of_this) >= wish.deliveries
            )
            if enough or any(leg.seed == seed for leg in of_this):
                continue
            with tempfile.TemporaryDirectory(prefix="kulanz-faults-") as folder:
                done.append(run(Path(folder) / name, name, wish.seconds, seed, wish.rate))
            sys.stdout.write(report.line(done[-1]) + "\n")
            sys.stdout.flush()
            report.write(wish.results, done)
    return 0 if done and all(leg.kept for leg in done) else 1


def run(data_dir: Path, database: str, seconds: float, seed: int, rate: float) -> Leg:
    """Do one fault after the other to an instance under load, for so long; return the figures."""
    began = time.monotonic()
    with a_lab(data_dir, database, seed) as lab:
        done = Counter[str]()
        with lab.load(rate) as load:
            torment(lab, time.monotonic() + seconds, done)
        rest = lab.await_rest(2 * seconds)
        return _leg(lab, load, done, rest, time.monotonic() - began)


def torment(lab: Lab, until: float, done: Counter[str]) -> None:
    """Do faults, chosen by the lab's seed, until a moment (monotonic seconds); `done` counts them by name."""
    order = random.Random(lab.seed)
    while time.monotonic() < until:
        time.sleep(order.uniform(0.1, LONGEST_PAUSE))
        choice = order.random()
        if choice < VOLLEYS:
            done["kill, in volleys"] += faults.volley(lab, order)
            lab.loads[-1].until_taken()
        elif choice < VOLLEYS + KILLS:
            role = order.choice(KILLED)
            done[f"kill, {role}"] += lab.kill(role, at_work=order.random() < 0.5) is not None
        else:
            name = order.choice([*faults.ALL])
            faults.ALL[name](lab)
            done[name] += 1


def _leg(lab: Lab, load: Load, done: Counter[str], rest: float, seconds: float) -> Leg:
    verdict = lab.verdict()
    return Leg(
        database=str(lab.services.database.dialect),
        seed=lab.seed,
        seconds=round(seconds, 1),
        kept=verdict.kept and not load.untaken,
        counters=verdict.counters,
        examples={name: list(getattr(verdict, name))[:5] for name, count in verdict.counters.items() if count},
        kills=len(lab.kills),
        faults=dict(done),
        deliveries=len(load.answers),
        acknowledged=len(load.taken),
        answers=dict(Counter(str(answer.status) for answer in load.answers)),
        accounts=len(load.stories),
        mails=len(lab.instance.mailbox.accepted),
        callbacks=len(lab.instance.callbacks.requests),
        calls=len(lab.instance.provider.requests),
        recoveries=[round(each, 2) for matches in lab.recoveries().values() for each in matches],
        slowest_answer=round(max((answer.seconds for answer in load.taken), default=0.0), 2),
        rest=round(rest, 2),
        machine=report.machine(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=1, help="at least so many on each database [1]")
    parser.add_argument("--deliveries", type=int, default=1, help="at least so many acknowledged on each database [1]")
    parser.add_argument("--seconds", type=float, default=60, help="of faults in each leg [60]")
    parser.add_argument("--most-legs", type=int, default=200, help="on each database [200]")
    parser.add_argument("--seed", type=int, default=7, help="of the first leg; the next one has the next [7]")
    parser.add_argument("--rate", type=float, default=60, help="deliveries a second [60]")
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"where the figures are kept [{RESULTS}]")
    parser.add_argument("--resume", action="store_true", help="keep the legs that are there, and do what is left")
    return parser


if __name__ == "__main__":
    sys.exit(main())
