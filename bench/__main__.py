"""`python -m bench`: measure, print a table, write JSON and charts."""

import argparse
import json
import sys
import time
from pathlib import Path

from bench import machine
from bench.applying import applying, memory, two_workers
from bench.beside_djstripe import djstripe
from bench.charts import chart
from bench.committing import committing
from bench.deciding import deciding, starting
from bench.figures import table
from bench.growing import clock, growth
from bench.instances import Instances
from bench.latency import latency
from bench.plan import Bench, Plan
from bench.profiling import HOT, profile
from bench.receiving import receiving
from bench.session import BenchArea, BenchSession

HERE = Path(__file__).parent
AREAS = {
    "deciding": BenchArea(deciding, 0.2),
    "starting": BenchArea(starting, 0.2),
    "receiving": BenchArea(receiving, 8),
    "committing": BenchArea(committing, 0.5),
    "applying": BenchArea(applying, 2.5),
    "latency": BenchArea(latency, 2),
    "workers": BenchArea(two_workers, 1.5),
    "memory": BenchArea(memory, 2.5),
    "djstripe": BenchArea(djstripe, 2),
    "clock": BenchArea(clock, 5),
    "growth": BenchArea(growth, 2.5),
}


def main() -> int:
    options = _options()
    notes: list[str] = []

    def say(line: str) -> None:
        notes.append(line)
        print(line, file=sys.stderr, flush=True)

    began = time.monotonic()
    with Instances() as instances:
        bench = Bench(instances=instances, plan=_plan(options), say=say)
        if options.profile:
            profile(bench, options.profile, options.output.with_suffix(".html"))
            return 0
        session = BenchSession(bench)
        session.run(
            {name: AREAS[name] for name in options.areas or AREAS}, lambda: _keep(session, notes, options.output)
        )
    _show(session, bench.plan)
    print(f"\n{time.monotonic() - began:.0f} seconds; written to {options.output}")
    return 0 if session.passed else 1


def _keep(session: BenchSession, notes: list[str], output: Path) -> None:
    plan, described = session.bench.plan, machine.described()
    document = {
        "machine": described,
        "settings": {name: getattr(plan, name) for name in plan.__dataclass_fields__},
        "notes": notes,
        "failed": session.failed,
        "figures": [figure.document() for figure in session.figures],
    }
    output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    caption = f"Kulanz beside its references, {described['measured_at']}"
    output.with_suffix(".svg").write_text(chart(session.figures, caption))


def _show(session: BenchSession, plan: Plan) -> None:
    print()
    print(", ".join(f"{name} {value}" for name, value in machine.described().items()))
    print(f"{plan.rounds} rounds; medians, in brackets the lowest and highest; ratio: median of the rounds' ratios\n")
    print(table(session.figures))
    for name, reason in session.failed.items():
        print(f"{name} FAILED: {reason}")


def _plan(options: argparse.Namespace) -> Plan:
    document = {name: getattr(options, name) for name in Plan.__dataclass_fields__ if getattr(options, name, None)}
    return Plan(**document)


def _options() -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}; none: all of them")
    parser.add_argument("--minutes", type=float, default=plan.minutes, help="for all areas; fewer rounds where short")
    parser.add_argument("--rounds", type=int, default=plan.rounds)
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="of load in each cell of each round")
    parser.add_argument("--events", type=int, default=plan.events, help="to be applied in each round")
    parser.add_argument("--jobs", type=int, default=plan.jobs, help="that do nothing, in each round")
    parser.add_argument("--open-accounts", type=int, default=plan.open_accounts)
    parser.add_argument("--inbox-rows", type=int, default=plan.inbox_rows)
    parser.add_argument("--more-events", type=int, default=plan.more_events, help="after which no process has grown")
    parser.add_argument("--databases", nargs="+", choices=plan.databases, default=plan.databases)
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    parser.add_argument("--profile", choices=HOT, help="of a hot path, as a page beside the output; measures nothing")
    options = parser.parse_args()
    if unknown := set(options.areas) - set(AREAS):
        parser.error(f"no such area: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
