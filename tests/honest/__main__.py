"""`python -m tests.honest [--histories 1000] [--seed 1]`: honest histories, none of which may be complained of."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random

from kulanz.store import migrate
from kulanz.store.database import Database
from kulanz.telemetry.logs import log
from tests.days import settings_of
from tests.honest.story import History
from tests.memory import in_memory


def main() -> int:
    options = _parser().parse_args()
    log.info = lambda *_, **__: None  # type: ignore[method-assign]  # A thousand histories have too much to say.
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="kulanz-honest-", dir=in_memory()) as folder:
        template = Path(folder) / "template.db"
        database = Database(f"sqlite:///{template}")
        migrate.upgrade(database)
        database.dispose()
        for seed in range(options.seed, options.seed + options.histories):
            home = Path(folder) / str(seed)
            home.mkdir()
            shutil.copyfile(template, home / "kulanz.db")
            complaints = History(settings_of(home, f"sqlite:///{home}/kulanz.db", test_clock=True), Random(seed)).play()
            shutil.rmtree(home)
            wrong += bool(complaints)
            if not (seed + 1 - options.seed) % 50:
                sys.stderr.write(f"{seed + 1 - options.seed} played, {wrong} complained of\n")
            if complaints:
                sys.stdout.write(f"seed {seed}: {complaints}\n")
    sys.stdout.write(f"{options.histories} histories, {wrong} complained of\n")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
