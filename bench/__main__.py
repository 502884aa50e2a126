"""`python -m bench`: measure, print a table, write JSON."""

import argparse
import json
import sys
import time
from pathlib import Path

from bench import machine
from bench.figures import Figure, table
from bench.household import Household
from bench.measure import Accounts, Applying, Plan, Receiving, memory

HERE = Path(__file__).parent


def main() -> int:
    options = _options()
    plan = Plan(rounds=options.rounds, seconds=options.seconds, events=options.events, jobs=options.jobs)
    began = time.monotonic()
    figures, notes = _measured(plan)
    described = machine.described()
    document = {
        "machine": described,
        "settings": vars(plan),
        "notes": notes,
        "figures": [figure.document() for figure in figures],
    }
    options.output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    print()
    print(", ".join(f"{name} {value}" for name, value in described.items()))
    print(f"{plan.rounds} rounds; medians, in brackets the lowest and highest; ratio: median of the rounds' ratios\n")
    print(table(figures))
    print(f"\n{time.monotonic() - began:.0f} seconds; written to {options.output}")
    return 0 if all(figure.met for figure in figures) else 1


def _measured(plan: Plan) -> tuple[list[Figure], list[str]]:
    notes: list[str] = []

    def say(line: str) -> None:
        notes.append(line)
        print(line, file=sys.stderr, flush=True)

    with Household() as household:
        redis, accounts = household.redis(), Accounts()
        receiver, drain = household.kulanz("receiver", redis), household.kulanz("drain", redis)
        receiving = Receiving(household, plan, accounts)
        receiving.prepare(say)
        applying = Applying(drain, redis, plan, accounts)
        with receiver.web() as (port, _):
            for turn in range(plan.rounds):
                print(f"round {turn + 1} of {plan.rounds}", file=sys.stderr, flush=True)
                receiving.measure(port, turn)
                applying.measure(turn)
        return [
            *receiving.figures.values(),
            applying.figure,
            *memory(household, receiving, drain, redis, plan.rounds),
        ], notes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load in each cell of each round")
    parser.add_argument("--events", type=int, default=6000, help="to be applied in each round")
    parser.add_argument("--jobs", type=int, default=300, help="that do nothing, in each round")
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
