"""What the legs of the fault lab found, kept as JSON, and written out for people as RELIABILITY.md beside it."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from tests.faults import mutants, mutations
from tests.faults.mutants import EXPLAINED, Found

COMMAND = "python -m tests.faults --kills 1000 --deliveries 100000 --seconds 120 --resume"
SUSPENSIONS = Path("docs/suspensions.json")
TEXT = Path(__file__).with_name("reliability.md")


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One run on one database: what was done to it, and what came of it."""

    database: str
    seed: int
    seconds: float
    kept: bool
    counters: dict[str, int]
    examples: dict[str, list[str]] = {}
    kills: int
    faults: dict[str, int]
    deliveries: int
    """Attempts to deliver, among them the repeated ones."""
    acknowledged: int
    answers: dict[str, int]
    """By status; 0: there was no answer."""
    accounts: int
    mails: int
    callbacks: int
    calls: int
    """Requests to the provider's API."""
    recoveries: list[float]
    """Seconds from each kill to the next sign of the same part's work."""
    slowest_answer: float
    rest: float
    """Seconds after the load until nothing was left to do."""
    machine: str


class SuspensionLeg(msgspec.Struct, frozen=True, kw_only=True):
    """What the suspension lab did on one database, and what came of it."""

    database: str
    seconds: float
    at_points: int
    """Suspensions at a point of sending."""
    at_random: int
    """Suspensions under load."""
    points: int
    """Different points at which a worker was suspended."""
    endings: dict[str, int]
    refunds: int
    for_a_person: int
    """Refunds that waited for a person, who ordered them again."""
    counters: dict[str, int]
    examples: list[str]
    machine: str

    @property
    def kept(self) -> bool:
        """Whether every counter is zero."""
        return not any(self.counters.values())


def read(path: Path) -> list[Leg]:
    """Return the legs that are kept; none where there are none."""
    return msgspec.json.decode(path.read_bytes(), type=list[Leg]) if path.exists() else []


def write(path: Path, legs: Sequence[Leg]) -> None:
    """Keep the legs, and write them out beside."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(legs), indent=1) + b"\n")
    path.with_name("RELIABILITY.md").write_text(text(legs))


def text(legs: Sequence[Leg]) -> str:
    """Return RELIABILITY.md: what a person wrote of it, with the figures put in."""
    written = TEXT.read_text().replace("<!-- figures -->\n", "\n".join(_figures(legs)) + "\n")
    written = written.replace("<!-- suspensions -->\n", "\n".join(_suspensions(read_suspensions(SUSPENSIONS))) + "\n")
    written = written.replace("<!-- mutants -->\n", "\n".join(_mutants(mutants.read(mutants.RESULTS))) + "\n")
    return written.replace("<!-- breaks -->\n", "\n".join(_breaks()) + "\n")


def read_suspensions(path: Path) -> list[SuspensionLeg]:
    """Return what the suspension lab found last; nothing where it was not kept."""
    return msgspec.json.decode(path.read_bytes(), type=list[SuspensionLeg]) if path.exists() else []


def write_suspensions(path: Path, legs: Sequence[SuspensionLeg]) -> None:
    """Keep what the suspension lab found, and write it out beside the fault lab's figures."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(legs), indent=1) + b"\n")
    path.with_name("RELIABILITY.md").write_text(text(read(path.with_name("reliability.json"))))


def line(leg: Leg) -> str:
    """Say in one line what a leg found."""
    done = f"{leg.kills} kills, {leg.deliveries} deliveries in {leg.seconds:.0f} s"
    value = ", ".join(f"{name} {count}" for name, count in leg.counters.items())
    verdict = "kept" if leg.kept else f"BROKEN {leg.examples}"
    longest = max(leg.recoveries, default=0.0)
    return f"{leg.database} seed {leg.seed}: {done}; {value}; recovery at most {longest:.1f} s; {verdict}"


