"""Flushes this process's counters into sums in the database: any process can be asked, and none is counted twice.

The database holds the sums, so that counters outlive processes and workers need no port of their own. A process that is
killed takes the counts of its last seconds with it; what must be exact is read from the records instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from kulanz.errors import KulanzError
from kulanz.store import metric_sums
from kulanz.store.database import Database
from kulanz.telemetry import metrics
from kulanz.telemetry.logs import log

FLUSH_INTERVAL = 5.0
"""Seconds between two flushes of a process's counters."""


class Counters:
    """Hands in the counts of this process since it was made."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._handed_in = dict(_counted())
        self._known: set[str] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def flush(self) -> None:
        """Add the counts since the last flush; an unknown sample begins at 0."""
        with self._lock:
            counted = dict(_counted())
            grown = [(name, counted[name] - self._handed_in.get(name, 0.0)) for name in sorted(counted)]
            news = [(name, more) for name, more in grown if more or name not in self._known]
            if news:
                with self._database.relaxed() as tx:
                    metric_sums.add(tx, news)
            self._handed_in = counted
            self._known |= counted.keys()

    def start(self) -> None:
        """Hand in every few seconds from now on, from a thread of its own: call it once a process, after any fork."""
        self._thread = threading.Thread(target=self._run, name="tally", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Flush the counters for the last time, if there were any."""
        if self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._ended.wait(FLUSH_INTERVAL):
            self._attempt()
        self._attempt()

    def _attempt(self) -> None:
        try:
            self.flush()
        except KulanzError as error:
            log.warning("counters.put_off", error=type(error).__name__, detail=error.detail)


def exposition(sums: dict[str, float]) -> Iterator[str]:
    """Yield the lines of Prometheus's text format for the sums of all processes."""
    current = _under_current_names(sums)
    for family in metrics.REGISTRY.collect():
        lines = [f"{name} {_number(current[name])}" for name in _of(family, current)]
        if lines:
            yield from with_former_name(_exposed_name(family), family.documentation, family.type, lines)


def with_former_name(name: str, documentation: str, kind: str, samples: Sequence[str]) -> Iterator[str]:
    """Yield a metric, and the same samples under its former name where it has one."""
    yield from head(name, documentation, kind)
    yield from samples
    former = metrics.FORMER_NAMES.get(name)
    if former is not None:
        yield from head(former, f"Deprecated: {name}.", kind)
        yield from (former + sample.removeprefix(name) for sample in samples)


def head(name: str, text: str, kind: str) -> Iterator[str]:
    """Yield the two lines that introduce a metric."""
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def line(name: str, labels: dict[str, str], value: float) -> str:
    """Return one sample."""
    return f"{_written(name, labels)} {_number(value)}"


def _under_current_names(sums: dict[str, float]) -> dict[str, float]:
    """Return the sums with those that a process of the release before counts, or once counted, added to ours."""
    current_of = {former: name for name, former in metrics.FORMER_NAMES.items()}
    added: dict[str, float] = {}
    for sample, value in sums.items():
        bare, bracket, labels = sample.partition("{")
        name = f"{current_of.get(bare, bare)}{bracket}{labels}"
        added[name] = added.get(name, 0.0) + value
    return added


def _counted() -> Iterator[tuple[str, float]]:
    for family in metrics.REGISTRY.collect():
        for sample in family.samples:
            if _is_counted(sample):
                yield _written(sample.name, sample.labels), sample.value


def _of(family: Metric, sums: dict[str, float]) -> list[str]:
    """Return the samples of a family, those that only others have counted too; buckets by their bounds."""
    ends = ("_bucket", "_count", "_sum") if family.type == "histogram" else ("_total",)
    return sorted((name for name in sums if name.partition("{")[0] in {family.name + end for end in ends}), key=_place)


def _place(name: str) -> tuple[str, float]:
    bare, _, bound = name.partition('le="')
    return (bare, float(bound.partition('"')[0].replace("+Inf", "inf"))) if bound else (bare, 0.0)


def _exposed_name(family: Metric) -> str:
    return family.name if family.type == "histogram" else f"{family.name}_total"


def _is_counted(sample: Sample) -> bool:
    return not sample.name.endswith("_created")


def _written(name: str, labels: dict[str, str]) -> str:
    if not labels:
        return name
    text = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
    return f"{name}{{{text}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
