"""A progress bar on standard error for work page by page, if standard error is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def pages() -> Iterator[Callable[[str, int, int], None]]:
    """Give what shows one list after the other: its name, the page that is done, and the last one."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    tasks = {}

    def show(name: str, page: int, last: int) -> None:
        if name not in tasks:
            tasks[name] = bar.add_task(name, total=last)
        bar.update(tasks[name], completed=page, total=last)

    with bar:
        yield show


@contextmanager
def counted(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Give what moves the bar on by so many; without a total it only counts."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    task = bar.add_task(what, total=total)
    with bar:
        yield lambda number: bar.advance(task, number)