def machine() -> str:
    """Say what this machine is, without its name."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def _figures(legs: Sequence[Leg]) -> Iterable[str]:
    databases = sorted({leg.database for leg in legs})
    yield f"| | {' | '.join(databases)} |"
    yield "| --- |" + " ---: |" * len(databases)
    for name, figure in _ROWS.items():
        matches = [figure([leg for leg in legs if leg.database == each]) for each in databases]
        yield f"| {name} | {' | '.join(matches)} |"
    yield ""
    machines = "; ".join(sorted({leg.machine for leg in legs}))
    yield f"Machine: {machines}. Legs that broke the promise: {sum(not leg.kept for leg in legs)}."
    yield ""
    yield "| what was done | times |"
    yield "| --- | ---: |"
    done = sum((Counter(leg.faults) for leg in legs), Counter[str]())
    yield from (f"| {name} | {times:,} |" for name, times in sorted(done.items()))


def _suspensions(legs: Sequence[SuspensionLeg]) -> Iterable[str]:
    yield f"| | {' | '.join(leg.database for leg in legs)} |"
    yield "| --- |" + " ---: |" * len(legs)
    for name in legs[0].counters if legs else ():
        yield f"| `{name}` | {' | '.join(str(leg.counters[name]) for leg in legs)} |"
    for name, figure in _SUSPENSION_ROWS.items():
        yield f"| {name} | {' | '.join(figure(leg) for leg in legs)} |"
    yield ""
    yield f"Machine: {'; '.join(sorted({leg.machine for leg in legs}))}."


def _breaks() -> Iterable[str]:
    yield "| break | noticed by |"
    yield "| --- | --- |"
    yield from (f"| {each.says} (`{each.path}`) | `{' '.join(each.tests)}` |" for each in mutations.ALL)


def _mutants(founds: Sequence[Found]) -> Iterable[str]:
    yield "| area | code | mutants | tried | killed | |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for row in sorted(founds, key=lambda row: (row.area, row.path)):
        share = f"{row.killed / row.tried:.0%}"
        yield f"| {row.area} | `{row.path}` | {row.mutants} | {row.tried} | {row.killed} | {share} |"
    tried, killed = sum(row.tried for row in founds), sum(row.killed for row in founds)
    yield f"| all | | {sum(row.mutants for row in founds)} | {tried} | {killed} | {killed / max(tried, 1):.0%} |"
    survivors = [survivor for row in founds for survivor in row.survivors]
    if survivors:
        yield ""
        yield "Those that were not noticed:"
        yield ""
        yield from (f"- `{survivor}`:\n  {EXPLAINED.get(survivor, 'not explained yet')}" for survivor in survivors)


def _total(of: Callable[[Leg], int]) -> Callable[[Sequence[Leg]], str]:
    return lambda legs: f"{sum(map(of, legs)):,}"


def _at(share: float) -> Callable[[Sequence[Leg]], str]:
    def figure(legs: Sequence[Leg]) -> str:
        matches = sorted(each for leg in legs for each in leg.recoveries)
        return f"{matches[int(share * (len(matches) - 1))]:.1f} s" if matches else "none"

    return figure


def _counter(name: str) -> Callable[[Sequence[Leg]], str]:
    return _total(lambda leg: leg.counters[name])


_COUNTERS = ("lost", "duplicated_effect", "missing_effect", "stale_overwrite", "stranded")
_ROWS: Mapping[str, Callable[[Sequence[Leg]], str]] = {
    **{f"`{name}`": _counter(name) for name in _COUNTERS},
    "kills": _total(lambda leg: leg.kills),
    "attempts to deliver": _total(lambda leg: leg.deliveries),
    "acknowledged": _total(lambda leg: leg.acknowledged),
    "answered 503": _total(lambda leg: leg.answers.get("503", 0)),
    "not answered": _total(lambda leg: leg.answers.get("0", 0)),
    "slowest acknowledgement": lambda legs: f"{max(leg.slowest_answer for leg in legs):.2f} s",
    "accounts": _total(lambda leg: leg.accounts),
    "mails": _total(lambda leg: leg.mails),
    "callbacks": _total(lambda leg: leg.callbacks),
    "calls to the provider": _total(lambda leg: leg.calls),
    "recovery after a kill, p50": _at(0.5),
    "p99": _at(0.99),
    "longest": _at(1.0),
    "seeds": lambda legs: ", ".join(str(leg.seed) for leg in legs),
    "time": lambda legs: f"{sum(leg.seconds for leg in legs) / 60:.0f} min",
}
_SUSPENSION_ROWS: Mapping[str, Callable[[SuspensionLeg], str]] = {
    "suspensions at a point of sending": lambda leg: f"{leg.at_points}, at {leg.points} points",
    "suspensions under load": lambda leg: str(leg.at_random),
    "sleepers woken, woken late, killed": lambda leg: ", ".join(str(leg.endings[name]) for name in _ENDINGS),
    "refunds approved": lambda leg: str(leg.refunds),
    "refunds that a person ordered again": lambda leg: str(leg.for_a_person),
    "time": lambda leg: f"{leg.seconds / 60:.0f} min",
}
_ENDINGS = ("woken", "woken late", "killed")
