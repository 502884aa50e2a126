"""`python -m tests.faults.breaks`: breaks a promise of the product on purpose, and runs the test that has to notice.

A test of a fault counts for nothing until it was seen to fail. Exit 1 where one is not noticed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.broken import a_copy, is_noticed


@dataclass(frozen=True, slots=True)
class Break:
    """One line that is made wrong, and the tests of which one must fail."""

    says: str
    path: str
    right: str
    wrong: str
    tests: tuple[str, ...]
    also: tuple[tuple[str, str, str], ...] = ()
    """Further lines by path, right and wrong, where one alone is made up for elsewhere."""


STANDBY, SPOOL, ERRANDS = "tests/test_standby.py", "tests/unit/test_spool.py", "tests/test_errands.py"
FAILPOINTS = "tests/faults/test_failpoints.py"
ALL = (
    Break(
        "The spool is emptied, and nothing recorded",
        "app/receiving/standby.py",
        "self._record([_decode(self._vault.open(record)) for record in records])",
        "[_decode(self._vault.open(record)) for record in records]",
        (STANDBY, "-k", "brought_back"),
    ),
    Break(
        "A web process leaves alone what a dead one left in the spool",
        "app/web/front.py",
        "        self._web.begin()",
        "        return",
        ("tests/faults/test_killed.py", "-k", "database_is_away"),
    ),
    Break(
        "Every delivery waits for a database that is known to be away",
        "app/receiving/intake.py",
        "self._standby.away = isinstance(error, StorageUnavailableError)",
        "self._standby.away = False",
        (STANDBY, "-k", "costs_a_moment"),
    ),
    Break(
        "What is behind a torn record is lost",
        "app/receiving/spool.py",
        "            at += 1\n",
        "            return\n",
        (SPOOL,),
    ),
    Break(
        "A record's checksum is not looked at",
        "app/receiving/spool.py",
        "if len(record) == length and _checksum(record) == checksum:",
        "if len(record) == length:",
        (SPOOL,),
    ),
    Break(
        "A spool takes what it has no room for",
        "app/receiving/spool.py",
        "if self.size() + len(data) > self._limit:",
        "if self.size() > self._limit:",
        (SPOOL,),
    ),
    Break(
        "Others may read the spool",
        "app/receiving/spool.py",
        "_PRIVATE_FOLDER = 0o600, 0o700",
        "_PRIVATE_FOLDER = 0o644, 0o755",
        (SPOOL,),
    ),
    Break(
        "That an attempt begins is not written before it does",
        "app/errands.py",
        "        return outbox.begin(tx, row, real_now())",
        "        return True",
        (FAILPOINTS, "-k", "sqlite and exit"),
    ),
    Break(
        "An event is answered for before it is on disk",
        "app/receiving/intake.py",
        "            recorded = inbox.record(tx, events, now) if events else []\n",
        "            recorded = inbox.record(tx, events, now) if events else []\n            tx.rollback()\n",
        ("tests/test_intake.py", "-k", "on_stable_storage"),
    ),
    Break(
        "An effect that kills its worker is tried for ever",
        "app/errands.py",
        "MOST_CRASHES = 3",
        "MOST_CRASHES = 99",
        (ERRANDS,),
    ),
    Break(
        "An outcome that the database does not take is forgotten",
        "app/errands.py",
        "RECORDED_WITHIN, RECORDED_AGAIN = 20.0, 0.5",
        "RECORDED_WITHIN, RECORDED_AGAIN = -1.0, 0.5",
        (ERRANDS,),
    ),
    Break(
        "The lease of a dead worker holds for ever",
        "app/store/outbox.py",
        'or_(effects.c.lease_until.is_(None), effects.c.lease_until <= bindparam("now", type_=Instant)),',
        "effects.c.lease_until.is_(None),",
        (ERRANDS,),
    ),
    Break(
        "An event that kills whoever looks at it is never parked",
        "app/store/claims.py",
        "MAX_ATTEMPTS = 3",
        "MAX_ATTEMPTS = 99",
        ("tests/faults/test_poison.py",),
    ),
    Break(
        "An account is not written when nothing is to be told of it",
        "app/docket.py",
        "[self._signed(_row(folder), folder) for folder in folders]",
        "[self._signed(_row(folder), folder) for folder in folders if self._effects]",
        ("tests/faults/test_state_machine.py", "-k", "sqlite"),
    ),
    Break(
        "An answer waits for Redis, however long that has said nothing",
        "app/receiving/intake.py",
        "            self._ringer.ring()\n\n\nclass Ringer",
        "            self._services.bell.ring()\n\n\nclass Ringer",
        ("tests/faults/test_redis.py", "-k", "frozen"),
        (("app/doorbell.py", "time.monotonic() < self._broken_until", "self._broken_until < 0"),),
    ),
    Break(
        "A body may take as long as it likes",
        "app/web/front.py",
        "            async with timeout(BODY_SECONDS):\n                body = await",
        "            async with timeout(None):\n                body = await",
        ("tests/web/test_slow.py",),
    ),
    Break(
        "A secret is compared by an operator",
        "app/providers/signing.py",
        "hmac.compare_digest(_hex_hmac(secret, body), told)",
        "_hex_hmac(secret, body) == told",
        ("tests/test_secrecy.py",),
    ),
    Break(
        "Nobody notes which secret verified a delivery",
        "app/receiving/intake.py",
        "        self._uses.see(endpoint, secret)\n",
        "",
        ("tests/test_secret_use.py",),
    ),
    Break(
        "A letter that is under way survives its account",
        "app/errands.py",
        "        if row.account and not _hear(services, tx, row, effect, report):\n",
        "        if row.account and not _hear(services, tx, row, effect, report) and not row.kind:\n",
        ("tests/test_forgetting.py", "-k", "under_way"),
    ),
    Break(
        "The file for an agency survives its account",
        "app/keeping/erasure.py",
        'return files.name_of(effect.subject, effect.type) if effect.kind == "DropFile" else effect.id',
        "return effect.id",
        ("tests/walk/test_dunning_at.py", "-k", "on_paper and sqlite"),
    ),
    Break(
        "Nobody lets the database forget what it has overwritten",
        "workers/clock.py",
        "        self.scrubbing.look()\n",
        "",
        ("tests/test_forgetting.py", "-k", "forget_what"),
    ),
    Break(
        "A deadlock counts as a fault of the events it met",
        "app/store/database.py",
        "        raise StorageUnavailableError(_first_line(error.orig)) from error",
        "        raise",
        ("tests/faults/test_deadlocks.py",),
    ),
    Break(
        "A delivery is acknowledged that found no room",
        "app/receiving/spool.py",
        '        raise StorageUnavailableError(f"the spool: {error.strerror}") from error',
        "        del error",
        ("tests/faults/test_full_disk.py",),
    ),
    Break(
        "A dead worker's claim holds until the clock has caught up with it",
        "app/store/claims.py",
        "abs(now - row.claimed_at) >= patience",
        "row.claimed_at <= now - patience",
        ("tests/faults/test_clock_steps.py", "-k", "in_hand"),
    ),
    Break(
        "What was to be done waits until the clock has caught up with it",
        "workers/clock.py",
        "            outbox.bring_forward(tx, real_now())\n",
        "",
        ("tests/faults/test_clock_steps.py", "-k", "comes_back"),
    ),
    Break(
        "The last character of a signature is not looked at",
        "app/providers/signing.py",
        "if hmac.compare_digest(_hex_hmac(secret, body), told) and",
        "if hmac.compare_digest(_hex_hmac(secret, body)[:63], told[:63]) and",
        ("tests/test_secrecy.py",),
    ),
    Break(
        "A webhook secret is taken away that is still in use",
        "app/receiving/secret_use.py",
        "    if use.in_use(now):\n        return f",
        "    if not use.in_use(now):\n        return f",
        ("tests/cli/test_webhook_secrets.py",),
    ),
    Break(
        "A webhook secret is taken away before a newer one has proved itself",
        "app/receiving/secret_use.py",
        "    if since is None or (use.last_used is not None and since < use.last_used):",
        "    if since is None and use.last_used is None:",
        ("tests/cli/test_webhook_secrets.py",),
    ),
    Break(
        "That another secret was used a moment later is not noted",
        "app/receiving/secret_use.py",
        "return noted is None or",
        "return not self._noted or noted is not None and",
        ("tests/test_secret_use.py",),
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the breaks one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.breaks", description=__doc__)
    parser.add_argument("--only", help="those whose words contain this")
    wish = parser.parse_args(arguments)
    chosen = [each for each in ALL if not wish.only or wish.only in each.says]
    outcomes = [tried(each) for each in chosen]
    return 0 if all(outcomes) else 1


def tried(one: Break) -> bool:
    """Whether a break is noticed."""
    began = time.monotonic()
    with a_copy() as folder:
        for path, right, wrong in ((one.path, one.right, one.wrong), *one.also):
            text = (folder / path).read_text()
            if text.count(right) != 1:
                raise LookupError(f"{path} has {text.count(right)} times {right!r}")
            (folder / path).write_text(text.replace(right, wrong))
        noticed = is_noticed(folder, one.tests)
    word = "noticed" if noticed else "NOT NOTICED"
    sys.stdout.write(f"{word} after {time.monotonic() - began:.0f} s: {one.says} ({' '.join(one.tests)})\n")
    sys.stdout.flush()
    return noticed


if __name__ == "__main__":
    sys.exit(main())
