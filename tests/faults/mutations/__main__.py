"""`python -m tests.faults.mutations`: breaks a promise of the product on purpose, and runs the test that has to notice.

Exit 1 where one is not noticed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.faults.broken import a_copy, is_noticed
from tests.faults.mutations import ALL, Mutation


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the breaks one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutations", description=__doc__)
    parser.add_argument("--only", help="those whose words contain this")
    wish = parser.parse_args(arguments)
    chosen = [each for each in ALL if not wish.only or wish.only in each.says]
    outcomes = [tried(each) for each in chosen]
    return 0 if all(outcomes) else 1


def tried(mutation: Mutation) -> bool:
    """Whether a break is noticed."""
    began = time.monotonic()
    with a_copy() as folder:
        for path, right, wrong in mutation.lines:
            text = (folder / path).read_text()
            if text.count(right) != 1:
                raise LookupError(f"{path} has {text.count(right)} times {right!r}")
            (folder / path).write_text(text.replace(right, wrong))
        noticed = is_noticed(folder, mutation.tests)
    word = "noticed" if noticed else "NOT NOTICED"
    sys.stdout.write(f"{word} after {time.monotonic() - began:.0f} s: {mutation.says} ({' '.join(mutation.tests)})\n")
    sys.stdout.flush()
    return noticed


if __name__ == "__main__":
    sys.exit(main())
