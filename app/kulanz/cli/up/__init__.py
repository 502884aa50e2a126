"""`kulanz up`: everything in one terminal."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the web process [default: PORT or 8000].")
@click.option("--host", help="Address that the web process listens on [default: KULANZ_HOST or 127.0.0.1].")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where state is kept [default: KULANZ_DATA_DIR or .kulanz].",
)
@click.option("--demo", is_flag=True, help="Send a signed story first, on the test clock, and print its outcome.")
def up(*, port: int | None, host: str | None, data_dir: Path | None, demo: bool) -> None:
    """Run web, workers, clock and a private Redis until Ctrl-C.

    A database and secrets that are not configured are made and kept in the data directory. A process that dies
    is started again. With --demo the instance keeps running after the story, for a look around. The demonstration has
    a data directory of its own (`demo-data` in the usual one), SQLite and a private Redis, apart from real accounts.
    """
    from kulanz.cli.up.run import UpOptions, run

    run(UpOptions(port=port, host=host, data_dir=data_dir, demo=demo))
