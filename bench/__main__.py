"""`python -m bench`: measure, print a table, write JSON and charts."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import machine
from bench.applying import applying, memory, two_workers
from bench.beside_djstripe import djstripe
from bench.charts import chart
from bench.deciding import deciding, starting
from bench.figures import Figure, table
from bench.growing import clock, growth
from bench.household import Household
from bench.latency import latency
from bench.plan import Bench, Plan
from bench.profiling import HOT, profile
from bench.receiving import receiving

HERE = Path(__file__).parent
AREAS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "deciding": deciding,
    "starting": starting,
    "receiving": receiving,
    "applying": applying,
    "latency": latency,
    "workers": two_workers,
    "memory": memory,
    "djstripe": djstripe,
    "clock": clock,
    "growth": growth,
}


def main() -> int:
    options = _options()
    notes: list[str] = []

    def say(line: str) -> None:
        notes.append(line)
        print(line, file=sys.stderr, flush=True)

    began = time.monotonic()
    with Household() as household:
        bench = Bench(household=household, plan=_plan(options), say=say)
        if options.profile:
            profile(bench, options.profile, options.output.with_suffix(".html"))
            return 0
        figures = [figure for area in options.areas or AREAS for figure in _measured(bench, area)]
    _report(figures, notes, bench.plan, options.output)
    print(f"\n{time.monotonic() - began:.0f} seconds; written to {options.output}")
    return 0 if all(figure.met for figure in figures) else 1


def _measured(bench: Bench, area: str) -> list[Figure]:
    began = time.monotonic()
    figures = list(AREAS[area](bench))
    bench.say(f"{area}: {time.monotonic() - began:.0f} seconds")
    print(table(figures), file=sys.stderr, flush=True)
    return figures


def _report(figures: list[Figure], notes: list[str], plan: Plan, output: Path) -> None:
    described = machine.described()
    document = {
        "machine": described,
        "settings": {name: getattr(plan, name) for name in plan.__dataclass_fields__},
        "notes": notes,
        "figures": [figure.document() for figure in figures],
    }
    output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    output.with_suffix(".svg").write_text(chart(figures, f"Kulanz beside its references, {described['measured_at']}"))
    print()
    print(", ".join(f"{name} {value}" for name, value in described.items()))
    print(f"{plan.rounds} rounds; medians, in brackets the lowest and highest; ratio: median of the rounds' ratios\n")
    print(table(figures))


def _plan(options: argparse.Namespace) -> Plan:
    told = {name: getattr(options, name) for name in Plan.__dataclass_fields__ if getattr(options, name, None)}
    return Plan(**told)


def _options() -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}; none: all of them")
    parser.add_argument("--rounds", type=int, default=plan.rounds)
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="of load in each cell of each round")
    parser.add_argument("--events", type=int, default=plan.events, help="to be applied in each round")
    parser.add_argument("--jobs", type=int, default=plan.jobs, help="that do nothing, in each round")
    parser.add_argument("--open-accounts", type=int, default=plan.open_accounts)
    parser.add_argument("--inbox-rows", type=int, default=plan.inbox_rows)
    parser.add_argument("--databases", nargs="+", choices=plan.databases, default=plan.databases)
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    parser.add_argument("--profile", choices=HOT, help="of a hot path, as a page beside the output; measures nothing")
    options = parser.parse_args()
    if unknown := set(options.areas) - set(AREAS):
        parser.error(f"no such area: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
